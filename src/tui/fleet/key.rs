//! What a row of the fleet is about.

use crate::domain::NodeId;

/// What a row is about. It stays the same while its figures change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FleetKey {
    /// The sprint, with its rental and its node.
    Sprint,
    /// The second rental of a race.
    Hedge,
    /// A node of others, the proxy, or a leftover.
    Node(NodeId),
}
