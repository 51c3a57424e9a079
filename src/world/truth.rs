//! What really happened in the world, for tests.

use std::collections::BTreeMap;

use crate::domain::{Time, Usd, UsdPerHour};

use super::model::SimInstance;

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
    /// How often dapi stopped a node to load its model again.
    pub reloads: BTreeMap<String, u64>,
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
    /// While it runs, disk included.
    pub price: UsdPerHour,
    /// When the watchdog destroys it.
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
