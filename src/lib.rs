//! pocpit: a terminal cockpit for Gonka's Proof of Compute.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod chain;
pub mod cli;
pub mod config;
pub mod domain;
pub mod engine;
pub mod flow;
pub mod http;
pub mod journal;
pub mod mlnode;
pub mod network_node;
pub mod notify;
pub mod proxy;
pub mod ssh;
pub mod tui;
pub mod vast;
pub mod world;
