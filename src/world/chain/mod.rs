//! The chain: its schedule, its APIs, its rules and confirmation `PoC`s.

mod api;
mod confirmation;
mod early_share;
mod rest;
pub(super) mod schedule;

pub(super) use api::governance_args;
