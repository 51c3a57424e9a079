//! How things end: a rental that is proven gone, a sprint that is over.

use super::core::{EndAfter, Engine};
use super::observe::Observation;
use crate::domain::{
    BootEnd, BootTimes, CallError, Duration, Instance, InstanceId, Mode, Offer, Outcome, PastBoot,
    RegisteredNode, SprintReport, Time, Workload,
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
        self.ports.notifier.notify(&notice_of(now, &report));
        self.record(&Record::SprintEnded {
            report: report.clone(),
        });
        self.compact_journal(now);
        self.report = Some(report);
        let goes_on = self.options.end_after == EndAfter::Never
            && self.quitting.is_none()
            && self.sprint.mode() == Mode::Auto;
        if goes_on {
            let done = self.sprint.stages().map(|stages| stages.epoch);
            self.next_sprint(now, done);
        }
    }
}

fn notice_of(now: Time, report: &SprintReport) -> Notice {
    let epoch = report
        .epoch
        .map_or_else(|| "?".to_owned(), |epoch| epoch.to_string());
    Notice {
        level: if report.succeeded() {
            NoticeLevel::Notice
        } else {
            NoticeLevel::Warning
        },
        title: format!("epoch {epoch}: {}", report.outcome),
        body: digest(report),
        at: now,
    }
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
}
