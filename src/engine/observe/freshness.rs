//! When each source was read last. What one answer says may be wrong: it is told after the next answer
//! says the same, however often the first one is looked at.

use std::collections::BTreeMap;

use crate::domain::Time;
use crate::engine::alerts::condition::Condition;

/// Something that is asked again and again: its answers; or, where that it does not answer is a trouble
/// too, each time that it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    Chain,
    ChainAsked,
    Governance,
    Nodes,
    Rentals,
    RentalsAsked,
    Account,
    Proxy,
    Preflight,
}

/// The last time of each.
#[derive(Debug, Default)]
pub(crate) struct Reads(BTreeMap<Source, Time>);

impl Reads {
    pub(crate) fn note(&mut self, source: Source, now: Time) {
        self.0.insert(source, now);
    }

    /// When what a condition is made of was read last; absent for what is known without an answer.
    pub(crate) fn of(&self, condition: &Condition) -> Option<Time> {
        self.0.get(&source_of(condition)?).copied()
    }
}

/// What a condition is made of. Absent where no other answer can take it back: settings, our own
/// journal, what has happened, and what is counted over many answers before it is a condition.
fn source_of(condition: &Condition) -> Option<Source> {
    match condition {
        Condition::Foreign(_) => Some(Source::Rentals),
        Condition::RentalsUnread => Some(Source::RentalsAsked),
        Condition::NodesUnread => Some(Source::Nodes),
        Condition::LowCredit => Some(Source::Account),
        Condition::ProxySilent | Condition::ProxyWithoutUpstream => Some(Source::Proxy),
        Condition::ChainUnread => Some(Source::ChainAsked),
        Condition::ChainStands | Condition::Confirmation(..) => Some(Source::Chain),
        Condition::Upgrade(_) => Some(Source::Governance),
        Condition::Obstacle(_) => Some(Source::Preflight),
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
