//! What really happened in the world, for tests.

use std::collections::BTreeMap;

use crate::domain::{Time, Usd, UsdPerHour};

use super::account::AccountId;
use super::host::HostId;
use super::numbers::number;

/// What really happened so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// Every rental on the accounts, ours and others'.
    pub rentals: Vec<TrueRental>,
    pub hosts: BTreeMap<HostId, HostTruth>,
    pub spend: Usd,
    /// Most rentals alive at once.
    pub peak_live_rentals: usize,
}

impl Truth {
    /// The host that every world has.
    pub fn first_host(&self) -> &HostTruth {
        &self.hosts[&HostId::FIRST]
    }
}

/// What really happened to one of the operator's hosts.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTruth {
    /// Its address on the chain.
    pub participant: String,
    /// Ids registered with its Network Node now.
    pub nodes: Vec<String>,
    /// Weight per epoch and node.
    pub weights: BTreeMap<u64, BTreeMap<String, u64>>,
    /// Callback batches per epoch and node.
    pub batches: BTreeMap<u64, BTreeMap<String, u64>>,
    /// Results of confirmation `PoC`s per epoch; of several, the least.
    pub confirmations: BTreeMap<u64, Confirmation>,
    /// How often dapi stopped a node to load its model again.
    pub reloads: BTreeMap<String, u64>,
    /// Results of a `PoC` Challenge per epoch; of several segments, the least.
    pub challenges: BTreeMap<u64, Confirmation>,
}

/// What was done to another node of the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Harm {
    /// A removal blocked the Network Node when the node should have begun or ended its work in a `PoC`.
    HeldUp {
        node: String,
        /// The height that identifies the `PoC`.
        round: u64,
    },
    /// It was stopped to load its model again.
    Reloaded {
        node: String,
    },
    Removed {
        node: String,
    },
    Disabled {
        node: String,
    },
}

/// Result of a confirmation `PoC`, or of a segment of a challenge, on the scale of confirmations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confirmation {
    pub expected: u64,
    /// Preserved nodes count in full.
    pub confirmed: u64,
}

impl Confirmation {
    /// A participant that shows less than `alpha_threshold` (0.5 here) is removed from the epoch:
    /// `min(1, confirmed / expected / 0.909) < 0.5`, strictly.
    pub fn costs_the_reward(&self) -> bool {
        let ratio = number(self.confirmed) / number(self.expected.max(1)) / 0.909;
        self.expected > 0 && ratio.min(1.0) < 0.5
    }
}

/// A rental as it really was.
#[derive(Debug, Clone, PartialEq)]
pub struct TrueRental {
    pub id: u64,
    pub account: AccountId,
    pub machine: u64,
    pub label: String,
    pub started: Time,
    pub ended: Option<Time>,
    pub cost: Usd,
    /// While it runs, disk included.
    pub price: UsdPerHour,
    /// When the watchdog destroys it.
    pub lease_until: Option<Time>,
    /// It did not work as promised, and that costs the window that it was rented for.
    pub is_troubled: bool,
}
