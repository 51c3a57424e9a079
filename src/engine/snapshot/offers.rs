//! The market's offers in a snapshot.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{AvoidedMachine, Offer, RankedOffer, Time};

/// The market's part of a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OffersSnapshot {
    pub state: SearchState,
    /// Usable offers, best first.
    pub rows: Arc<Vec<RankedOffer>>,
    /// Offers that the server returned and that are out, with the reason.
    pub rejected: Arc<Vec<RejectedOffer>>,
    /// Machines that are left out for a time, with the evidence.
    pub avoided: Vec<AvoidedMachine>,
    pub read_at: Option<Time>,
}

impl OffersSnapshot {
    /// Before the first search. Machines are avoided whatever was searched.
    pub(in crate::engine) fn unread(avoided: Vec<AvoidedMachine>) -> OffersSnapshot {
        OffersSnapshot {
            state: SearchState::Idle,
            rows: Arc::default(),
            rejected: Arc::default(),
            avoided,
            read_at: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchState {
    Idle,
    Searching,
    /// Rows are from the last search.
    Ready,
    /// The last search failed; rows, if any, are older.
    Failed(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RejectedOffer {
    pub offer: Offer,
    pub reason: String,
}
