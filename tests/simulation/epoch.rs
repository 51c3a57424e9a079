//! Epoch after epoch on one world and one journal.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use pocpit::chain::client::ChainClient;
use pocpit::cli;
use pocpit::config::{self, Config};
use pocpit::domain::{Duration, Hedging, OutcomeKind, PastBoot, SprintReport, Time, UsdPerHour};
use pocpit::engine::{LogStore, Ports};
use pocpit::http::HttpClient;
use pocpit::journal::{self, Journal, Ledger};
use pocpit::mlnode::client::MlNodeFactory;
use pocpit::network_node::NetworkNodeClient;
use pocpit::notify::Notifier;
use pocpit::vast::VastClient;
use pocpit::world::{
    API_KEY, ApiRequest, IMAGE, MODEL, MlNodeRelease, NetworkRelease, PARTICIPANT, PROXY_NODE,
    RandomFaults, Scenario, World,
};
use serde_json::json;
use strum::VariantArray as _;

use crate::hedge;
use crate::judge::{Caps, Judge, Others, Purse};
use crate::life::{Death, Life};
use crate::played::{Stage, StageClock, StageRemote};
use crate::storage::{FillingDisk, spool};
use crate::wire::Wire;

/// What goes wrong in a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Nothing.
    Calm,
    /// Nothing but the operator's clock, which is an hour behind.
    WrongClock,
    /// Up to a fifth of all calls, rentals, the chain, the clock.
    Faulty,
    /// The same, and the program dies at any moment.
    Crashing,
}

impl Plan {
    fn is_faulty(self) -> bool {
        matches!(self, Plan::Faulty | Plan::Crashing)
    }
}

/// What came of it.
#[derive(Debug, Default, Clone)]
pub struct Summary {
    pub seed: u64,
    pub epochs: u64,
    pub confirmed: u64,
    /// Epochs whose machines worked as promised, so that the window could be made.
    pub windows: u64,
    pub windows_made: u64,
    pub faults: u64,
    pub crashes: u64,
    /// Campaigns that ended with one; each ends at its first.
    pub violations: u64,
    /// Boots that were raced by a second rental, and races that this one won.
    pub races: u64,
    pub races_won: u64,
    /// Outcomes and causes other than confirmed.
    pub misses: BTreeMap<String, u64>,
    pub spend: f64,
}

impl Summary {
    pub fn add(&mut self, other: &Summary) {
        self.epochs += other.epochs;
        self.confirmed += other.confirmed;
        self.windows += other.windows;
        self.windows_made += other.windows_made;
        self.faults += other.faults;
        self.crashes += other.crashes;
        self.violations += other.violations;
        self.races += other.races;
        self.races_won += other.races_won;
        self.spend += other.spend;
        for (cause, count) in &other.misses {
            *self.misses.entry(cause.clone()).or_default() += count;
        }
    }

    /// Share of the windows that could be made and were.
    #[expect(clippy::cast_precision_loss, reason = "counts here are below 2^52")]
    pub fn made(&self) -> f64 {
        self.windows_made as f64 / self.windows.max(1) as f64
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}: {} epochs, {} confirmed, {} faults, {} crashes, {} violations, ${:.2} spent",
            self.seed,
            self.epochs,
            self.confirmed,
            self.faults,
            self.crashes,
            self.violations,
            self.spend
        )?;
        if self.races > 0 {
            writeln!(
                f,
                "  races: {}, won by the second rental: {}",
                self.races, self.races_won
            )?;
        }
        writeln!(
            f,
            "  windows made: {} of {} ({:.2} %)",
            self.windows_made,
            self.windows,
            100.0 * self.made()
        )?;
        for (cause, count) in &self.misses {
            writeln!(f, "  {count} x {cause}")?;
        }
        Ok(())
    }
}

/// Many epochs on one world and one journal.
pub struct Campaign {
    plan: Plan,
    stage: Arc<Stage>,
    judge: Judge,
    config: Config,
    directory: tempfile::TempDir,
    summary: Summary,
}

/// Dollars that are counted for weights that a race's loser may not download to the end.
pub const UNUSED_WEIGHTS: f64 = 0.8;
const MANY_LIVES: u32 = 400;
/// Of a sprint, from its first life on.
const LONGEST: Duration = Duration::hours(9);
/// The journal is read to check it after every so many sprints: it takes longer than a sprint.
const READ_JOURNAL_EVERY: u64 = 8;

impl Campaign {
    pub fn new(seed: u64, plan: Plan) -> Campaign {
        let start = Time::from_timestamp(1_790_000_000, 0).unwrap();
        let scenario = with_releases(seed, scenario(plan));
        let releases = format!(
            "MLNode {}, network {}",
            scenario.mlnode_release, scenario.network_release
        );
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
        let caps = if plan.is_faulty() && seed.is_multiple_of(4) {
            Caps::TIGHT
        } else {
            Caps::WIDE
        };
        let mut config = configuration(directory.path(), caps);
        let hedging = hedging(seed);
        if hedging == Hedging::On {
            config.poc.hedge = hedging;
            config.budget.per_hour = UsdPerHour::from_dollars(40.0);
        }
        let summary = Summary {
            seed,
            ..Summary::default()
        };
        let judge = Judge {
            name: format!("seed {seed}, plan {plan:?}, {releases}"),
            stage: stage.clone(),
            others: Others::AnInstance,
            purse: Purse::new(caps),
            at_once: hedge::at_once(hedging),
        };
        let campaign = Campaign {
            plan,
            stage,
            judge,
            config,
            directory,
            summary,
        };
        campaign.plant_what_is_not_ours();
        campaign
    }

    pub fn run(mut self, epochs: u64) -> Summary {
        self.play(epochs);
        self.summary.faults = self.stage.chance().faults;
        self.summary.spend = self.ours_spent();
        self.summary
    }

    /// What the journal knows of its boots afterwards.
    pub fn boots_of(mut self, epochs: u64) -> Vec<PastBoot> {
        self.play(epochs);
        self.open().1.boots().to_vec()
    }

    fn play(&mut self, epochs: u64) {
        for _ in 0..epochs {
            let poc_start = self.epoch();
            // What failed before its PoC is not played twice.
            self.stage.skip_to(poc_start + Duration::minutes(10));
        }
    }

    /// Somebody else's instance on the same account.
    fn plant_what_is_not_ours(&self) {
        let mut world = self.stage.world();
        let ask = |method: &str, path: &str, body| ApiRequest {
            method: method.into(),
            path: path.into(),
            body,
            bearer: Some(API_KEY.into()),
            ..ApiRequest::default()
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

    /// The next PoC, from an hour before it; when it was.
    fn epoch(&mut self) -> Time {
        let (epoch, poc_start) = {
            let world = self.stage.world();
            let next = world.epoch() + 1;
            (next, world.block_time(World::poc_start(next)))
        };
        let lead = Duration::minutes(self.stage.chance().between(52, 66));
        self.stage.skip_to(poc_start - lead);
        let begun = self.stage.time();
        self.stage.chance().fault_rate = match self.plan {
            Plan::Calm | Plan::WrongClock => 0.0,
            // Most days are good ones.
            Plan::Faulty | Plan::Crashing => {
                [0.0, 0.02, 0.05, 0.2][usize::try_from(epoch % 4).unwrap()]
            }
        };
        self.step_the_clock(epoch);
        self.fill_the_disk(epoch);
        self.open_purse();
        let calm_from = poc_start + Duration::minutes(60);
        let deadline = self.stage.time() + LONGEST;
        for _ in 0..MANY_LIVES {
            let nonce = self.stage.chance().number();
            let life = Life {
                stage: &self.stage,
                config: &self.config,
                judge: &self.judge,
                epoch,
                nonce,
                crash_at: self.crash_at(),
                calm_from,
                deadline,
            };
            match life.live(|| self.open()) {
                Death::TooLate => {
                    // It may have died after its report: what it waits for now is the next epoch.
                    match self.last_report(epoch) {
                        Some(report) => self.take(epoch, begun, &report),
                        None => self.count(epoch, begun, "too late for it"),
                    }
                    return poc_start;
                }
                Death::Over(Some(report)) => {
                    self.take(epoch, begun, &report);
                    return poc_start;
                }
                Death::Over(None) => self.judge.violation("an engine ended without a report"),
                Death::Crashed => {
                    self.summary.crashes += 1;
                    let away = self.stage.chance().between(1, 240);
                    self.stage
                        .skip_to(self.stage.time() + Duration::seconds(away));
                    // It may have died between its report and its end.
                    if let Some(report) = self.last_report(epoch) {
                        self.take(epoch, begun, &report);
                        return poc_start;
                    }
                }
            }
        }
        self.judge.violation("a sprint never ended");
    }

    fn last_report(&self, epoch: u64) -> Option<SprintReport> {
        let ledger = journal::read_only(self.directory.path()).unwrap();
        let last = ledger.reports().last().map(|(_, report)| report.clone());
        last.filter(|report| report.epoch.map(|e| e.0) == Some(epoch))
    }

    /// Now and then the operator's clock is wrong by some seconds, and once in a while by an hour.
    fn step_the_clock(&self, epoch: u64) {
        let error = match (self.plan, epoch % 16) {
            (Plan::Calm, _) => 0,
            (Plan::WrongClock, _) => -3_600,
            (_, 5 | 11) => self.stage.chance().between(-20, 20),
            (_, 13) => self.stage.chance().between(-3_600, 3_600),
            _ => 0,
        };
        self.stage.set_clock_error(Duration::seconds(error));
    }

    /// Once in a while the disk is full for some minutes, or for an hour.
    fn fill_the_disk(&self, epoch: u64) {
        let fills = self.plan.is_faulty() && epoch % 16 == 7;
        let span = fills.then(|| {
            let mut chance = self.stage.chance();
            let (after, length) = (chance.between(1, 5_400), chance.between(60, 3_600));
            drop(chance);
            let from = self.stage.time() + Duration::seconds(after);
            (from, from + Duration::seconds(length))
        });
        self.stage.fill_disk(span);
    }

    fn open_purse(&mut self) {
        self.judge.purse.before = self.ours_spent();
    }

    fn open(&self) -> (Journal, Ledger) {
        let (directory, stage) = (self.directory.path(), self.stage.clone());
        let disk = FillingDisk::new(directory, move || stage.is_disk_full());
        Journal::over(Box::new(disk), Some(&spool(directory))).unwrap()
    }

    fn crash_at(&self) -> Option<Time> {
        if self.plan != Plan::Crashing {
            return None;
        }
        let mut chance = self.stage.chance();
        let seconds = chance.between(1, 5_400);
        let dies = chance.happens(0.6);
        drop(chance);
        dies.then(|| self.stage.time() + Duration::seconds(seconds))
    }

    /// What must hold when a sprint is over.
    fn take(&mut self, epoch: u64, begun: Time, report: &SprintReport) {
        let reads = epoch.is_multiple_of(READ_JOURNAL_EVERY);
        let ledger = reads.then(|| journal::read_only(self.directory.path()).unwrap());
        self.judge.end(epoch, report, ledger.as_ref());
        self.check_money(report);
        if let Some(race) = report.race {
            self.summary.races += 1;
            self.summary.races_won += u64::from(race.winner == Some(race.second));
        }
        if report.outcome == OutcomeKind::Confirmed {
            self.summary.confirmed += 1;
            return self.count(epoch, begun, "");
        }
        let cause = report.cause.as_deref().unwrap_or("no cause");
        let cause = cause.split(':').next().unwrap_or_default();
        self.count(epoch, begun, &format!("{}: {cause}", report.outcome));
    }

    /// One more epoch, missed or (without words) made.
    fn count(&mut self, epoch: u64, begun: Time, miss: &str) {
        self.summary.epochs += 1;
        let (kept_their_word, halted) = {
            let world = self.stage.world();
            let mut ours = world
                .recent_rentals()
                .filter(|rental| rental.started >= begun && rental.label != "somebody-elses");
            (
                ours.all(|rental| !rental.is_troubled),
                world.halted_before(epoch),
            )
        };
        let refused = self.judge.purse.caps == Caps::TIGHT && miss.contains("budget");
        let could_be_made = kept_their_word && !halted && !refused && !self.stage.was_disk_full();
        if could_be_made {
            self.summary.windows += 1;
            self.summary.windows_made += u64::from(miss.is_empty());
        }
        if miss.is_empty() {
            return;
        }
        if could_be_made && std::env::var_os("POCPIT_TRACE").is_some() {
            println!("epoch {epoch} missed: {miss}\n{}", self.stage.trace());
        }
        let excuse = if could_be_made {
            "although the machines and the chain kept their word"
        } else {
            "a machine, the chain or the disk failed, or a tight budget refused"
        };
        *self
            .summary
            .misses
            .entry(format!("{miss} ({excuse})"))
            .or_default() += 1;
    }

    /// The journal never counts less than was spent, and hardly more while it could look.
    fn check_money(&self, report: &SprintReport) {
        let spent = self.ours_spent() - self.judge.purse.before;
        let counted = report.cost_usd;
        if counted < 0.98 * spent - 0.02 {
            let recent: Vec<_> = self.stage.world().recent_rentals().collect();
            self.judge.violation(&format!(
                "${spent:.2} was spent and only ${counted:.2} counted: {report:?}, while there were {recent:?}"
            ));
        }
        // A rental counts until it is proven gone: two listings half a minute apart, of each. The
        // weights count from the start, even if the loser of a race does not download all of them.
        let proofs = if report.race.is_some() {
            UNUSED_WEIGHTS
        } else {
            0.02
        };
        if self.plan == Plan::Calm && counted > 1.02 * spent + proofs {
            self.judge.violation(&format!(
                "${spent:.2} was spent and ${counted:.2} counted: {report:?}"
            ));
        }
    }

    fn ours_spent(&self) -> f64 {
        self.stage.world().spend_under("pocpit/").dollars()
    }
}

/// A fourth of the campaigns hedge, by their seed alone.
fn hedging(seed: u64) -> Hedging {
    match seed % 4 {
        1 => Hedging::On,
        _ => Hedging::Off,
    }
}

/// What is there to go wrong.
pub fn scenario(plan: Plan) -> Scenario {
    let random_faults = match plan {
        Plan::Calm | Plan::WrongClock => RandomFaults::default(),
        Plan::Faulty | Plan::Crashing => RandomFaults {
            endless_pulls: 0.02,
            broken_hosts: 0.02,
            stalled_downloads: 0.02,
            failing_loads: 0.02,
            vanishing: 0.02,
            dearer: 0.02,
            late_keys: 0.1,
            deaf_destroys: 0.05,
            parameter_changes: 0.05,
            stale_heights: 0.01,
            height_jumps: 0.002,
            halts: 0.03,
            ..RandomFaults::default()
        },
    };
    Scenario {
        credit: 1e9,
        rate_limits: true,
        random_faults,
        ..Scenario::default()
    }
}

/// The seed decides which releases the world plays: six seeds in a row have every pair of them.
pub fn with_releases(seed: u64, scenario: Scenario) -> Scenario {
    let (mlnodes, networks) = (MlNodeRelease::VARIANTS, NetworkRelease::VARIANTS);
    let seed = usize::try_from(seed).unwrap();
    Scenario {
        mlnode_release: mlnodes[seed % mlnodes.len()],
        network_release: networks[seed % networks.len()],
        ..scenario
    }
}

/// The real clients against the stage.
pub fn ports(stage: &Arc<Stage>, config: &Config) -> Ports {
    let http = HttpClient::over(Arc::new(Wire {
        stage: stage.clone(),
        mangle: None,
    }));
    Ports {
        clock: Arc::new(StageClock(stage.clone())),
        chain: Arc::new(ChainClient::new(http.clone(), &config.chain)),
        market: Arc::new(VastClient::new(http.clone(), &config.vast)),
        network_node: Arc::new(NetworkNodeClient::new(http.clone(), &config.network_node)),
        // A process of its own, and no part of a sprint.
        inference_proxy: None,
        mlnodes: MlNodeFactory::new(http.clone()),
        remote: Arc::new(StageRemote(stage.clone())),
        rental_logs: LogStore::disabled(),
        alerts_file: None,
        notifier: Notifier::new(
            http,
            &config.notify,
            Some(config.paths.state_dir.join("outbox.json")),
        ),
    }
}

pub fn configuration(state: &Path, caps: Caps) -> Config {
    let text = |value: &str| format!("{value:?}");
    let values: BTreeMap<&str, String> = [
        ("cockpit.id", text("demo")),
        ("chain.public_api", "[\"http://api.sim\"]".into()),
        ("chain.rest", "[\"http://api.sim\"]".into()),
        ("chain.rpc", "[\"http://rpc.sim\"]".into()),
        ("chain.participant", text(PARTICIPANT)),
        ("chain.poll", text("45s")),
        ("vast.api_key", text(API_KEY)),
        ("vast.base_url", text("http://vast.sim")),
        ("vast.image", text(IMAGE)),
        ("ssh.key_file", text("/nonexistent")),
        ("mlnode.model", text(MODEL)),
        ("budget.per_sprint", caps.sprint.to_string()),
        ("budget.per_day", caps.day.to_string()),
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
