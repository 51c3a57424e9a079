//! How bad an alert is by what is at stake now: an outage costs money while something is rented, and an
//! epoch close to its deadline. Cockpit and notices say the same level.

use crate::domain::{AccountName, Duration, InstanceId, NetworkNodeName, Step, Time};
use crate::engine::alerts::alert::{Alert, AlertLevel, Condition};
use crate::engine::state::Replica;

/// Outages that begin this close together have one cause.
const TOGETHER: Duration = Duration::seconds(60);
/// Before a deadline of the chain its silence is critical.
const CLOSE: Duration = Duration::minutes(30);
/// What passes sooner wakes nobody.
const LASTS: Duration = Duration::minutes(2);

/// What an outage could cost a sprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stakes {
    pub network_node: NetworkNodeName,
    pub account: AccountName,
    pub step: Step,
    /// Something is rented, or may be.
    pub is_rented: bool,
    pub rental: Option<InstanceId>,
    /// When the registration must be there.
    pub deadline: Option<Time>,
}

impl Stakes {
    pub(crate) fn of(replica: &Replica) -> Stakes {
        let sprint = &replica.sprint;
        let step = sprint.step();
        let may_be = step >= Step::Renting && step < Step::Done;
        let deadline = sprint.deadline();
        Stakes {
            network_node: replica.network_node().clone(),
            account: replica.account().clone(),
            step,
            is_rented: may_be || sprint.rentals().next().is_some(),
            rental: sprint.rental().map(|rental| rental.instance),
            deadline: deadline.and_then(|deadline| sprint.eta(deadline)),
        }
    }

    /// Raises the alerts of outages that cost something now.
    pub(crate) fn raise(&self, now: Time, alerts: &mut [Alert]) {
        let together: Vec<Condition> = began_together(alerts).into_iter().cloned().collect();
        for alert in alerts {
            let is_offline = self.is_rented && together.contains(&alert.condition);
            let is_critical = is_offline || self.is_critical(now, &alert.condition);
            if is_critical && now - alert.since >= LASTS {
                alert.level = AlertLevel::Critical;
            }
        }
    }

    fn is_critical(&self, now: Time, condition: &Condition) -> bool {
        match condition.kind() {
            Condition::RentalsUnknown => self.is_rented && condition.account() == self.account,
            Condition::ChainUnreachable | Condition::ChainStalled => {
                let is_close = |deadline: Time| (deadline - now).abs() <= CLOSE;
                self.is_rented && self.deadline.is_some_and(is_close)
            }
            Condition::NetworkNodeDown => {
                let needs_it = matches!(self.step, Step::Registering | Step::Proving);
                needs_it && condition.network_node() == self.network_node
            }
            Condition::LinkDown(id) => self.step == Step::Proving && self.rental == Some(*id),
            _ => false,
        }
    }
}

/// Whether something that is far away does not answer.
fn is_outage(condition: &Condition) -> bool {
    matches!(
        condition.kind(),
        Condition::ChainUnreachable
            | Condition::RentalsUnknown
            | Condition::NetworkNodeDown
            | Condition::LinkDown(_)
    )
}

/// The outages that have one cause, this machine or its network: two or more that began together.
pub fn began_together(alerts: &[Alert]) -> Vec<&Condition> {
    let outages = || alerts.iter().filter(|alert| is_outage(&alert.condition));
    let beginning_with = |first: Time| -> Vec<&Condition> {
        let after = outages().filter(|alert| alert.since >= first);
        let close = after.filter(|alert| alert.since - first <= TOGETHER);
        close.map(|alert| &alert.condition).collect()
    };
    let groups = outages().map(|alert| beginning_with(alert.since));
    let largest = groups.max_by_key(Vec::len).unwrap_or_default();
    if largest.len() < 2 {
        Vec::new()
    } else {
        largest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Time {
        Time::UNIX_EPOCH + Duration::minutes(minute)
    }

    fn outage(condition: Condition, minute: i64) -> Alert {
        let level = AlertLevel::Warning;
        Alert::new(
            condition,
            level,
            at(minute),
            "it does not answer",
            "check it",
        )
    }

    /// The level at minute 100 of an outage that began at this minute.
    fn level(stakes: &Stakes, condition: Condition, minute: i64) -> AlertLevel {
        let mut alerts = [outage(condition, minute)];
        stakes.raise(at(100), &mut alerts);
        alerts[0].level
    }

    fn idle() -> Stakes {
        Stakes {
            network_node: NetworkNodeName::default(),
            account: AccountName::default(),
            step: Step::Waiting,
            is_rented: false,
            rental: None,
            deadline: None,
        }
    }

    #[test]
    fn unknown_rentals_are_critical_while_something_is_rented() {
        let rented = Stakes {
            step: Step::Booting,
            is_rented: true,
            ..idle()
        };
        let unknown = || Condition::RentalsUnknown;
        assert_eq!(level(&idle(), unknown(), 90), AlertLevel::Warning);
        assert_eq!(level(&rented, unknown(), 90), AlertLevel::Critical);
        // Another account's are not the sprint's.
        let other = unknown().of(&"second".parse().unwrap());
        assert_eq!(level(&rented, other, 90), AlertLevel::Warning);
        // One listing that fails wakes nobody.
        assert_eq!(level(&rented, unknown(), 99), AlertLevel::Warning);
    }

    #[test]
    fn unreadable_chain_is_critical_near_a_deadline() {
        let close_to = |minute| Stakes {
            step: Step::Booting,
            is_rented: true,
            deadline: Some(at(minute)),
            ..idle()
        };
        let chain = || Condition::ChainUnreachable;
        assert_eq!(level(&close_to(200), chain(), 90), AlertLevel::Warning);
        assert_eq!(level(&close_to(120), chain(), 90), AlertLevel::Critical);
    }

    #[test]
    fn link_and_node_are_critical_where_the_poc_needs_them() {
        let in_step = |step| Stakes {
            step,
            is_rented: true,
            rental: Some(InstanceId(1)),
            ..idle()
        };
        let link = || Condition::LinkDown(InstanceId(1));
        let node = || Condition::NetworkNodeDown;
        for (step, of_link, of_node) in [
            (Step::Booting, AlertLevel::Warning, AlertLevel::Warning),
            (Step::Registering, AlertLevel::Warning, AlertLevel::Critical),
            (Step::Proving, AlertLevel::Critical, AlertLevel::Critical),
        ] {
            assert_eq!(level(&in_step(step), link(), 90), of_link, "{step}");
            assert_eq!(level(&in_step(step), node(), 90), of_node, "{step}");
            // Another Network Node is not the sprint's.
            let other = node().at(&"west".parse().unwrap());
            assert_eq!(level(&in_step(step), other, 90), AlertLevel::Warning);
            // The link of another replica's rental is that one's matter.
            let other = Condition::LinkDown(InstanceId(2));
            assert_eq!(level(&in_step(step), other, 90), AlertLevel::Warning);
        }
    }

    #[test]
    fn outages_that_began_together_are_critical_while_rented() {
        let rented = Stakes {
            step: Step::Booting,
            is_rented: true,
            ..idle()
        };
        let both = || {
            [
                outage(Condition::ChainUnreachable, 80),
                outage(Condition::NetworkNodeDown, 81),
            ]
        };
        let mut alerts = both();
        rented.raise(at(100), &mut alerts);
        assert!(alerts.iter().all(|it| it.level == AlertLevel::Critical));
        let mut alerts = both();
        alerts[1].since = at(85);
        rented.raise(at(100), &mut alerts);
        assert!(alerts.iter().all(|it| it.level == AlertLevel::Warning));
    }
}
