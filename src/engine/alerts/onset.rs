//! When what is wrong began: an alert's age tells an operator whether to wait or to act.

use std::collections::HashMap;

use crate::domain::Time;
use crate::engine::alerts::condition::Condition;
use crate::engine::snapshot::{Alert, AlertLevel};

/// The beginnings of all that is wrong.
#[derive(Debug, Default)]
pub(crate) struct Began {
    /// When each was first seen, and whether it still is.
    seen: HashMap<Condition, (Time, Still)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Still {
    Wrong,
    NotAskedFor,
}

impl Began {
    /// Since when it has been so, without a break; now, when it was not so before.
    pub(crate) fn since(&mut self, condition: Condition, now: Time) -> Time {
        let entry = self.seen.entry(condition).or_insert((now, Still::Wrong));
        entry.1 = Still::Wrong;
        entry.0
    }

    /// An alert of what is wrong now, with its beginning.
    pub(crate) fn alert(
        &mut self,
        condition: Condition,
        now: Time,
        level: AlertLevel,
        text: String,
        advice: &str,
    ) -> Alert {
        Alert {
            since: self.since(condition.clone(), now),
            condition,
            level,
            text,
            advice: advice.to_owned(),
        }
    }

    /// Forgets what nobody asked for since this was called last: it is over, and begins anew when it
    /// comes again.
    pub(crate) fn forget_what_is_over(&mut self) {
        self.seen.retain(|_, (_, still)| *still == Still::Wrong);
        for (_, still) in self.seen.values_mut() {
            *still = Still::NotAskedFor;
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
        let mut began = Began::default();
        let node = Condition::NodesUnread;
        let rental = Condition::Foreign(InstanceId(7));
        assert_eq!(began.since(node.clone(), at(10)), at(10));
        began.forget_what_is_over();
        assert_eq!(began.since(rental.clone(), at(20)), at(20));
        // when one of them is over for a while,
        assert_eq!(began.since(node.clone(), at(20)), at(10));
        began.forget_what_is_over();
        assert_eq!(began.since(rental.clone(), at(30)), at(20));
        began.forget_what_is_over();
        // then it begins anew, and the other goes on.
        assert_eq!(began.since(node.clone(), at(40)), at(40));
        assert_eq!(began.since(rental.clone(), at(40)), at(20));
    }

    #[test]
    fn another_rental_is_another_condition() {
        let mut began = Began::default();
        began.since(Condition::Foreign(InstanceId(7)), at(10));
        assert_eq!(
            began.since(Condition::Foreign(InstanceId(8)), at(20)),
            at(20)
        );
    }
}
