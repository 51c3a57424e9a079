//! How things end: a rental that is proven gone, a sprint that is over.

use super::core::{EndAfter, Engine};
use super::observe::Observation;
use crate::domain::{
    CallError, Instance, InstanceId, Mode, Outcome, RegisteredNode, SprintReport, Time,
};
use crate::flow::Event;
use crate::journal::Record;
use crate::notify::{Notice, NoticeLevel};

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

    /// What the market said of a container that did not run yet is money that was not spent.
    pub(super) fn record_idle_gpu(&mut self, instance: InstanceId) {
        let seen = self.seen.idle_gpu.take_if(|(id, _)| *id == instance);
        if let Some((instance, until)) = seen {
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
