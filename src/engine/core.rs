//! The engine's loop: one task that owns the sprint and the journal. It takes commands and
//! observations, feeds the state machine, journals, starts effects and publishes snapshots. It
//! never waits for the outside world itself.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::observe::{LinkChange, Observation, start_pollers};
use super::ports::{TailChunk, TunnelEnds};
use super::rental::Watcher;
use super::snapshot::{BootLog, Command, LinkSnapshot, QuitChoice, Snapshot, WorldKind};
use super::{EngineError, Ports, exec, publish, reconcile};
use crate::chain::clock::BlockClock;
use crate::chain::epoch;
use crate::config::Config;
use crate::domain::{
    Account, CallError, Duration, EpochIndex, EpochView, Instance, InstanceId, Mode, NodeStatus,
    Outcome, RegisteredNode, SprintReport, Step, Time,
};
use crate::flow::{
    BootReading, Candidate, Effect, Event, Funds, NodeReading, NodesReading, Sprint,
};
use crate::journal::{Journal, Ledger, Record};
use crate::mlnode::boot::BootTracker;
use crate::notify::{Notice, NoticeLevel};
use crate::ssh::sanitize::Sanitizer;
use crate::vast::{Ranked, rank};

/// When an engine ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndAfter {
    /// Only when told to.
    Never,
    /// After one sprint.
    OneSprint,
}

/// How an engine is to run.
#[derive(Debug, Clone, Copy)]
pub struct EngineOptions {
    /// Who approves at first.
    pub mode: Mode,
    /// When it ends by itself.
    pub end_after: EndAfter,
    /// Real money or not.
    pub world: WorldKind,
    /// Makes labels of this run differ from those of every other.
    pub nonce: u64,
}

/// What a running engine is reached by.
pub struct EngineHandle {
    /// The newest snapshot.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Takes commands; bounded.
    pub commands: mpsc::Sender<Command>,
    /// Ends with the report of the last sprint, if one was finished.
    pub ended: tokio::task::JoinHandle<Result<Option<SprintReport>, EngineError>>,
}

/// Publishing is coalesced to this (real time).
const PUBLISH_EVERY: std::time::Duration = std::time::Duration::from_millis(100);
const COMMANDS: usize = 64;
const OBSERVATIONS: usize = 1_024;
/// A block much later than this means that the chain, or our source, stands still.
pub(super) const OFFERS_KEPT: usize = 1_000;

/// Everything that the loop owns.
pub(super) struct Engine {
    pub(super) ports: Arc<Ports>,
    pub(super) config: Arc<Config>,
    pub(super) options: EngineOptions,
    pub(super) journal: Journal,
    pub(super) ledger: Ledger,
    pub(super) sprint: Sprint,
    pub(super) block_clock: BlockClock,
    pub(super) seen: Seen,
    pub(super) running: HashSet<&'static str>,
    pub(super) waiting: VecDeque<Effect>,
    watcher: Option<Watcher>,
    pub(super) boot: Option<BootTracker>,
    sanitizer: Sanitizer,
    pub(super) boot_log: BootLog,
    reports: mpsc::Sender<Observation>,
    quitting: Option<QuitChoice>,
    pub(super) report: Option<SprintReport>,
    report_asked: bool,
    pub(super) journal_trouble: Option<String>,
    pub(super) destroying: HashMap<InstanceId, Time>,
    checkpoint: Option<serde_json::Value>,
}

/// What was seen last, for snapshots and decisions.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) view: Option<(Time, EpochView)>,
    pub(super) chain_trouble: Option<String>,
    pub(super) nodes: Option<(Time, Vec<RegisteredNode>)>,
    pub(super) nodes_trouble: Option<String>,
    pub(super) listing: Option<(Time, Vec<Instance>)>,
    pub(super) listing_trouble: Option<(Time, String)>,
    pub(super) account: Option<Account>,
    pub(super) ranked: Option<(Time, Ranked)>,
    pub(super) search_trouble: Option<String>,
    pub(super) searching: bool,
    pub(super) instance: Option<Instance>,
    pub(super) link: LinkState,
    pub(super) mlnode: Option<crate::domain::MlNodeStatus>,
}

/// The link as last reported.
#[derive(Default)]
pub(super) struct LinkState {
    pub(super) attempts: u32,
    pub(super) last_error: Option<String>,
    pub(super) endpoint: Option<crate::domain::SshEndpoint>,
    pub(super) up_since: Option<Time>,
    pub(super) ends: Option<TunnelEnds>,
    pub(super) proven: bool,
}

impl LinkState {
    pub(super) fn snapshot(&self) -> LinkSnapshot {
        match self.up_since {
            Some(since) => LinkSnapshot::Up {
                since,
                tunnel: self.proven,
            },
            None if self.attempts == 0 => LinkSnapshot::None,
            None => LinkSnapshot::Connecting {
                attempts: self.attempts,
                last_error: self.last_error.clone(),
            },
        }
    }
}

/// Starts an engine. A sprint that an earlier run left half done goes on.
pub fn start(
    ports: Ports,
    config: Config,
    journal: Journal,
    ledger: Ledger,
    options: EngineOptions,
) -> EngineHandle {
    let ports = Arc::new(ports);
    let now = ports.clock.now();
    let (reports, observations) = mpsc::channel(OBSERVATIONS);
    let (commands, orders) = mpsc::channel(COMMANDS);
    let sprint = Sprint::new(publish::plan(&config, options.nonce), options.mode, now);
    let mut engine = Engine {
        ports,
        config: Arc::new(config),
        options,
        journal,
        ledger,
        sprint,
        block_clock: BlockClock::new(),
        seen: Seen::default(),
        running: HashSet::new(),
        waiting: VecDeque::new(),
        watcher: None,
        boot: None,
        sanitizer: Sanitizer::new(),
        boot_log: BootLog::default(),
        reports,
        quitting: None,
        report: None,
        report_asked: false,
        journal_trouble: None,
        destroying: HashMap::new(),
        checkpoint: None,
    };
    engine.go_on(now);
    let (publish, snapshots) = watch::channel(Arc::new(engine.snapshot(now)));
    let ended = tokio::spawn(engine.run(orders, observations, publish));
    EngineHandle {
        snapshots,
        commands,
        ended,
    }
}

impl Engine {
    /// Takes up the sprint that an earlier run left half done.
    fn go_on(&mut self, now: Time) {
        self.skip_what_was_done(now);
        let Some(saved) = self.ledger.checkpoint() else {
            return;
        };
        match serde_json::from_value::<Sprint>(saved.clone()) {
            Ok(sprint) if sprint.step() != Step::Done => {
                tracing::info!(
                    "going on with the sprint that was left in step {}",
                    sprint.step()
                );
                self.sprint = sprint;
                self.feed(now, Event::Resumed);
            }
            Ok(_) => {}
            // The rentals in the ledger are still known: reconciling takes them down.
            Err(error) => tracing::error!(
                "the saved sprint cannot be read: {error}; what it rented is taken down"
            ),
        }
    }

    /// A program that is started again and again must not rent again and again for one epoch.
    fn skip_what_was_done(&mut self, now: Time) {
        let last = self.ledger.reports().last().map(|(_, report)| report);
        let done = last
            .filter(|report| report.outcome != Outcome::Aborted.name())
            .and_then(|report| report.epoch);
        if let (Mode::Auto, Some(done)) = (self.options.mode, done) {
            self.next_sprint(now, Some(done));
        }
    }

    async fn run(
        mut self,
        mut orders: mpsc::Receiver<Command>,
        mut observations: mpsc::Receiver<Observation>,
        publish: watch::Sender<Arc<Snapshot>>,
    ) -> Result<Option<SprintReport>, EngineError> {
        let stop = CancellationToken::new();
        start_pollers(&self.ports, self.config.chain.poll, &self.reports, &stop);
        let mut publish_at = tokio::time::interval(PUBLISH_EVERY);
        publish_at.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !self.is_over() {
            let wake = self.until_wake();
            tokio::select! {
                biased;
                _ = publish_at.tick() => {
                    publish.send_replace(Arc::new(self.snapshot(self.ports.clock.now())));
                }
                Some(order) = orders.recv() => self.obey(&order),
                Some(seen) = observations.recv() => self.take(seen),
                () = wake => self.feed(self.ports.clock.now(), Event::TimePassed),
            }
            self.keep_house();
        }
        stop.cancel();
        if let Some(watcher) = self.watcher.take() {
            let _ = tokio::time::timeout(std::time::Duration::from_secs(5), watcher.stop()).await;
        }
        let mut last = self.snapshot(self.ports.clock.now());
        last.ended = true;
        publish.send_replace(Arc::new(last));
        Ok(self.report)
    }

    fn until_wake(&self) -> impl Future<Output = ()> + use<> {
        let clock = self.ports.clock.clone();
        let wake = self.sprint.next_wake();
        async move {
            match wake {
                Some(at) => {
                    clock
                        .sleep((at - clock.now()).max(Duration::milliseconds(1)))
                        .await;
                }
                None => std::future::pending().await,
            }
        }
    }

    fn is_over(&self) -> bool {
        let done = self.sprint.step() == Step::Done && self.report.is_some();
        match self.quitting {
            Some(QuitChoice::Detach) => true,
            Some(QuitChoice::Release) => done,
            None => done && self.options.end_after == EndAfter::OneSprint,
        }
    }

    /// What follows from the sprint's state after every event.
    fn keep_house(&mut self) {
        self.watch_rental();
        self.save();
        if self.sprint.step() == Step::Done && !self.report_asked {
            self.report_asked = true;
            self.count_leftovers();
        }
    }

    fn watch_rental(&mut self) {
        let wants = self.sprint.wants();
        let wanted = wants.rental.as_ref().filter(|_| wants.link);
        let watched = self.watcher.as_ref().map(|watcher| watcher.instance);
        if watched == wanted.map(|rental| rental.instance) {
            if let (Some(watcher), Some(rental)) = (&self.watcher, wanted) {
                watcher.set_lease(rental.lease_until);
            }
            return;
        }
        if let Some(watcher) = self.watcher.take() {
            drop(watcher.stop());
            self.seen.link = LinkState::default();
        }
        let Some(rental) = wanted else { return };
        let query = &self.config.vast.query;
        self.boot = Some(BootTracker::new(
            rental.since,
            query.gpu_count,
            query.min_gpu_memory_mb,
            self.config.mlnode.model.id.clone(),
        ));
        self.sanitizer = Sanitizer::new();
        self.boot_log = BootLog::default();
        self.seen.instance = None;
        self.seen.mlnode = None;
        let tunnel = exec::tunnel_spec(&self.config);
        self.watcher = Some(Watcher::start(
            &self.ports,
            rental.instance,
            tunnel,
            rental.lease_until,
            &self.reports,
        ));
    }

    /// The sprint's state goes to the journal whenever it moved: a crash loses nothing.
    fn save(&mut self) {
        let Ok(saved) = serde_json::to_value(&self.sprint) else {
            return;
        };
        let worth = worth_saving(&saved);
        if self.checkpoint.as_ref() == Some(&worth) {
            return;
        }
        self.checkpoint = Some(worth);
        self.record(&Record::Checkpoint { sprint: saved });
    }

    /// Writes to the journal; false when that failed. Nothing that spends goes on without it.
    pub(super) fn record(&mut self, record: &Record) -> bool {
        let now = self.ports.clock.now();
        match self.journal.append(now, record) {
            Ok(()) => {
                self.ledger.apply(now, record);
                self.journal_trouble = None;
                true
            }
            Err(error) => {
                tracing::error!("the journal cannot be written: {error}");
                self.journal_trouble = Some(error.to_string());
                false
            }
        }
    }

    pub(super) fn feed(&mut self, now: Time, event: Event) {
        let before = self.sprint.step();
        let effects = self.sprint.handle(now, event);
        let after = self.sprint.step();
        if before != after {
            tracing::info!("{before} → {after}");
        }
        for effect in effects {
            self.start(effect);
        }
    }

    /// Starts an effect, or keeps it until the one with the same key has ended. The flow asks again
    /// by itself, so only the newest waits.
    fn start(&mut self, effect: Effect) {
        let key = effect.key();
        if key == "journal" || !self.running.contains(key) {
            return self.execute(effect);
        }
        self.waiting.retain(|waiting| waiting.key() != key);
        self.waiting.push_back(effect);
    }

    fn ended(&mut self, key: &'static str) {
        self.running.remove(key);
        let next = self.waiting.iter().position(|effect| effect.key() == key);
        if let Some(effect) = next.and_then(|index| self.waiting.remove(index)) {
            self.execute(effect);
        }
    }

    /// Runs `work` as a task under `key`; its report comes back as an observation.
    pub(super) fn spawn(
        &mut self,
        key: &'static str,
        work: impl Future<Output = Observation> + Send + 'static,
    ) {
        self.running.insert(key);
        let reports = self.reports.clone();
        tokio::spawn(async move {
            let task = tokio::spawn(work);
            let report = task.await.unwrap_or_else(|panic| {
                tracing::error!("the task {key} ended in a panic: {panic}");
                Observation::Done {
                    key,
                    records: Vec::new(),
                    events: Vec::new(),
                }
            });
            let _ = reports.send(report).await;
        });
    }

    fn obey(&mut self, order: &Command) {
        let now = self.ports.clock.now();
        tracing::info!("command: {order:?}");
        match *order {
            Command::SetMode(mode) => self.feed(now, Event::ModeChanged(mode)),
            // An operator may try the same PoC again; by itself nothing is rented for it twice.
            Command::Start if self.sprint.step() == Step::Done => self.next_sprint(now, None),
            Command::Start => self.feed(now, Event::Approved(crate::domain::GateKind::Start)),
            Command::RefreshOffers => self.feed(now, Event::RefreshRequested),
            Command::Rent { offer, agreed } => self.feed(now, Event::OfferPicked { offer, agreed }),
            Command::Approve(kind) => self.feed(now, Event::Approved(kind)),
            Command::Abort => self.feed(now, Event::AbortRequested),
            Command::Quit(choice) => self.quit(now, choice),
        }
    }

    fn quit(&mut self, now: Time, choice: QuitChoice) {
        let idle = self.sprint.rental().is_none()
            && !self.sprint.is_renting()
            && !self.sprint.is_releasing();
        if choice == QuitChoice::Detach || idle {
            self.quitting = Some(QuitChoice::Detach);
            return;
        }
        self.quitting = Some(QuitChoice::Release);
        self.feed(now, Event::AbortRequested);
    }

    /// A new sprint, by the same rules, for the next `PoC` after that of epoch `done`.
    pub(super) fn next_sprint(&mut self, now: Time, done: Option<EpochIndex>) {
        let mode = self.sprint.mode();
        self.options.nonce = self.options.nonce.wrapping_add(0x5851_f42d_4c95_7f2d);
        let sprint = Sprint::new(publish::plan(&self.config, self.options.nonce), mode, now);
        self.sprint = match done {
            Some(done) => sprint.not_before(done),
            None => sprint,
        };
        self.report_asked = false;
        self.report = None;
        self.seen.ranked = None;
        if let Some((_, view)) = self.seen.view.clone() {
            self.see_chain(now, Ok(view));
        }
    }

    fn take(&mut self, seen: Observation) {
        let now = self.ports.clock.now();
        match seen {
            Observation::Chain(result) => self.see_chain(now, result),
            Observation::Headers { earlier, latest } => {
                self.block_clock.observe_header(earlier);
                self.block_clock.observe_header(latest);
            }
            Observation::Nodes(result) => self.see_nodes(now, result),
            Observation::Listing(result) => self.see_listing(now, result),
            Observation::Account(Ok(account)) => self.seen.account = Some(account),
            Observation::Account(Err(error)) => {
                tracing::warn!("the account's credit is unknown: {error}");
            }
            Observation::Instance(id, result) => self.see_instance(now, id, result),
            Observation::Link(id, change) => self.see_link(now, id, change),
            Observation::Log(id, chunk) => self.see_log(now, id, &chunk),
            Observation::MlNode(id, result) => self.see_mlnode(now, id, result),
            Observation::Searched {
                effect,
                offers,
                account,
            } => self.see_offers(now, &effect, offers, account),
            Observation::Done {
                key,
                records,
                events,
            } => {
                for record in records {
                    self.record(&record);
                }
                for event in events {
                    self.feed(now, event);
                }
                self.ended(key);
            }
            Observation::Relisted { key, events, nodes } => {
                for event in events {
                    self.feed(now, event);
                }
                self.see_nodes(now, nodes);
                self.ended(key);
            }
            Observation::Gone { key, instance } => {
                self.settle(now, instance);
                self.ended(key);
            }
            Observation::Leftovers { instances, nodes } => {
                self.finish_report(now, instances, nodes);
            }
        }
    }

    fn see_chain(&mut self, now: Time, result: Result<EpochView, CallError>) {
        let view = match result {
            Ok(view) => view,
            Err(error) => {
                self.seen.chain_trouble = Some(error.to_string());
                return self.feed(now, Event::TimePassed);
            }
        };
        if let Err(why) = epoch::consistent(&view) {
            self.seen.chain_trouble = Some(why);
            return;
        }
        self.seen.chain_trouble = None;
        self.block_clock.observe_height(now, view.height);
        self.seen.view = Some((now, view.clone()));
        let block_time = self.block_clock.block_time();
        // A source that answers with an old height is not a fresh reading.
        if self.block_clock.stalled_since(now).is_none() {
            self.feed(now, Event::ChainObserved { view, block_time });
        }
    }

    pub(super) fn see_nodes(&mut self, now: Time, result: Result<Vec<RegisteredNode>, CallError>) {
        let nodes = match result {
            Ok(nodes) => nodes,
            Err(error) => {
                self.seen.nodes_trouble = Some(error.to_string());
                return;
            }
        };
        self.seen.nodes_trouble = None;
        let reading = self.read_nodes(&nodes);
        self.journal_registrations(&nodes);
        self.seen.nodes = Some((now, nodes));
        self.feed(now, Event::NodesListed(reading));
    }

    fn read_nodes(&self, nodes: &[RegisteredNode]) -> NodesReading {
        let listed = |id: &crate::domain::NodeId| nodes.iter().find(|node| node.config.id == *id);
        let node = self
            .sprint
            .node_id()
            .and_then(listed)
            .map(|node| NodeReading {
                id: node.config.id.clone(),
                as_wanted: self.is_as_wanted(node),
                status: node.current,
                poc: node.poc_current,
                failure: node.failure_reason.clone(),
            });
        let proxy = self.config.inference_proxy.as_ref();
        NodesReading {
            node,
            proxy_listed: proxy.is_none_or(|proxy| listed(&proxy.node_id).is_some()),
        }
    }

    fn is_as_wanted(&self, seen: &RegisteredNode) -> bool {
        let Some(wanted) = self.wanted_node() else {
            return false;
        };
        let same_place = wanted.host == seen.config.host
            && wanted.poc_port == seen.config.poc_port
            && wanted.inference_port == seen.config.inference_port;
        same_place
            && wanted
                .models
                .keys()
                .all(|model| seen.config.models.contains_key(model))
    }

    fn journal_registrations(&mut self, nodes: &[RegisteredNode]) {
        let unconfirmed: Vec<_> = self
            .ledger
            .registrations()
            .into_iter()
            .filter(|open| {
                nodes.iter().all(|node| node.config.id != open.node) && open.unregistering
            })
            .map(|open| open.node.clone())
            .collect();
        for node in unconfirmed {
            self.record(&Record::Unregistered { node });
        }
        if let Some(id) = self.sprint.node_id().cloned() {
            let listed = nodes
                .iter()
                .any(|node| node.config.id == id && node.current != NodeStatus::Failed);
            let open = self
                .ledger
                .registrations()
                .iter()
                .any(|open| open.node == id && !open.registered);
            if listed && open {
                self.record(&Record::Registered { node: id });
            }
        }
    }

    fn see_listing(&mut self, now: Time, result: Result<Vec<Instance>, CallError>) {
        match result {
            Ok(instances) => {
                self.seen.listing_trouble = None;
                let orders = reconcile::plan(
                    now,
                    &instances,
                    &self.ledger,
                    &self.sprint,
                    &self.config.cockpit,
                );
                self.seen.listing = Some((now, instances));
                for order in orders {
                    self.reconcile(now, order);
                }
            }
            Err(error) => {
                let since = self
                    .seen
                    .listing_trouble
                    .take()
                    .map_or(now, |(since, _)| since);
                self.seen.listing_trouble = Some((since, error.to_string()));
            }
        }
    }

    fn see_instance(
        &mut self,
        now: Time,
        id: InstanceId,
        result: Result<Option<Instance>, CallError>,
    ) {
        if self.sprint.rental().map(|rental| rental.instance) != Some(id) {
            return;
        }
        match result {
            Ok(Some(instance)) => {
                if let Some(boot) = &mut self.boot {
                    boot.observe_instance(now, &instance);
                }
                self.seen.instance = Some(instance);
                self.feed_boot(now);
            }
            Ok(None) => {
                let listed = self
                    .seen
                    .listing
                    .as_ref()
                    .is_some_and(|(_, all)| all.iter().any(|i| i.id == id));
                if !listed && self.seen.listing.is_some() {
                    self.feed(now, Event::RentalVanished);
                }
            }
            Err(error) => tracing::warn!("instance {id} cannot be read: {error}"),
        }
    }

    fn see_link(&mut self, now: Time, id: InstanceId, change: LinkChange) {
        if self.watcher.as_ref().map(|watcher| watcher.instance) != Some(id) {
            return;
        }
        let link = &mut self.seen.link;
        match change {
            LinkChange::Failed(error) => {
                link.attempts += 1;
                link.last_error = Some(error.to_string());
                tracing::info!("SSH attempt {}: {error}", link.attempts);
            }
            LinkChange::Connected(endpoint) => {
                tracing::info!("SSH is connected to {endpoint}");
                link.endpoint = Some(endpoint);
                link.up_since = Some(now);
            }
            LinkChange::Tunnel(ends) => link.ends = Some(ends),
            LinkChange::Lost(error) => {
                tracing::warn!("{error}; connecting again");
                link.up_since = None;
                link.ends = None;
                link.proven = false;
                link.last_error = Some(error.to_string());
            }
        }
        let up = link.up_since.is_some();
        if let Some(boot) = &mut self.boot {
            boot.observe_link(now, up);
        }
        self.feed_boot(now);
    }

    fn see_log(&mut self, now: Time, id: InstanceId, chunk: &TailChunk) {
        if self.watcher.as_ref().map(|watcher| watcher.instance) != Some(id) {
            return;
        }
        let mut lines = self.sanitizer.feed(now, &chunk.bytes);
        let live = self.sanitizer.live(now);
        if let Some(boot) = &mut self.boot {
            for line in lines.iter().chain(&live) {
                boot.observe_line(now, &line.text());
            }
        }
        for line in lines.drain(..) {
            self.boot_log.push(line);
        }
        self.boot_log.live = live;
        self.feed_boot(now);
    }

    fn see_mlnode(
        &mut self,
        now: Time,
        id: InstanceId,
        result: Result<crate::domain::MlNodeStatus, CallError>,
    ) {
        if self.watcher.as_ref().map(|watcher| watcher.instance) != Some(id) {
            return;
        }
        match result {
            Ok(status) => {
                self.seen.link.proven = true;
                if let Some(boot) = &mut self.boot {
                    boot.observe_status(now, &status);
                }
                self.seen.mlnode = Some(status);
            }
            Err(error) => {
                self.seen.link.proven = false;
                tracing::debug!("{error}");
            }
        }
        self.feed_boot(now);
    }

    fn feed_boot(&mut self, now: Time) {
        let Some(boot) = &self.boot else { return };
        let reading = BootReading {
            api_up: self.seen.mlnode.is_some(),
            ready: boot.is_ready(),
            left: Some(boot.expected_left(now).0),
            fault: boot.fault().cloned(),
        };
        self.feed(now, Event::BootObserved(reading));
    }

    fn see_offers(
        &mut self,
        now: Time,
        effect: &Effect,
        offers: Result<Vec<crate::domain::Offer>, CallError>,
        account: Result<Account, CallError>,
    ) {
        self.seen.searching = false;
        let event = match offers {
            Err(error) => {
                self.seen.search_trouble = Some(error.to_string());
                Event::SearchFailed(error)
            }
            Ok(offers) => {
                self.seen.search_trouble = None;
                self.seen.account = account.ok().or(self.seen.account);
                let ranked = self.rank(now, effect, offers);
                let candidates = ranked
                    .usable
                    .iter()
                    .take(OFFERS_KEPT)
                    .map(|usable| Candidate {
                        offer: usable.offer.clone(),
                        worst_cost: usable.worst_cost,
                    });
                let event = Event::OffersRanked {
                    offers: candidates.collect(),
                    funds: self.funds(now),
                };
                self.seen.ranked = Some((now, ranked));
                event
            }
        };
        self.feed(now, event);
        self.ended("search");
    }

    fn rank(&self, now: Time, effect: &Effect, offers: Vec<crate::domain::Offer>) -> Ranked {
        let avoided: Vec<_> = self
            .ledger
            .avoided(now)
            .into_iter()
            .map(|(machine, ..)| machine)
            .collect();
        let needs = exec::needs(now, effect, &self.config);
        rank(offers, &self.config.vast.query, &needs, &avoided)
    }

    pub(super) fn funds(&self, now: Time) -> Funds {
        let reserved = self.ledger.reserved(now);
        let since_sprint = self.sprint.spans().first().map_or(now, |span| span.started);
        Funds {
            sprint: self.ledger.spent_since(since_sprint, now) + reserved,
            day: self.ledger.spent_since(now - Duration::hours(24), now) + reserved,
            month: self.ledger.spent_since(now - Duration::days(30), now) + reserved,
            credit: self.seen.account.map(|account| account.credit),
        }
    }

    /// A rental that is proven gone is settled in the journal.
    pub(super) fn settle(&mut self, now: Time, instance: InstanceId) {
        self.destroying.remove(&instance);
        let settled = self
            .ledger
            .open_rentals()
            .into_iter()
            .find(|open| open.instance == Some(instance));
        let record = settled.map(|open| Record::RentalGone {
            label: open.label.clone(),
            instance,
            cost: open.prices.cost(open.intended_at, now),
        });
        if let Some(record) = record {
            self.record(&record);
        }
        let remote = self.ports.remote.clone();
        tokio::spawn(async move { remote.forget(instance).await });
        self.feed(now, Event::RentalGone(instance));
    }

    fn count_leftovers(&mut self) {
        let ports = self.ports.clone();
        self.spawn("leftovers", async move {
            let (instances, nodes) =
                tokio::join!(ports.market.instances(), ports.network_node.nodes());
            Observation::Leftovers { instances, nodes }
        });
    }

    fn finish_report(
        &mut self,
        now: Time,
        instances: Result<Vec<Instance>, CallError>,
        nodes: Result<Vec<RegisteredNode>, CallError>,
    ) {
        self.running.remove("leftovers");
        let report = self.sprint_report(now, instances.ok().as_deref(), nodes.as_deref().ok());
        if let Ok(nodes) = nodes {
            self.see_nodes(now, Ok(nodes));
        }
        let outcome = self
            .sprint
            .outcome()
            .map_or("unknown", Outcome::name)
            .to_owned();
        tracing::info!("sprint ended: {outcome}, cost ${:.2}", report.cost_usd);
        self.ports.notifier.notify(&notice_of(now, &report));
        self.record(&Record::SprintEnded {
            report: report.clone(),
        });
        self.report = Some(report);
        let goes_on = self.options.end_after == EndAfter::Never
            && self.quitting.is_none()
            && self.sprint.mode() == Mode::Auto;
        if goes_on {
            let done = self.sprint.stages().map(|stages| stages.epoch);
            self.next_sprint(now, done);
        }
    }
}

fn notice_of(now: Time, report: &SprintReport) -> Notice {
    let epoch = report
        .epoch
        .map_or_else(|| "?".to_owned(), |epoch| epoch.to_string());
    let confirmed = report.outcome == "confirmed";
    Notice {
        level: if confirmed {
            NoticeLevel::Notice
        } else {
            NoticeLevel::Warning
        },
        title: format!("epoch {epoch}: {}", report.outcome),
        body: format!(
            "cost ${:.2}. {}",
            report.cost_usd,
            report.cause.as_deref().unwrap_or_default()
        ),
        at: now,
    }
}

/// What of a sprint is worth an entry in the journal: not each new height, but every move.
fn worth_saving(saved: &serde_json::Value) -> serde_json::Value {
    let mut worth = saved.clone();
    if let Some(fields) = worth.as_object_mut() {
        for noisy in ["chain", "wake", "boot", "search", "note"] {
            fields.remove(noisy);
        }
    }
    worth
}
