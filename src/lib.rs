//! pocpit: a terminal cockpit for Gonka's Proof of Compute (`PoC`).
//!
//! It rents a GPU on Vast.ai just in time, boots the official `MLNode` on it, registers it with the
//! operator's Network Node before `PoC` starts, follows `PoC` to its outcome on the chain, and releases
//! everything: step by step by hand, or unattended.
//!
//! # Layout
//!
//! A module depends only on modules above it; `tests/component/architecture.rs` fails on a wrong arrow or a
//! circle.
//!
//! | module | purpose |
//! | --- | --- |
//! | [`domain`] | the vocabulary: heights, money, ids, offers, nodes, steps, outcomes. Plain values, no I/O |
//! | [`ports`] | the outside world as traits |
//! | [`config`] | the operator's settings, declared once in a table; every problem in one report |
//! | [`http`] | the one HTTP client with the one retry policy |
//! | [`chain`] | the block clock, the choice among sources, the epoch's stages (pure), and the chain's client |
//! | [`vast`] | ranking and costs (pure), and the GPU market's client |
//! | [`mlnode`] | log lines and states to boot stages and faults (pure), and the `MLNode`'s client |
//! | [`network_node`] | preflight and address clashes (pure), and the Network Node's client |
//! | [`ssh`] | sessions, the log followed by byte, the tunnel; untrusted bytes to safe lines (pure) |
//! | [`fleet`] | which offers a replica may take, and its ports (pure) |
//! | [`flow`] | **the sprint**: a pure state machine, events in, effects out |
//! | [`descriptors`] | the file descriptors of this process |
//! | [`admission`] | which connections a listener keeps open |
//! | [`atomic_file`] | small files, replaced as a whole |
//! | [`journal`] | durable record: intents before effects, outcomes after; the one-writer lock |
//! | [`notify`] | sends notices: webhook, Telegram, Discord, ntfy, a program; the heartbeat |
//! | [`proxy`] | the inference proxy |
//! | [`engine`] | owns sprint and journal, runs effects, polls the world, publishes snapshots, also to viewers |
//! | [`tui`] | the cockpit: reads snapshots, sends commands, never blocks |
//! | [`world`] | the simulated world. It shares only `domain` with the clients: its wire format is written independently |
//! | [`cli`] | wires everything together, one file per command |
//!
//! Where to start reading: [`flow::Sprint`] decides, `engine::run` executes, [`ports`] are the traits of the
//! outside world, and `cli::runtime` provides them.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod admission;
pub mod atomic_file;
pub mod chain;
pub mod cli;
pub mod config;
pub mod descriptors;
pub mod domain;
pub mod engine;
pub mod fleet;
pub mod flow;
pub mod http;
pub mod journal;
pub mod mlnode;
pub mod network_node;
pub mod notify;
pub mod ports;
pub mod proxy;
pub mod ssh;
pub mod tui;
pub mod vast;
pub mod world;
