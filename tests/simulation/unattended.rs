//! Weeks of one program that nobody looks at: sprint after sprint, while calls fail, machines break, the
//! disk fills up and the program dies and comes back.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration as RealDuration;

use pocpit::config::Config;
use pocpit::domain::{Aim, Duration, Mode, SprintReport, Time};
use pocpit::engine::{self, EndAfter, EngineOptions, PublishInterval, WorldKind};
use pocpit::journal::{self, Journal, Ledger};
use pocpit::world::World;

use crate::judge::{Caps, Judge, Others, Purse};
use crate::plan::{Plan, scenario, with_releases};
use crate::played::{MachineFault, Stage};
use crate::setup::{configuration, ports};
use crate::storage::{FailingDisk, spool};

const LOOK_EVERY: RealDuration = RealDuration::from_secs(5);
const JUDGE_EVERY: u64 = 3;
/// Faults come until so long after a PoC began: an outage that never ends ends no sprint either.
const CALM_AFTER: Duration = Duration::minutes(60);
/// Then a sprint is over and its day can be judged.
const DAY_ENDS: Duration = Duration::hours(12);

/// What came of it.
#[derive(Debug, Default)]
pub struct Account {
    pub seed: u64,
    pub outcomes: BTreeMap<String, u64>,
    pub epochs: u64,
    pub deaths: u64,
    pub faults: u64,
    pub spent: f64,
    /// Titles of notices and their counts.
    pub told: BTreeMap<String, u64>,
    pub beats: u64,
}

impl Account {
    pub fn confirmed(&self) -> u64 {
        self.outcomes.get("confirmed").copied().unwrap_or_default()
    }

    /// Notices with this in their level and title.
    pub fn told_with(&self, part: &str) -> u64 {
        let with = self.told.iter().filter(|(told, _)| told.contains(part));
        with.map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: u64 = self.told.values().sum();
        writeln!(
            f,
            "seed {}: {} epochs unattended, {} faults, {} deaths, ${:.2} spent, {told} notices, {} heartbeats",
            self.seed, self.epochs, self.faults, self.deaths, self.spent, self.beats
        )?;
        for (outcome, count) in &self.outcomes {
            writeln!(f, "  {count} x {outcome}")?;
        }
        for (title, count) in &self.told {
            writeln!(f, "  told {count} x {title}")?;
        }
        Ok(())
    }
}

/// Plays so many epochs, from some hours before the first.
pub fn play(seed: u64, epochs: u64) -> Account {
    let start = Time::from_timestamp(1_790_000_000, 0).unwrap();
    let scenario = with_releases(seed, scenario(Plan::Crashing));
    let stage = Stage::new(seed, scenario, start);
    let directory = tempfile::tempdir().unwrap();
    let mut config = configuration(directory.path(), Caps::WIDE);
    config.notify.webhook = Some("http://told.sim/".parse().unwrap());
    config.notify.heartbeat = Some("http://heart.sim/".parse().unwrap());
    let judge = Judge {
        name: format!("seed {seed}, unattended"),
        stage: stage.clone(),
        others: Others::Nothing,
        purse: Purse::new(Caps::WIDE),
        at_once: 1,
    };
    let mut weeks = Weeks {
        judge,
        config,
        directory,
        account: Account {
            seed,
            ..Account::default()
        },
    };
    for _ in 0..epochs {
        weeks.epoch();
    }
    weeks.account()
}

struct Weeks {
    judge: Judge,
    config: Config,
    directory: tempfile::TempDir,
    account: Account,
}

impl Weeks {
    fn stage(&self) -> &std::sync::Arc<Stage> {
        &self.judge.stage
    }

    /// From wherever it is to the end of the next epoch's day.
    fn epoch(&mut self) {
        let (epoch, poc_start) = {
            let world = self.stage().world();
            let next = world.epoch() + 1;
            (next, world.block_time(World::poc_start(next)))
        };
        self.judge.purse.before = self.spent();
        let mut chance = self.stage().chance();
        chance.fault_rate = [0.0, 0.02, 0.05, 0.2][usize::try_from(epoch % 4).unwrap()];
        let fills = epoch % 16 == 7;
        let (after, length) = (chance.between(1, 5_400), chance.between(60, 3_600));
        drop(chance);
        let full_from = poc_start - Duration::minutes(60) + Duration::seconds(after);
        let full = full_from..full_from + Duration::seconds(length);
        let full = (MachineFault::FullDisk, full);
        self.stage().break_machine(fills.then_some(full));
        let calm_from = poc_start + CALM_AFTER;
        // By the chain's own word: a halt moves it.
        while !self.day_is_over(epoch) {
            self.live(epoch, calm_from);
        }
        self.judge_day(epoch);
    }

    fn day_is_over(&self, epoch: u64) -> bool {
        let (start, now) = {
            let world = self.stage().world();
            (
                world.block_time(World::poc_start(epoch)),
                self.stage().time(),
            )
        };
        now >= start + DAY_ENDS
    }

    /// One life, until it dies or the day is over. After a death nothing runs for a while.
    fn live(&mut self, epoch: u64, calm_from: Time) {
        let (nonce, seconds, away) = {
            let mut chance = self.stage().chance();
            (
                chance.number(),
                chance.between(600, 72_000),
                chance.between(1, 900),
            )
        };
        let born = self.stage().time();
        let death = born + Duration::seconds(seconds);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let end = runtime.block_on(async {
            self.stage().start_clock();
            let end = self.run(nonce, death, epoch, calm_from).await;
            // Outside the runtime its clock would be the machine's.
            self.stage().stop_clock();
            end
        });
        drop(runtime);
        if end == End::Death {
            self.account.deaths += 1;
            let back = self.stage().time() + Duration::seconds(away);
            self.stage().skip_to(back);
        }
    }

    async fn run(&self, nonce: u64, death: Time, epoch: u64, calm_from: Time) -> End {
        let options = EngineOptions {
            aim: Aim::Proof,
            mode: Mode::Auto,
            end_after: EndAfter::Never,
            world: WorldKind::Simulated { speed: 1.0 },
            nonce,
            publish_interval: PublishInterval {
                active: RealDuration::from_secs(10),
                idle: RealDuration::from_secs(60),
            },
        };
        let born = self.stage().time();
        let (journal, ledger) = self.open();
        let state = self.directory.path();
        let ports = engine::Ports {
            alerts_file: Some(state.join("told.json")),
            ..ports(self.stage(), &self.config)
        };
        let handle = engine::start(ports, self.config.clone(), journal, ledger, options);
        let mut looks = tokio::time::interval(LOOK_EVERY);
        for look in 0.. {
            looks.tick().await;
            if handle.ended.is_finished() {
                self.judge.violation("the engine ended by itself");
            }
            let now = self.stage().time();
            self.stage().pump();
            if now >= calm_from {
                self.stage().chance().fault_rate = 0.0;
            }
            if look % JUDGE_EVERY == 0 {
                self.judge.look(born);
                if self.day_is_over(epoch) {
                    return End::Day;
                }
            }
            if now >= death {
                return End::Death;
            }
        }
        End::Day
    }

    fn open(&self) -> (Journal, Ledger) {
        let (directory, stage) = (self.directory.path(), self.stage().clone());
        let disk = FailingDisk::new(directory, move || stage.disk());
        Journal::over(Box::new(disk), Some(&spool(directory))).unwrap()
    }

    /// The epoch is in the journal once, with its outcome, and nothing is left of it.
    fn judge_day(&mut self, epoch: u64) {
        let ledger = journal::read_only(self.directory.path()).unwrap();
        let of_epoch = |report: &&SprintReport| report.epoch.map(|e| e.0) == Some(epoch);
        let reports = ledger.reports().iter().map(|(_, report)| report);
        let reports: Vec<&SprintReport> = reports.filter(of_epoch).collect();
        let [report] = reports[..] else {
            self.judge.violation(&format!(
                "epoch {epoch} is in the journal {} times: {reports:?}",
                reports.len()
            ));
        };
        self.judge.end(epoch, report, Some(&ledger));
        let cause = report.cause.as_deref().unwrap_or_default();
        let cause = cause.split(':').next().unwrap_or_default();
        let outcome = match cause {
            "" => report.outcome.to_string(),
            cause => format!("{}: {cause}", report.outcome),
        };
        *self.account.outcomes.entry(outcome).or_default() += 1;
        self.account.epochs += 1;
    }

    fn account(mut self) -> Account {
        let (stage, spent) = (self.stage().clone(), self.spent());
        for notice in stage.told() {
            *self.account.told.entry(notice).or_default() += 1;
        }
        let faults = stage.chance().faults;
        Account {
            faults,
            spent,
            beats: stage.beats(),
            ..self.account
        }
    }

    fn spent(&self) -> f64 {
        self.stage().world().spend_under("pocpit/").dollars()
    }
}

/// What ended a life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Death,
    Day,
}
