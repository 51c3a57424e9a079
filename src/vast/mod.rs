//! The GPU market Vast.ai: its client, and ranking and cost of offers (pure).

mod client;
mod cost;
mod predict;
mod rank;
mod rate_limit;
mod refusal;
mod request;
mod wire;

pub use client::VastClient;
pub use cost::session_cost;
pub use predict::stage_times;
pub use rank::{RankedOffers, RentalHistory, SessionNeeds, rank};
pub use rate_limit::RateLimit;
