//! The workload on a rental: the stages and faults of its boot (pure), and its clients.

pub mod arguments;
pub mod boot;
pub mod client;
mod endpoint;
pub mod environment;
mod faults;
mod pull;
pub mod suspects;
mod vllm;
mod wire;

pub(crate) use faults::ANOTHER_MACHINE;
