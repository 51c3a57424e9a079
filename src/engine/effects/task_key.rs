//! The tasks of no replica.

use crate::domain::PoolName;

/// A task of no replica. One of each runs at a time, unless the operator asks for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TaskKey {
    /// Search the offers for a pool.
    Search(PoolName),
    /// The operator changes a registration.
    ChangeNode,
    /// Remove a registration that no sprint uses.
    CleanUpNode,
    /// Destroy one of our rentals that no sprint uses.
    CleanUpRental,
    /// Read what a confirmation `PoC` left of our weight.
    Confirmation,
}
