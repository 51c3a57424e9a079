//! A fleet: replicas of a pool rent, boot and prove side by side, from one journal and one purse.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use pocpit::config::{Config, PoolConfig, Pools};
use pocpit::domain::{
    Duration, Hedging, OutcomeKind, ReplicaId, SprintReport, Step, Time, Usd, UsdPerHour,
};
use pocpit::flow::Cap;
use pocpit::journal::{self, Journal};
use pocpit::world::{AccountId, MODEL, SECOND_MODEL, Scenario, TrueRental, World};

use crate::judge::{Caps, Judge, Others, Purse};
use crate::life::{Death, Life};
use crate::plan::{Plan, scenario, with_releases};
use crate::played::{MarketCall, Stage};
use crate::setup::{configuration, spread_configuration};

/// From the beginning of an epoch's first life to its `PoC`.
const LEAD: Duration = Duration::minutes(70);
const LONGEST: Duration = Duration::hours(9);
const MANY_LIVES: u32 = 60;

/// Epoch after epoch with one pool of replicas.
pub struct FleetCampaign {
    plan: Plan,
    stage: Arc<Stage>,
    judge: Judge,
    config: Config,
    directory: tempfile::TempDir,
    /// The credit does not hold all replicas.
    is_short_of_credit: bool,
    pub sum: FleetSum,
}

/// What the epochs of a fleet add up to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct FleetSum {
    /// A replica's part of an epoch, if nothing made it impossible.
    pub windows: u32,
    pub made: u32,
    /// Replicas that a cap kept from renting.
    pub refused: u32,
    /// Boots that raced a second machine.
    pub races: u32,
    pub crashes: u32,
    /// The longest time from when a replica may rent until it has a rental, in seconds.
    pub slowest_rent: i64,
}

/// Wide caps for so many replicas.
pub fn fleet_caps(replicas: u32) -> Caps {
    let many = f64::from(replicas);
    Caps {
        sprint: Caps::WIDE.sprint * many,
        day: Caps::WIDE.day * many,
    }
}

/// One pool, with money for all of it.
pub fn fleet_configuration(state: &Path, pool: PoolConfig) -> Config {
    let replicas = pool.replicas.get();
    let caps = Caps {
        sprint: Caps::WIDE.sprint,
        ..fleet_caps(replicas)
    };
    let mut config = configuration(state, caps);
    let one = config.budget.per_hour.0.dollars();
    config.budget.per_hour = UsdPerHour::from_dollars(one * f64::from(replicas));
    config.pools.first = pool;
    config
}

impl FleetCampaign {
    pub fn new(seed: u64, plan: Plan, replicas: u32) -> FleetCampaign {
        let scenario = with_releases(seed, scenario(plan)).for_replicas(replicas);
        FleetCampaign::of_one_pool(seed, plan, replicas, scenario)
    }

    /// With so much credit on the account for all replicas.
    pub fn with_credit(seed: u64, plan: Plan, replicas: u32, credit: f64) -> FleetCampaign {
        let scenario = Scenario {
            credit,
            ..with_releases(seed, scenario(plan)).for_replicas(replicas)
        };
        let campaign = FleetCampaign::of_one_pool(seed, plan, replicas, scenario);
        FleetCampaign {
            is_short_of_credit: true,
            ..campaign
        }
    }

    fn of_one_pool(seed: u64, plan: Plan, replicas: u32, scenario: Scenario) -> FleetCampaign {
        let start = Time::from_timestamp(1_790_000_000, 0).unwrap();
        let stage = Stage::new(seed, scenario, start);
        let directory = tempfile::tempdir().unwrap();
        let replicas = NonZeroU32::new(replicas).unwrap();
        let pool = PoolConfig::new("minimax".parse().unwrap(), replicas);
        let config = fleet_configuration(directory.path(), pool);
        let name = format!("seed {seed}, {replicas} replicas, plan {plan:?}");
        FleetCampaign::with(name, plan, stage, config, directory)
    }

    /// Pools of so many replicas each, of two models, at two hosts, paid by two accounts.
    pub fn spread(seed: u64, plan: Plan, pools: &[u32]) -> FleetCampaign {
        let start = Time::from_timestamp(1_790_000_000, 0).unwrap();
        let all = pools.iter().sum();
        let scenario = Scenario {
            hosts: 2,
            accounts: 2,
            models: vec![MODEL.into(), SECOND_MODEL.into()],
            ..with_releases(seed, scenario(plan)).for_replicas(all)
        };
        let stage = Stage::new(seed, scenario, start);
        let directory = tempfile::tempdir().unwrap();
        let caps = Caps {
            sprint: Caps::WIDE.sprint,
            ..fleet_caps(all)
        };
        let config = spread_configuration(directory.path(), caps, &stage, pools);
        let name = format!("seed {seed}, pools of {pools:?}, plan {plan:?}");
        FleetCampaign::with(name, plan, stage, config, directory)
    }

    fn with(
        name: String,
        plan: Plan,
        stage: Arc<Stage>,
        config: Config,
        directory: tempfile::TempDir,
    ) -> FleetCampaign {
        let replicas = config.pools.replicas();
        let judge = Judge {
            name,
            stage: stage.clone(),
            others: Others::Nothing,
            purse: Purse::new(fleet_caps(replicas)),
            at_once: replicas as usize,
        };
        FleetCampaign {
            plan,
            stage,
            judge,
            config,
            directory,
            is_short_of_credit: false,
            sum: FleetSum::default(),
        }
    }

    /// With this cap of an epoch, of the fleet or of its pool.
    pub fn with_cap(mut self, cap: Cap, dollars: f64) -> FleetCampaign {
        let limit = Some(Usd::from_dollars(dollars));
        match cap {
            Cap::PoolEpoch => self.config.pools.first.budget.per_epoch = limit,
            _ => self.config.budget.per_epoch = limit,
        }
        self.judge.purse.caps.sprint = dollars;
        self
    }

    /// With second machines for slow boots, and money for them.
    pub fn with_hedges(mut self) -> FleetCampaign {
        self.config.poc.hedge = Hedging::On;
        let hour = &mut self.config.budget.per_hour;
        *hour = *hour + *hour;
        self.judge.at_once += self.config.pools.first.hedges as usize;
        self
    }

    pub fn run(mut self, epochs: u64) -> FleetSum {
        self.play(epochs);
        self.sum
    }

    pub fn play(&mut self, epochs: u64) {
        for _ in 0..epochs {
            let poc_start = self.epoch();
            self.stage.skip_to(poc_start + Duration::minutes(10));
        }
        let world = self.world_time().as_secs_f64();
        let name = &self.judge.name;
        println!("{name}: {:?}, the world took {world:.1} s", self.sum);
    }

    /// How many rentals each account has had lately.
    pub fn rentals_by_account(&self) -> BTreeMap<AccountId, usize> {
        let mut rentals = BTreeMap::new();
        for rental in self.stage.world().recent_rentals() {
            *rentals.entry(rental.account).or_default() += 1;
        }
        rentals
    }

    /// The most calls of the market of each kind in a minute.
    pub fn busiest_minute(&self) -> BTreeMap<MarketCall, u32> {
        self.stage.busiest_minute()
    }

    /// What the world has used of the processor.
    pub fn world_time(&self) -> std::time::Duration {
        self.stage.world_time()
    }

    /// How many entries the journal has had.
    pub fn entries(&self) -> i64 {
        let path = self.directory.path().join("journal.sqlite");
        let journal = rusqlite::Connection::open(path).unwrap();
        let last = journal.query_row("SELECT max(sequence) FROM entries", [], |row| row.get(0));
        last.unwrap()
    }

    fn epoch(&mut self) -> Time {
        let (epoch, poc_start) = self.begin();
        let begun = self.stage.time();
        let is_faulty = self.plan.is_faulty();
        self.stage.chance().fault_rate = if is_faulty { 0.2 } else { 0.0 };
        self.judge.purse.before = self.stage.world().spend_under("pocpit/").dollars();
        let mut was_away = false;
        for _ in 0..MANY_LIVES {
            let death = self.live(epoch, poc_start, self.crash_at());
            let died = self.stage.time();
            self.look_at_machines(begun);
            if !matches!(death, Death::Crashed) {
                break;
            }
            self.sum.crashes += 1;
            let away = self.stage.chance().between(1, 240);
            self.stage.skip_to(died + Duration::seconds(away));
            let opening = poc_start..=poc_start + Duration::seconds(70);
            was_away |= died <= *opening.end() && self.stage.time() >= *opening.start();
        }
        self.take(epoch, begun, was_away);
        poc_start
    }

    /// The next epoch and its `PoC`, shortly before it is time to rent.
    fn begin(&self) -> (u64, Time) {
        let (epoch, poc_start) = {
            let world = self.stage.world();
            let epoch = world.epoch() + 1;
            (epoch, world.block_time(World::poc_start(epoch)))
        };
        self.stage.skip_to(poc_start - LEAD);
        (epoch, poc_start)
    }

    fn live(&self, epoch: u64, poc_start: Time, crash_at: Option<Time>) -> Death {
        let nonce = self.stage.chance().number();
        Life {
            stage: &self.stage,
            config: &self.config,
            judge: &self.judge,
            epoch,
            nonce,
            crash_at,
            calm_from: poc_start + Duration::minutes(60),
            deadline: poc_start + LONGEST,
        }
        .live(|| Journal::open(self.directory.path()).unwrap())
    }

    /// Of three replicas two are taken out of the configuration while they boot.
    pub fn retire_two(self) {
        self.finish_without(|pools| pools.first.replicas = NonZeroU32::MIN);
    }

    /// The next run is to rent for the first pool alone.
    pub fn leave_out_other_pools(self) {
        self.finish_without(|pools| {
            let first = pools.first.name.clone();
            *pools = pools.only(&[first]).unwrap();
        });
    }

    /// While the replicas boot, the program ends, and some are not run any more.
    fn finish_without(mut self, leave_out: impl FnOnce(&mut Pools)) {
        let (epoch, poc_start) = self.begin();
        let pools = self.config.pools.clone();
        let replicas: Vec<ReplicaId> = pools.iter().flat_map(PoolConfig::replica_ids).collect();
        let death = self.live(epoch, poc_start, Some(poc_start - Duration::minutes(30)));
        assert!(matches!(death, Death::Crashed), "{death:?}");
        leave_out(&mut self.config.pools);
        let death = self.live(epoch, poc_start, None);
        assert_eq!(death.report().map(|it| &it.replica), replicas.first());
        let ledger = journal::read_only(self.directory.path()).unwrap();
        assert!(ledger.open_rentals().is_empty());
        for id in &replicas {
            let outcomes: Vec<OutcomeKind> =
                ledger.reports_of(id).map(|(_, it)| it.outcome).collect();
            assert_eq!(outcomes, [OutcomeKind::Confirmed], "{id}");
        }
    }

    /// The cap of an epoch does not hold all replicas.
    fn is_capped(&self) -> bool {
        let budget = &self.config.budget;
        let of_pool = self.config.pools.first.budget.per_epoch;
        budget.per_epoch.or(of_pool).is_some() || self.is_short_of_credit
    }

    fn crash_at(&self) -> Option<Time> {
        let mut chance = self.stage.chance();
        let dies = self.plan == Plan::Crashing && chance.happens(0.6);
        let seconds = chance.between(1, 5_400);
        drop(chance);
        dies.then(|| self.stage.time() + Duration::seconds(seconds))
    }

    /// No two of ours are ever on one machine at the same time.
    fn look_at_machines(&self, begun: Time) {
        let ours = self.ours_since(begun);
        for (index, one) in ours.iter().enumerate() {
            let ended = |rental: &TrueRental| rental.ended.unwrap_or(Time::MAX_UTC);
            let beside = |other: &&TrueRental| {
                other.machine == one.machine
                    && other.started < ended(one)
                    && one.started < ended(other)
            };
            if let Some(other) = ours[index + 1..].iter().find(beside) {
                self.judge.violation(&format!(
                    "two rentals on one machine: {one:?} and {other:?}"
                ));
            }
        }
    }

    fn ours_since(&self, begun: Time) -> Vec<TrueRental> {
        let world = self.stage.world();
        let recent = world.recent_rentals();
        recent
            .filter(|rental| rental.started >= begun && rental.label.starts_with("pocpit/demo/"))
            .collect()
    }

    /// What must hold when all sprints of an epoch are over.
    fn take(&mut self, epoch: u64, begun: Time, was_away: bool) {
        let ledger = journal::read_only(self.directory.path()).unwrap();
        let of_epoch = ledger.reports().iter().map(|(_, report)| report);
        let of_epoch = of_epoch.filter(|report| report.epoch.map(|it| it.0) == Some(epoch));
        let reports: Vec<&SprintReport> = of_epoch.collect();
        let mut last: BTreeMap<&ReplicaId, &SprintReport> = BTreeMap::new();
        for report in &reports {
            last.insert(&report.replica, report);
        }
        for report in last.values() {
            self.judge.end(epoch, report, None);
        }
        if !ledger.open_rentals().is_empty() {
            let open = ledger.open_rentals();
            self.judge
                .violation(&format!("an intent stays open: {open:?}"));
        }
        let nodes: BTreeSet<_> = last.values().filter_map(|it| it.node.as_ref()).collect();
        let registered = last.values().filter(|it| it.node.is_some()).count();
        if nodes.len() != registered {
            self.judge
                .violation(&format!("two replicas with one node: {last:?}"));
        }
        let troubled = self.ours_since(begun);
        let excused = was_away || self.stage.world().halt_of(epoch).is_some();
        let pools = self.config.pools.iter();
        let replicas = pools.flat_map(|pool| pool.replica_ids().map(move |id| (pool, id)));
        for (pool, id) in replicas {
            let report = last.get(&id);
            if let Some(report) = report
                && report.network_node != pool.network_node
            {
                self.judge
                    .violation(&format!("{id} was for another Network Node: {report:?}"));
            }
            let is_made = report.is_some_and(|it| it.outcome == OutcomeKind::Confirmed);
            let cause = report.and_then(|it| it.cause_parts());
            let is_refused = cause.is_some_and(|(kind, _)| kind == "budget_refused");
            self.sum.refused += u32::from(is_refused);
            let spans = report.map_or_else(|| &[][..], |it| &it.steps);
            let entered = |step| spans.iter().find(|span| span.step == step);
            if let (Some(choosing), Some(booting)) =
                (entered(Step::Choosing), entered(Step::Booting))
            {
                let seconds = (booting.started - choosing.started).num_seconds();
                self.sum.slowest_rent = self.sum.slowest_rent.max(seconds);
            }
            self.sum.races += u32::from(report.is_some_and(|it| it.race.is_some()));
            if is_refused && self.is_capped() {
                continue;
            }
            // Whose rental failed is not known by its label; any that failed excuses one replica.
            let broken = troubled.iter().any(|rental| rental.is_troubled);
            if is_made || !(excused || broken) {
                self.sum.windows += 1;
                self.sum.made += u32::from(is_made);
            }
            if !is_made && !excused && !broken && self.plan == Plan::Calm {
                self.judge
                    .violation(&format!("{id} missed epoch {epoch}: {report:?}"));
            }
        }
    }
}
