//! What really happened, for tests: whatever the APIs say of it.

use super::state::World;
use super::truth::{TrueRental, Truth};
use crate::domain::Usd;

impl World {
    pub fn truth(&self) -> Truth {
        let recent = self.instances.values().map(TrueRental::of);
        Truth {
            rentals: self.past.iter().cloned().chain(recent).collect(),
            nodes: self.registered(),
            weights: self.weights.clone(),
            batches: self.batches.clone(),
            confirmations: self.confirmations.clone(),
            reloads: self.dapi.reloads.clone(),
            challenges: self.challenges.clone(),
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
