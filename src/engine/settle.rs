//! How things end: a rental that is proven gone, a sprint that is over.

use super::core::{EndAfter, Engine};
use super::observe::Observation;
use super::page::{self, NextEpoch};
use super::snapshot::Snapshot;
use crate::domain::{
    BootEnd, BootTimes, CallError, Duration, Instance, InstanceId, Mode, Offer, Outcome, PastBoot,
    RegisteredNode, SprintReport, Time, UsdPerHour, Workload,
};
use crate::flow::{Event, Rental};
use crate::journal::Record;
use crate::notify::{Notice, NoticeLevel};

/// A rental that is watched within this time of its rent call is watched from its beginning: the
/// market takes longer to place one.
const SEEN_FROM_ITS_BEGINNING: Duration = Duration::seconds(60);

impl Engine {
    /// A rental that is proven gone is settled in the journal: it cost something until `ended`.
    pub(super) fn settle(&mut self, now: Time, instance: InstanceId, ended: Time) {
        self.destroying.remove(&instance);
        self.record_idle_gpu(instance);
        if let Some(record) = self.ledger.settlement(ended, instance) {
            self.record(&record);
        }
        let remote = self.ports.remote.clone();
        tokio::spawn(async move { remote.forget(instance).await });
        self.feed(now, Event::RentalGone(instance));
    }

    /// A rental whose boot can be told whole. One that began under an earlier run of the program has
    /// stages that nobody saw, and teaches nothing of them.
    pub(super) fn watched_from_its_beginning(&self, rental: &Rental) -> Option<Rental> {
        let watched_late = self.ports.clock.now() - rental.since > SEEN_FROM_ITS_BEGINNING;
        (!watched_late).then(|| rental.clone())
    }

    /// Writes down how a boot ended, with its stages the first time.
    pub(super) fn remember_boot(
        &mut self,
        instance: InstanceId,
        offer: &Offer,
        took: Duration,
        end: BootEnd,
    ) {
        let now = self.ports.clock.now();
        let mut both = self.own.iter_mut().chain(&mut self.beside);
        let watched = both.find(|watched| watched.instance == instance);
        let times = watched.and_then(|watched| watched.take_unremembered(now));
        self.record_boot(instance, offer, took, end, times.map(|(_, times)| times));
    }

    /// A boot that we broke off or broke ourselves is in the history all the same. It is not worth the
    /// spool of a full disk.
    pub(super) fn remember_a_boot_that_nobody_told(&mut self, left: Option<(Rental, BootTimes)>) {
        let Some((rental, times)) = left.filter(|_| self.release_only.is_none()) else {
            return;
        };
        let took = times.ended - rental.since;
        let end = BootEnd::BrokenOff;
        self.record_boot(rental.instance, &rental.offer, took, end, Some(times));
    }

    fn record_boot(
        &mut self,
        instance: InstanceId,
        offer: &Offer,
        took: Duration,
        end: BootEnd,
        times: Option<BootTimes>,
    ) {
        let mut known = self.ledger.boots().iter();
        if !known.any(|boot| boot.instance == instance && boot.end == end) {
            self.boots.count(end, times.as_ref());
        }
        // What another image's boot took says nothing of the time that the next PoC's needs.
        if self.workload() != Workload::MlNode {
            return;
        }
        let boot = PastBoot {
            instance,
            machine: offer.machine,
            gpu_name: offer.gpu_name.clone(),
            download_mbps: offer.download_mbps,
            disk_mb_per_s: offer.disk_mb_per_s,
            image_gb: self.config.vast.image_gb,
            model_gb: self.config.vast.model_gb,
            took_seconds: u32::try_from(took.num_seconds()).unwrap_or(0),
            end,
            model: Some(self.config.mlnode.model.id.clone()),
            times,
        };
        self.record(&Record::BootEnded { boot });
    }

    /// What the market said of a container that did not run yet is money that was not spent.
    pub(super) fn record_idle_gpu(&mut self, instance: InstanceId) {
        if let Some(until) = self.seen.idle_gpus.remove(&instance) {
            self.record(&Record::GpuIdleUntil { instance, until });
        }
    }

    pub(super) fn count_leftovers(&mut self) {
        let ports = self.ports.clone();
        self.spawn("leftovers", async move {
            let (instances, nodes) =
                tokio::join!(ports.market.instances(), ports.network_node.nodes());
            Observation::Leftovers { instances, nodes }
        });
    }

    /// Who begins with the epoch after this one.
    pub(super) fn next_epoch(&self) -> NextEpoch {
        let goes_on = self.options.end_after == EndAfter::Never
            && self.quitting.is_none()
            && self.sprint.mode() == Mode::Auto;
        if goes_on {
            NextEpoch::ByItself
        } else {
            NextEpoch::ByHand
        }
    }

    pub(super) fn finish_report(
        &mut self,
        now: Time,
        instances: Result<Vec<Instance>, CallError>,
        nodes: Result<Vec<RegisteredNode>, CallError>,
    ) {
        self.running.remove("leftovers");
        let report = self.sprint_report(now, instances.ok().as_deref(), nodes.as_deref().ok());
        if let Ok(nodes) = nodes {
            self.see_nodes(now, Ok(nodes));
        }
        let outcome = self
            .sprint
            .outcome()
            .map_or("unknown", Outcome::name)
            .to_owned();
        tracing::info!("sprint ended: {outcome}, cost ${:.2}", report.cost_usd);
        let next = self.next_epoch();
        let notice = notice_of(&report, next, &self.situation(now));
        self.ports.notifier.notify(&notice);
        self.record(&Record::SprintEnded {
            report: report.clone(),
        });
        self.compact_journal(now);
        self.report = Some(report);
        if next == NextEpoch::ByItself {
            let done = self.sprint.stages().map(|stages| stages.epoch);
            self.next_sprint(now, done);
        }
    }
}

fn notice_of(report: &SprintReport, next: NextEpoch, snapshot: &Snapshot) -> Notice {
    let epoch = report
        .epoch
        .map_or_else(|| "?".to_owned(), |epoch| epoch.to_string());
    let digest = digest(report);
    let (level, body) = if report.succeeded() {
        (NoticeLevel::Notice, digest)
    } else {
        let page = page_of(report, next, snapshot);
        (NoticeLevel::Warning, format!("{digest}\n{page}"))
    };
    Notice {
        level,
        title: format!("epoch {epoch}: {}", report.outcome),
        body,
        at: snapshot.at,
    }
}

/// What there is to do about a sprint that came to nothing.
fn page_of(report: &SprintReport, next: NextEpoch, snapshot: &Snapshot) -> String {
    let (to_do, look) = match (report.rentals_left, report.registrations_left) {
        (Some(0), Some(0)) => (
            "see whether the cause is yours to mend; what was rented is gone",
            "pocpit history",
        ),
        (Some(_), Some(_)) if next == NextEpoch::ByItself => (
            "nothing: pocpit takes down what is left over, and tells when it cannot",
            "pocpit check",
        ),
        (Some(_), Some(_)) => ("take down what is left over", "pocpit gc"),
        _ => (
            "see whether something is left over: it could not be looked for",
            "pocpit gc --dry-run",
        ),
    };
    let running = page::running(snapshot);
    let rest = if running == UsdPerHour::ZERO {
        "nothing of it is running any more".to_owned()
    } else {
        format!("{running} may be running still")
    };
    let money = format!("the sprint cost ${:.2}, {rest}", report.cost_usd);
    page::of_epoch(snapshot, next, to_do, money, look)
}

/// A sprint in a few words: what it earned and cost, where its time went, and why.
fn digest(report: &SprintReport) -> String {
    let weight = report.weight.map_or_else(
        || "no weight".to_owned(),
        |weight| format!("weight {weight}"),
    );
    let steps = report.steps.iter().filter_map(|step| {
        let minutes = (step.ended? - step.started).num_minutes();
        (minutes > 0).then(|| format!("{} {minutes} min", step.step))
    });
    let steps: Vec<String> = steps.collect();
    let mut digest = format!("{weight}, cost ${:.2}.", report.cost_usd);
    if !steps.is_empty() {
        digest = format!("{digest} {}.", steps.join(", "));
    }
    if let Some(cause) = &report.cause {
        digest = format!("{digest} {cause}");
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Cause, EpochIndex, Step, StepSpan, Weight};
    use crate::engine::attach::tests::snapshot;

    #[test]
    fn a_digest_says_what_a_sprint_earned_and_cost_and_where_its_time_went() {
        let mut report =
            SprintReport::not_tried(EpochIndex(7), &Cause::new("boot_failed", "no memory"));
        assert!(
            digest(&report).starts_with("no weight, cost $0.00."),
            "{}",
            digest(&report)
        );
        let minute = |minute| Time::UNIX_EPOCH + Duration::minutes(minute);
        let span = |step, from, to| StepSpan {
            step,
            started: minute(from),
            ended: Some(minute(to)),
            started_height: None,
        };
        report.cause = None;
        report.cost_usd = 8.4;
        report.weight = Some(Weight(2_072));
        report.steps = vec![span(Step::Renting, 0, 0), span(Step::Booting, 0, 8)];
        assert_eq!(digest(&report), "weight 2072, cost $8.40. booting 8 min.");
    }

    #[test]
    fn a_sprint_that_came_to_nothing_is_told_with_what_to_do_and_what_runs() {
        let mut report =
            SprintReport::not_tried(EpochIndex(7), &Cause::new("boot_failed", "no memory"));
        "failed".clone_into(&mut report.outcome);
        report.cost_usd = 8.4;
        let told = |report: &SprintReport, next, per_hour| {
            let mut seen = snapshot(0);
            seen.money.hour_used = UsdPerHour::from_dollars(per_hour);
            notice_of(report, next, &seen).body
        };
        (report.rentals_left, report.registrations_left) = (Some(0), Some(0));
        assert_eq!(
            told(&report, NextEpoch::ByItself, 0.0),
            "no weight, cost $8.40. boot_failed: no memory\n\
             To do: see whether the cause is yours to mend; what was rented is gone.\n\
             Money: the sprint cost $8.40, nothing of it is running any more.\n\
             pocpit: it goes on with the next epoch by itself.\n\
             Look: pocpit history"
        );
        // What is left over is what matters then,
        report.rentals_left = Some(1);
        let left = told(&report, NextEpoch::ByHand, 9.6);
        for line in [
            "To do: take down what is left over.",
            "$9.60/h may be running still.",
            "pocpit: it begins nothing new before your word.",
            "Look: pocpit gc",
        ] {
            assert!(left.contains(line), "{left}");
        }
        let left = told(&report, NextEpoch::ByItself, 9.6);
        assert!(
            left.contains("pocpit takes down what is left over"),
            "{left}"
        );
        // and what nobody could look for may be.
        report.rentals_left = None;
        let unknown = told(&report, NextEpoch::ByHand, 0.0);
        assert!(unknown.ends_with("Look: pocpit gc --dry-run"), "{unknown}");
        // One that succeeded needs nothing.
        "confirmed".clone_into(&mut report.outcome);
        assert!(!told(&report, NextEpoch::ByItself, 0.0).contains("To do"));
    }
}
