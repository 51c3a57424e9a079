//! The program dies before and after each external call and each write of one sprint.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use pocpit::config::PoolConfig;
use pocpit::domain::{Duration, Hedging, OutcomeKind, PoolName, ReplicaId, Time};
use pocpit::journal::{Journal, Ledger};
use pocpit::world::{Scenario, World};

use crate::fleet::{fleet_caps, fleet_configuration};
use crate::hedge;
use crate::judge::{Judge, Others, Purse};
use crate::life::{Death, Life};
use crate::on_all_cores;
use crate::played::{Fork, Stage};
use crate::storage::{Disk, WatchedStorage};

/// At which moments of a sprint it dies.
#[derive(Debug, Clone, Copy)]
pub enum Moments {
    /// All of them: each one is a sprint of its own.
    All { seed: u64 },
    /// One in so many.
    Sampled { seed: u64, of: u64 },
}

impl Moments {
    fn seed(self) -> u64 {
        match self {
            Moments::All { seed } | Moments::Sampled { seed, .. } => seed,
        }
    }

    fn contains(self, number: usize) -> bool {
        match self {
            Moments::All { .. } => true,
            Moments::Sampled { seed, of } => number as u64 % of == seed % of,
        }
    }
}

/// A sprint, as it is played again and again.
#[derive(Debug, Clone)]
struct Play {
    seed: u64,
    scenario: Scenario,
    hedging: Hedging,
    /// From its first look to its `PoC`.
    lead: Duration,
    replicas: u32,
}

impl Play {
    /// One rental that works.
    fn plain(seed: u64) -> Play {
        Play {
            seed,
            scenario: Scenario::default(),
            hedging: Hedging::Off,
            lead: Duration::minutes(52),
            replicas: 1,
        }
    }

    /// Three rentals that work, side by side.
    fn fleet(seed: u64) -> Play {
        Play {
            replicas: 3,
            ..Play::plain(seed)
        }
    }

    /// A rental that stalls, and another one that overtakes it.
    fn hedged(seed: u64) -> Play {
        Play {
            seed,
            scenario: hedge::scenario(),
            hedging: Hedging::On,
            lead: Duration::minutes(67),
            replicas: 1,
        }
    }
}

/// Until the operator or the system restarts it.
const AWAY: Duration = Duration::seconds(20);

/// A disk that outlives the programs which write to it.
struct Home {
    stage: Arc<Stage>,
    disk: Arc<Mutex<Disk>>,
    judge: Judge,
    epoch: u64,
    hedging: Hedging,
    pool: PoolConfig,
}

impl Home {
    fn new(play: &Play, stage: Arc<Stage>, disk: Disk, name: String) -> Home {
        let epoch = World::FIRST_EPOCH + 1;
        let replicas = NonZeroU32::new(play.replicas).unwrap();
        let pool = PoolConfig::new(PoolName::default(), replicas);
        let caps = fleet_caps(replicas.get());
        let judge = Judge {
            name,
            stage: stage.clone(),
            others: Others::Nothing,
            purse: Purse::new(caps),
            at_once: hedge::at_once(play.hedging) * replicas.get() as usize,
        };
        Home {
            stage,
            disk: Arc::new(Mutex::new(disk)),
            judge,
            epoch,
            hedging: play.hedging,
            pool,
        }
    }

    fn open(&self) -> (Journal, Ledger) {
        let storage = WatchedStorage {
            stage: self.stage.clone(),
            disk: self.disk.clone(),
        };
        Journal::over(Box::new(storage), None).unwrap()
    }

    fn live(&self, nonce: u64) -> Death {
        let far = self.stage.time() + Duration::hours(6);
        let nowhere = std::path::Path::new("/nonexistent");
        let mut config = fleet_configuration(nowhere, self.pool.clone());
        if self.hedging == Hedging::On {
            hedge::allow(&mut config);
        }
        Life {
            stage: &self.stage,
            config: &config,
            judge: &self.judge,
            epoch: self.epoch,
            nonce,
            crash_at: None,
            calm_from: far,
            deadline: far,
        }
        .live(|| self.open())
    }

    /// The sprint is over, nothing is left, and no more rentals than without a crash were enough.
    fn check(&self, death: &Death) {
        // It died after its report: what is waited for now is the next epoch.
        if matches!(death, Death::TooLate) && self.was_reported() {
            return;
        }
        let Some(report) = death.report() else {
            self.judge.violation(&format!("it ended by {death:?}"));
        };
        let (_, ledger) = self.open();
        self.judge.end(self.epoch, report, Some(&ledger));
        for id in self.pool.replica_ids() {
            if !self.is_confirmed(&ledger, &id) {
                let reports: Vec<_> = ledger.reports_of(&id).collect();
                self.judge
                    .violation(&format!("one crash cost {id} the epoch: {reports:?}"));
            }
        }
    }

    fn was_reported(&self) -> bool {
        let (_, ledger) = self.open();
        let open = ledger.open_rentals().is_empty();
        let mut all = self.pool.replica_ids();
        open && all.all(|id| self.is_confirmed(&ledger, &id))
    }

    fn is_confirmed(&self, ledger: &Ledger, id: &ReplicaId) -> bool {
        let mut reports = ledger.reports_of(id);
        reports.any(|(_, report)| {
            report.epoch.map(|epoch| epoch.0) == Some(self.epoch)
                && report.outcome == OutcomeKind::Confirmed
        })
    }
}

/// A whole sprint without a crash, with a copy of everything at each moment.
fn moments(play: &Play) -> Vec<Fork> {
    let start = Time::from_timestamp(1_790_000_000, 0).unwrap();
    let stage = Stage::new(play.seed, play.scenario.clone(), start);
    let poc_start = stage
        .world()
        .block_time(World::poc_start(World::FIRST_EPOCH + 1));
    stage.skip_to(poc_start - play.lead);
    let home = Home::new(
        play,
        stage.clone(),
        Disk::default(),
        "without a crash".into(),
    );
    stage.collect_forks(home.disk.clone());
    let death = home.live(1);
    let forks = stage.forks();
    home.check(&death);
    forks
}

fn resume_from(play: &Play, number: usize, fork: &Fork) {
    let name = format!("seed {}, dead at moment {number}: {}", play.seed, fork.what);
    let stage = Stage::of_fork(play.seed, fork);
    let home = Home::new(play, stage.clone(), fork.disk.clone(), name);
    stage.skip_to(fork.at + AWAY);
    let death = home.live(2);
    home.check(&death);
}

/// Plays the crash at these moments of a sprint with one rental; how many there were.
pub fn die_in_a_sprint(chosen: Moments) -> usize {
    die_in(&Play::plain(chosen.seed()), chosen)
}

/// The same of a sprint of three replicas.
pub fn die_in_a_fleet(chosen: Moments) -> usize {
    die_in(&Play::fleet(chosen.seed()), chosen)
}

fn die_in(play: &Play, chosen: Moments) -> usize {
    let forks = moments(play);
    let forks = forks.iter().enumerate();
    let forks = forks.filter(|(number, _)| chosen.contains(*number));
    play_all(play, &forks.collect::<Vec<_>>())
}

/// Plays the crash at these moments around the start of the second rental and the end of the race,
/// and at some others; how many there were.
pub fn die_in_a_race(chosen: Moments) -> usize {
    let play = Play::hedged(chosen.seed());
    let forks = moments(&play);
    let rentals = forks.last().unwrap().world.truth().rentals;
    let [first, second] = &rentals[..] else {
        panic!("no race: {rentals:?}");
    };
    let decisive = [second.started, first.ended.unwrap()];
    let is_near = |fork: &Fork| {
        let mut times = decisive.iter();
        times.any(|time| (fork.at - time).abs() < Duration::seconds(60))
    };
    let forks = forks.iter().enumerate();
    let forks = forks.filter(|(number, fork)| number.is_multiple_of(64) || is_near(fork));
    let forks: Vec<_> = forks.collect();
    let forks = forks.into_iter().enumerate();
    let forks = forks.filter(|(index, _)| chosen.contains(*index));
    play_all(&play, &forks.map(|(_, fork)| fork).collect::<Vec<_>>())
}

fn play_all(play: &Play, chosen: &[(usize, &Fork)]) -> usize {
    on_all_cores(chosen, |(number, fork)| resume_from(play, *number, fork)).len()
}
