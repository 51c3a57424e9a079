//! Observations: what pollers and tasks report, and how the engine handles it.

pub(crate) mod chain;
pub(crate) mod charges;
pub(crate) mod clock_skew;
mod confirmation;
pub(crate) mod freshness;
pub(crate) mod handle;
pub(crate) mod logged_failure;
pub(crate) mod nodes;
pub(crate) mod observation;
pub(crate) mod offers;
pub(crate) mod pollers;
pub(crate) mod proxy_state;
pub(crate) mod rentals;
pub(crate) mod search;
