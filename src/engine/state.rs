//! The state of the engine. Everything with `impl Engine`, `impl Replica` or `impl Shared` lies above this
//! file.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::chain::clock::BlockClock;
use crate::chain::sources::ChainSources;
use crate::config::Config;
use crate::domain::{
    Account, Aim, ApiRelease, BootTally, ConfirmationEvent, DescriptorUsage, Duration, EpochIndex,
    EpochView, Governance, GovernanceModel, Height, Instance, InstanceId, Mode, PoolName,
    RankedOffer, RegisteredNode, RentalLabel, ReplicaId, RequestedPrice, SprintReport, Time,
};
use crate::engine::Ports;
use crate::engine::alerts::heartbeat::Heartbeat;
use crate::engine::alerts::onset::Onsets;
use crate::engine::alerts::tracker::AlertTracker;
use crate::engine::clock::SteadyClock;
use crate::engine::effects::preflight::Examined;
use crate::engine::effects::release_log::ReleaseLog;
use crate::engine::effects::task_key::TaskKey;
use crate::engine::effects::task_set::TaskSet;
use crate::engine::observe::clock_skew::ClockSkew;
use crate::engine::observe::freshness::Freshness;
use crate::engine::observe::logged_failure::LoggedFailure;
use crate::engine::observe::observation::Observation;
use crate::engine::observe::proxy_state::ProxyState;
use crate::engine::observe::search::LastSearch;
use crate::engine::rental::monitor::RentalMonitor;
use crate::engine::rules::Place;
use crate::engine::snapshot::{PastSprintRow, QuitChoice, RejectedOffer, WorldKind};
use crate::flow::{Effect, EffectKey, Rental, Sprint};
use crate::journal::{HistorySource, Journal, Ledger, Record};
use crate::ports::ConfirmedWeight;

/// When an engine ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndAfter {
    Never,
    OneSprint,
}

/// How an engine is to run.
#[derive(Debug, Clone, Copy)]
pub struct EngineOptions {
    /// What the first sprint is for; a sprint that is resumed keeps its own aim.
    pub aim: Aim,
    /// Mode of a new sprint; `Auto` also applies to a resumed one.
    pub mode: Mode,
    pub end_after: EndAfter,
    pub world: WorldKind,
    /// Makes the labels of this run unique.
    pub nonce: u64,
    pub publish_interval: PublishInterval,
}

/// How often snapshots are published, in real time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishInterval {
    /// After an event; events in between share a snapshot.
    pub active: std::time::Duration,
    /// Without events: costs still grow.
    pub idle: std::time::Duration,
}

impl Default for PublishInterval {
    fn default() -> PublishInterval {
        PublishInterval {
            active: std::time::Duration::from_millis(100),
            idle: std::time::Duration::from_secs(1),
        }
    }
}

/// A snapshot has at most so many usable and so many rejected offers.
pub(crate) const MAX_OFFERS: usize = 1_000;

/// What runs: replicas, and what they share.
pub(crate) struct Engine {
    pub(crate) shared: Shared,
    pub(crate) replicas: Replicas,
}

/// What all replicas share: the journal, the market, the chain.
pub(crate) struct Shared {
    pub(crate) ports: Arc<Ports>,
    /// The same as in the ports.
    pub(crate) clock: Arc<SteadyClock>,
    pub(crate) config: Arc<Config>,
    pub(crate) options: EngineOptions,
    pub(crate) journal: Journal,
    /// What happened while the journal could not be written, in order.
    pub(crate) unwritten: Vec<(Time, Record)>,
    pub(crate) ledger: Ledger,
    pub(crate) block_clock: BlockClock,
    pub(crate) sources: ChainSources,
    pub(crate) observed: Observations,
    pub(crate) tasks: TaskSet,
    /// Tasks of no replica.
    pub(crate) running: HashSet<TaskKey>,
    /// Whoever changes a registration holds it: changes reach the Network Node one by one, in order.
    pub(crate) registering: Arc<tokio::sync::Mutex<()>>,
    /// Searches in flight, by pool, with the replicas that wait for them.
    pub(crate) searches: BTreeMap<PoolName, Vec<(ReplicaId, Effect)>>,
    /// Replicas that wait for the preflight in flight.
    pub(crate) examining: Vec<ReplicaId>,
    pub(crate) reports: mpsc::Sender<Observation>,
    pub(crate) quitting: Option<QuitChoice>,
    pub(crate) release_only: Option<ReleaseOnly>,
    /// Rentals that are being destroyed, since when.
    pub(crate) destroying: BTreeMap<InstanceId, Time>,
    pub(crate) history: Arc<Vec<PastSprintRow>>,
    pub(crate) history_source: HistorySource,
    /// Boots that ended in this run of the program.
    pub(crate) boots: BootTally,
    pub(crate) onsets: Onsets,
    pub(crate) alert_tracker: AlertTracker,
    pub(crate) heartbeat: Heartbeat,
}

/// One place in the fleet: its sprint, and the rentals that it watches.
pub(crate) struct Replica {
    pub(crate) id: ReplicaId,
    /// Begins its lines in the log; empty without others.
    pub(crate) tag: String,
    /// The settings of its pool.
    pub(crate) config: Arc<Config>,
    /// The outside world as its pool sees it: its account and its Network Node.
    pub(crate) ports: Arc<Ports>,
    pub(crate) reports: mpsc::Sender<Observation>,
    pub(crate) standing: Standing,
    pub(crate) place: Place,
    /// At most so many of its pool rent from one host.
    pub(crate) max_per_host: u32,
    /// At most so many of its pool have a second machine at the same time.
    pub(crate) max_hedges: u32,
    pub(crate) sprint: Sprint,
    pub(crate) running: HashSet<EffectKey>,
    pub(crate) waiting: VecDeque<Effect>,
    /// Of the sprint's rental; kept after its release.
    pub(crate) primary: Option<RentalMonitor>,
    pub(crate) hedge: Option<RentalMonitor>,
    pub(crate) report: Option<SprintReport>,
    pub(crate) report_requested: bool,
    pub(crate) release_log: ReleaseLog,
    /// The sprint as last recorded.
    pub(crate) checkpoint: Option<Sprint>,
}

/// Whether a replica goes on with a next sprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Active,
    /// The configuration no longer has it: its last sprint is finished.
    Retiring,
}

/// At least one.
pub(crate) struct Replicas {
    first: Replica,
    others: Vec<Replica>,
}

impl Replicas {
    pub(crate) fn new(first: Replica, others: Vec<Replica>) -> Replicas {
        Replicas { first, others }
    }

    /// The first of the first pool.
    pub(crate) fn first(&self) -> &Replica {
        &self.first
    }

    /// All but the first.
    pub(crate) fn others(&self) -> impl Iterator<Item = &Replica> {
        self.others.iter()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Replica> {
        std::iter::once(&self.first).chain(&self.others)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Replica> {
        std::iter::once(&mut self.first).chain(&mut self.others)
    }

    pub(crate) fn get_mut(&mut self, id: &ReplicaId) -> Option<&mut Replica> {
        self.iter_mut().find(|replica| replica.id == *id)
    }

    /// Drops a replica whose last sprint is over. The first one never retires.
    pub(crate) fn remove(&mut self, id: &ReplicaId) {
        self.others.retain(|replica| replica.id != *id);
    }

    /// The replica that watches a rental, or watched it last.
    pub(crate) fn watching(&mut self, instance: InstanceId) -> Option<&mut Replica> {
        let mut all = self.iter_mut();
        all.find(|replica| replica.monitor(instance).is_some())
    }

    /// The replica whose sprint rents or has rented under a label.
    pub(crate) fn using(&self, label: &RentalLabel) -> Option<&Replica> {
        self.iter().find(|replica| replica.sprint.uses(label))
    }

    pub(crate) fn sprints(&self) -> impl Iterator<Item = &Sprint> {
        self.iter().map(|replica| &replica.sprint)
    }

    /// Every rental of a sprint.
    pub(crate) fn rentals(&self) -> impl Iterator<Item = &Rental> {
        self.sprints().flat_map(Sprint::rentals)
    }

    pub(crate) fn monitors(&self) -> impl Iterator<Item = &RentalMonitor> {
        let all = self.iter();
        all.flat_map(|replica| replica.primary.iter().chain(&replica.hedge))
    }

    pub(crate) fn monitors_mut(&mut self) -> impl Iterator<Item = &mut RentalMonitor> {
        let all = self.iter_mut();
        all.flat_map(|replica| replica.primary.iter_mut().chain(&mut replica.hedge))
    }
}

/// The last readings of everything outside, for snapshots and decisions.
#[derive(Default)]
pub(crate) struct Observations {
    pub(crate) view: Option<(Time, EpochView)>,
    pub(crate) chain_error: Option<String>,
    /// The epoch whose `PoC` was the next one when this run first read the chain.
    pub(crate) first_poc: Option<EpochIndex>,
    /// The newest block that a source announced.
    pub(crate) announced: Option<Height>,
    pub(crate) governance: Option<Governance>,
    /// The models that governance approves, with their arguments.
    pub(crate) catalogue: Option<Arc<[GovernanceModel]>>,
    pub(crate) skew: ClockSkew,
    pub(crate) nodes: Option<(Time, Vec<RegisteredNode>)>,
    pub(crate) nodes_error: Option<String>,
    pub(crate) proxy: ProxyState,
    /// The last failed change of a node by the operator.
    pub(crate) node_change_error: Option<(Time, String)>,
    pub(crate) listing: Option<(Time, Vec<Instance>)>,
    pub(crate) listing_error: Option<(Time, String)>,
    pub(crate) account: Option<(Time, Account)>,
    /// The offers for each pool.
    pub(crate) markets: BTreeMap<PoolName, MarketView>,
    pub(crate) search_error: Option<String>,
    /// The last search for each pool, for replicas that ask a moment later.
    pub(crate) searches: BTreeMap<PoolName, LastSearch>,
    /// The same of the last preflight.
    pub(crate) examined: Option<Arc<Examined>>,
    pub(crate) searching: bool,
    /// When each of our rentals was last listed.
    pub(crate) listed_at: BTreeMap<InstanceId, Time>,
    /// Rentals whose container has not run yet, as last read.
    pub(crate) idle_gpus: BTreeMap<InstanceId, Time>,
    pub(crate) confirmation: Option<PendingConfirmation>,
    /// Why the confirmation weight could not be read, as logged last.
    pub(crate) confirmation_failure: LoggedFailure,
    /// The same for governance.
    pub(crate) governance_failure: LoggedFailure,
    /// Higher prices that hosts ask for, as last read.
    pub(crate) requested_prices: Vec<RequestedPrice>,
    /// The same for the market's charges.
    pub(crate) charges_failure: LoggedFailure,
    /// Release of the Network Node's API service; unknown until it is read.
    pub(crate) node_release: Option<ApiRelease>,
    pub(crate) freshness: Freshness,
    pub(crate) descriptors: Option<DescriptorUsage>,
}

impl Observations {
    /// By a clock that was set forward by so much.
    pub(crate) fn shift(&mut self, by: Duration) {
        let view = self.view.iter_mut().map(|(at, _)| at);
        let nodes = self.nodes.iter_mut().map(|(at, _)| at);
        let change = self.node_change_error.iter_mut().map(|(at, _)| at);
        let listing = self.listing.iter_mut().map(|(at, _)| at);
        let failure = self.listing_error.iter_mut().map(|(at, _)| at);
        let account = self.account.iter_mut().map(|(at, _)| at);
        let markets = self.markets.values_mut().map(|market| &mut market.read_at);
        let searches = self.searches.values_mut().map(|last| &mut last.at);
        let markets = markets.chain(searches);
        // By another clock it would look too old or too new.
        self.examined = None;
        let rentals = self
            .listed_at
            .values_mut()
            .chain(self.idle_gpus.values_mut());
        let confirmations = self.confirmation.iter_mut();
        let confirmations =
            confirmations.flat_map(|it| it.over.iter_mut().chain(&mut it.last_read));
        let chain = view.chain(nodes).chain(change);
        let account = listing.chain(failure).chain(account).chain(markets);
        let others = rentals.chain(confirmations).chain(self.proxy.times());
        for time in chain.chain(account).chain(others) {
            *time += by;
        }
        self.freshness.shift(by);
        self.skew = self.skew.shifted(by);
    }
}

/// The offers of the last search. Made once, shared by every snapshot.
pub(crate) struct MarketView {
    pub(crate) read_at: Time,
    pub(crate) rows: Arc<Vec<RankedOffer>>,
    pub(crate) rejected: Arc<Vec<RejectedOffer>>,
}

/// A confirmation `PoC` whose result is not known yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PendingConfirmation {
    pub(crate) event: ConfirmationEvent,
    /// What the chain had for us before its end.
    pub(crate) before: BeforeConfirmation,
    /// Since when it is over.
    pub(crate) over: Option<Time>,
    pub(crate) last_read: Option<Time>,
}

/// Our confirmation weight before an event changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BeforeConfirmation {
    Unread,
    /// We had no part in the epoch, or no source is configured.
    NoPart,
    Had(ConfirmedWeight),
}

/// The journal cannot be written: nothing new is rented.
#[derive(Debug)]
pub(crate) struct ReleaseOnly {
    pub(crate) since: Time,
    pub(crate) why: String,
    pub(crate) advice: String,
    pub(crate) last_try: Time,
}
