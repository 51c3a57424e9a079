//! The `MLNode` on a rental: what its boot looks like (pure) and how it is asked.

pub mod boot;
pub mod client;
mod endpoint;
mod faults;
mod pull;
mod vllm;
mod wire;
