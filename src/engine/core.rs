//! The engine's loop: one task that owns the sprint and the journal. It takes commands and
//! observations, feeds the state machine, journals, starts effects and publishes snapshots. It
//! never waits for the outside world itself.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::began::Began;
use super::confirmation::PendingConfirmation;
use super::drill::{self, Part, drill};
use super::heartbeat::Heartbeat;
use super::inference::ProxyState;
use super::memory::ReleaseOnly;
use super::observe::{Observation, start_pollers};
use super::reads::Reads;
use super::see::CLOCK_SLACK;
use super::snapshot::{Command, PastSprintRow, QuitChoice, RejectedOffer, Snapshot, WorldKind};
use super::supervise::caught;
use super::told::Told;
use super::watched::Watched;
use super::{EngineError, Ports, publish};
use crate::chain::clock::BlockClock;
use crate::chain::sources::ChainSources;
use crate::config::Config;
use crate::domain::{
    Account, Aim, BootTally, Duration, EpochIndex, EpochView, Governance, Height, Instance,
    InstanceId, Mode, Outcome, RankedOffer, RegisteredNode, SprintReport, Step, Time,
};
use crate::flow::{Effect, Event, Sprint};
use crate::journal::{Journal, Ledger, Record};

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
    /// What the first sprint is for; one that was left under way goes on as it was.
    pub aim: Aim,
    /// Who approves at first.
    pub mode: Mode,
    /// When it ends by itself.
    pub end_after: EndAfter,
    /// Real money or not.
    pub world: WorldKind,
    /// Makes labels of this run differ from those of every other.
    pub nonce: u64,
    /// How often snapshots are published.
    pub pace: Pace,
}

/// How often snapshots are published, in real time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// After something happened: what happens in between is in one snapshot.
    pub news: std::time::Duration,
    /// Although nothing happens: costs run on.
    pub quiet: std::time::Duration,
}

impl Default for Pace {
    /// For eyes.
    fn default() -> Pace {
        Pace {
            news: std::time::Duration::from_millis(100),
            quiet: std::time::Duration::from_secs(1),
        }
    }
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

const COMMANDS: usize = 64;
const OBSERVATIONS: usize = 1_024;
/// What is not delivered by then is delivered by the next start.
const LAST_NOTICES: std::time::Duration = std::time::Duration::from_secs(3);
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
    pub(super) sources: ChainSources,
    pub(super) seen: Seen,
    pub(super) running: HashSet<&'static str>,
    pub(super) waiting: VecDeque<Effect>,
    /// The sprint's own rental, or the last one.
    pub(super) own: Option<Watched>,
    /// The one that boots beside it.
    pub(super) beside: Option<Watched>,
    pub(super) reports: mpsc::Sender<Observation>,
    pub(super) quitting: Option<QuitChoice>,
    pub(super) report: Option<SprintReport>,
    pub(super) report_asked: bool,
    pub(super) release_only: Option<ReleaseOnly>,
    pub(super) destroying: BTreeMap<InstanceId, Time>,
    /// The sprint as the journal has it.
    pub(super) saved: Option<Sprint>,
    pub(super) past: Arc<Vec<PastSprintRow>>,
    /// Confirmations that it knows of.
    pub(super) seen_back: usize,
    /// Boots that came to their end.
    pub(super) boots: BootTally,
    /// Since when what is wrong is wrong.
    pub(super) began: Began,
    /// What the operator was told of alerts.
    pub(super) told: Told,
    pub(super) heartbeat: Heartbeat,
}

/// What was seen last, for snapshots and decisions.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) view: Option<(Time, EpochView)>,
    pub(super) chain_trouble: Option<String>,
    /// The epoch whose `PoC` was the next one when this run first read the chain.
    pub(super) first_poc: Option<EpochIndex>,
    /// The newest block that a source announced.
    pub(super) announced: Option<Height>,
    pub(super) governance: Option<Governance>,
    /// By how much this machine's clock is ahead of the newest block; below zero when it is behind.
    pub(super) ahead_of_chain: Duration,
    pub(super) nodes: Option<(Time, Vec<RegisteredNode>)>,
    pub(super) nodes_trouble: Option<String>,
    pub(super) proxy: ProxyState,
    /// A change of a node by hand that did not work, and when.
    pub(super) change_trouble: Option<(Time, String)>,
    pub(super) listing: Option<(Time, Vec<Instance>)>,
    pub(super) listing_trouble: Option<(Time, String)>,
    pub(super) account: Option<(Time, Account)>,
    pub(super) market: Option<MarketView>,
    pub(super) search_trouble: Option<String>,
    pub(super) searching: bool,
    /// Contracts whose container did not run yet, and when that was seen last.
    pub(super) idle_gpus: BTreeMap<InstanceId, Time>,
    pub(super) confirmation: Option<PendingConfirmation>,
    pub(super) reads: Reads,
}

impl Seen {
    /// How far this machine's clock is behind the chain's, when that is much: no block comes from the
    /// future.
    pub(super) fn clock_behind(&self) -> Option<Duration> {
        Some(-self.ahead_of_chain).filter(|behind| *behind > CLOCK_SLACK)
    }

    /// How far this machine's clock may be ahead. It cannot be told from a chain that stands still, so
    /// it is good only for what errs on the safe side: how far caps look back.
    pub(super) fn clock_ahead(&self) -> Duration {
        self.ahead_of_chain.max(Duration::zero())
    }
}

/// The last search's offers, as they are shown. Made once, shared by every snapshot.
pub(super) struct MarketView {
    pub(super) read_at: Time,
    pub(super) rows: Arc<Vec<RankedOffer>>,
    pub(super) rejected: Arc<Vec<RejectedOffer>>,
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
    let sprint = Sprint::new(
        publish::sprint_rules(&config, ledger.boots(), options.aim, options.nonce),
        options.mode,
        now,
    );
    let told = Told::open(ports.told_file.clone(), now);
    let mut engine = Engine {
        ports,
        config: Arc::new(config),
        options,
        journal,
        ledger,
        sprint,
        block_clock: BlockClock::new(),
        sources: ChainSources::default(),
        seen: Seen::default(),
        running: HashSet::new(),
        waiting: VecDeque::new(),
        own: None,
        beside: None,
        reports,
        quitting: None,
        report: None,
        report_asked: false,
        release_only: None,
        destroying: BTreeMap::new(),
        saved: None,
        past: Arc::default(),
        seen_back: 0,
        boots: BootTally::default(),
        began: Began::default(),
        told,
        heartbeat: Heartbeat::default(),
    };
    engine.look_back();
    engine.go_on(now);
    let (publish, snapshots) = watch::channel(Arc::new(engine.publish(now)));
    let run = Box::pin(caught(engine.run(orders, observations, publish)));
    let ended = tokio::spawn(async move { run.await? });
    EngineHandle {
        snapshots,
        commands,
        ended,
    }
}

/// The sprint that an earlier run left half done, or over and not yet reported.
pub fn saved_sprint(ledger: &Ledger) -> Result<Option<Sprint>, serde_json::Error> {
    let Some(saved) = ledger.checkpoint() else {
        return Ok(None);
    };
    let sprint: Sprint = serde_json::from_value(saved.clone())?;
    let last = ledger.reports().last();
    let reported = last.is_some_and(|(_, report)| report.steps == sprint.spans());
    Ok(Some(sprint).filter(|_| !reported))
}

impl Engine {
    /// Takes up the sprint that an earlier run left half done.
    fn go_on(&mut self, now: Time) {
        self.skip_what_was_done(now);
        match saved_sprint(&self.ledger) {
            // In the middle of a sprint there are more urgent things; it ends with a compaction.
            Ok(None) => self.compact_journal(now),
            Ok(Some(sprint)) => {
                tracing::info!(
                    "going on with the sprint that was left in step {}",
                    sprint.step()
                );
                if let Some((at, height)) = sprint.last_height() {
                    self.sources.anchor(at, height);
                }
                self.sprint = sprint;
                // The configuration may be another one by now.
                self.sprint.replan(publish::sprint_rules(
                    &self.config,
                    self.ledger.boots(),
                    self.options.aim,
                    self.options.nonce,
                ));
                self.feed(now, Event::Resumed);
                // Hands off was asked for: a sprint that was left in manual mode would wait for
                // somebody. The other way round it goes on as it was.
                if self.options.mode == Mode::Auto {
                    self.feed(now, Event::ModeChanged(Mode::Auto));
                }
            }
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
        // A rehearsal, or a model to serve, is no part of an epoch: it begins whatever was done in it.
        let proves = self.options.aim == Aim::Proof;
        if let (Mode::Auto, true, Some(done)) = (self.options.mode, proves, done) {
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
        // Dropped by a panic too: pollers of a broken engine have nobody to report to.
        let _stop = stop.clone().drop_guard();
        let (attention, attended) = watch::channel(self.attention(self.ports.clock.now()));
        start_pollers(
            &self.ports,
            self.config.chain.poll,
            attended,
            &self.reports,
            &stop,
        );
        drill::entered(self.sprint.step());
        tracing::info!(
            "the engine runs, the sprint is in step {}",
            self.sprint.step()
        );
        let mut published = tokio::time::Instant::now();
        let mut news = true;
        while !self.is_over() {
            let wake = self.until_wake();
            let pace = self.options.pace;
            let pause = if news { pace.news } else { pace.quiet };
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(published + pause) => {
                    let now = self.ports.clock.now();
                    let snapshot = self.publish(now);
                    self.tell(&snapshot);
                    publish.send_replace(Arc::new(snapshot));
                    published = tokio::time::Instant::now();
                    news = false;
                    continue;
                }
                Some(order) = orders.recv() => self.obey(&order),
                Some(seen) = observations.recv() => self.take(seen),
                () = wake => self.feed(self.ports.clock.now(), Event::TimePassed),
            }
            news = true;
            self.keep_house();
            let wanted = self.attention(self.ports.clock.now());
            attention.send_if_modified(|now| std::mem::replace(now, wanted) != wanted);
        }
        stop.cancel();
        let watched = self.own.iter_mut().chain(&mut self.beside);
        let closing: Vec<_> = watched.filter_map(Watched::stop).collect();
        for session in closing {
            let _ = tokio::time::timeout(std::time::Duration::from_secs(5), session).await;
        }
        self.ports.notifier.close(LAST_NOTICES).await;
        let now = self.ports.clock.now();
        let mut last = self.publish(now);
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
        self.watch_rentals();
        // A sprint that was reported is history: saved again, the next start would report it again.
        if self.report.is_none() {
            self.save();
        }
        self.look_after_journal();
        self.look_back();
        drill::entered(self.sprint.step());
        drill(Part::Engine);
        drill(Part::Stall);
        if self.sprint.step() == Step::Done && !self.report_asked {
            self.report_asked = true;
            self.count_leftovers();
        }
    }

    /// A time of this machine's clock as the rental's clock shows it. The watchdog there goes by its
    /// own: a lease from a clock that is behind would end too early.
    pub(super) fn by_true_clock(&self, time: Time) -> Time {
        time + self.seen.clock_behind().unwrap_or_default()
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

    pub(super) fn ended(&mut self, key: &'static str) {
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
            let task = caught(async {
                drill(Part::Effect);
                work.await
            });
            // The flow asks again for what it has no answer to.
            let report = task.await.unwrap_or_else(|panic| {
                tracing::error!("the task {key} broke: {panic}");
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
            Command::ChangeNode { ref node, change } => self.change_node(node.clone(), change),
            Command::AvoidMachine(machine) => {
                self.avoid_machine(machine, "the operator avoids it".to_owned());
                self.feed(now, Event::RefreshRequested);
            }
            Command::AllowMachine(machine) => {
                self.record(&Record::MachineAllowed { machine });
                self.feed(now, Event::RefreshRequested);
            }
            Command::Abort => self.feed(now, Event::AbortRequested),
            Command::Quit(choice) => self.quit(now, choice),
        }
    }

    fn quit(&mut self, now: Time, choice: QuitChoice) {
        let idle = self.sprint.rentals().next().is_none()
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
        let sprint = Sprint::new(
            publish::sprint_rules(
                &self.config,
                self.ledger.boots(),
                Aim::Proof,
                self.options.nonce,
            ),
            mode,
            now,
        );
        self.sprint = match done {
            Some(done) => sprint.not_before(done),
            None => sprint,
        };
        self.report_asked = false;
        self.report = None;
        self.seen.market = None;
        if let Some((_, view)) = self.seen.view.clone() {
            self.go_by(now, view);
        }
    }
}
