//! The operator's Network Node: its admin API, and what differs between what should be registered
//! and what is; and whether anything could be registered at all, before money is spent.

mod client;
mod diff;
mod preflight;
mod wire;

pub use client::NetworkNodeClient;
pub use diff::{Difference, RegistrationState, diff, likeness, registration_state};
pub use preflight::{PreflightFacts, PreflightTarget, evaluate, evaluate_chain};
