//! What the engine holds. Everything with `impl Engine` lies above this file.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::chain::clock::BlockClock;
use crate::chain::sources::ChainSources;
use crate::config::Config;
use crate::domain::{
    Account, Aim, BootTally, Duration, EpochIndex, EpochView, Governance, Height, Instance,
    InstanceId, Mode, RankedOffer, RegisteredNode, SprintReport, Time,
};
use crate::engine::Ports;
use crate::engine::alerts::heartbeat::Heartbeat;
use crate::engine::alerts::onset::Onsets;
use crate::engine::alerts::tracker::AlertTracker;
use crate::engine::effects::task_set::TaskSet;
use crate::engine::observe::freshness::Freshness;
use crate::engine::observe::observation::Observation;
use crate::engine::observe::pending_confirmation::PendingConfirmation;
use crate::engine::observe::proxy_state::ProxyState;
use crate::engine::release_only::ReleaseOnly;
use crate::engine::rental::monitor::RentalMonitor;
use crate::engine::snapshot::{PastSprintRow, QuitChoice, RejectedOffer, WorldKind};
use crate::flow::{Effect, EffectKey, Sprint};
use crate::journal::{Journal, Ledger};
use crate::vast::RankedOffers;

/// When an engine ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndAfter {
    /// Only when told to.
    Never,
    OneSprint,
}

/// How an engine is to run.
#[derive(Debug, Clone, Copy)]
pub struct EngineOptions {
    /// What the first sprint is for; one that was left under way goes on as it was.
    pub aim: Aim,
    /// Who approves at first.
    pub mode: Mode,
    pub end_after: EndAfter,
    /// Real money or not.
    pub world: WorldKind,
    /// Makes labels of this run differ from those of every other.
    pub nonce: u64,
    pub publish_interval: PublishInterval,
}

/// How often snapshots are published, in real time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishInterval {
    /// After something happened: what happens in between is in one snapshot.
    pub active: std::time::Duration,
    /// Although nothing happens: costs run on.
    pub idle: std::time::Duration,
}

impl Default for PublishInterval {
    /// For eyes.
    fn default() -> PublishInterval {
        PublishInterval {
            active: std::time::Duration::from_millis(100),
            idle: std::time::Duration::from_secs(1),
        }
    }
}

/// Proposers' clocks differ by some seconds, and a header is read some seconds after its block.
pub const CLOCK_SLACK: Duration = Duration::seconds(60);

/// Most offers that a snapshot shows, of each kind.
pub(crate) const MAX_OFFERS: usize = 1_000;

pub(crate) struct Engine {
    pub(crate) ports: Arc<Ports>,
    pub(crate) config: Arc<Config>,
    pub(crate) options: EngineOptions,
    pub(crate) journal: Journal,
    pub(crate) ledger: Ledger,
    pub(crate) sprint: Sprint,
    pub(crate) block_clock: BlockClock,
    pub(crate) sources: ChainSources,
    pub(crate) observed: Observations,
    pub(crate) tasks: TaskSet,
    pub(crate) running: HashSet<EffectKey>,
    pub(crate) waiting: VecDeque<Effect>,
    /// The sprint's own rental, or the last one.
    pub(crate) primary: Option<RentalMonitor>,
    /// The one that boots beside it.
    pub(crate) hedge: Option<RentalMonitor>,
    pub(crate) reports: mpsc::Sender<Observation>,
    pub(crate) quitting: Option<QuitChoice>,
    pub(crate) report: Option<SprintReport>,
    pub(crate) report_requested: bool,
    pub(crate) release_only: Option<ReleaseOnly>,
    pub(crate) destroying: BTreeMap<InstanceId, Time>,
    /// The sprint as the journal has it.
    pub(crate) checkpoint: Option<Sprint>,
    pub(crate) history: Arc<Vec<PastSprintRow>>,
    pub(crate) history_confirmations: usize,
    /// Boots that came to their end.
    pub(crate) boots: BootTally,
    /// Since when what is wrong is wrong.
    pub(crate) onsets: Onsets,
    /// What the operator was told of alerts.
    pub(crate) alert_tracker: AlertTracker,
    pub(crate) heartbeat: Heartbeat,
}

/// What was seen last, for snapshots and decisions.
#[derive(Default)]
pub(crate) struct Observations {
    pub(crate) view: Option<(Time, EpochView)>,
    pub(crate) chain_error: Option<String>,
    /// The epoch whose `PoC` was the next one when this run first read the chain.
    pub(crate) first_poc: Option<EpochIndex>,
    /// The newest block that a source announced.
    pub(crate) announced: Option<Height>,
    pub(crate) governance: Option<Governance>,
    /// By how much this machine's clock is ahead of the newest block; below zero when it is behind.
    pub(crate) ahead_of_chain: Duration,
    pub(crate) nodes: Option<(Time, Vec<RegisteredNode>)>,
    pub(crate) nodes_error: Option<String>,
    pub(crate) proxy: ProxyState,
    /// A change of a node by hand that did not work, and when.
    pub(crate) node_change_error: Option<(Time, String)>,
    pub(crate) listing: Option<(Time, Vec<Instance>)>,
    pub(crate) listing_error: Option<(Time, String)>,
    pub(crate) account: Option<(Time, Account)>,
    pub(crate) market: Option<MarketView>,
    pub(crate) search_error: Option<String>,
    pub(crate) searching: bool,
    /// Contracts whose container did not run yet, and when that was seen last.
    pub(crate) idle_gpus: BTreeMap<InstanceId, Time>,
    pub(crate) confirmation: Option<PendingConfirmation>,
    pub(crate) freshness: Freshness,
}

impl Observations {
    /// How far this machine's clock is behind the chain's, when that is much: no block comes from the
    /// future.
    pub(crate) fn clock_behind(&self) -> Option<Duration> {
        Some(-self.ahead_of_chain).filter(|behind| *behind > CLOCK_SLACK)
    }

    /// How far this machine's clock may be ahead. It cannot be told from a chain that stands still, so
    /// it is good only for what errs on the safe side: how far caps look back.
    pub(crate) fn clock_ahead(&self) -> Duration {
        self.ahead_of_chain.max(Duration::zero())
    }
}

/// The last search's offers, as they are shown. Made once, shared by every snapshot.
pub(crate) struct MarketView {
    pub(crate) read_at: Time,
    pub(crate) rows: Arc<Vec<RankedOffer>>,
    pub(crate) rejected: Arc<Vec<RejectedOffer>>,
}

/// What a search found, as it is shown.
pub(crate) fn market_view(read_at: Time, mut ranked: RankedOffers) -> MarketView {
    ranked.usable.truncate(MAX_OFFERS);
    ranked.rejected.truncate(MAX_OFFERS);
    let rejected = ranked.rejected.into_iter();
    let rejected = rejected.map(|(offer, reason)| RejectedOffer { offer, reason });
    MarketView {
        read_at,
        rows: Arc::new(ranked.usable),
        rejected: Arc::new(rejected.collect()),
    }
}
