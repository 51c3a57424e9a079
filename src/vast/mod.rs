//! The GPU market of Vast.ai: its wire, its client, and pure arithmetic on offers.

mod client;
mod cost;
mod fields;
mod pacing;
mod predict;
mod rank;
mod refusal;
mod request;
mod wire;

pub use client::VastClient;
pub use cost::session_cost;
pub use pacing::Pacing;
pub use predict::stage_times;
pub use rank::{Experience, Needs, Ranked, rank};
