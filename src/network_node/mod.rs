//! The operator's Network Node: its admin API, and what differs between what should be registered
//! and what is.

mod client;
mod diff;
mod wire;

pub use client::NetworkNodeClient;
pub use diff::{Difference, diff};
