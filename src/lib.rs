//! pocpit: a terminal cockpit for Gonka's Proof of Compute (`PoC`).
//!
//! It rents a GPU on Vast.ai just in time, boots the official `MLNode` on it, registers it with the
//! operator's Network Node before `PoC` starts, watches `PoC` to its outcome on the chain, and takes
//! everything down again: by hand, step by step, or by itself.
//!
//! # The house
//!
//! A room knows only the rooms above it; `tests/component/architecture.rs` fails on a wrong arrow.
//!
//! | room | what it is for |
//! | --- | --- |
//! | [`domain`] | the words: heights, money, ids, offers, nodes, steps, outcomes. Plain values, no I/O |
//! | [`config`] | the operator's settings, declared once in a table; every problem in one report |
//! | [`http`] | the one HTTP client with the one retry policy |
//! | [`chain`] | the block clock, who of several sources is right, the epoch's stages (pure), and the chain's client |
//! | [`vast`] | ranking and costs (pure), and the GPU market's client |
//! | [`mlnode`] | log lines and states to boot stages and faults (pure), and the `MLNode`'s client |
//! | [`network_node`] | wanted against seen registrations (pure), and the Network Node's client |
//! | [`ssh`] | sessions, the log followed by byte, the tunnel; foreign bytes to safe lines (pure) |
//! | [`flow`] | **the sprint**: a pure state machine, events in, effects out |
//! | [`atomic_file`] | small files that are replaced whole |
//! | [`journal`] | durable memory: intents before effects, outcomes after; the one-writer lock |
//! | [`notify`] | tells the operator: webhook, Telegram, Discord, ntfy, a program; the heartbeat |
//! | [`proxy`] | the inference proxy |
//! | [`engine`] | owns sprint and journal, runs effects, observes the world, publishes snapshots, to viewers too |
//! | [`tui`] | the cockpit: sees only snapshots, says only commands, never waits |
//! | [`world`] | the simulated world. It shares nothing but `domain` with the clients: its idea of the wire is its own |
//! | [`cli`] | puts it all together, a command a file |
//!
//! A first way through: [`flow::Sprint`] decides, `engine::core` lets it, [`ports`] is what
//! it needs of the world, `cli::runtime` fills that in.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod atomic_file;
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
pub mod ports;
pub mod proxy;
pub mod ssh;
pub mod tui;
pub mod vast;
pub mod world;
