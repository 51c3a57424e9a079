//! The state of the engine. Everything with `impl Engine`, `impl Replica` or `impl Shared` lies above this
//! file.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::chain::clock::BlockClock;
use crate::chain::sources::ChainSources;
use crate::config::Config;
use crate::domain::{
    Account, AccountName, Aim, ApiRelease, BootTally, ConfirmationEvent, DescriptorUsage, Duration,
    EpochIndex, EpochView, Governance, GovernanceModel, Height, Instance, InstanceId, Mode,
    NetworkNodeName, PoolName, RankedOffer, RegisteredNode, ReplicaId, RequestedPrice,
    SprintReport, Time,
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
use crate::engine::rental::watchdog::OurClock;
use crate::engine::rules::Place;
use crate::engine::snapshot::{
    PastSprintRow, QuitChoice, RejectedOffer, ReplicaSnapshot, WorldKind,
};
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
    /// Whoever changes a registration holds its Network Node's: changes reach it one by one, in order.
    pub(crate) registering: BTreeMap<NetworkNodeName, Arc<tokio::sync::Mutex<()>>>,
    /// Searches in flight, by pool, with the replicas that wait for them.
    pub(crate) searches: BTreeMap<PoolName, Vec<(ReplicaId, Effect)>>,
    /// Replicas whose rent call is in flight, or waits for its turn at the market, with their account.
    pub(crate) renting: BTreeMap<ReplicaId, AccountName>,
    /// Replicas that wait for the preflight in flight at their Network Node.
    pub(crate) examining: BTreeMap<NetworkNodeName, Vec<ReplicaId>>,
    pub(crate) reports: mpsc::Sender<Observation>,
    pub(crate) quitting: Option<QuitChoice>,
    pub(crate) release_only: Option<ReleaseOnly>,
    /// What the leases that the rentals have were counted by.
    pub(crate) leased_by: OurClock,
    /// When the journal was last compacted.
    pub(crate) compacted_at: Option<Time>,
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
    pub(crate) panic_ends: PanicEnds,
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
    /// Until it rents again.
    pub(crate) broken: Option<Broken>,
    /// It has changed since everything was last brought in line with its sprint.
    pub(crate) is_touched: bool,
    /// The heights that decide something next for its sprint.
    pub(crate) decision_heights: Vec<Height>,
    /// Its part of the last snapshot, and when that was made; absent when it has changed since.
    pub(crate) view: Option<(Time, Arc<ReplicaSnapshot>)>,
}

impl Replica {
    /// Marks it as changed.
    pub(crate) fn touch(&mut self) {
        self.is_touched = true;
        self.view = None;
    }

    /// Who pays for its rentals.
    pub(crate) fn account(&self) -> &AccountName {
        &self.config.vast.account
    }

    /// Where its rentals are registered.
    pub(crate) fn network_node(&self) -> &NetworkNodeName {
        &self.config.network_node.name
    }
}

/// What the panic of a sprint ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PanicEnds {
    /// It has no other sprint: the program starts anew and resumes it.
    Engine,
    Sprint,
}

/// A sprint that panicked.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) at: Time,
    pub(crate) why: String,
}

impl Shared {
    /// Held by whoever changes a registration there.
    pub(crate) fn turn_at(
        &mut self,
        network_node: &NetworkNodeName,
    ) -> Arc<tokio::sync::Mutex<()>> {
        let turn = self.registering.entry(network_node.clone());
        turn.or_default().clone()
    }
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

    /// To change it.
    pub(crate) fn get_mut(&mut self, id: &ReplicaId) -> Option<&mut Replica> {
        let mut all = self.iter_mut();
        let replica = all.find(|replica| replica.id == *id)?;
        replica.touch();
        Some(replica)
    }

    /// Drops a replica whose last sprint is over. The first one never retires.
    pub(crate) fn remove(&mut self, id: &ReplicaId) {
        self.others.retain(|replica| replica.id != *id);
    }

    /// The replica that watches a rental, or watched it last; to change it.
    pub(crate) fn watching(&mut self, instance: InstanceId) -> Option<&mut Replica> {
        let mut all = self.iter_mut();
        let replica = all.find(|replica| replica.monitor(instance).is_some())?;
        replica.touch();
        Some(replica)
    }

    pub(crate) fn sprints(&self) -> impl Iterator<Item = &Sprint> {
        self.iter().map(|replica| &replica.sprint)
    }

    /// Those whose rentals are registered there.
    pub(crate) fn sprints_at<'a>(
        &'a self,
        network_node: &'a NetworkNodeName,
    ) -> impl Iterator<Item = &'a Sprint> {
        let here = self
            .iter()
            .filter(move |it| it.network_node() == network_node);
        here.map(|replica| &replica.sprint)
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
    pub(crate) network_nodes: BTreeMap<NetworkNodeName, NetworkNodeReadings>,
    pub(crate) accounts: BTreeMap<AccountName, AccountReadings>,
    pub(crate) proxy: ProxyState,
    /// The offers for each pool.
    pub(crate) markets: BTreeMap<PoolName, MarketView>,
    pub(crate) search_error: Option<String>,
    /// The last search for each pool, for replicas that ask a moment later.
    pub(crate) searches: BTreeMap<PoolName, LastSearch>,
    pub(crate) searching: bool,
    /// When each of our rentals was last listed.
    pub(crate) listed_at: BTreeMap<InstanceId, Time>,
    /// Rentals whose container has not run yet, as last read.
    pub(crate) idle_gpus: BTreeMap<InstanceId, Time>,
    /// Why governance could not be read, as logged last.
    pub(crate) governance_failure: LoggedFailure,
    pub(crate) freshness: Freshness,
    pub(crate) descriptors: Option<DescriptorUsage>,
}

/// The last readings of a Network Node and its participant.
#[derive(Default)]
pub(crate) struct NetworkNodeReadings {
    pub(crate) nodes: Option<(Time, Vec<RegisteredNode>)>,
    pub(crate) error: Option<String>,
    /// The last failed change of a node by the operator.
    pub(crate) change_error: Option<(Time, String)>,
    /// Release of its API service; unknown until it is read.
    pub(crate) release: Option<ApiRelease>,
    /// The last preflight, for replicas that ask a moment later.
    pub(crate) examined: Option<Arc<Examined>>,
    pub(crate) confirmation: Option<PendingConfirmation>,
    /// Why the confirmation weight could not be read, as logged last.
    pub(crate) confirmation_failure: LoggedFailure,
}

impl NetworkNodeReadings {
    /// Every registered node, if that is known now: an outdated list counts as unknown.
    pub(crate) fn known_nodes(&self) -> Option<&[RegisteredNode]> {
        let (_, nodes) = self.nodes.as_ref().filter(|_| self.error.is_none())?;
        Some(nodes)
    }

    fn times(&mut self) -> impl Iterator<Item = &mut Time> {
        let nodes = self.nodes.iter_mut().map(|(at, _)| at);
        let change = self.change_error.iter_mut().map(|(at, _)| at);
        let confirmations = self.confirmation.iter_mut();
        let confirmations =
            confirmations.flat_map(|it| it.over.iter_mut().chain(&mut it.last_read));
        nodes.chain(change).chain(confirmations)
    }
}

/// The last readings of a Vast account.
#[derive(Default)]
pub(crate) struct AccountReadings {
    pub(crate) listing: Option<(Time, Vec<Instance>)>,
    pub(crate) listing_error: Option<(Time, String)>,
    pub(crate) account: Option<(Time, Account)>,
    /// Higher prices that hosts ask for, as last read.
    pub(crate) requested_prices: Vec<RequestedPrice>,
    /// Why the market's charges could not be read, as logged last.
    pub(crate) charges_failure: LoggedFailure,
    /// When the market's charges were last read.
    pub(crate) charges_read_at: Option<Time>,
}

impl AccountReadings {
    fn times(&mut self) -> impl Iterator<Item = &mut Time> {
        let listing = self.listing.iter_mut().map(|(at, _)| at);
        let failure = self.listing_error.iter_mut().map(|(at, _)| at);
        let account = self.account.iter_mut().map(|(at, _)| at);
        listing.chain(failure).chain(account)
    }
}

impl Observations {
    /// For every Network Node and account of the configuration, nothing read yet.
    pub(crate) fn new(config: &Config) -> Observations {
        let network_nodes = config.network_nodes().map(|one| one.name.clone());
        let accounts = config.accounts().map(|account| account.name);
        Observations {
            network_nodes: network_nodes
                .map(|name| (name, NetworkNodeReadings::default()))
                .collect(),
            accounts: accounts
                .map(|name| (name, AccountReadings::default()))
                .collect(),
            ..Observations::default()
        }
    }

    pub(crate) fn network_node(&self, name: &NetworkNodeName) -> Option<&NetworkNodeReadings> {
        self.network_nodes.get(name)
    }

    pub(crate) fn network_node_mut(&mut self, name: &NetworkNodeName) -> &mut NetworkNodeReadings {
        self.network_nodes.entry(name.clone()).or_default()
    }

    pub(crate) fn account(&self, name: &AccountName) -> Option<&AccountReadings> {
        self.accounts.get(name)
    }

    pub(crate) fn account_mut(&mut self, name: &AccountName) -> &mut AccountReadings {
        self.accounts.entry(name.clone()).or_default()
    }

    /// The rows of every account's last listing.
    pub(crate) fn listed(&self) -> impl Iterator<Item = &Instance> {
        let listings = self.accounts.values().flat_map(|it| &it.listing);
        listings.flat_map(|(_, rows)| rows)
    }

    /// By a clock that was set forward by so much.
    pub(crate) fn shift(&mut self, by: Duration) {
        let view = self.view.iter_mut().map(|(at, _)| at);
        let markets = self.markets.values_mut().map(|market| &mut market.read_at);
        let searches = self.searches.values_mut().map(|last| &mut last.at);
        let markets = markets.chain(searches);
        let rentals = self
            .listed_at
            .values_mut()
            .chain(self.idle_gpus.values_mut());
        for network_node in self.network_nodes.values_mut() {
            // By another clock it would look too old or too new.
            network_node.examined = None;
        }
        let network_nodes = self.network_nodes.values_mut();
        let network_nodes = network_nodes.flat_map(NetworkNodeReadings::times);
        let accounts = self.accounts.values_mut();
        let accounts = accounts.flat_map(AccountReadings::times);
        let places = network_nodes.chain(accounts);
        let others = view.chain(markets).chain(rentals).chain(self.proxy.times());
        for time in places.chain(others) {
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
