//! What the calls of a release have brought so far. For the operator's eye: nothing is decided by it.

use std::collections::BTreeMap;

use crate::domain::{ReleaseAction, ReleaseStep, Time};

/// The steps of the last release of this sprint.
#[derive(Debug, Default)]
pub(crate) struct ReleaseLog(BTreeMap<ReleaseAction, ReleaseStep>);

/// What came back from a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReleaseReply {
    /// The other side agreed.
    Accepted,
    Failed(String),
    /// Another complete listing does not have the rental.
    Absent,
}

impl ReleaseLog {
    fn step(&mut self, action: ReleaseAction) -> &mut ReleaseStep {
        let step = self.0.entry(action);
        step.or_insert_with(|| ReleaseStep::of(action))
    }

    pub(crate) fn call(&mut self, now: Time, action: ReleaseAction) {
        let step = self.step(action);
        step.started.get_or_insert(now);
        step.count += 1;
    }

    /// A proof that begins again counts its listings anew.
    fn begin_proof(&mut self, now: Time) {
        let step = self.step(ReleaseAction::ProveGone);
        step.started.get_or_insert(now);
        step.count = 0;
    }

    pub(crate) fn reply(&mut self, now: Time, action: ReleaseAction, reply: ReleaseReply) {
        let step = self.step(action);
        step.replied = Some(now);
        step.failure = None;
        match reply {
            // A node that agreed to go is gone only when the list says so, and so is the proxy there.
            ReleaseReply::Accepted => match action {
                ReleaseAction::DisableNode => self.done(now, action),
                ReleaseAction::DestroyRental => {
                    self.done(now, action);
                    self.begin_proof(now);
                }
                ReleaseAction::ProveGone
                | ReleaseAction::RemoveNode
                | ReleaseAction::RegisterProxy => {}
            },
            ReleaseReply::Failed(why) => step.failure = Some(why),
            ReleaseReply::Absent => step.count += 1,
        }
    }

    pub(crate) fn done(&mut self, now: Time, action: ReleaseAction) {
        let step = self.step(action);
        step.done.get_or_insert(now);
        step.failure = None;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, action: ReleaseAction) -> Option<&ReleaseStep> {
        self.0.get(&action)
    }

    pub(crate) fn has(&self, action: ReleaseAction) -> bool {
        self.0.contains_key(&action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Duration;

    fn at(seconds: i64) -> Time {
        Time::UNIX_EPOCH + Duration::seconds(seconds)
    }

    #[test]
    fn destroy_that_is_refused_says_why_until_it_is_accepted() {
        let action = ReleaseAction::DestroyRental;
        let mut log = ReleaseLog::default();
        log.call(at(0), action);
        log.reply(at(1), action, ReleaseReply::Failed("HTTP 503".into()));
        log.call(at(15), action);
        let step = log.step(action).clone();
        assert_eq!((step.started, step.count), (Some(at(0)), 2));
        assert_eq!(
            (step.failure.as_deref(), step.done),
            (Some("HTTP 503"), None)
        );
        log.reply(at(16), action, ReleaseReply::Accepted);
        let step = log.step(action).clone();
        assert_eq!((step.failure, step.done), (None, Some(at(16))));
    }

    #[test]
    fn listings_without_the_rental_are_counted_from_the_last_destroy() {
        let mut log = ReleaseLog::default();
        let gone = ReleaseAction::ProveGone;
        for start in [0, 60] {
            log.reply(
                at(start),
                ReleaseAction::DestroyRental,
                ReleaseReply::Accepted,
            );
            log.reply(at(start + 4), gone, ReleaseReply::Absent);
        }
        assert_eq!(log.step(gone).count, 1);
        assert_eq!(log.step(gone).replied, Some(at(64)));
        log.reply(at(94), gone, ReleaseReply::Absent);
        assert_eq!((log.step(gone).count, log.step(gone).done), (2, None));
    }

    #[test]
    fn removal_is_done_when_the_list_says_so() {
        let mut log = ReleaseLog::default();
        let action = ReleaseAction::RemoveNode;
        log.call(at(0), action);
        log.reply(at(1), action, ReleaseReply::Accepted);
        assert_eq!(log.step(action).done, None);
        log.done(at(9), action);
        assert_eq!(log.step(action).done, Some(at(9)));
    }
}
