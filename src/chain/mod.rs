//! The chain: what its heights mean (pure) and how it is read.

mod announced;
pub mod client;
pub mod clock;
pub mod epoch;
pub mod plausible;
pub mod sources;
mod stages;
mod wire;
