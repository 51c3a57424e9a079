//! Epoch after epoch on one world and one journal.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use pocpit::config::Config;
use pocpit::domain::{
    Duration, Hedging, OutcomeKind, PastBoot, ReleasePolicy, SprintReport, Time, UsdPerHour,
};
use pocpit::journal::{self, Journal, Ledger};
use pocpit::world::{Confirmation, World};
use serde_json::json;

use crate::hedge;
use crate::judge::{Caps, Judge, Others, Purse};
use crate::life::{Death, Life};
use crate::plan::{Plan, hedging, scenario, with_releases};
use crate::played::{MachineFault, Stage};
use crate::refusal::Refusal;
use crate::setup::configuration;
use crate::storage::{DiskState, FailingDisk, show_spool, spool};
use crate::summary::Summary;

/// Whether rentals are held for the epoch's confirmation or challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holding {
    Never,
    /// In one epoch of four.
    Sometimes,
}

/// Many epochs on one world and one journal.
pub struct Campaign {
    plan: Plan,
    holding: Holding,
    stage: Arc<Stage>,
    judge: Judge,
    config: Config,
    directory: tempfile::TempDir,
    summary: Summary,
    /// The program was dead when this epoch's `PoC` began.
    was_away_at_poc: bool,
    /// A read-only disk did not take the last sprint's end: the next program ends it again.
    end_was_lost: bool,
    /// What was rented then counts in full until this day later: its end was not recorded.
    counts_lost_end: Option<Time>,
    /// From a sprint's beginning until all it had rented was proven gone.
    sprints: Vec<Range<Time>>,
}

/// Dollars that are counted for weights although they may not be downloaded to the end.
pub const UNUSED_WEIGHTS: f64 = 0.8;
const MANY_LIVES: u32 = 400;
/// Of a sprint, from its first life on.
const LONGEST: Duration = Duration::hours(9);
/// The same with a held rental: a challenge ends shortly before the next `PoC`.
const LONGEST_HOLD: Duration = Duration::hours(26);
/// Remainder of the seeds, by five, whose campaigns hold rentals. They have every pair of releases.
const HOLDING_SEEDS: u64 = 3;
/// Of calls, on four days in turn.
const FAULT_RATES: [f64; 4] = [0.0, 0.02, 0.05, 0.2];
/// The shortest time between a start and its `PoC`, in minutes.
const SHORTEST_LEAD: i64 = 52;
/// From a `PoC`'s start: a host that generates nothing in the first 12 blocks fails the early-share guard,
/// and without the program there is no tunnel.
const POC_OPENING: Duration = Duration::seconds(70);
/// Nothing is rented while the operator's clock is further ahead.
const REFUSED_AHEAD: Duration = Duration::minutes(5);
/// A program that failed is started again after a while.
const STARTED_AGAIN_AFTER: Duration = Duration::minutes(1);
/// Before its `PoC` a rental boots and is registered: what cannot be done for longer than a while may be too
/// late.
const BOOT: Duration = Duration::minutes(45);
const A_WHILE: Duration = Duration::minutes(5);
/// From an epoch's beginning, when its rental boots.
const MID_BOOT: Duration = Duration::minutes(30);
/// From an epoch's beginning, when nothing is rented yet.
const IDLE: Duration = Duration::seconds(90);
/// How far back a day's budget looks, at most (`refusal::DAY`).
const DAY_OF_BUDGET: Duration = Duration::hours(26);
/// Registrations are over by then, with some time for the last of them.
const REGISTERED: Duration = Duration::minutes(6);
/// From the `PoC`'s start to the end of its validation, and a little more.
const POC: Duration = Duration::minutes(20);
/// The journal is read to check it after every so many sprints: it takes longer than a sprint.
const READ_JOURNAL_EVERY: u64 = 8;

impl Campaign {
    pub fn new(seed: u64, plan: Plan) -> Campaign {
        let start = Time::from_timestamp(1_790_000_000, 0).unwrap();
        let scenario = with_releases(seed, scenario(plan));
        let releases = format!(
            "MLNode {}, network {}, {} other nodes",
            scenario.mlnode_release,
            scenario.network_release,
            scenario.other_nodes.len()
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
        let is_tight = plan.is_faulty() && seed.is_multiple_of(4);
        let holds = plan.is_faulty() && !is_tight && seed % 5 == HOLDING_SEEDS;
        let (caps, holding) = if holds {
            (Caps::LAVISH, Holding::Sometimes)
        } else if is_tight {
            (Caps::TIGHT, Holding::Never)
        } else {
            (Caps::WIDE, Holding::Never)
        };
        let mut config = configuration(directory.path(), caps);
        if holding == Holding::Sometimes {
            config.poc.execution_timeout = LONGEST_HOLD;
        }
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
            holding,
            stage,
            judge,
            config,
            directory,
            summary,
            was_away_at_poc: false,
            end_was_lost: false,
            counts_lost_end: None,
            sprints: Vec::new(),
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
        let ask = |method: &str, path: &str, body| self.stage.ask_market(method, path, body);
        let (_, found) = ask("POST", "/api/v0/bundles/", json!({}));
        let offer = found["offers"][0]["id"].as_u64().unwrap();
        let order =
            json!({"label": "somebody-elses", "image": "x", "disk": 20.0, "runtype": "ssh_direct"});
        let (status, reply) = ask("PUT", &format!("/api/v0/asks/{offer}/"), order);
        assert_eq!(status, 200, "{reply}");
    }

    /// The next PoC, from an hour before it; when it was.
    fn epoch(&mut self) -> Time {
        let (epoch, poc_start) = {
            let world = self.stage.world();
            let start_of = |epoch: u64| world.block_time(World::poc_start(epoch));
            let next = world.epoch() + 1;
            // A rental that was held for a challenge leaves no time for the next epoch.
            let is_too_late = start_of(next) - world.now() < Duration::minutes(SHORTEST_LEAD);
            let next = next + u64::from(is_too_late);
            (next, start_of(next))
        };
        let lead = Duration::minutes(self.stage.chance().between(SHORTEST_LEAD, 66));
        self.stage.skip_to(poc_start - lead);
        let begun = self.stage.time();
        // Most days are good ones.
        let rate = FAULT_RATES[usize::try_from(epoch % 4).unwrap()];
        self.stage.chance().fault_rate = if self.plan.is_faulty() { rate } else { 0.0 };
        let longest = self.choose_release(epoch);
        self.step_the_clock(epoch);
        self.break_the_machine(epoch, poc_start);
        self.open_purse();
        self.was_away_at_poc = false;
        let calm_from = poc_start + Duration::minutes(60);
        let deadline = self.stage.time() + longest;
        let end_was_lost = std::mem::take(&mut self.end_was_lost);
        if end_was_lost {
            self.counts_lost_end = Some(self.stage.time() + DAY_OF_BUDGET);
        }
        for _ in 0..MANY_LIVES {
            self.wait_for_a_journal();
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
            let death = life.live(|| self.open());
            if let Some(report) = death.report() {
                if end_was_lost && report.epoch.map(|e| e.0) < Some(epoch) {
                    continue;
                }
                self.take(epoch, begun, report);
                return poc_start;
            }
            match death {
                Death::TooLate => {
                    // It may have died after its report: what it waits for now is the next epoch.
                    match self.last_report(epoch) {
                        Some(report) => self.take(epoch, begun, &report),
                        None => self.count(epoch, begun, "too late for it"),
                    }
                    return poc_start;
                }
                Death::Over(_) => self.judge.violation("an engine ended without a report"),
                Death::Crashed => {
                    self.summary.crashes += 1;
                    let died = self.stage.time();
                    let away = self.stage.chance().between(1, 240);
                    self.stage.skip_to(died + Duration::seconds(away));
                    let opening = poc_start..=poc_start + POC_OPENING;
                    self.was_away_at_poc |=
                        died <= *opening.end() && self.stage.time() >= *opening.start();
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
        let ledger = self.ledger();
        let last = ledger.reports().last().map(|(_, report)| report.clone());
        last.filter(|report| report.epoch.map(|e| e.0) == Some(epoch))
    }

    fn ledger(&self) -> Ledger {
        show_spool(&spool(self.directory.path()));
        journal::read_only(self.directory.path()).unwrap()
    }

    /// A program that cannot open its journal takes down what its label names, ends, and is started again
    /// (`cli::gc::without_journal`; that has tests of its own).
    fn wait_for_a_journal(&self) {
        while self.stage.machine_has(MachineFault::ReadOnlyDisk) {
            self.stage.destroy_under("pocpit/demo/");
            let now = self.stage.time();
            self.stage.skip_to(now + STARTED_AGAIN_AFTER);
        }
    }

    /// Sets the release policy of an epoch. Returns how long its sprint may take.
    fn choose_release(&mut self, epoch: u64) -> Duration {
        let holds = self.holding == Holding::Sometimes && epoch % 4 == 1;
        let (policy, longest) = if holds {
            (ReleasePolicy::AfterConfirmation, LONGEST_HOLD)
        } else {
            (ReleasePolicy::AfterValidation, LONGEST)
        };
        self.config.poc.release = policy;
        longest
    }

    /// Now and then the operator's clock is wrong by some seconds, and once in a while by an hour: all the
    /// time, until it is set right, or from when it is set wrong.
    fn step_the_clock(&self, epoch: u64) {
        let hour = |stage: &Stage| stage.chance().between(-3_600, 3_600);
        let (first, then) = match (self.plan, epoch % 16) {
            (Plan::SetClock, _) => {
                let errors = [(-3_600, 0), (0, 3_600), (0, -3_600)];
                let (first, then) = errors[usize::try_from(epoch % 3).unwrap()];
                (first, Some(then))
            }
            (Plan::SetIdleClock, _) => {
                let errors = [(0, -3_600), (-3_600, 0), (3_600, 0)];
                let (first, then) = errors[usize::try_from(epoch % 3).unwrap()];
                (first, Some(then))
            }
            (Plan::WrongClock, _) => (-3_600, None),
            (Plan::FastClock, _) => (3_600, None),
            (plan, _) if !plan.is_faulty() => (0, None),
            (_, 5 | 11) => (self.stage.chance().between(-20, 20), None),
            (_, 13) => (hour(&self.stage), None),
            (_, 3) => (hour(&self.stage), Some(0)),
            (_, 9) => (0, Some(hour(&self.stage))),
            _ => (0, None),
        };
        self.stage.set_clock_error(Duration::seconds(first));
        if let Some(then) = then {
            let after = match self.plan {
                Plan::SetClock => MID_BOOT,
                Plan::SetIdleClock => IDLE,
                _ => Duration::seconds(self.stage.chance().between(1, 5_400)),
            };
            let at = self.stage.time() + after;
            self.stage.set_clock_at(at, Duration::seconds(then));
        }
    }

    /// Once in a while the machine fails for some minutes, or for an hour: its disk is full or read-only, or
    /// the program has no descriptors left.
    fn break_the_machine(&self, epoch: u64, poc_start: Time) {
        let fault = match epoch % 16 {
            _ if self.plan == Plan::BrokenMachine => {
                let index = usize::try_from(epoch).unwrap() % MachineFault::ALL.len();
                Some(MachineFault::ALL[index])
            }
            _ if !self.plan.is_faulty() => None,
            7 => Some(MachineFault::FullDisk),
            10 => Some(MachineFault::NoDescriptors),
            14 => Some(MachineFault::ReadOnlyDisk),
            _ => None,
        };
        let fault = fault.map(|fault| {
            let mut chance = self.stage.chance();
            let (after, length) = (chance.between(1, 5_400), chance.between(60, 3_600));
            drop(chance);
            let (after, length) = match self.plan {
                Plan::BrokenMachine => (MID_BOOT, A_WHILE),
                _ => (Duration::seconds(after), Duration::seconds(length)),
            };
            let from = self.stage.time() + after;
            (fault, from..from + length)
        });
        if let Some((fault, span)) = &fault {
            let minute = |time: Time| (time - poc_start).num_minutes();
            let (from, to) = (minute(span.start), minute(span.end));
            self.stage
                .note(&format!("{fault:?} from minute {from} to {to} of the PoC"));
        }
        self.stage.break_machine(fault);
    }

    fn open_purse(&mut self) {
        self.judge.purse.before = self.ours_spent();
    }

    fn open(&self) -> (Journal, Ledger) {
        let (directory, stage) = (self.directory.path(), self.stage.clone());
        let disk = FailingDisk::new(directory, move || stage.disk());
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
        self.end_was_lost = self.stage.disk() == DiskState::ReadOnly;
        let reads = epoch.is_multiple_of(READ_JOURNAL_EVERY);
        let ledger = reads.then(|| self.ledger());
        self.sprints.push(begun..self.stage.time());
        self.judge.end(epoch, report, ledger.as_ref());
        self.check_money(begun, report);
        if !self.plan.disturbs_network() {
            self.judge.other_nodes_worked(epoch);
        }
        if let Some(race) = report.race {
            self.summary.races += 1;
            self.summary.races_won += u64::from(race.winner == Some(race.second));
        }
        if report.outcome == OutcomeKind::Confirmed {
            self.summary.confirmed += 1;
            self.count_hold(epoch);
            return self.count(epoch, begun, "");
        }
        if self.counts_lost_end < Some(begun) {
            self.check_refusal(begun, report);
        }
        let cause = report.cause.as_deref().unwrap_or("no cause");
        let cause = cause.split(':').next().unwrap_or_default();
        self.count(epoch, begun, &format!("{}: {cause}", report.outcome));
    }

    /// Counts whether a held rental kept the reward in its confirmation or challenge.
    fn count_hold(&mut self, epoch: u64) {
        if self.config.poc.release != ReleasePolicy::AfterConfirmation {
            return;
        }
        let results = self.stage.world().asked_again(epoch);
        let Some(is_lost) = results.iter().map(Confirmation::costs_the_reward).max() else {
            return;
        };
        self.summary.holds += 1;
        self.summary.holds_kept += u64::from(!is_lost);
        if is_lost && std::env::var_os("POCPIT_TRACE").is_some() {
            let (name, trace) = (&self.judge.name, self.stage.trace());
            println!("{name}: epoch {epoch} lost in its confirmation\n{trace}");
        }
    }

    /// One more epoch, missed or (without words) made.
    fn count(&mut self, epoch: u64, begun: Time, miss: &str) {
        self.summary.epochs += 1;
        let is_made = miss.is_empty();
        let excuse = self.broken_word(epoch, begun);
        let excuse = excuse.or_else(|| (!is_made).then(|| self.excuse(epoch, begun, miss))?);
        if excuse.is_none() {
            self.summary.windows += 1;
            self.summary.windows_made += u64::from(is_made);
        }
        if is_made {
            return;
        }
        if excuse.is_none() && std::env::var_os("POCPIT_TRACE").is_some() {
            let (name, trace) = (&self.judge.name, self.stage.trace());
            println!("{name}: epoch {epoch} missed: {miss}\n{trace}");
        }
        let why = excuse.unwrap_or("although nothing made it impossible");
        *self
            .summary
            .misses
            .entry(format!("{miss} ({why})"))
            .or_default() += 1;
    }

    /// Why an epoch may be lost whatever the program does.
    fn broken_word(&self, epoch: u64, begun: Time) -> Option<&'static str> {
        let world = self.stage.world();
        let mut ours = world
            .recent_rentals()
            .filter(|rental| rental.started >= begun && rental.label != "somebody-elses");
        if ours.any(|rental| rental.is_troubled) {
            return Some("a rented machine failed");
        }
        world.halt_of(epoch).map(|_| "the chain stood still")
    }

    /// Why one that was missed could not be made.
    fn excuse(&self, epoch: u64, begun: Time, miss: &str) -> Option<&'static str> {
        let poc_start = {
            let world = self.stage.world();
            world.block_time(World::poc_start(epoch))
        };
        if self.judge.purse.caps == Caps::TIGHT && miss.contains("budget") {
            return Some("a tight budget refused");
        }
        if self.counts_lost_end >= Some(begun) && miss.contains("budget") {
            return Some(
                "the disk was read-only when the last rental ended, which counts until it was found",
            );
        }
        if self.was_away_at_poc {
            return Some("the program was dead when its PoC began");
        }
        // By design: a clock that is ahead would lengthen the leases.
        let rents_until = begun.max(poc_start - BOOT);
        if self.stage.clock_error_at(rents_until) > REFUSED_AHEAD {
            return Some("the clock was ahead when it was time to rent");
        }
        let (fault, span) = self.stage.machine_fault()?;
        let overlap = |from: Time, to: Time| span.end.min(to) - span.start.max(from);
        let boots_too_late = overlap(poc_start - BOOT, poc_start - REGISTERED) > A_WHILE;
        let needed_until = match fault {
            MachineFault::FullDisk | MachineFault::ReadOnlyDisk => poc_start,
            MachineFault::NoDescriptors => poc_start + POC,
        };
        let is_needed = overlap(poc_start - REGISTERED, needed_until) > Duration::zero();
        (boots_too_late || is_needed).then_some(match fault {
            MachineFault::FullDisk => "the disk was full when it counted",
            MachineFault::ReadOnlyDisk => "the disk was read-only when it counted",
            MachineFault::NoDescriptors => "no descriptors were left when it counted",
        })
    }

    /// The journal never counts less than was spent, and hardly more while it could look.
    fn check_money(&self, begun: Time, report: &SprintReport) {
        let spent = self.ours_spent() - self.judge.purse.before;
        let counted = report.cost_usd;
        // A restart of dapi can bring back an old registration at the tunnel's address: dapi finds no model
        // there, stops the node and orders a load, which downloads the weights beside the download that is
        // in progress (field guide, section 2, reconciling). The market bills both, and none of its rows
        // shows the traffic.
        let is_back = self.stage.world().revived_since(begun);
        let twice = if is_back { UNUSED_WEIGHTS } else { 0.0 };
        if counted < 0.98 * spent - 0.02 - twice {
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

    fn check_refusal(&self, begun: Time, report: &SprintReport) {
        let Some(refusal) = Refusal::of(report) else {
            return;
        };
        let (truth, caps) = (self.stage.world().truth(), self.judge.purse.caps);
        if let Some(missing) = refusal.unexplained(caps, begun, &truth, &self.sprints) {
            self.judge.violation(&format!(
                "a budget refused although ${missing:.2} more were left: {report:?}"
            ));
        }
    }

    fn ours_spent(&self) -> f64 {
        self.stage.world().spend_under("pocpit/").dollars()
    }
}
