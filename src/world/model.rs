//! The parts of the world's state: rentals and what runs on them, nodes, copies of logs.

use std::collections::BTreeMap;

use crate::domain::Time;
use serde_json::Value;

use super::mlnode::node::SimMlNode;

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
    pub label: String,
    pub rented_at: Time,
    pub visible_at: Time,
    pub running_at: Time,
    pub destroyed_at: Option<Time>,
    pub cost: f64,
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
}

impl SimInstance {
    pub fn is_running(&self, now: Time) -> bool {
        self.destroyed_at.is_none() && now >= self.running_at
    }

    /// Nothing but its cost changes any more.
    pub fn is_at_rest(&self, now: Time) -> bool {
        let idle = self.lease().is_none() && self.mlnode.is_idle();
        self.destroyed_at.is_some() || (idle && self.is_running(now))
    }

    pub fn gpus(&self) -> u64 {
        self.offer["num_gpus"].as_u64().unwrap_or(1)
    }

    pub fn disk(&self) -> f64 {
        self.order["disk"].as_f64().unwrap_or(10.0)
    }

    /// In dollars, while it runs.
    pub fn gpu_per_hour(&self) -> f64 {
        self.offer["dph_base"].as_f64().unwrap_or(0.0)
    }

    /// In dollars, until it is destroyed.
    pub fn storage_per_hour(&self) -> f64 {
        self.offer["storage_cost"].as_f64().unwrap_or(0.0) * self.disk() / 720.0
    }

    pub fn env(&self, name: &str) -> Option<&str> {
        self.order["env"][name].as_str()
    }

    /// The later of the environment and the lease file, in unix seconds.
    pub fn lease(&self) -> Option<i64> {
        let file = self
            .files
            .get("/var/lib/pocpit/lease")
            .and_then(|b| String::from_utf8_lossy(b).trim().parse().ok());
        let env = self
            .env("POCPIT_LEASE_UNTIL")
            .and_then(|t| t.trim().parse().ok());
        file.max(env)
    }
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
}

/// A log that a host is uploading or has uploaded.
#[derive(Debug, Clone)]
pub(super) struct LogCopy {
    pub number: u64,
    pub available_at: Time,
    pub text: String,
}
