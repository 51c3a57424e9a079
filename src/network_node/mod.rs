//! The operator's Network Node: client of its admin API, comparison of registrations, and the preflight
//! check before money is spent.

mod callback;
mod client;
mod diff;
mod preflight;
mod setup_wire;
mod wire;

pub use callback::{CallbackRoute, CallbackWay, unread_callback};
pub use client::NetworkNodeClient;
pub use diff::{RegistrationState, likeness, registration_state, with_registered_arguments};
pub use preflight::{PreflightFacts, PreflightTarget, ProxyTarget, evaluate, evaluate_chain};
