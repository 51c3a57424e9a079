//! When each feed was last read. One reading may be wrong: an alert is sent only after two, however
//! many snapshots show the first one.

use std::collections::BTreeMap;

use crate::domain::{Duration, Time};
use crate::engine::alerts::alert::Condition;

/// Something that is polled: its successful readings, or (`...Poll`) every poll where silence is a
/// condition too.
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
    Descriptors,
}

#[derive(Debug, Default)]
pub(crate) struct Freshness(BTreeMap<Feed, Time>);

impl Freshness {
    pub(crate) fn mark(&mut self, feed: Feed, now: Time) {
        self.0.insert(feed, now);
    }

    /// By a clock that was set forward by so much.
    pub(crate) fn shift(&mut self, by: Duration) {
        self.0.values_mut().for_each(|at| *at += by);
    }

    /// When a condition's feed was last read; `None` if it has no feed.
    pub(crate) fn last_read(&self, condition: &Condition) -> Option<Time> {
        self.0.get(&feed_of(condition)?).copied()
    }
}

/// `None` where no later reading can take it back: settings, our journal, past events, and what is
/// debounced elsewhere.
fn feed_of(condition: &Condition) -> Option<Feed> {
    match condition {
        Condition::ForeignRental(_) => Some(Feed::Rentals),
        Condition::RentalsUnknown => Some(Feed::RentalsPoll),
        Condition::NetworkNodeDown | Condition::Challenge(_) => Some(Feed::Nodes),
        Condition::LowCredit => Some(Feed::Account),
        Condition::ProxyDown | Condition::NoHealthyUpstream => Some(Feed::Proxy),
        Condition::ChainUnreachable => Some(Feed::ChainPoll),
        Condition::ChainStalled | Condition::Confirmation(..) | Condition::ParametersUntold => {
            Some(Feed::Chain)
        }
        Condition::Upgrade(_) => Some(Feed::Governance),
        Condition::PreflightFailure(_) => Some(Feed::Preflight),
        Condition::DescriptorsLow => Some(Feed::Descriptors),
        Condition::ClockSkew
        | Condition::ReleasePolicyCut
        | Condition::ReleaseOnly
        | Condition::JournalLost
        | Condition::DestroyOverdue(_)
        | Condition::PriceIncrease(_)
        | Condition::PriceRequested(_)
        | Condition::BootFault(_)
        | Condition::WorkloadPartial(_)
        | Condition::PocWorkLost(_)
        | Condition::LinkDown(_)
        | Condition::CallbackUnproven(_)
        | Condition::WatchdogUnverified(_)
        | Condition::HostKeyMismatch(_)
        | Condition::NodeChangeFailed
        | Condition::UnreliableSource(_)
        | Condition::ParametersChanged
        | Condition::FirstStart => None,
    }
}
