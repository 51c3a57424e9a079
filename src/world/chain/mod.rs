//! The chain: its schedule, its APIs and confirmation `PoC`s.

mod api;
mod confirmation;
pub(super) mod schedule;

pub(super) use api::governance_args;
