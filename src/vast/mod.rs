//! The GPU market of Vast.ai: its wire, its client, and pure arithmetic on offers.

mod client;
mod cost;
mod fields;
mod pacing;
mod rank;
mod refusal;
mod request;
mod wire;

pub use client::VastClient;
pub use cost::{BootEstimate, predicted_boot, session_cost};
pub use pacing::Pacing;
pub use rank::{Needs, Ranked, RankedOffer, rank};
