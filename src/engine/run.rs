//! The engine's loop: one task that owns the sprint and the journal. It handles commands and
//! observations, drives the state machine, records, starts effects and publishes snapshots. It never
//! waits for the outside world itself.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::chain::clock::BlockClock;
use crate::chain::sources::ChainSources;
use crate::config::Config;
use crate::domain::{BootTally, Duration, SprintReport, Step};
use crate::engine::alerts::heartbeat::Heartbeat;
use crate::engine::alerts::onset::Onsets;
use crate::engine::alerts::tracker::AlertTracker;
use crate::engine::clock::SteadyClock;
use crate::engine::effects::task_set::{self, TaskSet};
use crate::engine::failpoint::{Failpoint, entered, failpoint};
use crate::engine::observe::observation::Observation;
use crate::engine::observe::pollers::Poller;
use crate::engine::rental::monitor::RentalMonitor;
use crate::engine::rental::watchdog::OurClock;
use crate::engine::snapshot::{Command, QuitChoice, Snapshot};
use crate::engine::state::{
    EndAfter, Engine, EngineOptions, Observations, Replica, Replicas, Shared,
};
use crate::engine::supervise::catch_panic;
use crate::engine::{EngineError, Ports};
use crate::flow::{Event, Sprint};
use crate::journal::{HistorySource, Journal, Ledger};

pub struct EngineHandle {
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    pub commands: mpsc::Sender<Command>,
    /// The report of each replica's last sprint, if it was finished.
    pub ended: tokio::task::JoinHandle<Result<Vec<SprintReport>, EngineError>>,
}

const COMMANDS: usize = 64;
const OBSERVATIONS: usize = 1_024;
/// Notices that are not delivered within this time are sent by the next start.
const LAST_NOTICES: std::time::Duration = std::time::Duration::from_secs(3);
/// A deadline that has passed must not make the loop spin.
const SHORTEST_WAIT: Duration = Duration::milliseconds(1);
/// A session that is not closed within this time is abandoned; its other side then ends by itself.
const SESSION_CLOSES_WITHIN: std::time::Duration = std::time::Duration::from_secs(5);

/// Starts an engine. It resumes the sprint that an earlier run left unfinished.
pub fn start(
    mut ports: Ports,
    config: Config,
    journal: Journal,
    ledger: Ledger,
    options: EngineOptions,
) -> EngineHandle {
    let clock = Arc::new(SteadyClock::new(ports.clock, ledger.clock()));
    ports.clock = clock.clone();
    let ports = Arc::new(ports);
    let now = ports.clock.now();
    let (reports, observations) = mpsc::channel(OBSERVATIONS);
    let (commands, command_queue) = mpsc::channel(COMMANDS);
    let config = Arc::new(config);
    let alert_tracker = AlertTracker::open(ports.alerts_file.clone(), now);
    let mut shared = Shared {
        ports,
        clock,
        options,
        journal,
        unwritten: Vec::new(),
        ledger,
        block_clock: BlockClock::new(),
        sources: ChainSources::default(),
        observed: Observations::new(&config),
        config,
        tasks: TaskSet::default(),
        running: HashSet::new(),
        registering: BTreeMap::new(),
        searches: BTreeMap::new(),
        renting: BTreeMap::new(),
        examining: BTreeMap::new(),
        reports,
        quitting: None,
        release_only: None,
        leased_by: OurClock::Right,
        compacted_at: None,
        destroying: BTreeMap::new(),
        history: Arc::default(),
        history_source: HistorySource::default(),
        boots: BootTally::default(),
        onsets: Onsets::default(),
        alert_tracker,
        heartbeat: Heartbeat::default(),
    };
    let replicas = Replicas::of(&mut shared, now);
    let mut engine = Engine { shared, replicas };
    engine.shared.refresh_history();
    engine.resume(now);
    let (publish, snapshots) = watch::channel(Arc::new(engine.publish(now)));
    let changes = engine.shared.tasks.changes();
    let run = Box::pin(catch_panic(engine.run(
        command_queue,
        observations,
        publish,
    )));
    let ended = tokio::spawn(async move {
        let result = run.await;
        if result.is_err() {
            task_set::wait_for(&changes).await;
        }
        result?
    });
    EngineHandle {
        snapshots,
        commands,
        ended,
    }
}

impl Shared {
    /// What was timed by a clock that was set since was timed otherwise by the new one.
    fn shift(&mut self, by: Duration) {
        self.observed.shift(by);
        self.onsets.shift(by);
        self.alert_tracker.shift(by);
        self.heartbeat.shift(by);
        if let Some(mode) = &mut self.release_only {
            mode.since += by;
            mode.last_try += by;
        }
        self.block_clock.forget_sightings();
        self.sources = ChainSources::default();
        if let Some((_, view)) = &self.observed.view {
            self.sources.anchor(self.ports.clock.now(), view.height);
        }
    }
}

impl Engine {
    async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut observations: mpsc::Receiver<Observation>,
        publish: watch::Sender<Arc<Snapshot>>,
    ) -> Result<Vec<SprintReport>, EngineError> {
        let stop = CancellationToken::new();
        // Stops the pollers after a panic too.
        let _stop = stop.clone().drop_guard();
        let (schedule, schedule_updates) =
            watch::channel(self.poll_schedule(self.shared.ports.clock.now()));
        let poller = Poller {
            ports: self.shared.ports.clone(),
            reports: self.shared.reports.clone(),
            stop: stop.clone(),
        };
        poller.start_all(&self.shared.config, &schedule_updates);
        for sprint in self.replicas.sprints() {
            entered(sprint.step());
            tracing::info!("engine started, the sprint is in step {}", sprint.step());
        }
        let mut published = tokio::time::Instant::now();
        let mut changed = true;
        while !self.is_over() {
            let wake = self.until_wake();
            let interval = self.shared.options.publish_interval;
            let pause = if changed {
                interval.active
            } else {
                interval.idle
            };
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(published + pause) => {
                    let now = self.shared.ports.clock.now();
                    let snapshot = self.publish(now);
                    self.send_alerts(&snapshot);
                    publish.send_replace(Arc::new(snapshot));
                    published = tokio::time::Instant::now();
                    changed = false;
                    continue;
                }
                Some(command) = commands.recv() => self.handle_command(&command),
                Some(observation) = observations.recv() => self.handle_observation(observation),
                () = wake => self.wake_replicas(),
            }
            changed = true;
            self.after_event();
            let next = self.poll_schedule(self.shared.ports.clock.now());
            schedule.send_if_modified(|current| std::mem::replace(current, next) != next);
        }
        stop.cancel();
        let monitors = self.replicas.monitors_mut();
        let sessions = monitors
            .filter_map(RentalMonitor::stop)
            .map(|session| tokio::time::timeout(SESSION_CLOSES_WITHIN, session));
        tokio::join!(join_all(sessions), self.shared.tasks.end());
        self.shared.ports.notifier.close(LAST_NOTICES).await;
        self.shared.write_unwritten();
        let now = self.shared.ports.clock.now();
        let mut last = self.publish(now);
        last.ended = true;
        publish.send_replace(Arc::new(last));
        let reports = self.replicas.iter_mut();
        Ok(reports.filter_map(|it| it.report.take()).collect())
    }

    /// A clock that was set meanwhile counts as soon as no deadline or lease depends on it.
    fn follow_clock(&mut self) {
        let is_idle = |sprint: &Sprint| {
            let waits = matches!(sprint.step(), Step::Waiting | Step::Choosing | Step::Done);
            waits && sprint.rentals().next().is_none()
        };
        let idle = self.replicas.sprints().all(is_idle);
        if !idle || !self.shared.ledger.open_rentals().is_empty() {
            return;
        }
        let by = self.shared.clock.follow();
        if by != Duration::zero() {
            tracing::warn!("this machine's clock was set by {} s", by.num_seconds());
            self.shared.shift(by);
            self.dispatch(self.shared.ports.clock.now(), &Event::ClockSet(by));
        }
    }

    fn is_over(&self) -> bool {
        let is_done =
            |replica: &Replica| replica.sprint.step() == Step::Done && replica.report.is_some();
        let done = self.replicas.iter().all(is_done);
        match self.shared.quitting {
            Some(QuitChoice::Detach) => true,
            Some(QuitChoice::Release) => done,
            None => done && self.shared.options.end_after == EndAfter::OneSprint,
        }
    }

    /// Brings everything in line with the sprints that have changed.
    fn after_event(&mut self) {
        self.follow_clock();
        self.renew_leases();
        for replica in self.replicas.iter_mut().filter(|it| it.is_touched) {
            replica.follow_sprint(&mut self.shared);
        }
        self.shared.retry_journal();
        self.shared.refresh_history();
    }

    /// All leases are counted anew when something is learned of this machine's clock.
    fn renew_leases(&mut self) {
        let our_clock = self.shared.our_clock();
        if std::mem::replace(&mut self.shared.leased_by, our_clock) != our_clock {
            self.replicas.iter_mut().for_each(Replica::touch);
        }
    }

    fn until_wake(&self) -> impl Future<Output = ()> + use<> {
        let clock = self.shared.ports.clock.clone();
        let wake = self.replicas.sprints().filter_map(Sprint::next_wake).min();
        async move {
            let Some(at) = wake else {
                return std::future::pending().await;
            };
            clock.sleep((at - clock.now()).max(SHORTEST_WAIT)).await;
        }
    }

    fn wake_replicas(&mut self) {
        let now = self.shared.ports.clock.now();
        for replica in self.replicas.iter_mut() {
            if replica.sprint.next_wake().is_some_and(|at| at <= now) {
                replica.dispatch(&mut self.shared, now, Event::TimePassed);
            }
        }
    }
}

impl Replica {
    fn follow_sprint(&mut self, shared: &mut Shared) {
        self.supervise_rentals(shared);
        self.decision_heights = self.sprint.decision_heights();
        // A sprint that was reported must not be saved: the next start would report it again.
        let is_saved = self.report.is_some() || self.save_checkpoint(shared);
        self.is_touched = !is_saved;
        entered(self.sprint.step());
        failpoint(Failpoint::Engine);
        failpoint(Failpoint::Stall);
        let is_done = self.sprint.step() == Step::Done && !self.report_requested;
        // What a sprint that broke has left over is still being destroyed.
        if is_done && !shared.rents(self) {
            self.report_requested = true;
            self.list_leftovers(shared);
        }
    }
}
