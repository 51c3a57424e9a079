//! How things end: a rental that is proven gone, a sprint that is over.

use crate::domain::{
    CallError, Instance, Mode, Outcome, OutcomeKind, RegisteredNode, SprintReport, Time, UsdPerHour,
};
use crate::engine::alerts::notice_body;
use crate::engine::alerts::notice_body::NextEpoch;
use crate::engine::observe::observation::Observation;
use crate::engine::snapshot::Snapshot;
use crate::engine::state::{EndAfter, Engine};
use crate::flow::EffectKey;
use crate::journal::Record;
use crate::notify::{Notice, NoticeLevel};

impl Engine {
    pub(crate) fn list_leftovers(&mut self) {
        let ports = self.ports.clone();
        self.spawn_effect(EffectKey::Leftovers, async move {
            let (instances, nodes) =
                tokio::join!(ports.market.instances(), ports.network_node.nodes());
            Observation::Leftovers { instances, nodes }
        });
    }

    /// Who begins with the epoch after this one.
    pub(crate) fn next_epoch(&self) -> NextEpoch {
        let continues = self.options.end_after == EndAfter::Never
            && self.quitting.is_none()
            && self.sprint.mode() == Mode::Auto;
        if continues {
            NextEpoch::Automatic
        } else {
            NextEpoch::Manual
        }
    }

    pub(crate) fn finish_report(
        &mut self,
        now: Time,
        instances: Result<Vec<Instance>, CallError>,
        nodes: Result<Vec<RegisteredNode>, CallError>,
    ) {
        self.running.remove(&EffectKey::Leftovers);
        let report = self.sprint_report(now, instances.ok().as_deref(), nodes.as_deref().ok());
        if let Ok(nodes) = nodes {
            self.on_nodes(now, Ok(nodes));
        }
        let outcome = self
            .sprint
            .outcome()
            .map_or(OutcomeKind::Unknown, Outcome::kind);
        tracing::info!("sprint ended: {outcome}, cost ${:.2}", report.cost_usd);
        let next = self.next_epoch();
        let notice = sprint_notice(&report, next, &self.situation(now));
        self.ports.notifier.notify(&notice);
        self.record(&Record::SprintEnded {
            report: report.clone(),
        });
        self.compact_journal(now);
        self.report = Some(report);
        if next == NextEpoch::Automatic {
            let done = self.sprint.stages().map(|stages| stages.epoch);
            self.begin_next_sprint(now, done);
        }
    }
}

fn sprint_notice(report: &SprintReport, next: NextEpoch, snapshot: &Snapshot) -> Notice {
    let epoch = report
        .epoch
        .map_or_else(|| "?".to_owned(), |epoch| epoch.to_string());
    let digest = digest(report);
    let (level, body) = if report.succeeded() {
        (NoticeLevel::Notice, digest)
    } else {
        let page = failure_body(report, next, snapshot);
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
fn failure_body(report: &SprintReport, next: NextEpoch, snapshot: &Snapshot) -> String {
    let (action, command) = match (report.rentals_left, report.registrations_left) {
        (Some(0), Some(0)) => (
            "see whether the cause is yours to mend; what was rented is gone",
            "pocpit history",
        ),
        (Some(_), Some(_)) if next == NextEpoch::Automatic => (
            "nothing: pocpit takes down what is left over, and tells when it cannot",
            "pocpit check",
        ),
        (Some(_), Some(_)) => ("take down what is left over", "pocpit gc"),
        _ => (
            "see whether something is left over: it could not be looked for",
            "pocpit gc --dry-run",
        ),
    };
    let running = notice_body::running_price(snapshot);
    let rest = if running == UsdPerHour::ZERO {
        "nothing of it is running any more".to_owned()
    } else {
        format!("{running} may be running still")
    };
    let money = format!("the sprint cost ${:.2}, {rest}", report.cost_usd);
    notice_body::epoch_body(snapshot, next, action, money, command)
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
    use crate::domain::{Cause, Duration, EpochIndex, Step, StepSpan, Time, Weight};
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
        report.outcome = OutcomeKind::Failed;
        report.cost_usd = 8.4;
        let told = |report: &SprintReport, next, per_hour| {
            let mut seen = snapshot(0);
            seen.money.hour_used = UsdPerHour::from_dollars(per_hour);
            sprint_notice(report, next, &seen).body
        };
        (report.rentals_left, report.registrations_left) = (Some(0), Some(0));
        assert_eq!(
            told(&report, NextEpoch::Automatic, 0.0),
            "no weight, cost $8.40. boot_failed: no memory\n\
             To do: see whether the cause is yours to mend; what was rented is gone.\n\
             Money: the sprint cost $8.40, nothing of it is running any more.\n\
             pocpit: it goes on with the next epoch by itself.\n\
             Look: pocpit history"
        );
        // What is left over is what matters then,
        report.rentals_left = Some(1);
        let left = told(&report, NextEpoch::Manual, 9.6);
        for line in [
            "To do: take down what is left over.",
            "$9.60/h may be running still.",
            "pocpit: it begins nothing new before your word.",
            "Look: pocpit gc",
        ] {
            assert!(left.contains(line), "{left}");
        }
        let left = told(&report, NextEpoch::Automatic, 9.6);
        assert!(
            left.contains("pocpit takes down what is left over"),
            "{left}"
        );
        // and what nobody could look for may be.
        report.rentals_left = None;
        let unknown = told(&report, NextEpoch::Manual, 0.0);
        assert!(unknown.ends_with("Look: pocpit gc --dry-run"), "{unknown}");
        // One that succeeded needs nothing.
        report.outcome = OutcomeKind::Confirmed;
        assert!(!told(&report, NextEpoch::Automatic, 0.0).contains("To do"));
    }
}
