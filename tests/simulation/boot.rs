//! Boots: how soon one that will never succeed is ended, and how much of its log is shown.

use std::sync::Arc;
use std::time::Duration as RealDuration;

use pocpit::config::Config;
use pocpit::domain::{Aim, Duration, Mode, Outcome, ReleasePolicy, Step, Time, Usd};
use pocpit::engine::{
    self, EndAfter, EngineOptions, LinkSnapshot, PublishInterval, Snapshot, WorldKind,
};
use pocpit::journal::Journal;
use pocpit::world::{MlNodeRelease, Scenario, WorkloadFault};
use serde_json::Value;

use crate::judge::Caps;
use crate::played::{KEY, Stage};
use crate::setup::{configuration, ports};

/// How every machine fails, and where it shows.
#[derive(Debug, Clone, Copy)]
pub enum Failure {
    /// The workload's log says this.
    Log(&'static str),
    /// The market's row says this.
    Row(&'static str),
    /// The node lists so many GPUs less than were ordered.
    MissingGpus(u64),
    /// The node's driver supports this CUDA version and no newer one.
    OldDriver(&'static str),
    /// No SSH server answers.
    SilentSsh,
    /// The node refuses each start of the model.
    RefusedStart,
}

/// What was done about the first machine.
#[derive(Debug)]
pub struct Acted {
    /// From the first sign of the failure to the machine's end.
    pub given_back_after: Duration,
    /// What the program saw of it.
    pub evidence: String,
    /// A second machine was rented.
    pub took_another: bool,
    /// Why the sprint ended; empty while it runs.
    pub cause: String,
}

const LOG: &str = "/var/log/pocpit/mlnode.log";
const API_PORT: u16 = 8080;
/// The first line of the `MLNode`'s watcher after its vLLM has failed.
const BROKEN: &str = "is unhealthy (count: 1/3)";
const LONGEST: Duration = Duration::hours(4);
const LOOK_EVERY: RealDuration = RealDuration::from_secs(1);
/// After the first machine's end, to see what comes next.
const AFTERWARDS: Duration = Duration::minutes(3);

/// A market with credit for anything and no rate limits.
pub fn generous() -> Scenario {
    Scenario {
        credit: 1e9,
        rate_limits: false,
        ..Scenario::default()
    }
}

/// A sprint in virtual time, polled every second until there is an answer.
pub fn watch<T>(scenario: Scenario, look: impl FnMut(&Stage, &Snapshot) -> Option<T>) -> T {
    watch_with(scenario, |_| {}, look)
}

fn watch_with<T>(
    scenario: Scenario,
    adjust: impl FnOnce(&mut Config),
    look: impl FnMut(&Stage, &Snapshot) -> Option<T>,
) -> T {
    let start = Time::from_timestamp(1_790_000_000, 0).unwrap();
    let stage = Stage::new(1, scenario, start);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        stage.start_clock();
        let answer = run(&stage, adjust, look).await;
        stage.stop_clock();
        answer
    })
}

async fn run<T>(
    stage: &Arc<Stage>,
    adjust: impl FnOnce(&mut Config),
    mut look: impl FnMut(&Stage, &Snapshot) -> Option<T>,
) -> T {
    let directory = tempfile::tempdir().unwrap();
    let mut config = configuration(directory.path(), Caps::WIDE);
    adjust(&mut config);
    let options = EngineOptions {
        aim: Aim::Proof,
        mode: Mode::Auto,
        end_after: EndAfter::OneSprint,
        world: WorldKind::Simulated { speed: 1.0 },
        nonce: 1,
        publish_interval: PublishInterval::default(),
    };
    let (journal, ledger) = Journal::open(directory.path()).unwrap();
    let handle = engine::start(ports(stage, &config), config, journal, ledger, options);
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let (begun, mut rented) = (stage.time(), None);
    loop {
        looks.tick().await;
        stage.pump();
        let snapshot = handle.snapshots.borrow().clone();
        if let Some(answer) = look(stage, &snapshot) {
            return answer;
        }
        let now = stage.time();
        if snapshot.rental.is_some() {
            rented.get_or_insert(now);
        }
        let late = now - rented.unwrap_or(begun) > LONGEST;
        assert!(!late, "nothing comes: {}", snapshot.sprint.doing);
    }
}

fn log_of(stage: &Stage, rental: u64) -> String {
    let log = stage.world().read_file(rental, LOG, 0, usize::MAX);
    String::from_utf8_lossy(&log.unwrap_or_default()).into_owned()
}

/// Looks for words in a log that grows, each time in what is new.
#[derive(Default)]
struct LogSearch {
    offset: u64,
    rest: String,
}

impl LogSearch {
    fn finds(&mut self, stage: &Stage, rental: u64, words: &str) -> bool {
        let log = stage
            .world()
            .read_file(rental, LOG, self.offset, usize::MAX);
        let log = log.unwrap_or_default();
        self.offset += log.len() as u64;
        self.rest.push_str(&String::from_utf8_lossy(&log));
        let found = self.rest.contains(words);
        // The last line may be incomplete.
        let whole_lines = self.rest.rfind('\n').map_or(0, |end| end + 1);
        self.rest.drain(..whole_lines);
        found
    }
}

/// What is done about a failure of every machine.
pub fn act_on(failure: Failure) -> Acted {
    let (mut shown, mut evidence) = (None, String::new());
    watch(failure.scenario(), |stage, snapshot| {
        let now = stage.time();
        let truth = stage.world().truth();
        let first = truth.rentals.first()?;
        if shown.is_none() && failure.shows(stage, first.id) {
            shown = Some(now);
        }
        let boot = snapshot.rental.as_ref().map(|rental| &rental.boot);
        if let Some(fault) = boot.and_then(|boot| boot.fault.as_ref().or(boot.setback.as_ref())) {
            evidence.clone_from(&fault.evidence);
        }
        // A link's fault is told by the sprint alone, which gives the rental back at once.
        let doing = &snapshot.sprint.doing;
        if evidence.is_empty() && doing.contains(failure.words()) {
            evidence.clone_from(doing);
        }
        let ended = first.ended.filter(|ended| now >= *ended + AFTERWARDS)?;
        let cause = snapshot.sprint.cause.as_ref();
        Some(Acted {
            // A machine can be gone again before the next look.
            given_back_after: ended - shown.unwrap_or(ended),
            evidence: evidence.clone(),
            took_another: truth.rentals.len() > 1,
            cause: cause.map(|cause| format!("{cause:?}")).unwrap_or_default(),
        })
    })
}

/// How a rental that does not accept the key at first went on.
#[derive(Debug)]
pub struct Denied {
    /// From the first refusal to the link, or to the rental's end.
    pub lasted: Duration,
    /// The link came up.
    pub was_let_in: bool,
    pub rentals: usize,
    /// Why the sprint ended; empty while it runs.
    pub cause: String,
}

/// Every rental takes so many seconds more than the usual to accept the key.
pub fn deny_for(seconds: f64) -> Denied {
    let scenario = Scenario {
        key_takes: seconds,
        ..generous()
    };
    let mut refused = None;
    watch(scenario, |stage, snapshot| {
        let now = stage.time();
        let truth = stage.world().truth();
        let rental = snapshot.rental.as_ref();
        let link = rental.map(|rental| &rental.link);
        if let Some(LinkSnapshot::Connecting {
            last_error: Some(error),
            ..
        }) = link
            && error.contains("key")
        {
            refused.get_or_insert(now);
        }
        let was_let_in = matches!(link, Some(LinkSnapshot::Up { .. }));
        let over = truth.rentals.first()?.ended.is_some() && snapshot.sprint.cause.is_some();
        let cause = snapshot.sprint.cause.clone().unwrap_or_default();
        (was_let_in || over).then(|| Denied {
            lasted: refused.map_or(Duration::zero(), |refused| now - refused),
            was_let_in,
            rentals: truth.rentals.len(),
            cause,
        })
    })
}

/// How a sprint on realistic nodes went.
#[derive(Debug)]
pub struct Lived {
    pub outcome: Outcome,
    pub rentals: usize,
    /// What all of them cost.
    pub cost: Usd,
    /// How many of the scenario's faults met a call.
    pub faults_met: usize,
}

/// A sprint on realistic nodes, with this fault in each workload.
pub fn live_through(release: MlNodeRelease, fault: Option<WorkloadFault>) -> Lived {
    live_in(Scenario {
        mlnode_release: release,
        workload_fault: fault,
        ..generous()
    })
}

/// A sprint in this world.
pub fn live_in(scenario: Scenario) -> Lived {
    watch(scenario, |stage, snapshot| {
        let outcome = snapshot.sprint.outcome.clone()?;
        let rentals = stage.world().truth().rentals;
        Some(Lived {
            outcome,
            cost: rentals.iter().map(|rental| rental.cost).sum(),
            rentals: rentals.len(),
            faults_met: stage.world().faults_met(),
        })
    })
}

/// How soon a broken workload was reported.
#[derive(Debug)]
pub struct Reported {
    pub step: Step,
    /// From the break, as it shows outside of the program.
    pub after: Duration,
    pub trouble: String,
}

/// A rental that is held for the whole epoch, with this fault in its workload.
pub fn report_of(release: MlNodeRelease, fault: WorkloadFault) -> Reported {
    let scenario = Scenario {
        mlnode_release: release,
        workload_fault: Some(fault),
        ..generous()
    };
    let adjust = |config: &mut Config| {
        config.poc.release = ReleasePolicy::WholeEpoch;
        config.poc.execution_timeout = Duration::hours(30);
        config.budget.per_sprint = Usd::from_dollars(500.0);
        config.budget.per_day = Usd::from_dollars(500.0);
    };
    let (mut answered, mut broke_at) = (false, None);
    let mut log = LogSearch::default();
    watch_with(scenario, adjust, |stage, snapshot| {
        let now = stage.time();
        let rental = stage.world().truth().rentals.first()?.id;
        let answers = stage.world().listens(rental, API_PORT);
        answered |= answers;
        if log.finds(stage, rental, BROKEN) || (answered && !answers) {
            broke_at.get_or_insert(now);
        }
        let boot = &snapshot.rental.as_ref()?.boot;
        let trouble = boot.fault.as_ref().or(boot.setback.as_ref())?;
        Some(Reported {
            step: snapshot.sprint.step,
            after: now - broke_at?,
            trouble: trouble.name.clone(),
        })
    })
}

/// The lines of a boot's log once its workload writes.
pub fn shown_log() -> Vec<String> {
    let scenario = Scenario {
        credit: 1e9,
        ..Scenario::default()
    };
    watch(scenario, |_, snapshot| {
        let log = &snapshot.boot_log;
        let lines = (log.first_seq()..log.end_seq()).filter_map(|seq| log.line(seq));
        let lines: Vec<_> = lines.map(|line| line.text().to_owned()).collect();
        lines
            .iter()
            .any(|line| line.contains("Uvicorn running"))
            .then_some(lines)
    })
}

impl Failure {
    /// Words that the evidence has.
    pub fn words(self) -> &'static str {
        match self {
            Failure::Log(words) | Failure::Row(words) => &words[..words.len().min(60)],
            Failure::MissingGpus(_) => "ordered GPUs have",
            Failure::OldDriver(_) => "was ordered",
            Failure::SilentSsh => "no connection to",
            Failure::RefusedStart => "start the model: refused (HTTP 422)",
        }
    }

    fn scenario(self) -> Scenario {
        let mut scenario = generous();
        match self {
            Failure::Log(line) => scenario.boot_failure = line.into(),
            Failure::Row(words) => scenario.pull_failure = words.into(),
            Failure::MissingGpus(count) => scenario.missing_gpus = count,
            Failure::OldDriver(cuda) => scenario.driver_cuda = cuda.into(),
            Failure::SilentSsh => scenario.random_faults.silent_ssh = 1.0,
            Failure::RefusedStart => {
                scenario.workload_fault = Some(WorkloadFault::StartRefused);
            }
        }
        scenario
    }

    /// Whether it shows outside of the program.
    fn shows(self, stage: &Stage, rental: u64) -> bool {
        match self {
            Failure::Log(line) => log_of(stage, rental).contains(line),
            Failure::Row(words) => {
                let path = format!("/api/v0/instances/{rental}/");
                let (_, row) = stage.ask_market("GET", &path, Value::Null);
                row["instances"]["status_msg"] == words
            }
            Failure::SilentSsh => stage.world().machine_is_up(rental),
            Failure::RefusedStart => log_of(stage, rental).contains("/inference/up/async"),
            // From then on the node answers.
            Failure::MissingGpus(_) | Failure::OldDriver(_) => {
                let world = stage.world();
                world.listens(rental, API_PORT) && world.authorizes(rental, KEY)
            }
        }
    }
}
