//! The end of a sprint: its report and its notice.

use crate::domain::{
    CallError, EpochIndex, Instance, Mode, RegisteredNode, ReplicaId, SprintReport, Time,
    UsdPerHour,
};
use crate::engine::alerts::notice_body::{self, NextEpoch};
use crate::engine::effects::task_key::SHARED_FOR;
use crate::engine::observe::charges;
use crate::engine::observe::observation::ReplicaReport;
use crate::engine::snapshot::Snapshot;
use crate::engine::state::{EndAfter, Engine, Replica, Shared, Standing};
use crate::flow::EffectKey;
use crate::journal::Record;
use crate::notify::{Notice, NoticeLevel};

impl Engine {
    fn next_epoch(&self, mode: Mode) -> NextEpoch {
        let continues = self.shared.options.end_after == EndAfter::Never
            && self.shared.quitting.is_none()
            && mode == Mode::Auto;
        if continues {
            NextEpoch::Automatic
        } else {
            NextEpoch::Manual
        }
    }

    pub(crate) fn finish_report(
        &mut self,
        now: Time,
        id: &ReplicaId,
        instances: Result<Vec<Instance>, CallError>,
        nodes: Result<Vec<RegisteredNode>, CallError>,
    ) {
        let Some(replica) = self.replicas.get_mut(id) else {
            return;
        };
        replica.running.remove(&EffectKey::Leftovers);
        let (tag, network_node) = (replica.tag.clone(), replica.network_node().clone());
        let (mode, stages) = (replica.sprint.mode(), replica.sprint.stages().copied());
        let (listed, registered) = (instances.ok(), nodes.as_deref().ok());
        let report = replica.sprint_report(&self.shared, now, listed.as_deref(), registered);
        if let Ok(nodes) = nodes {
            self.on_nodes(now, &network_node, Ok(nodes));
        }
        tracing::info!(
            "{tag}sprint ended: {}, {}",
            report.outcome,
            report.spent(None).in_words()
        );
        let next = self.next_epoch(mode);
        if self.is_alone_in_pool(id) {
            let notice = sprint_notice(&report, next, &self.situation(now));
            self.shared.ports.notifier.notify(&notice);
        }
        self.shared.record(&Record::SprintEnded {
            report: report.clone(),
        });
        self.tell_pool(now, id, report.epoch, next);
        self.shared.compact_journal(now);
        let Some(replica) = self.replicas.get_mut(id) else {
            return;
        };
        replica.report = Some(report);
        if replica.standing == Standing::Retiring {
            tracing::info!("{id} is no longer configured and has finished");
            self.replicas.remove(id);
        } else if next == NextEpoch::Automatic {
            self.begin_next_sprint(now, id, stages.map(|stages| stages.epoch));
        }
    }
}

impl Engine {
    /// Tells of a pool's epoch when its last replica has ended it.
    pub(crate) fn tell_pool(
        &self,
        now: Time,
        id: &ReplicaId,
        epoch: Option<EpochIndex>,
        next: NextEpoch,
    ) {
        if self.is_alone_in_pool(id) {
            return;
        }
        let notice = epoch.and_then(|epoch| self.pool_notice(now, &id.pool, epoch, next));
        if let Some(notice) = notice {
            self.shared.ports.notifier.notify(&notice);
        }
    }
}

impl Replica {
    pub(crate) fn list_leftovers(&mut self, shared: &mut Shared) {
        let ports = self.ports.clone();
        // Of many that end together, each would read the charges of all.
        let now = ports.clock.now();
        let readings = shared.observed.account(self.account());
        let last = readings.and_then(|readings| readings.charges_read_at);
        let last = last.map(|at| (now - at).abs());
        let is_known = last.is_some_and(|age| age <= SHARED_FOR);
        self.spawn_effect(shared, EffectKey::Leftovers, async move {
            let charges = async {
                if is_known {
                    return None;
                }
                Some(charges::read(ports.market.as_ref(), ports.clock.as_ref()).await)
            };
            let (instances, nodes, charges) = tokio::join!(
                ports.market.instances(),
                ports.network_node.nodes(),
                charges
            );
            ReplicaReport::Leftovers {
                instances,
                nodes,
                charges,
            }
        });
    }
}

fn sprint_notice(report: &SprintReport, next: NextEpoch, snapshot: &Snapshot) -> Notice {
    let epoch = report.epoch.map(|epoch| epoch.to_string());
    let epoch = epoch.as_deref().unwrap_or("?");
    let digest = digest(report);
    let (level, body) = if report.succeeded() {
        (NoticeLevel::Notice, digest)
    } else {
        let body = failure_body(report, next, snapshot);
        (NoticeLevel::Warning, format!("{digest}\n{body}"))
    };
    Notice {
        level,
        title: format!("epoch {epoch}: {}", report.outcome),
        body,
        at: snapshot.at,
    }
}

/// What to do about a sprint that failed.
fn failure_body(report: &SprintReport, next: NextEpoch, snapshot: &Snapshot) -> String {
    let (action, command) = match (report.rentals_left, report.registrations_left) {
        (Some(0), Some(0)) => (
            "see whether you can fix the cause; everything rented is gone",
            "pocpit history",
        ),
        (Some(_), Some(_)) if next == NextEpoch::Automatic => (
            "nothing: pocpit cleans up what is left over, and alerts if it cannot",
            "pocpit check",
        ),
        (Some(_), Some(_)) => ("clean up what is left over", "pocpit gc"),
        _ => (
            "check for leftovers: the listings failed",
            "pocpit gc --dry-run",
        ),
    };
    let running = notice_body::running_price(snapshot);
    let rest = if running == UsdPerHour::ZERO {
        "nothing of it is running any more".to_owned()
    } else {
        format!("{running} may be running still")
    };
    let money = format!("the sprint cost {}, {rest}", report.spent(None));
    notice_body::epoch_body(snapshot, next, action, money, command)
}

/// What a sprint earned and cost, where its time went, and why.
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
    let mut digest = format!("{weight}, cost {}.", report.spent(None));
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
    use crate::domain::{Cause, Duration, EpochIndex, OutcomeKind, Step, StepSpan, Time, Weight};
    use crate::engine::attach::tests::snapshot;

    #[test]
    fn digest_has_weight_cost_and_steps() {
        let mut report = SprintReport::not_tried(
            ReplicaId::default(),
            EpochIndex(7),
            &Cause::new("boot_failed", "no memory"),
        );
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
        assert_eq!(digest(&report), "weight 2072, cost ~$8.40. booting 8 min.");
    }

    #[test]
    fn failed_sprint_notice_says_what_to_do() {
        let mut report = SprintReport::not_tried(
            ReplicaId::default(),
            EpochIndex(7),
            &Cause::new("boot_failed", "no memory"),
        );
        report.outcome = OutcomeKind::Failed;
        report.cost_usd = 8.4;
        let body = |report: &SprintReport, next, per_hour| {
            let mut snapshot = snapshot(0);
            snapshot.money.hour_used = UsdPerHour::from_dollars(per_hour);
            sprint_notice(report, next, &snapshot).body
        };
        (report.rentals_left, report.registrations_left) = (Some(0), Some(0));
        assert_eq!(
            body(&report, NextEpoch::Automatic, 0.0),
            "no weight, cost ~$8.40. boot_failed: no memory\n\
             To do: see whether you can fix the cause; everything rented is gone.\n\
             Money: the sprint cost ~$8.40, nothing of it is running any more.\n\
             pocpit: it continues with the next epoch.\n\
             Look: pocpit history"
        );
        // With leftovers, those matter,
        report.rentals_left = Some(1);
        let left = body(&report, NextEpoch::Manual, 9.6);
        for line in [
            "To do: clean up what is left over.",
            "$9.60/h may be running still.",
            "pocpit: it starts nothing new until you do.",
            "Look: pocpit gc",
        ] {
            assert!(left.contains(line), "{left}");
        }
        let left = body(&report, NextEpoch::Automatic, 9.6);
        assert!(
            left.contains("pocpit cleans up what is left over"),
            "{left}"
        );
        // and unknown leftovers too.
        report.rentals_left = None;
        let unknown = body(&report, NextEpoch::Manual, 0.0);
        assert!(unknown.ends_with("Look: pocpit gc --dry-run"), "{unknown}");
        // A success needs nothing.
        report.outcome = OutcomeKind::Confirmed;
        assert!(!body(&report, NextEpoch::Automatic, 0.0).contains("To do"));
    }
}
