//! Snapshots of the engine's state.

pub(crate) mod chain;
pub(crate) mod history;
pub(crate) mod rental;
pub(crate) mod snapshot;
pub(crate) mod sprint;
mod sums;
