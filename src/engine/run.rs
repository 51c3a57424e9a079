//! The engine's loop: one task that owns the sprint and the journal. It takes commands and
//! observations, feeds the state machine, journals, starts effects and publishes snapshots. It
//! never waits for the outside world itself.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::chain::clock::BlockClock;
use crate::chain::sources::ChainSources;
use crate::config::Config;
use crate::domain::{BootTally, Duration, SprintReport, Step};
use crate::engine::alerts::heartbeat::Heartbeat;
use crate::engine::alerts::onset::Began;
use crate::engine::alerts::tracker::Told;
use crate::engine::failpoint::{Part, drill};
use crate::engine::observe::observation::Observation;
use crate::engine::observe::pollers::start_pollers;
use crate::engine::rental::monitor::Watched;
use crate::engine::rules::sprint_rules;
use crate::engine::snapshot::{Command, QuitChoice, Snapshot};
use crate::engine::state::{EndAfter, Engine, EngineOptions, Seen};
use crate::engine::supervise::caught;
use crate::engine::{EngineError, Ports, failpoint};
use crate::flow::{Event, Sprint};
use crate::journal::{Journal, Ledger};

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
        sprint_rules(&config, ledger.boots(), options.aim, options.nonce),
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

impl Engine {
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
        failpoint::entered(self.sprint.step());
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
        failpoint::entered(self.sprint.step());
        drill(Part::Engine);
        drill(Part::Stall);
        if self.sprint.step() == Step::Done && !self.report_asked {
            self.report_asked = true;
            self.count_leftovers();
        }
    }
}
