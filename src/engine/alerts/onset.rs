//! When conditions began: an alert's age tells the operator whether to wait or to act.

use std::collections::HashMap;

use crate::domain::{Duration, Time};
use crate::engine::alerts::alert::{Advice, Alert, AlertLevel, Condition};

#[derive(Debug, Default)]
pub(crate) struct Onsets {
    /// When each began, and whether it was active since the last [`Onsets::prune_resolved`].
    onsets: HashMap<Condition, (Time, Mark)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Active,
    Stale,
}

impl Onsets {
    /// When an active condition began: now, if it was not active before.
    pub(crate) fn since(&mut self, condition: Condition, now: Time) -> Time {
        let entry = self.onsets.entry(condition).or_insert((now, Mark::Active));
        entry.1 = Mark::Active;
        entry.0
    }

    pub(crate) fn alert(
        &mut self,
        condition: Condition,
        now: Time,
        level: AlertLevel,
        text: impl Into<String>,
        advice: impl Into<Advice>,
    ) -> Alert {
        let since = self.since(condition.clone(), now);
        Alert::new(condition, level, since, text, advice)
    }

    /// By a clock that was set forward by so much.
    pub(crate) fn shift(&mut self, by: Duration) {
        self.onsets.values_mut().for_each(|(at, _)| *at += by);
    }

    /// Drops the conditions that were not active since the last call: they are resolved, and get a new
    /// onset when they return.
    pub(crate) fn prune_resolved(&mut self) {
        self.onsets
            .retain(|_, (_, mark)| std::mem::replace(mark, Mark::Stale) == Mark::Active);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::InstanceId;

    fn at(second: i64) -> Time {
        Time::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn returning_condition_gets_a_new_onset() {
        // Given two conditions that began at different times,
        let mut onsets = Onsets::default();
        let node = Condition::NetworkNodeDown;
        let rental = Condition::ForeignRental(InstanceId(7));
        assert_eq!(onsets.since(node.clone(), at(10)), at(10));
        onsets.prune_resolved();
        assert_eq!(onsets.since(rental.clone(), at(20)), at(20));
        // when one of them is resolved for a while,
        assert_eq!(onsets.since(node.clone(), at(20)), at(10));
        onsets.prune_resolved();
        assert_eq!(onsets.since(rental.clone(), at(30)), at(20));
        onsets.prune_resolved();
        // then it gets a new onset, and the other keeps its own.
        assert_eq!(onsets.since(node.clone(), at(40)), at(40));
        assert_eq!(onsets.since(rental.clone(), at(40)), at(20));
    }

    #[test]
    fn another_rental_is_another_condition() {
        let mut onsets = Onsets::default();
        onsets.since(Condition::ForeignRental(InstanceId(7)), at(10));
        let other = onsets.since(Condition::ForeignRental(InstanceId(8)), at(20));
        assert_eq!(other, at(20));
    }
}
