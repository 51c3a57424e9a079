//! What a row of the fleet is about.

use crate::domain::{NetworkNodeName, NodeId, ReplicaId};

/// What a row is about. It stays the same while its figures change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FleetKey {
    /// The sprint, with its rental and its node.
    Sprint,
    /// The second rental of a race.
    Hedge,
    /// One of several replicas, with its rentals and its node.
    Replica(ReplicaId),
    /// A node of others, the proxy, or a leftover.
    Node(NetworkNodeName, NodeId),
}
