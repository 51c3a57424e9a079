//! The chain: its schedule, its APIs, its rules and confirmation `PoC`s.

mod api;
mod challenge;
mod confirmation;
mod early_share;
mod governance;
mod records;
mod rest;
mod round;
pub(super) mod schedule;
mod shapes;

#[cfg(test)]
mod tests;

pub(super) use governance::governance_args;
pub(super) use round::{Round, RoundKind};
