//! A machine that stalls, with and without a second one beside it.

use std::sync::Arc;

use pocpit::config::Config;
use pocpit::domain::{Duration, Hedging, SprintReport, Time, UsdPerHour};
use pocpit::journal::{Journal, Ledger};
use pocpit::world::{Scenario, TrueRental, World};

use crate::judge::{Caps, Judge, Others, Purse};
use crate::life::Life;
use crate::played::Stage;
use crate::setup::configuration;

/// The first machine stops in the middle of its download.
pub fn scenario() -> Scenario {
    Scenario {
        credit: 1e9,
        first_boots_stall: 1,
        ..Scenario::default()
    }
}

/// Lets a configuration hedge, with room for two in an hour and time for a second boot.
pub fn allow(config: &mut Config) {
    config.poc.hedge = Hedging::On;
    config.budget.per_hour = UsdPerHour::from_dollars(40.0);
    config.poc.lead = Duration::minutes(60);
}

/// Rentals at the same time, at most.
pub fn at_once(hedging: Hedging) -> usize {
    match hedging {
        Hedging::Off => 1,
        Hedging::On => 2,
    }
}

#[derive(Debug)]
pub struct Played {
    pub report: SprintReport,
    pub rentals: Vec<TrueRental>,
    pub peak: usize,
    pub ledger: Ledger,
    /// The node that the chain has weight for is the one that was reported.
    pub weight: Option<u64>,
}

/// One sprint in a world whose first machine stalls.
pub fn play(seed: u64, hedging: Hedging, adjust: impl FnOnce(&mut Config)) -> Played {
    let start = Time::from_timestamp(1_790_000_000, 0).unwrap();
    let stage = Stage::new(seed, scenario(), start);
    let directory = tempfile::tempdir().unwrap();
    let mut config = configuration(directory.path(), Caps::WIDE);
    allow(&mut config);
    config.poc.hedge = hedging;
    adjust(&mut config);
    let epoch = World::FIRST_EPOCH + 1;
    let judge = Judge {
        name: format!("seed {seed}, {hedging:?}"),
        stage: Arc::clone(&stage),
        others: Others::Nothing,
        purse: Purse::new(Caps::WIDE),
        at_once: at_once(hedging),
    };
    let now = stage.time();
    let life = Life {
        stage: &stage,
        config: &config,
        judge: &judge,
        epoch,
        nonce: seed,
        crash_at: None,
        calm_from: now,
        deadline: now + Duration::hours(9),
    };
    let death = life.live(|| Journal::open(directory.path()).unwrap());
    let Some(report) = death.report() else {
        judge.violation(&format!("the sprint did not end: {death:?}"));
    };
    let ledger = pocpit::journal::read_only(directory.path()).unwrap();
    judge.end(epoch, report, Some(&ledger));
    let world = stage.world();
    let node = report.node.as_ref().map(|node| node.0.clone());
    let weight = node.and_then(|node| world.weight(epoch, &node));
    let truth = world.truth();
    Played {
        report: report.clone(),
        rentals: truth.rentals,
        peak: truth.peak_live_rentals,
        ledger,
        weight,
    }
}
