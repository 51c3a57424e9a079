//! What really happened in the world, for tests: whatever the APIs say of it.

use std::collections::BTreeMap;

use crate::domain::{Time, Usd, UsdPerHour};

use super::model::SimInstance;
use super::state::World;

/// What really happened so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// Every rental on the account, ours and others'.
    pub rentals: Vec<TrueRental>,
    /// Ids registered with the Network Node now.
    pub nodes: Vec<String>,
    /// Weight per epoch and node.
    pub weights: BTreeMap<u64, BTreeMap<String, u64>>,
    /// Callback batches per epoch and node.
    pub batches: BTreeMap<u64, BTreeMap<String, u64>>,
    /// Results of confirmation `PoC`s per epoch.
    pub confirmations: BTreeMap<u64, Confirmation>,
    pub spend: Usd,
    /// Most rentals alive at once.
    pub peak_live_rentals: usize,
}

/// Result of a confirmation `PoC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmation {
    pub weight: u64,
    pub confirmed: u64,
}

impl Confirmation {
    /// A participant loses the epoch's reward if at most half of its weight is confirmed.
    pub fn costs_the_reward(&self) -> bool {
        self.confirmed * 2 <= self.weight
    }
}

/// A rental as it really was.
#[derive(Debug, Clone, PartialEq)]
pub struct TrueRental {
    pub id: u64,
    pub label: String,
    pub started: Time,
    pub ended: Option<Time>,
    pub cost: Usd,
    pub price: UsdPerHour,
    pub lease_until: Option<Time>,
    pub is_troubled: bool,
}

impl TrueRental {
    pub(super) fn of(instance: &SimInstance) -> TrueRental {
        TrueRental {
            id: instance.id,
            label: instance.label.clone(),
            started: instance.rented_at,
            ended: instance.destroyed_at,
            cost: Usd::from_dollars(instance.cost),
            price: UsdPerHour::from_dollars(instance.gpu_per_hour() + instance.storage_per_hour()),
            lease_until: instance
                .lease()
                .and_then(|unix| Time::from_timestamp(unix, 0)),
            is_troubled: instance.fault.is_some(),
        }
    }
}

impl World {
    pub fn truth(&self) -> Truth {
        let recent = self.instances.values().map(TrueRental::of);
        Truth {
            rentals: self.past.iter().cloned().chain(recent).collect(),
            nodes: self.registered(),
            weights: self.weights.clone(),
            batches: self.batches.clone(),
            confirmations: self.confirmations.clone(),
            spend: self.spend(),
            peak_live_rentals: self.peak_live,
        }
    }

    pub fn recent_rentals(&self) -> impl Iterator<Item = TrueRental> {
        self.instances.values().map(TrueRental::of)
    }

    pub fn live_rentals(&self) -> Vec<TrueRental> {
        self.live().map(TrueRental::of).collect()
    }

    /// Ids registered with the Network Node.
    pub fn registered(&self) -> Vec<String> {
        self.nodes.keys().cloned().collect()
    }

    /// Weight of a node in an epoch, once computed.
    pub fn weight(&self, epoch: u64, node: &str) -> Option<u64> {
        self.weights.get(&epoch)?.get(node).copied()
    }

    /// Money spent on rentals with this label prefix.
    pub fn spend_under(&self, label: &str) -> Usd {
        let past = self.past.iter().filter(|r| r.label.starts_with(label));
        let past: Usd = past.map(|rental| rental.cost).sum();
        let recent = self.instances.values();
        let recent = recent.filter(|i| i.label.starts_with(label));
        past + Usd::from_dollars(recent.map(|i| i.cost).sum())
    }

    /// Money spent so far.
    pub fn spend(&self) -> Usd {
        Usd::from_dollars(self.archived_cost + self.instances.values().map(|i| i.cost).sum::<f64>())
    }
}
