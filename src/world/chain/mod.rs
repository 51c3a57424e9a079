//! The chain: its schedule, its APIs and confirmation `PoC`s.

mod api;
mod confirmation;
mod schedule;
