//! The GPU market Vast.ai: its client, and ranking and cost of offers (pure).

mod calls;
mod charges;
mod client;
mod cost;
mod instances;
mod pages;
mod predict;
mod rank;
mod rate_limit;
mod refusal;
mod request;
mod shared_listing;
mod single_read;
mod wire;

pub use calls::VastClient;
pub use cost::session_cost;
pub use predict::stage_times;
pub use rank::{RankedOffers, RentalHistory, SessionNeeds, rank};
pub use rate_limit::{RateLimit, RateLimiter};
pub use single_read::judge_single_read;
