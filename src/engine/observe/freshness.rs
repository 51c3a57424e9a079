//! When each feed was last read. One reading may be wrong: an alert is sent only after two, however
//! many snapshots show the first one.

use std::collections::BTreeMap;

use crate::domain::{AccountName, Duration, NetworkNodeName, Time};
use crate::engine::alerts::alert::Condition;

/// Something that is polled: its successful readings, or (`...Poll`) every poll where silence is a
/// condition too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Feed {
    Chain,
    ChainPoll,
    Governance,
    Nodes(NetworkNodeName),
    Rentals(AccountName),
    RentalsPoll(AccountName),
    Account(AccountName),
    Proxy,
    Preflight(NetworkNodeName),
    Descriptors,
}

#[derive(Debug, Default)]
pub(crate) struct Freshness(BTreeMap<Feed, Time>);

impl Freshness {
    pub(crate) fn mark(&mut self, feed: Feed, now: Time) {
        let last = self.0.entry(feed).or_insert(now);
        *last = now.max(*last);
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
    let (account, network_node) = (condition.account(), condition.network_node());
    match condition.kind() {
        Condition::ForeignRental(_) => Some(Feed::Rentals(account)),
        Condition::RentalsUnknown => Some(Feed::RentalsPoll(account)),
        Condition::NetworkNodeDown | Condition::Challenge(_) => Some(Feed::Nodes(network_node)),
        Condition::LowCredit => Some(Feed::Account(account)),
        Condition::ProxyDown | Condition::NoHealthyUpstream => Some(Feed::Proxy),
        Condition::ChainUnreachable => Some(Feed::ChainPoll),
        Condition::ChainStalled | Condition::Confirmation(..) | Condition::ParametersUntold => {
            Some(Feed::Chain)
        }
        Condition::Upgrade(_) => Some(Feed::Governance),
        Condition::PreflightFailure(_) => Some(Feed::Preflight(network_node)),
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
        | Condition::SprintBroke(_)
        | Condition::FirstStart
        // Of these `kind` is never one.
        | Condition::AtNetworkNode(..)
        | Condition::OfAccount(..) => None,
    }
}
