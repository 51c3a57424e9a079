//! Runs effects, observes the world and publishes what there is to see.
//!
//! One task owns the sprint and the journal ([`start`]); everything that takes time is a task of
//! its own that reports back. The cockpit and the headless mode use the same engine by the same
//! two channels: snapshots out, commands in.

pub mod attach;
mod began;
mod chain_alerts;
mod clock;
mod condition;
mod confirmation;
mod core;
mod credit;
mod drill;
mod exec;
mod front;
mod heartbeat;
mod inference;
mod link;
mod market_log;
mod memory;
mod missed;
mod nodes;
mod observe;
mod page;
mod past;
pub mod preflight;
mod price;
mod publish;
mod reads;
mod reconcile;
mod rental;
mod rental_log;
mod see;
mod settle;
mod snapshot;
mod supervise;
mod told;
mod watched;
mod workload;

use std::path::PathBuf;
use std::sync::Arc;

pub use clock::{ScaledClock, SystemClock};
pub use condition::Condition;
pub use core::{EndAfter, EngineHandle, EngineOptions, Pace, saved_sprint, start};
pub use drill::{Part, drill};
pub use exec::needs;
pub use publish::{caps_of, lead_of, sprint_rules};
pub use reconcile::{Absence, NEVER_SEEN, Order, Readings, foreign, plan, prove_absence};
pub use rental_log::RentalLogs;
pub use see::CLOCK_SLACK;
pub use snapshot::{
    Alert, AlertLevel, BootLog, BootSnapshot, CapSnapshot, ChainReading, ChainSnapshot, Command,
    ConfirmationEstimate, GateSnapshot, HeightEstimate, LastReads, LinkSnapshot, MoneySnapshot,
    NodeChange, NodeOwner, NodeRow, NodesSnapshot, OffersSnapshot, PastSprintRow, ProxySnapshot,
    QuitChoice, RejectedOffer, RentalSnapshot, SearchState, Snapshot, SprintSnapshot,
    StageEstimate, TimeBand, TunnelRate, UpgradeEstimate, WorldKind,
};

pub use supervise::{Panicked, caught};

use crate::ports::{Chain, Clock, InferenceProxy, Market, MlNodes, NetworkNode, Remote};

/// The outside world that an engine works on.
pub struct Ports {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The chain.
    pub chain: Arc<dyn Chain>,
    /// The GPU market.
    pub market: Arc<dyn Market>,
    /// The operator's Network Node.
    pub network_node: Arc<dyn NetworkNode>,
    /// The inference proxy, if there is one.
    pub inference_proxy: Option<Arc<dyn InferenceProxy>>,
    /// Clients for `MLNode`s.
    pub mlnodes: Arc<dyn MlNodes>,
    /// SSH.
    pub remote: Arc<dyn Remote>,
    /// Where rentals' logs are kept.
    pub rental_logs: RentalLogs,
    /// Whom to tell.
    pub notifier: crate::notify::Notifier,
    /// Where what was told of alerts is kept over a restart.
    pub told_file: Option<PathBuf>,
}

/// Why an engine ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Its loop panicked. The journal has everything up to that moment.
    #[error("the engine broke: {0}")]
    Broken(#[from] Panicked),
}
