//! Watching rentals.

pub(crate) mod access;
pub(crate) mod boot_history;
pub(crate) mod callback;
pub(crate) mod connection;
pub(crate) mod direct_gateway;
pub(crate) mod link_state;
pub(crate) mod log_merge;
pub(crate) mod log_store;
pub(crate) mod monitor;
pub(crate) mod refusals;
pub(crate) mod supervision;
pub(crate) mod watchdog;
pub(crate) mod watcher;
