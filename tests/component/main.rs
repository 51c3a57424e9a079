//! One part at a time, on one thread, without a process of its own: in seconds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod acceptance;
mod architecture;
mod clients;
mod clock;
mod cockpit_views;
mod dependencies;
mod flow;
mod fuzz_targets;
mod http_errors;
mod market_oddities;
mod packaging;
mod readme;
mod released;
mod reward_rules;
mod scene;
mod wording;
