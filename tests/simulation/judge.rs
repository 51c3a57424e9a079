//! What must hold, by the world's own word and never by the journal's.

use std::ops::Range;
use std::sync::Arc;

use pocpit::domain::{Duration, OutcomeKind, SprintReport, Time, Usd};
use pocpit::engine::Snapshot;
use pocpit::journal::Ledger;
use pocpit::world::{PROXY_NODE, TrueRental, World};

use crate::played::{MachineFault, Stage};

/// A program that came back to life needs this long to see what is there.
const LOOKS_ROUND: Duration = Duration::minutes(10);
const AFTER_LEASE: Duration = Duration::minutes(10);
const WITHOUT_RENTAL: Duration = Duration::minutes(15);
/// No registration is removed from this long before a `PoC`: that could stop the `PoC` of the host's other
/// nodes. A minute of it is the block time's uncertainty.
const NO_REMOVAL_BEFORE_POC: Duration = Duration::minutes(6);
/// Blocks from the start of the `PoC` to the end of its validation, when removals go on.
const VALIDATED: u64 = 185;
/// A program that is about to end may not have read the Network Node's list for this long.
const NOTICED: Duration = Duration::minutes(2);
const FOUND_OUT: Duration = Duration::minutes(5);
/// Batches of a node that begins within half a minute, one each 5 s for 60 blocks of 5.6 s.
const WHOLE_POC: u64 = 60;
/// A program that is started again has found everything by then, if the world lets it.
pub const CONVERGED: Duration = Duration::seconds(60);

/// What may be spent, and what was before this sprint, in dollars.
#[derive(Debug, Clone, Copy)]
pub struct Purse {
    pub caps: Caps,
    /// By all sprints before this one.
    pub before: f64,
}

/// The operator's caps, in dollars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Caps {
    pub sprint: f64,
    pub day: f64,
}

impl Caps {
    /// No sprint comes near them.
    pub const WIDE: Caps = Caps {
        sprint: 60.0,
        day: 80.0,
    };
    /// Enough for a rental that is kept for a whole epoch.
    pub const LAVISH: Caps = Caps {
        sprint: 500.0,
        day: 900.0,
    };
    /// Enough for one rental in a sprint, not for every second one.
    pub const TIGHT: Caps = Caps {
        sprint: 16.0,
        day: 22.0,
    };

    /// For a month of sprints.
    pub fn month(self) -> f64 {
        40.0 * self.day
    }
}

impl Purse {
    pub fn new(caps: Caps) -> Purse {
        Purse { caps, before: 0.0 }
    }
}

/// Watches one world.
pub struct Judge {
    pub name: String,
    pub stage: Arc<Stage>,
    /// Whether a foreign rental was there at the beginning.
    pub others: Others,
    pub purse: Purse,
    /// Rentals of ours at the same time, at most.
    pub at_once: usize,
}

/// What others have on the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    Nothing,
    AnInstance,
}

/// When no registration is removed, in this order: while the chain stands still, as nobody knows how near the
/// `PoC` is, around the last `PoC` and the next, and in a confirmation.
fn removals_wait(world: &World) -> Vec<Range<Time>> {
    let epochs = [world.epoch(), world.epoch() + 1];
    let halts = epochs.iter().filter_map(|epoch| world.halt_of(*epoch));
    let proofs = epochs.iter().map(|epoch| {
        let start = World::poc_start(*epoch);
        let from = world.block_time(start) - NO_REMOVAL_BEFORE_POC;
        from..world.block_time(start + VALIDATED)
    });
    let confirmations = epochs
        .iter()
        .flat_map(|epoch| world.confirmation_times(*epoch));
    halts.chain(proofs).chain(confirmations).collect()
}

/// How much of a time these spans cover, which may overlap.
fn covered(spans: &[Range<Time>], from: Time, to: Time) -> Duration {
    let mut spans: Vec<&Range<Time>> = spans.iter().collect();
    spans.sort_by_key(|span| span.start);
    let mut covered = Duration::zero();
    let mut until = from;
    for span in spans {
        let (start, end) = (span.start.max(until), span.end.min(to));
        covered += (end - start).max(Duration::zero());
        until = until.max(end);
    }
    covered
}

fn is_ours(rental: &TrueRental) -> bool {
    rental.label.starts_with("pocpit/demo/")
}

impl Judge {
    /// What must hold at every moment of a life that began at `born`.
    pub fn look(&self, born: Time) {
        let now = self.stage.time();
        let (live, recent, nodes, spent, removals_wait, revived, harm) = {
            let world = self.stage.world();
            let recent: Vec<TrueRental> = world.recent_rentals().collect();
            let live: Vec<TrueRental> = recent
                .iter()
                .filter(|rental| rental.ended.is_none())
                .cloned()
                .collect();
            let spent = world.spend_under("pocpit/").dollars();
            let removals_wait = removals_wait(&world);
            let nodes = world.registered();
            let revived: Vec<_> = nodes.iter().map(|node| world.revived(node)).collect();
            let harm = world.harm();
            (live, recent, nodes, spent, removals_wait, revived, harm)
        };
        let ours: Vec<&TrueRental> = live.iter().filter(|rental| is_ours(rental)).collect();
        if ours.len() > self.at_once {
            self.violation(&format!("too many rentals at once: {ours:?}"));
        }
        self.look_at_money(now, spent, &ours, &recent);
        let looked_round = now - born > LOOKS_ROUND;
        let over = |rental: &TrueRental| {
            rental
                .lease_until
                .is_none_or(|lease| now > lease + AFTER_LEASE)
        };
        if let Some(old) = ours.iter().find(|rental| looked_round && over(rental)) {
            self.violation(&format!("a rental outlives its lease: {old:?}"));
        }
        if self.others == Others::AnInstance
            && !live.iter().any(|rental| rental.label == "somebody-elses")
        {
            self.violation("somebody else's instance is gone");
        }
        if !nodes.iter().any(|node| node == "colleague-1") {
            self.violation("somebody else's node is gone");
        }
        if !harm.is_empty() {
            self.violation(&format!(
                "other nodes of the operator were harmed: {harm:?}"
            ));
        }
        for (node, revived) in nodes.iter().zip(revived) {
            let rental = node.strip_prefix("vastai-").and_then(|id| id.parse().ok());
            let Some(rental) = rental.and_then(|id: u64| recent.iter().find(|r| r.id == id)) else {
                continue;
            };
            let alone = rental.ended.map(|ended| {
                // A removed node that a restart of dapi brought back can be seen only from then on.
                let since = ended.max(born).max(revived.unwrap_or(born));
                // While removals wait, nothing can be done about it.
                let waited = covered(&removals_wait, since, now);
                now - since - waited - self.unable(since, now)
            });
            if alone.is_some_and(|alone| alone > WITHOUT_RENTAL) {
                self.violation(&format!(
                    "{node} is registered without its rental: {rental:?}"
                ));
            }
        }
    }

    /// What was spent, and what the live rentals spend until their leases end, fits into every cap.
    fn look_at_money(&self, now: Time, spent: f64, live: &[&TrueRental], recent: &[TrueRental]) {
        // A clock that is ahead makes the lease that much longer.
        let ahead = self.stage.clock_error().max(Duration::zero());
        // A host that charges more than its offer is detected at the first poll, and released.
        let is_as_agreed =
            |rental: &&&TrueRental| !rental.is_troubled || now - rental.started > FOUND_OUT;
        let reserved: f64 = live
            .iter()
            .filter(is_as_agreed)
            .map(|rental| {
                let left = rental.lease_until.map_or(Duration::zero(), |until| {
                    (until - ahead - now).max(Duration::zero())
                });
                rental.price.times(left).dollars()
            })
            .sum();
        let purse = &self.purse;
        let sprint = spent - purse.before + reserved;
        // Of an earlier rental, what it spent in the window is unknown here.
        let in_window =
            |rental: &&TrueRental| is_ours(rental) && now - rental.started < Duration::hours(24);
        let of_day = recent.iter().filter(in_window).map(|one| one.cost);
        let day = of_day.sum::<Usd>().dollars() + reserved;
        if sprint > purse.caps.sprint || day > purse.caps.day {
            self.violation(&format!(
                "${spent:.2} spent in all and ${reserved:.2} reserved pass a cap of {purse:?}: {live:?}"
            ));
        }
    }

    /// What must hold a minute after a start, when nothing fails: what was rented before it is
    /// known.
    pub fn look_at_start(&self, born: Time, snapshot: &Snapshot) {
        let world = self.stage.world();
        let live = world.live_rentals();
        drop(world);
        let is_found = |rental: &&TrueRental| is_ours(rental) && rental.started <= born;
        let ours: Vec<&TrueRental> = live.iter().filter(is_found).collect();
        let of_replicas = snapshot.replicas.iter();
        let of_replicas = of_replicas.flat_map(|it| it.rental.iter().chain(&it.hedge));
        let known = snapshot.rental.iter().chain(&snapshot.hedge);
        let known: Vec<u64> = known.chain(of_replicas).map(|rental| rental.id.0).collect();
        if ours.len() > self.at_once || ours.iter().any(|rental| !known.contains(&rental.id)) {
            self.violation(&format!(
                "a minute after its start the program knows of {known:?}, and there are {ours:?}"
            ));
        }
        // An implausible height is polled again, with a warning.
        let chain = &snapshot.chain;
        let is_said = chain.reading.is_some() || chain.trouble.is_some();
        if snapshot.nodes.read_at.is_none() || !is_said {
            self.violation(&format!(
                "a minute after its start the program knows no nodes, or nothing of the chain: {chain:?}"
            ));
        }
    }

    /// For how long of this its machine lets a program call nobody, or open no journal: it removes nothing.
    fn unable(&self, from: Time, to: Time) -> Duration {
        let fault = self.stage.machine_fault();
        let fault = fault.filter(|(fault, _)| *fault != MachineFault::FullDisk);
        let overlap = fault.map(|(_, span)| span.end.min(to) - span.start.max(from));
        overlap.map_or(Duration::zero(), |overlap| overlap.max(Duration::zero()))
    }

    /// What must hold when a sprint is over.
    pub fn end(&self, epoch: u64, report: &SprintReport, ledger: Option<&Ledger>) {
        let (live, nodes, weight, left) = {
            let world = self.stage.world();
            let node = report.node.as_ref().map(|node| node.0.clone());
            let weight = node.and_then(|node| world.weight(epoch, &node));
            // A restart of dapi can bring back a removed node (see `world::network_node::restart`) after the
            // program has last read the list. Then the next program removes it: `look` gives it a quarter
            // of an hour.
            // Or while no program ran: what is told is removed by the next one too.
            let is_told = report.registrations_left.is_some_and(|left| left > 0);
            let is_just_back = |node: &String| {
                let revived = world.revived(node);
                revived.is_some_and(|at| is_told || world.now() - at < NOTICED)
            };
            let nodes = world.registered();
            let is_left = |node: &&String| node.starts_with("vastai-") && !is_just_back(node);
            let left = nodes.iter().find(is_left).cloned();
            (world.live_rentals(), nodes, weight, left)
        };
        if let Some(left) = live.iter().find(|rental| is_ours(rental)) {
            self.violation(&format!("a rental is left: {left:?} after {report:?}"));
        }
        if let Some(left) = left {
            self.violation(&format!("a registration is left: {left} after {report:?}"));
        }
        if !nodes.iter().any(|node| node == PROXY_NODE) {
            self.violation(&format!("the proxy is not registered after {report:?}"));
        }
        if report.outcome == OutcomeKind::Confirmed && weight.is_none_or(|weight| weight == 0) {
            self.violation(&format!(
                "success without weight in epoch {epoch}: {report:?}"
            ));
        }
        let open = ledger.map(Ledger::open_rentals).unwrap_or_default();
        if !open.is_empty() {
            self.violation(&format!("an intent stays open: {open:?} after {report:?}"));
        }
        if report.outcome != OutcomeKind::Confirmed
            && report.cause.is_none()
            && report.outcome != OutcomeKind::Aborted
        {
            self.violation(&format!("a miss without a cause: {report:?}"));
        }
    }

    /// What must hold after a `PoC` in which nothing but our own workload failed: each other node of the
    /// operator worked through all of it.
    pub fn other_nodes_worked(&self, epoch: u64) {
        let hosts = self.stage.world().truth().hosts;
        for (id, host) in hosts {
            let batches = host.batches.get(&epoch);
            let others = self.stage.world().others(id);
            for node in others {
                let worked = batches.and_then(|batches| batches.get(&node)).copied();
                if worked.is_none_or(|worked| worked < WHOLE_POC) {
                    self.violation(&format!(
                        "{node} of {} delivered {worked:?} batches in epoch {epoch}",
                        host.participant
                    ));
                }
            }
        }
    }

    pub fn violation(&self, what: &str) -> ! {
        panic!(
            "VIOLATION at {} ({}): {what}\nWhat came before:\n{}",
            self.stage.time(),
            self.name,
            self.stage.trace()
        );
    }
}
