//! The chain: what its heights mean (pure), and the client that reads them.

pub mod challenge;
pub mod client;
pub mod clock;
pub mod epoch;
pub mod height_check;
mod rules;
mod rules_wire;
pub mod sources;
mod stages;
mod subscription;
mod wire;
