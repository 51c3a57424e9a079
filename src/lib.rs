//! pocpit: a terminal cockpit for Gonka's Proof of Compute.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod config;
pub mod domain;
pub mod engine;
pub mod world;
