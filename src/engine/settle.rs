//! How things end: a rental that is proven gone, a sprint that is over.

use super::core::{EndAfter, Engine};
use super::observe::Observation;
use crate::domain::{
    BootTimes, CallError, Duration, Instance, InstanceId, Mode, Outcome, RegisteredNode,
    SprintReport, Time,
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

    /// What is known of a boot before it was watched. One that began under an earlier run of the
    /// program has stages that nobody saw, and teaches nothing.
    pub(super) fn boot_times_of(&self, rental: &Rental) -> Option<BootTimes> {
        let watched_late = self.ports.clock.now() - rental.since > SEEN_FROM_ITS_BEGINNING;
        (!watched_late).then(|| BootTimes {
            label: rental.label.clone(),
            instance: Some(rental.instance),
            machine: rental.offer.machine,
            host: rental.offer.host,
            gpu_name: rental.offer.gpu_name.clone(),
            gpu_count: rental.offer.gpu_count,
            started: Vec::new(),
            ended: rental.since,
            fault: None,
        })
    }

    /// Writes down how long a boot took. It is not worth the spool of a full disk.
    pub(super) fn remember_boot(&mut self, times: Option<BootTimes>) {
        if let Some(boot) = times.filter(|_| self.release_only.is_none()) {
            self.record(&Record::BootWatched { boot });
        }
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
    let confirmed = report.outcome == "confirmed";
    Notice {
        level: if confirmed {
            NoticeLevel::Notice
        } else {
            NoticeLevel::Warning
        },
        title: format!("epoch {epoch}: {}", report.outcome),
        body: format!(
            "cost ${:.2}. {}",
            report.cost_usd,
            report.cause.as_deref().unwrap_or_default()
        ),
        at: now,
    }
}
