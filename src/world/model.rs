//! The parts of the world's state: rentals and what runs on them, nodes, copies of logs.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::domain::Time;
use serde_json::Value;

use super::account::{AccountId, Bill};
use super::mlnode::node::SimMlNode;

/// In GB, of an order without a disk.
const DEFAULT_DISK: f64 = 8.0;

/// Phase since the latest `poc_start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PocPhase {
    Generate,
    Exchange,
    Validate,
    Inference,
}

/// A rental, alive or destroyed.
#[derive(Debug, Clone)]
pub(super) struct SimInstance {
    pub id: u64,
    pub account: AccountId,
    pub label: String,
    pub rented_at: Time,
    pub visible_at: Time,
    /// What its owner asked for last.
    pub intended: IntendedStatus,
    /// What the container is or was started for, and since when.
    pub boot: Boot,
    pub boot_began: Time,
    /// When the container runs, unless it is stopped.
    pub running_at: Time,
    /// When it ran first, from an empty disk.
    pub first_ran_at: Time,
    /// When somebody else has its GPUs: from a stop on, the host lets them again.
    pub relet: Option<Range<Time>>,
    pub destroyed_at: Option<Time>,
    pub cost: f64,
    pub bill: Bill,
    pub billed_gb: f64,
    pub offer: Value,
    pub order: Value,
    pub keys: Vec<String>,
    pub key_at: Time,
    pub fault: Option<HostFault>,
    pub reclaim_at: Option<Time>,
    pub ssh_port: Option<u16>,
    /// Container ports and their ports outside.
    pub mapped: BTreeMap<u16, u16>,
    pub files: BTreeMap<String, Vec<u8>>,
    pub mlnode: SimMlNode,
    pub increase: PriceIncrease,
    pub renewed: Option<RenewedLease>,
}

impl SimInstance {
    pub fn is_running(&self, now: Time) -> bool {
        self.destroyed_at.is_none()
            && self.intended == IntendedStatus::Running
            && now >= self.running_at
    }

    /// Somebody else has its GPUs.
    pub fn waits_for_gpu(&self, now: Time) -> bool {
        self.relet
            .as_ref()
            .is_some_and(|relet| relet.contains(&now))
    }

    /// Whether its machine is not for rent.
    pub fn holds_gpu(&self, now: Time) -> bool {
        self.destroyed_at.is_none()
            && (self.intended == IntendedStatus::Running || self.waits_for_gpu(now))
    }

    /// Nothing but its cost changes any more.
    pub fn is_at_rest(&self, now: Time) -> bool {
        let idle = self.lease_ends().is_none() && self.mlnode.is_idle();
        self.destroyed_at.is_some()
            || self.intended == IntendedStatus::Stopped
            || (idle && self.is_running(now))
    }

    pub fn gpus(&self) -> u64 {
        self.offer["num_gpus"].as_u64().unwrap_or(1)
    }

    pub fn disk(&self) -> f64 {
        disk_of(&self.order)
    }

    /// What it costs now, in dollars per hour.
    pub fn rate(&self, now: Time) -> f64 {
        if self.is_running(now) {
            self.full_rate()
        } else {
            self.storage_per_hour()
        }
    }

    /// What it costs while it runs, in dollars per hour.
    pub fn full_rate(&self) -> f64 {
        self.gpu_per_hour() + self.fee_per_hour() + self.storage_per_hour()
    }

    /// In dollars, while it runs.
    pub fn gpu_per_hour(&self) -> f64 {
        self.offer["dph_base"].as_f64().unwrap_or(0.0)
    }

    /// In dollars, while it runs: the market's own charge, a share of the GPU's price.
    pub fn fee_per_hour(&self) -> f64 {
        self.gpu_per_hour() * self.offer["platform_fee"].as_f64().unwrap_or(0.0)
    }

    /// In dollars, until it is destroyed.
    pub fn storage_per_hour(&self) -> f64 {
        self.offer["storage_cost"].as_f64().unwrap_or(0.0) * self.disk() / 720.0
    }

    pub fn env(&self, name: &str) -> Option<&str> {
        self.order["env"][name].as_str()
    }
}

/// A renewed lease.
#[derive(Debug, Clone, Copy)]
pub(super) struct RenewedLease {
    pub until: i64,
    /// By the host's uptime, which no wrong clock touches.
    pub ends: Time,
}

/// The disk of an order, in GB.
pub(super) fn disk_of(order: &Value) -> f64 {
    order["disk"].as_f64().unwrap_or(DEFAULT_DISK)
}

/// What the owner wants of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IntendedStatus {
    Running,
    Stopped,
}

impl IntendedStatus {
    pub fn word(self) -> &'static str {
        match self {
            IntendedStatus::Running => "running",
            IntendedStatus::Stopped => "stopped",
        }
    }
}

/// Why a container is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Boot {
    /// It never was: the contract is born stopped.
    Never,
    /// Pulls the image and creates the container.
    First,
    /// Starts it after a stop.
    Start,
    Reboot,
    /// Pulls the image anew and creates the container anew.
    Recycle,
}

/// A host's wish for a higher price, which holds from the end of the contract if it is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PriceIncrease {
    None,
    Accepted,
    Rejected,
}

/// What goes wrong with one rental.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostFault {
    EndlessPull,
    BrokenHost,
    StalledDownload,
    FailingLoad,
    Vanishing,
    Dearer,
    /// The start script's watchdog does not run.
    DeadWatchdog,
    /// Its clock is a day behind.
    WrongClock,
    /// Its SSH server refuses remote forwards.
    RefusedForwards,
    /// Its SSH server does not answer.
    SilentSsh,
}

/// A log that a host is uploading or has uploaded.
#[derive(Debug, Clone)]
pub(super) struct LogCopy {
    pub number: u64,
    pub available_at: Time,
    pub text: String,
}
