//! Commands of the operator.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::{GateKind, MachineId, Mode, NetworkNodeName, NodeId, OfferId, ReplicaId, Usd};

/// What an operator can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Approve every step by hand, or none.
    SetMode(Mode),
    /// To one replica's sprint.
    Sprint(ReplicaId, SprintCommand),
    RefreshOffers,
    /// Change a registered node by hand, ours or not.
    ChangeNode {
        /// Where; the first Network Node unless it is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        network_node: Option<NetworkNodeName>,
        node: NodeId,
        change: NodeChange,
    },
    /// Leave this machine out for as long as one that failed.
    AvoidMachine(MachineId),
    /// No longer leave this machine out.
    AllowMachine(MachineId),
    /// Go on with a journal that has lost earlier records.
    AcceptJournal,
    /// End every sprint and release everything.
    AbortAll,
    /// Stop the engine. `Release` first releases everything; `Detach` leaves the rental to the
    /// journal, its lease and the next start.
    Quit(QuitChoice),
}

/// For the log.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Sprint(replica, command) if replica.is_default() => write!(f, "{command:?}"),
            Command::Sprint(replica, command) => write!(f, "{command:?} for {replica}"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// What an operator can ask of a sprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SprintCommand {
    /// Pass the start gate of a waiting sprint, or begin a new sprint after one is done.
    Start,
    /// Rent this offer at this worst-case cost. Refused when either has changed.
    Rent {
        offer: OfferId,
        /// The worst case that was shown and agreed to.
        agreed: Usd,
    },
    /// Pass a gate other than `Rent`.
    Approve(GateKind),
    /// End the sprint and release what it has.
    Abort,
}

/// What an operator can do to a registered node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeChange {
    /// It takes part from the next epoch on.
    Enable,
    /// It takes no part from the next epoch on.
    Disable,
    Remove,
}

/// What becomes of a live rental when the cockpit is quit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuitChoice {
    Release,
    /// End now; the rental lives until its lease is over, and is found again by the next start.
    Detach,
}
