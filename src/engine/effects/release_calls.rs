//! The calls of a release: noted when they are made, and when their replies come.

use tokio::sync::mpsc;

use crate::domain::{CallError, ReleaseAction, ReleaseStep, ReplicaId, Step, Time};
use crate::engine::effects::release_log::{ReleaseLog, ReleaseReply};
use crate::engine::observe::observation::{Observation, ReplicaReport};
use crate::engine::state::Replica;

/// Tells the engine what came back from one call, from within a task. Silent for calls of no release.
#[derive(Debug, Clone)]
pub(crate) struct ReleaseReporter {
    action: ReleaseAction,
    reports: Option<(ReplicaId, mpsc::Sender<Observation>)>,
}

impl ReleaseReporter {
    pub(crate) fn silent(action: ReleaseAction) -> ReleaseReporter {
        ReleaseReporter {
            action,
            reports: None,
        }
    }

    pub(crate) fn ended(&self, failure: Option<&CallError>) {
        let failed = |error: &CallError| ReleaseReply::Failed(error.last_cause());
        self.tell(self.action, failure.map_or(ReleaseReply::Accepted, failed));
    }

    /// Another complete listing does not have the rental.
    pub(crate) fn absent(&self) {
        self.tell(ReleaseAction::ProveGone, ReleaseReply::Absent);
    }

    /// Releasing never waits for it: one that finds no room is lost.
    fn tell(&self, action: ReleaseAction, reply: ReleaseReply) {
        if let Some((replica, reports)) = &self.reports {
            let report = ReplicaReport::Release { action, reply };
            let _ = reports.try_send(Observation::Replica(replica.clone(), report));
        }
    }
}

impl Replica {
    /// Notes a call of the sprint's release, and takes its replies. Other calls of the same kind clean up
    /// what belongs to no sprint.
    pub(crate) fn release_call(&mut self, action: ReleaseAction) -> ReleaseReporter {
        if !self.sprint.is_releasing() {
            return ReleaseReporter::silent(action);
        }
        self.release_log.call(self.ports.clock.now(), action);
        ReleaseReporter {
            action,
            reports: Some((self.id.clone(), self.reports.clone())),
        }
    }

    /// Follows the steps of the sprint: every rental's release has a log of its own.
    pub(crate) fn follow_release(&mut self, now: Time, before: Step, after: Step) {
        match (before, after) {
            _ if before == after => {}
            (_, Step::Choosing | Step::Releasing) => self.release_log = ReleaseLog::default(),
            (Step::Releasing, _) if self.restores_proxy() && self.sprint.proxy_listed() => {
                self.release_log.done(now, ReleaseAction::RegisterProxy);
            }
            _ => {}
        }
    }

    /// What the release has done, and what it is still to do.
    pub(crate) fn release_steps(&self) -> Vec<ReleaseStep> {
        let has_rental = self.sprint.rental().is_some();
        let log = &self.release_log;
        if !has_rental && log.is_empty() {
            return Vec::new();
        }
        let is_to_come = |action: ReleaseAction| match action {
            // It is asked before the removal, if at all.
            ReleaseAction::DisableNode => {
                self.sprint.is_registered() && !log.has(ReleaseAction::RemoveNode)
            }
            ReleaseAction::RemoveNode => self.sprint.is_registered(),
            ReleaseAction::DestroyRental | ReleaseAction::ProveGone => has_rental,
            ReleaseAction::RegisterProxy => self.restores_proxy(),
        };
        let step = |action: &ReleaseAction| {
            let to_come = || is_to_come(*action).then(|| ReleaseStep::of(*action));
            log.get(*action).cloned().or_else(to_come)
        };
        ReleaseAction::ALL.iter().filter_map(step).collect()
    }

    fn restores_proxy(&self) -> bool {
        let serves = self.sprint.plan().aim.serves_for().is_some();
        self.config.inference_proxy.is_some() && !serves
    }
}
