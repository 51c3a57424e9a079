//! An alert: what is wrong, how bad it is, and what to do about it.

use serde::{Deserialize, Serialize};

use crate::domain::{ChainSource, EpochIndex, Height, InstanceId, Requirement, Time};

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
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// This machine's clock is behind the chain's.
    ClockBehind,
    /// The settings cut the policy of release short.
    PolicyCutShort,
    /// Nothing new is rented or registered.
    ReleaseOnly,
    /// A rental of another cockpit is on the account.
    Foreign(InstanceId),
    /// A rental is not gone, long after its destroy.
    NotGone(InstanceId),
    /// A rental costs more than was agreed.
    PriceIncrease(InstanceId),
    BootFault(InstanceId),
    /// There is no link to a rental.
    NoLink(InstanceId),
    /// Another host answered in a rental's place.
    StrangeHost(InstanceId),
    /// The account's credit does not do for a sprint.
    LowCredit,
    /// The account's rentals cannot be listed.
    RentalsUnread,
    /// The Network Node does not answer.
    NodesUnread,
    /// A node was not changed as the operator asked.
    NodeNotChanged,
    /// The inference proxy does not answer.
    ProxySilent,
    /// No upstream of the inference proxy is well.
    ProxyWithoutUpstream,
    ChainUnread,
    /// The chain shows no new block.
    ChainStands,
    /// A source of the chain cannot be relied on.
    SourceUnreliable(ChainSource),
    /// Parameters of the chain have changed.
    ParametersChanged,
    /// This has not been tried before.
    FirstStart,
    /// An upgrade will halt the chain here.
    Upgrade(Height),
    /// A confirmation `PoC` of this epoch, the one of this number, is under way.
    Confirmation(EpochIndex, u64),
    /// Nothing is rented because of this.
    Obstacle(Requirement),
}

impl Condition {
    /// The rental that it is about.
    pub fn instance(&self) -> Option<InstanceId> {
        match self {
            Condition::Foreign(instance)
            | Condition::NotGone(instance)
            | Condition::PriceIncrease(instance)
            | Condition::BootFault(instance)
            | Condition::NoLink(instance)
            | Condition::StrangeHost(instance) => Some(*instance),
            _ => None,
        }
    }
}
