//! When each source was read last. What one answer says may be wrong: it is told after the next answer
//! says the same, however often the first one is looked at.

use crate::engine::alerts::alert::Condition;
use std::collections::BTreeMap;

use crate::domain::Time;

/// Something that is asked again and again: its answers; or, where that it does not answer is a trouble
/// too, each time that it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Feed {
    Chain,
    ChainPoll,
    Governance,
    Nodes,
    Rentals,
    RentalsPoll,
    Account,
    Proxy,
    Preflight,
}

#[derive(Debug, Default)]
pub(crate) struct Freshness(BTreeMap<Feed, Time>);

impl Freshness {
    pub(crate) fn mark(&mut self, source: Feed, now: Time) {
        self.0.insert(source, now);
    }

    /// When what a condition is made of was read last; absent for what is known without an answer.
    pub(crate) fn last_read(&self, condition: &Condition) -> Option<Time> {
        self.0.get(&feed_of(condition)?).copied()
    }
}

/// What a condition is made of. Absent where no other answer can take it back: settings, our own
/// journal, what has happened, and what is counted over many answers before it is a condition.
fn feed_of(condition: &Condition) -> Option<Feed> {
    match condition {
        Condition::Foreign(_) => Some(Feed::Rentals),
        Condition::RentalsUnread => Some(Feed::RentalsPoll),
        Condition::NodesUnread => Some(Feed::Nodes),
        Condition::LowCredit => Some(Feed::Account),
        Condition::ProxySilent | Condition::ProxyWithoutUpstream => Some(Feed::Proxy),
        Condition::ChainUnread => Some(Feed::ChainPoll),
        Condition::ChainStands | Condition::Confirmation(..) => Some(Feed::Chain),
        Condition::Upgrade(_) => Some(Feed::Governance),
        Condition::Obstacle(_) => Some(Feed::Preflight),
        Condition::ClockBehind
        | Condition::PolicyCutShort
        | Condition::ReleaseOnly
        | Condition::NotGone(_)
        | Condition::PriceIncrease(_)
        | Condition::BootFault(_)
        | Condition::NoLink(_)
        | Condition::StrangeHost(_)
        | Condition::NodeNotChanged
        | Condition::SourceUnreliable(_)
        | Condition::ParametersChanged
        | Condition::FirstStart => None,
    }
}
