//! Epoch after epoch, with the invariants after every step.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration as RealDuration;

use pocpit::chain::client::ChainClient;
use pocpit::cli;
use pocpit::config::{self, Config};
use pocpit::domain::{Duration, Mode, SprintReport, Step, Time};
use pocpit::engine::{self, EndAfter, EngineOptions, Pace, Ports, WorldKind};
use pocpit::http::HttpClient;
use pocpit::journal::Journal;
use pocpit::mlnode::client::MlNodeFactory;
use pocpit::network_node::NetworkNodeClient;
use pocpit::notify::Notifier;
use pocpit::vast::VastClient;
use pocpit::world::{API_KEY, Ask, IMAGE, MODEL, PARTICIPANT, PROXY_NODE, Scenario, World};
use serde_json::json;

use crate::played::{Stage, StageClock, StageRemote};
use crate::wire::Wire;

/// What goes wrong in a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Nothing.
    Calm,
    /// Up to a fifth of all calls.
    Faulty,
    /// The same, and the program dies at any moment.
    Crashing,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Summary {
    pub seed: u64,
    pub epochs: u64,
    pub confirmed: u64,
    pub faults: u64,
    pub crashes: u64,
    /// Outcomes and causes other than confirmed.
    pub misses: BTreeMap<String, u64>,
    pub spend: f64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}: {} epochs, {} confirmed, {} faults, {} crashes, 0 violations, ${:.2} spent",
            self.seed, self.epochs, self.confirmed, self.faults, self.crashes, self.spend
        )?;
        for (cause, count) in &self.misses {
            writeln!(f, "  {count} x {cause}")?;
        }
        Ok(())
    }
}

/// Many epochs on one world and one journal.
pub struct Campaign {
    seed: u64,
    plan: Plan,
    stage: Arc<Stage>,
    config: Config,
    directory: tempfile::TempDir,
    summary: Summary,
    spent_before: f64,
}

/// How one life of the program ended.
enum Life {
    Over(Option<SprintReport>),
    Crashed,
    /// It is too late for this epoch: the sprint is for a later one now.
    TooLate,
}

const MANY_LIVES: u32 = 400;
/// Of a sprint, from its first life on.
const LONGEST: Duration = Duration::hours(9);
/// A violation in the middle of settling is none: the world may be a moment ahead.
const LOOK_EVERY: RealDuration = RealDuration::from_secs(2);

impl Campaign {
    pub fn new(seed: u64, plan: Plan) -> Campaign {
        let scenario = Scenario {
            credit: 1e9,
            rate_limits: true,
            ..Scenario::default()
        };
        let start = Time::from_timestamp(1_790_000_000, 0).unwrap();
        let stage = Stage::new(seed, scenario, start);
        // Memory where the machine has it: every record is synced.
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let directory = tempfile::Builder::new()
            .prefix("pocpit-sim-")
            .tempdir_in(place)
            .unwrap();
        let config = configuration(directory.path());
        let summary = Summary {
            seed,
            ..Summary::default()
        };
        let campaign = Campaign {
            seed,
            plan,
            stage,
            config,
            directory,
            summary,
            spent_before: 0.0,
        };
        campaign.plant_what_is_not_ours();
        campaign
    }

    pub fn run(mut self, epochs: u64) -> Summary {
        for _ in 0..epochs {
            self.epoch();
        }
        self.summary.faults = self.stage.chance().faults;
        self.summary.spend = self.stage.world().spend().dollars();
        self.summary
    }

    /// Somebody else's instance on the same account.
    fn plant_what_is_not_ours(&self) {
        let mut world = self.stage.world();
        let ask = |method: &str, path: &str, body| Ask {
            method: method.into(),
            path: path.into(),
            body,
            bearer: Some(API_KEY.into()),
            ..Ask::default()
        };
        let found: serde_json::Value =
            serde_json::from_str(&world.vast(&ask("POST", "/api/v0/bundles/", json!({}))).body)
                .unwrap();
        let offer = found["offers"][0]["id"].as_u64().unwrap();
        let order =
            json!({"label": "somebody-elses", "image": "x", "disk": 20.0, "runtype": "ssh_direct"});
        let reply = world.vast(&ask("PUT", &format!("/api/v0/asks/{offer}/"), order));
        assert_eq!(reply.status, 200, "{reply:?}");
    }

    /// The next PoC, from an hour before it.
    fn epoch(&mut self) {
        let (epoch, poc_start) = {
            let world = self.stage.world();
            let next = world.epoch() + 1;
            (next, world.block_time(World::poc_start(next)))
        };
        let lead = Duration::minutes(self.stage.chance().between(56, 75));
        self.stage.skip_to(poc_start - lead);
        self.stage.chance().fault_rate = match self.plan {
            Plan::Calm => 0.0,
            // Most days are good ones.
            Plan::Faulty | Plan::Crashing => {
                [0.0, 0.02, 0.05, 0.2][usize::try_from(epoch % 4).unwrap()]
            }
        };
        let calm_from = poc_start + Duration::minutes(60);
        let deadline = self.stage.time() + LONGEST;
        for life in 0..MANY_LIVES {
            match self.life(epoch, calm_from, deadline) {
                Life::TooLate => {
                    self.stage.skip_to(poc_start + Duration::minutes(10));
                    self.summary.epochs += 1;
                    *self
                        .summary
                        .misses
                        .entry("too late for it".into())
                        .or_default() += 1;
                    return;
                }
                Life::Over(Some(report)) => return self.take(epoch, &report),
                Life::Over(None) => self.violation("an engine ended without a report"),
                Life::Crashed => {
                    self.summary.crashes += 1;
                    let away = self.stage.chance().between(1, 240);
                    self.stage
                        .skip_to(self.stage.time() + Duration::seconds(away));
                    // It may have died between its report and its end.
                    let ledger = pocpit::journal::read_only(self.directory.path()).unwrap();
                    let last = ledger.reports().last().map(|(_, report)| report.clone());
                    let done = |report: &SprintReport| report.epoch.map(|e| e.0) == Some(epoch);
                    if let Some(report) = last.filter(done) {
                        return self.take(epoch, &report);
                    }
                }
            }
            assert!(
                life + 1 < MANY_LIVES,
                "seed {}: epoch {epoch} never ended",
                self.seed
            );
        }
    }

    /// One life of the program, from start to end or crash.
    fn life(&self, epoch: u64, calm_from: Time, deadline: Time) -> Life {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let crash_at = self.crash_at();
        let nonce = self.stage.chance().number();
        let end = runtime.block_on(async {
            self.stage.start_clock();
            let (journal, ledger) = Journal::open(self.directory.path()).unwrap();
            let options = EngineOptions {
                mode: Mode::Auto,
                end_after: EndAfter::OneSprint,
                world: WorldKind::Simulated { speed: 1.0 },
                nonce,
                // Nobody watches: the judge looks at the world itself.
                pace: Pace {
                    news: RealDuration::from_secs(10),
                    quiet: RealDuration::from_secs(60),
                },
            };
            let mut handle = engine::start(
                ports(&self.stage, &self.config),
                self.config.clone(),
                journal,
                ledger,
                options,
            );
            let mut looks = tokio::time::interval(LOOK_EVERY);
            loop {
                tokio::select! {
                    biased;
                    ended = &mut handle.ended => return Life::Over(ended.unwrap().unwrap()),
                    _ = looks.tick() => {}
                }
                let now = self.stage.time();
                self.stage.pump();
                if now >= calm_from {
                    self.stage.chance().fault_rate = 0.0;
                }
                self.check(now);
                let sprint = handle.snapshots.borrow().sprint.clone();
                let later = sprint.epoch.is_some_and(|target| target.0 > epoch);
                if later && sprint.step == Step::Waiting {
                    return Life::TooLate;
                }
                if crash_at.is_some_and(|at| now >= at && now < calm_from) {
                    return Life::Crashed;
                }
                if now > deadline {
                    let snapshot = handle.snapshots.borrow().clone();
                    self.violation(&format!(
                        "a sprint does not end: {} in step {}, alerts {:?}",
                        snapshot.sprint.doing, snapshot.sprint.step, snapshot.alerts
                    ));
                }
            }
        });
        self.stage.stop_clock();
        drop(runtime);
        end
    }

    fn crash_at(&self) -> Option<Time> {
        if self.plan != Plan::Crashing {
            return None;
        }
        let mut chance = self.stage.chance();
        let seconds = chance.between(1, 5_400);
        chance.happens(0.6).then_some(seconds).map(|seconds| {
            drop(chance);
            self.stage.time() + Duration::seconds(seconds)
        })
    }

    /// What must hold at every moment, by the world's word.
    fn check(&self, now: Time) {
        let (live, nodes) = {
            let world = self.stage.world();
            (world.live_rentals(), world.registered())
        };
        let ours: Vec<_> = live
            .iter()
            .filter(|rental| rental.label.starts_with("pocpit/"))
            .collect();
        if ours.len() > 1 {
            self.violation(&format!("two rentals at once: {ours:?}"));
        }
        if let Some(old) = ours
            .iter()
            .find(|rental| now - rental.started > Duration::hours(5))
        {
            self.violation(&format!("a rental outlives every plan: {old:?}"));
        }
        if !live.iter().any(|rental| rental.label == "somebody-elses") {
            self.violation("somebody else's instance is gone");
        }
        if !nodes.iter().any(|node| node == "colleague-1") {
            self.violation("somebody else's node is gone");
        }
    }

    /// What must hold when a sprint is over.
    fn take(&mut self, epoch: u64, report: &SprintReport) {
        let (live, nodes, weight) = {
            let world = self.stage.world();
            let node = report
                .node
                .as_ref()
                .map(|node| node.0.clone())
                .unwrap_or_default();
            (
                world.live_rentals(),
                world.registered(),
                world.weight(epoch, &node),
            )
        };
        if let Some(left) = live
            .iter()
            .find(|rental| rental.label.starts_with("pocpit/"))
        {
            self.violation(&format!("a rental is left: {left:?} after {report:?}"));
        }
        if let Some(left) = nodes.iter().find(|node| node.starts_with("vastai-")) {
            self.violation(&format!("a registration is left: {left} after {report:?}"));
        }
        if !nodes.iter().any(|node| node == PROXY_NODE) {
            self.violation(&format!("the proxy is not registered after {report:?}"));
        }
        self.check_money(report);
        self.summary.epochs += 1;
        if report.outcome == "confirmed" {
            if weight.is_none_or(|weight| weight == 0) {
                self.violation(&format!("success without weight: {report:?}"));
            }
            self.summary.confirmed += 1;
            return;
        }
        let cause = report.cause.as_deref().unwrap_or("no cause");
        let cause: String = cause.split(':').next().unwrap_or_default().to_owned();
        *self
            .summary
            .misses
            .entry(format!("{}: {cause}", report.outcome))
            .or_default() += 1;
    }

    /// The journal never counts less than was spent, and hardly more while it could look.
    fn check_money(&mut self, report: &SprintReport) {
        let total = self.ours_spent();
        let spent = total - self.spent_before;
        self.spent_before = total;
        let counted = report.cost_usd;
        if counted < 0.98 * spent - 0.02 {
            self.violation(&format!(
                "${spent:.2} was spent and only ${counted:.2} counted: {report:?}"
            ));
        }
        if self.plan == Plan::Calm && counted > 1.02 * spent + 0.02 {
            self.violation(&format!(
                "${spent:.2} was spent and ${counted:.2} counted: {report:?}"
            ));
        }
    }

    fn ours_spent(&self) -> f64 {
        let truth = self.stage.world().truth();
        let ours = truth
            .rentals
            .iter()
            .filter(|rental| rental.label.starts_with("pocpit/"));
        ours.map(|rental| rental.cost.dollars()).sum()
    }

    fn violation(&self, what: &str) -> ! {
        panic!(
            "VIOLATION at {} (seed {}, plan {:?}): {what}",
            self.stage.time(),
            self.seed,
            self.plan
        );
    }
}

/// The real clients against the stage.
pub fn ports(stage: &Arc<Stage>, config: &Config) -> Ports {
    let http = HttpClient::over(Arc::new(Wire {
        stage: stage.clone(),
        mangles: false,
    }));
    Ports {
        clock: Arc::new(StageClock(stage.clone())),
        chain: Arc::new(ChainClient::new(http.clone(), &config.chain)),
        market: Arc::new(VastClient::new(http.clone(), &config.vast)),
        network_node: Arc::new(NetworkNodeClient::new(http.clone(), &config.network_node)),
        mlnodes: Arc::new(MlNodeFactory::new(http.clone())),
        remote: Arc::new(StageRemote(stage.clone())),
        notifier: Notifier::new(http, &config.notify),
    }
}

pub fn configuration(state: &Path) -> Config {
    let text = |value: &str| format!("{value:?}");
    let values: BTreeMap<&str, String> = [
        ("cockpit.id", text("demo")),
        ("chain.public_api", "[\"http://api.sim\"]".into()),
        ("chain.rpc", "[\"http://rpc.sim\"]".into()),
        ("chain.participant", text(PARTICIPANT)),
        ("chain.poll", text("30s")),
        ("vast.api_key", text(API_KEY)),
        ("vast.base_url", text("http://vast.sim")),
        ("vast.image", text(IMAGE)),
        ("ssh.key_file", text("/nonexistent")),
        ("mlnode.model", text(MODEL)),
        ("budget.per_sprint", "60".into()),
        ("budget.per_day", "80".into()),
        ("budget.per_month", "3000".into()),
        ("network_node.admin_api", text("http://admin.sim")),
        ("network_node.host", text("127.0.0.1")),
        ("network_node.api_listen", text("127.0.0.1:18080")),
        ("network_node.inference_listen", text("127.0.0.1:15000")),
        ("inference_proxy.node_id", text(PROXY_NODE)),
        ("inference_proxy.host", text("10.0.0.2")),
        ("inference_proxy.inference_port", "5050".into()),
        ("inference_proxy.poc_port", "8080".into()),
        ("inference_proxy.listen", text("127.0.0.1:5050")),
        ("inference_proxy.model", text(MODEL)),
        ("inference_proxy.upstream", text("http://up.sim")),
        ("inference_proxy.upstream_key", text("none")),
        ("inference_proxy.upstream_model", text(MODEL)),
        ("paths.state_dir", text(&state.display().to_string())),
    ]
    .into();
    cli::parse_configuration(&config::only(&values)).unwrap()
}
