//! When what is wrong began: an alert's age tells an operator whether to wait or to act.

use crate::engine::alerts::alert::{Advice, Alert, AlertLevel, Condition};
use std::collections::HashMap;

use crate::domain::Time;

/// The beginnings of all that is wrong.
#[derive(Debug, Default)]
pub(crate) struct Onsets {
    /// When each was first seen, and whether it still is.
    onsets: HashMap<Condition, (Time, Mark)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Active,
    Stale,
}

impl Onsets {
    /// Since when it has been so, without a break; now, when it was not so before.
    pub(crate) fn since(&mut self, condition: Condition, now: Time) -> Time {
        let entry = self.onsets.entry(condition).or_insert((now, Mark::Active));
        entry.1 = Mark::Active;
        entry.0
    }

    /// An alert of what is wrong now, with its beginning.
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

    /// Drops the conditions that were not active since the last call: they are resolved, and get a new
    /// onset when they return.
    pub(crate) fn prune_resolved(&mut self) {
        self.onsets.retain(|_, (_, still)| *still == Mark::Active);
        for (_, still) in self.onsets.values_mut() {
            *still = Mark::Stale;
        }
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
    fn what_lasts_keeps_its_beginning_and_what_comes_again_begins_anew() {
        // Given two conditions that began at different times,
        let mut onsets = Onsets::default();
        let node = Condition::NodesUnread;
        let rental = Condition::Foreign(InstanceId(7));
        assert_eq!(onsets.since(node.clone(), at(10)), at(10));
        onsets.prune_resolved();
        assert_eq!(onsets.since(rental.clone(), at(20)), at(20));
        // when one of them is over for a while,
        assert_eq!(onsets.since(node.clone(), at(20)), at(10));
        onsets.prune_resolved();
        assert_eq!(onsets.since(rental.clone(), at(30)), at(20));
        onsets.prune_resolved();
        // then it begins anew, and the other goes on.
        assert_eq!(onsets.since(node.clone(), at(40)), at(40));
        assert_eq!(onsets.since(rental.clone(), at(40)), at(20));
    }

    #[test]
    fn another_rental_is_another_condition() {
        let mut onsets = Onsets::default();
        onsets.since(Condition::Foreign(InstanceId(7)), at(10));
        assert_eq!(
            onsets.since(Condition::Foreign(InstanceId(8)), at(20)),
            at(20)
        );
    }
}
