//! Runs effects, observes the world and publishes snapshots.
//!
//! One task owns the sprint and the journal ([`start`]); whatever takes time is a task of its own that
//! reports back. Cockpit and headless mode use the engine by the same two channels: snapshots out,
//! commands in.

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
mod rental;
mod replicas;
mod rules;
mod run;
mod snapshot;
mod state;
mod supervise;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub use alerts::alert::{Advice, Alert, AlertLevel, Condition};
pub use alerts::root::RootCause;
pub use alerts::stakes::began_together;
pub use clock::{ScaledClock, SystemClock};
pub use effects::{preflight, requests::needs};
pub use failpoint::{Failpoint, failpoint};
pub use lifecycle::resume::{readable_sprints, saved_sprints};
pub use observe::clock_skew::CLOCK_SLACK;
pub use reconcile::absence::{Absence, prove_absence};
pub use reconcile::plan::{
    CleanupAction, NEVER_LISTED, NodeList, ReconcileInput, Registration, foreign, plan,
    unknown_places,
};
pub use rental::log_store::LogStore;
pub use replicas::rent_turns;
pub use rules::{Place, caps_of, common_funds, lead_of, sprint_rules};
pub use run::{EngineHandle, start};
pub use snapshot::*;
pub use state::{EndAfter, EngineOptions, PublishInterval};

pub use supervise::{TaskPanic, catch_panic};

use crate::domain::{AccountName, NetworkNodeName};
use crate::mlnode::client::MlNodeFactory;
use crate::ports::{Chain, Clock, Descriptors, InferenceProxy, Market, NetworkNode, Remote};

/// The outside world that an engine works on.
#[derive(Clone)]
pub struct Ports {
    pub clock: Arc<dyn Clock>,
    pub chain: Arc<dyn Chain>,
    /// Of the account that pays for a rental; of the first one for the fleet.
    pub market: Arc<dyn Market>,
    pub other_markets: BTreeMap<AccountName, Arc<dyn Market>>,
    /// The one that a rental is registered with; the first one for the fleet.
    pub network_node: Arc<dyn NetworkNode>,
    pub other_network_nodes: BTreeMap<NetworkNodeName, Arc<dyn NetworkNode>>,
    pub inference_proxy: Option<Arc<dyn InferenceProxy>>,
    pub mlnodes: MlNodeFactory,
    pub remote: Arc<dyn Remote>,
    pub rental_logs: LogStore,
    pub descriptors: Arc<dyn Descriptors>,
    pub notifier: Arc<crate::notify::Notifier>,
    /// Persists which alerts were sent.
    pub alerts_file: Option<PathBuf>,
}

impl Ports {
    pub(crate) fn market_of(&self, account: &AccountName) -> &Arc<dyn Market> {
        self.other_markets.get(account).unwrap_or(&self.market)
    }

    pub(crate) fn network_node_named(&self, name: &NetworkNodeName) -> &Arc<dyn NetworkNode> {
        let other = self.other_network_nodes.get(name);
        other.unwrap_or(&self.network_node)
    }

    /// As a rental sees it.
    pub(crate) fn of(&self, account: &AccountName, network_node: &NetworkNodeName) -> Ports {
        Ports {
            market: self.market_of(account).clone(),
            network_node: self.network_node_named(network_node).clone(),
            ..self.clone()
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Its loop panicked. The journal is complete up to that moment.
    #[error("the engine broke: {0}")]
    Broken(#[from] TaskPanic),
}
