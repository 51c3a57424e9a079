//! An alert: what is wrong, how bad it is, and what to do about it.

use serde::{Deserialize, Serialize};

use crate::domain::{
    AccountName, ChainSource, EpochIndex, Height, InstanceId, NetworkNodeName, ReplicaId,
    Requirement, Time,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    pub condition: Condition,
    pub level: AlertLevel,
    /// What happened, to what, and what it means.
    pub text: String,
    #[serde(flatten)]
    pub advice: Advice,
    pub since: Time,
}

impl Alert {
    pub(crate) fn new(
        condition: Condition,
        level: AlertLevel,
        since: Time,
        text: impl Into<String>,
        advice: impl Into<Advice>,
    ) -> Alert {
        Alert {
            condition,
            level,
            text: text.into(),
            advice: advice.into(),
            since,
        }
    }
}

/// What to do about an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    #[serde(rename = "advice")]
    pub text: String,
    /// The command that the text names, if it names one.
    #[serde(default)]
    pub command: Option<String>,
}

impl Advice {
    pub fn with_command(text: impl Into<String>, command: impl Into<String>) -> Advice {
        Advice {
            text: text.into(),
            command: Some(command.into()),
        }
    }
}

impl<T: Into<String>> From<T> for Advice {
    fn from(text: T) -> Advice {
        Advice {
            text: text.into(),
            command: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertLevel {
    Notice,
    /// Will cost something if nobody acts.
    Warning,
    Critical,
}

/// Identifies an alert: its text changes while it lasts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Condition {
    #[serde(alias = "clock_behind")]
    ClockSkew,
    /// This process has few file descriptors left.
    DescriptorsLow,
    /// The settings cut the release policy short.
    #[serde(alias = "policy_cut_short")]
    ReleasePolicyCut,
    /// Nothing new is rented or registered.
    ReleaseOnly,
    /// An older journal is missing: nothing is rented until the operator agrees.
    JournalLost,
    /// A rental of another cockpit on the same account.
    #[serde(alias = "foreign")]
    ForeignRental(InstanceId),
    #[serde(alias = "not_gone")]
    DestroyOverdue(InstanceId),
    /// A rental costs more than was agreed.
    PriceIncrease(InstanceId),
    /// Its host asks for a higher price.
    PriceRequested(InstanceId),
    /// The workload cannot work, or has ended and is restarted.
    BootFault(InstanceId),
    /// Part of the workload does not work.
    WorkloadPartial(InstanceId),
    /// Work of a `PoC` is lost; the workload keeps running.
    PocWorkLost(InstanceId),
    #[serde(alias = "no_link")]
    LinkDown(InstanceId),
    #[serde(alias = "strange_host")]
    HostKeyMismatch(InstanceId),
    /// The rental does not reach the `PoC` callback.
    CallbackUnproven(InstanceId),
    /// The rental would not end itself with its lease.
    WatchdogUnverified(InstanceId),
    /// Not enough for a sprint.
    LowCredit,
    #[serde(alias = "rentals_unread")]
    RentalsUnknown,
    #[serde(alias = "nodes_unread")]
    NetworkNodeDown,
    /// The operator's change of a node failed.
    #[serde(alias = "node_not_changed")]
    NodeChangeFailed,
    #[serde(alias = "proxy_silent")]
    ProxyDown,
    /// No upstream of the inference proxy is healthy.
    #[serde(alias = "proxy_without_upstream")]
    NoHealthyUpstream,
    #[serde(alias = "chain_unread")]
    ChainUnreachable,
    #[serde(alias = "chain_stands")]
    ChainStalled,
    #[serde(alias = "source_unreliable")]
    UnreliableSource(ChainSource),
    /// Chain parameters changed.
    ParametersChanged,
    /// The risk of a first sprint.
    FirstStart,
    /// An upgrade will halt the chain here.
    Upgrade(Height),
    /// A running confirmation `PoC`: its epoch and number.
    Confirmation(EpochIndex, u64),
    /// A `PoC` Challenge in this epoch.
    Challenge(EpochIndex),
    /// The chain's reply lacks the epoch's parameters.
    ParametersUntold,
    /// A requirement of renting that is not met.
    #[serde(alias = "obstacle")]
    PreflightFailure(Requirement),
    /// The sprint of a replica panicked.
    SprintBroke(ReplicaId),
    /// The same at another Network Node than the only one.
    AtNetworkNode(NetworkNodeName, Box<Condition>),
    /// The same of another account than that of `[vast]`.
    OfAccount(AccountName, Box<Condition>),
}

impl Condition {
    /// At this Network Node.
    #[must_use]
    pub(crate) fn at(self, network_node: &NetworkNodeName) -> Condition {
        if network_node.is_default() {
            return self;
        }
        Condition::AtNetworkNode(network_node.clone(), Box::new(self))
    }

    /// Of this account.
    #[must_use]
    pub(crate) fn of(self, account: &AccountName) -> Condition {
        if account.is_default() {
            return self;
        }
        Condition::OfAccount(account.clone(), Box::new(self))
    }

    /// What it is, wherever it is.
    pub fn kind(&self) -> &Condition {
        match self {
            Condition::AtNetworkNode(_, kind) | Condition::OfAccount(_, kind) => kind.kind(),
            kind => kind,
        }
    }

    /// The Network Node that it is at.
    pub fn network_node(&self) -> NetworkNodeName {
        match self {
            Condition::AtNetworkNode(name, _) => name.clone(),
            _ => NetworkNodeName::default(),
        }
    }

    /// The account that it is of.
    pub fn account(&self) -> AccountName {
        match self {
            Condition::OfAccount(name, _) => name.clone(),
            _ => AccountName::default(),
        }
    }

    pub fn instance(&self) -> Option<InstanceId> {
        match self.kind() {
            Condition::ForeignRental(instance)
            | Condition::DestroyOverdue(instance)
            | Condition::PriceIncrease(instance)
            | Condition::PriceRequested(instance)
            | Condition::BootFault(instance)
            | Condition::WorkloadPartial(instance)
            | Condition::PocWorkLost(instance)
            | Condition::LinkDown(instance)
            | Condition::CallbackUnproven(instance)
            | Condition::WatchdogUnverified(instance)
            | Condition::HostKeyMismatch(instance) => Some(*instance),
            _ => None,
        }
    }
}
