//! Runs effects, observes the world and publishes what there is to see.
//!
//! One task owns the sprint and the journal ([`start`]); everything that takes time is a task of
//! its own that reports back. The cockpit and the headless mode use the same engine by the same
//! two channels: snapshots out, commands in.

mod alerts;
pub mod attach;
mod clock;
mod commands;
mod effects;
mod failpoint;
mod journal_writer;
mod lifecycle;
mod observe;
mod publish;
mod reconcile;
mod release_only;
mod rental;
mod rules;
mod run;
mod snapshot;
mod state;
mod supervise;

use std::path::PathBuf;
use std::sync::Arc;

pub use alerts::alert::{Advice, Alert, AlertLevel, Condition};
pub use clock::{ScaledClock, SystemClock};
pub use effects::{preflight, requests::needs};
pub use failpoint::{Failpoint, failpoint};
pub use lifecycle::resume::saved_sprint;
pub use reconcile::absence::{Absence, prove_absence};
pub use reconcile::plan::{CleanupAction, NEVER_LISTED, ReconcileInput, foreign, plan};
pub use rental::log_store::LogStore;
pub use rules::{caps_of, lead_of, sprint_rules};
pub use run::{EngineHandle, start};
pub use snapshot::*;
pub use state::{CLOCK_SLACK, EndAfter, EngineOptions, PublishInterval};

pub use supervise::{TaskPanic, catch_panic};

use crate::ports::{Chain, Clock, InferenceProxy, Market, MlNodes, NetworkNode, Remote};

/// The outside world that an engine works on.
pub struct Ports {
    pub clock: Arc<dyn Clock>,
    pub chain: Arc<dyn Chain>,
    pub market: Arc<dyn Market>,
    pub network_node: Arc<dyn NetworkNode>,
    /// The inference proxy, if there is one.
    pub inference_proxy: Option<Arc<dyn InferenceProxy>>,
    /// Clients for `MLNode`s.
    pub mlnodes: Arc<dyn MlNodes>,
    pub remote: Arc<dyn Remote>,
    pub rental_logs: LogStore,
    pub notifier: crate::notify::Notifier,
    /// Where what was told of alerts is kept over a restart.
    pub alerts_file: Option<PathBuf>,
}

/// Why an engine ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Its loop panicked. The journal has everything up to that moment.
    #[error("the engine broke: {0}")]
    Broken(#[from] TaskPanic),
}
