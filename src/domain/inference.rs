//! What the inference proxy tells of itself.

use serde::{Deserialize, Serialize};

/// Whether the Network Node wants inference served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Serving {
    #[default]
    Up,
    Stopped,
}

/// The inference proxy's figures; counts are since its first start, over restarts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProxyFigures {
    /// What the Network Node asked for last.
    pub serving: Serving,
    pub under_way: u64,
    pub answered: u64,
    /// Requests that were at fault themselves (HTTP 4xx).
    pub refused: u64,
    /// Requests that failed here or upstream (HTTP 5xx).
    pub failed: u64,
    /// Answers that broke off or that the caller did not wait for.
    pub unfinished: u64,
    /// Who answers, by preference.
    pub upstreams: Vec<UpstreamFigures>,
}

impl ProxyFigures {
    /// All requests that came to an end.
    pub fn requests(&self) -> u64 {
        self.answered + self.refused + self.failed
    }

    /// Whether every upstream failed lately, so that requests fail.
    pub fn has_nobody_to_ask(&self) -> bool {
        let mut upstreams = self.upstreams.iter();
        upstreams.all(|one| one.health == UpstreamHealth::Resting)
    }
}

/// An upstream of the inference proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamFigures {
    pub name: String,
    pub answered: u64,
    pub failed: u64,
    /// Whether it is asked in its turn.
    pub health: UpstreamHealth,
}

/// Whether an upstream is asked in its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamHealth {
    Well,
    Resting,
}
