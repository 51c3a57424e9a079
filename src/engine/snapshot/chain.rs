//! The chain in a snapshot.

use serde::{Deserialize, Serialize};

use crate::domain::{
    Blocks, ConfirmationParams, Duration, EpochIndex, EpochView, Height, Milestone, SourceStatus,
    Time, TimeBand,
};

/// The chain's part of a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct ChainSnapshot {
    /// The last reading, however old.
    pub reading: Option<ChainReading>,
    /// Why the last attempt failed; absent when it did not.
    pub trouble: Option<String>,
    /// No new block for a while, although sources answer.
    pub stalled_since: Option<Time>,
    /// The upgrade that governance has decided on.
    pub upgrade: Option<UpgradeEstimate>,
    /// Every source, in the order in which they were met.
    pub sources: Vec<SourceStatus>,
    /// An older reading does not count any more.
    #[serde(default)]
    pub stale_after: Option<Duration>,
    /// How strictly the chain confirms, once read.
    #[serde(default)]
    pub confirmation: Option<ConfirmationParams>,
}

/// A reading of the chain with what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChainReading {
    pub at: Time,
    pub view: EpochView,
    /// When the phases of the confirmation `PoC` begin and when it is over.
    pub confirmation_times: Option<ConfirmationEstimate>,
    /// Mean block time, once measured.
    pub block_time: Option<Duration>,
    /// Every stage of this epoch and the next that is still to come, in order.
    pub stages: Vec<StageEstimate>,
    /// The `PoC` that the countdown is for.
    pub poc_start: HeightEstimate,
    /// Last height at which a registration still counts for it.
    pub registration_deadline: HeightEstimate,
}

/// When the phases of a confirmation `PoC` begin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ConfirmationEstimate {
    /// Generation: the grace period is over.
    pub generation: HeightEstimate,
    pub validation: HeightEstimate,
    /// The end: a node that was there until then has passed it.
    pub end: HeightEstimate,
}

/// An upgrade that is planned, and when it is expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpgradeEstimate {
    pub name: String,
    /// Where the chain halts for it.
    pub at: HeightEstimate,
}

/// A height and when it is expected, with the band p10 to p90.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HeightEstimate {
    pub height: Height,
    /// Blocks until then, at the reading; 0 when passed.
    pub blocks_left: Blocks,
    /// Expected time; absent until block time is measured.
    pub expected: Option<TimeBand>,
}

impl HeightEstimate {
    /// When it is expected, unless it has passed.
    pub fn ahead(&self) -> Option<TimeBand> {
        self.expected.filter(|_| self.blocks_left.0 > 0)
    }
}

/// A stage of an epoch, and when it begins.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StageEstimate {
    pub epoch: EpochIndex,
    pub milestone: Milestone,
    pub at: HeightEstimate,
}
