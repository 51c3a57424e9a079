//! Listings against the journal: leftovers, proofs, settlements.

pub(crate) mod absence;
pub(crate) mod apply;
pub(crate) mod missed_epochs;
pub(crate) mod plan;
pub(crate) mod settlement;
