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
//! # A walk through a sprint
//!
//! 1. `cli::auto` loads [`config::Config`], opens [`journal::Journal`], which locks the state directory, and
//!    starts the engine with the real [`ports`].
//! 2. [`engine`] polls chain, market and Network Node, and turns what it reads into [`flow::Event`]s.
//! 3. [`flow::Sprint::handle`] decides: it knows no clock and no network, and answers with
//!    [`flow::Effect`]s. [`flow::Sprint::next_wake`] says when it wants to be asked again.
//! 4. The engine writes an effect's intent to the journal *before* the call and its outcome after it, so that
//!    a crash at any point is repaired from the journal and from what is observed.
//! 5. After each turn it publishes a [`engine::Snapshot`]: what [`tui`] draws, notices and metrics report, and
//!    attached viewers receive. Commands come back the same way.
//!
//! # Where a change begins
//!
//! | to change | begin with | held by |
//! | --- | --- | --- |
//! | a setting | its row in `config::table` | the example file, `config check`, `config show` come from it |
//! | what a sprint does | [`flow`], with a test in `tests/component/flow` | `tests/simulation` plays it with faults and crashes |
//! | an alert | [`engine::Condition`] | `cli::troubleshooting` needs its row: the README's table comes from it |
//! | a key | the table of [`tui::keymap`] | footer, help and README come from it |
//! | a command or its JSON | `cli`, one file a command | help examples parse; `assets/schemas` follow the types |
//! | a record of the journal | [`journal::Record`]; raise [`journal::VERSION`] if an older program would add it up wrongly | `tests/released` keeps what each version wrote |
//! | what others send | the client's `wire` file, and independently [`world`] | `tests/component/clients` |
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
