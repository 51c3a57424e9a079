//! The inference proxy's status.

use serde::{Deserialize, Serialize};

/// Whether the Network Node wants inference served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Serving {
    #[default]
    Up,
    Stopped,
}

/// Counts are since the proxy's first start, across restarts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProxyFigures {
    /// What the Network Node requested last.
    pub serving: Serving,
    pub under_way: u64,
    pub answered: u64,
    /// Requests that were at fault themselves (HTTP 4xx).
    pub refused: u64,
    /// Requests that failed here or upstream (HTTP 5xx).
    pub failed: u64,
    /// Replies that broke off or that the caller abandoned.
    pub unfinished: u64,
    /// By preference.
    pub upstreams: Vec<UpstreamFigures>,
}

impl ProxyFigures {
    /// All finished requests.
    pub fn requests(&self) -> u64 {
        self.answered + self.refused + self.failed
    }

    /// True if every upstream is in cooldown, so that requests fail.
    pub fn has_no_usable_upstream(&self) -> bool {
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
    pub health: UpstreamHealth,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamHealth {
    Well,
    /// In cooldown after a failure.
    Resting,
}
