//! The world's own ledger, for tests: what really happened, whatever was said over the wire.

use std::collections::BTreeMap;

use crate::domain::{Time, Usd, UsdPerHour};

use super::model::SimInstance;

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
    /// What became of each epoch's confirmation `PoC`.
    pub confirmations: BTreeMap<u64, Confirmation>,
    /// Money spent.
    pub spend: Usd,
    /// Most rentals alive at once.
    pub peak_live_rentals: usize,
}

/// A confirmation `PoC` that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmation {
    /// The participant's weight in the epoch.
    pub weight: u64,
    /// What of it was confirmed.
    pub confirmed: u64,
}

impl Confirmation {
    /// At half of its weight or less a participant loses the epoch's reward.
    pub fn costs_the_reward(&self) -> bool {
        self.confirmed * 2 <= self.weight
    }
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
    /// What an hour of it costs while it runs, its disk included.
    pub price: UsdPerHour,
    /// When its watchdog ends it.
    pub lease_until: Option<Time>,
    /// Its host does not keep its word.
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
            is_troubled: instance.trouble.is_some(),
        }
    }
}
