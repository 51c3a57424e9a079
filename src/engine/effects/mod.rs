//! Effects of the sprint as requests to the outside world.

pub(crate) mod execute;
pub mod preflight;
pub(crate) mod registration;
pub(crate) mod release_calls;
pub(crate) mod release_log;
pub(crate) mod renting;
pub(crate) mod requests;
pub(crate) mod task_key;
pub(crate) mod task_set;
pub(crate) mod tasks;
