//! The tasks of no replica.

use crate::domain::{Duration, NetworkNodeName, PoolName};

/// What one replica has read is good for the others so long: fifty that begin one after the other ask no
/// more often than one.
pub(crate) const SHARED_FOR: Duration = Duration::seconds(10);

/// A task of no replica. One of each runs at a time, unless the operator asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TaskKey {
    /// Search the offers for a pool.
    Search(PoolName),
    /// Read what the usefulness of a rental for this Network Node depends on.
    Preflight(NetworkNodeName),
    /// The operator changes a registration.
    ChangeNode,
    /// Remove a registration that no sprint uses.
    CleanUpNode,
    /// Destroy one of our rentals that no sprint uses.
    CleanUpRental,
    /// Read what a confirmation `PoC` left of the weight of this Network Node's participant.
    Confirmation(NetworkNodeName),
}
