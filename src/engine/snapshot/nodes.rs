//! Registered nodes and the inference proxy in a snapshot.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::domain::{NetworkNodeName, Participant, ProxyFigures, RegisteredNode, Time};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct NodesSnapshot {
    /// The last complete list, however old.
    pub rows: Vec<NodeRow>,
    pub read_at: Option<Time>,
    pub trouble: Option<String>,
    /// Whose list it is; absent in snapshots of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_node: Option<NetworkNodePlace>,
}

impl NodesSnapshot {
    /// The Network Node's.
    pub fn name(&self) -> NetworkNodeName {
        let place = self.network_node.as_ref();
        place.map(|place| place.name.clone()).unwrap_or_default()
    }
}

/// A Network Node of the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkNodePlace {
    #[serde(default)]
    pub name: NetworkNodeName,
    /// Its admin API.
    pub address: String,
    pub participant: Participant,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRow {
    pub node: RegisteredNode,
    pub owner: NodeOwner,
}

/// Ours first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeOwner {
    Sprint,
    /// Of one of our rentals that is gone or being destroyed: the node is being removed.
    Leftover,
    Proxy,
    /// Somebody else's: never touched but by the operator's own command.
    Other,
}

impl NodeOwner {
    /// As in the list of nodes.
    pub fn word(self) -> &'static str {
        match self {
            NodeOwner::Sprint => "rental",
            NodeOwner::Leftover => "leftover",
            NodeOwner::Proxy => "proxy",
            NodeOwner::Other => "other",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProxySnapshot {
    /// Where it is reached from here.
    pub address: SocketAddr,
    /// Its last figures, however old.
    pub figures: Option<ProxyFigures>,
    /// Requests a minute lately.
    pub per_minute: Option<f64>,
    /// Since when it does not answer.
    pub silent_since: Option<Time>,
}
