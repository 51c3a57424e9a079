//! The world's own ledger, for tests: what really happened, whatever was said over the wire.

use std::collections::BTreeMap;

use crate::domain::{Time, Usd};

use super::state::World;

/// What really happened so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// Every rental, of ours and of others on the account.
    pub rentals: Vec<TrueRental>,
    /// Ids registered at the Network Node now.
    pub nodes: Vec<String>,
    /// Weight per epoch and node.
    pub weights: BTreeMap<u64, BTreeMap<String, u64>>,
    /// Callback batches per epoch and node.
    pub batches: BTreeMap<u64, BTreeMap<String, u64>>,
    /// Money spent.
    pub spend: Usd,
    /// Most rentals alive at once.
    pub peak_live_rentals: usize,
}

/// A rental as it really was.
#[derive(Debug, Clone, PartialEq)]
pub struct TrueRental {
    /// Contract id.
    pub id: u64,
    /// Its label.
    pub label: String,
    /// When it was rented.
    pub started: Time,
    /// When it was destroyed.
    pub ended: Option<Time>,
    /// What it cost.
    pub cost: Usd,
}

impl World {
    /// What really happened so far.
    pub fn truth(&self) -> Truth {
        let rentals = self.instances.values().map(|i| TrueRental {
            id: i.id,
            label: i.label.clone(),
            started: i.rented_at,
            ended: i.destroyed_at,
            cost: Usd::from_dollars(i.cost),
        });
        Truth {
            rentals: rentals.collect(),
            nodes: self.nodes.keys().cloned().collect(),
            weights: self.weights.clone(),
            batches: self.batches.clone(),
            spend: Usd::from_dollars(self.instances.values().map(|i| i.cost).sum()),
            peak_live_rentals: self.peak_live,
        }
    }
}
