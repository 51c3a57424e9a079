//! How late the program is where a height or a time decides something, by the world's own clock.

use std::sync::Arc;

use pocpit::domain::{Duration, Step, Time};
use pocpit::journal::Journal;
use pocpit::world::{Scenario, World};

use crate::judge::{Caps, Judge, Others, Purse};
use crate::life::Life;
use crate::played::Stage;
use crate::setup::configuration;

/// How late (or early: negative) a sprint was.
#[derive(Debug)]
pub struct Lateness {
    /// From lead and margin before the true start of the `PoC` to the search for offers.
    pub renting: Duration,
    /// From the true end of validation to the beginning of the release.
    pub releasing: Duration,
    /// From the height at which weights are set to the end of the sprint, which has read them.
    pub confirming: Duration,
}

/// Whether nodes of the chain announce their blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocks {
    Announced,
    Asked,
}

pub fn lateness(seed: u64, beat: Duration, blocks: Blocks) -> Lateness {
    let start = Time::from_timestamp(1_790_000_000, 0).unwrap();
    let scenario = Scenario {
        credit: 1e9,
        ..Scenario::default()
    };
    let stage = Stage::new(seed, scenario, start);
    if blocks == Blocks::Announced {
        stage.announce_blocks();
    }
    let directory = tempfile::tempdir().unwrap();
    let mut config = configuration(directory.path(), Caps::WIDE);
    config.chain.poll = beat;
    let epoch = World::FIRST_EPOCH + 1;
    let height = |offset: u64| stage.world().block_time(World::poc_start(epoch) + offset);
    let (poc_start, validated, weighed) = (height(0), height(185), height(305));
    let judge = Judge {
        name: format!("seed {seed}"),
        stage: Arc::clone(&stage),
        others: Others::Nothing,
        purse: Purse::new(Caps::WIDE),
        at_once: 1,
    };
    let life = Life {
        stage: &stage,
        config: &config,
        judge: &judge,
        epoch,
        nonce: seed,
        crash_at: None,
        calm_from: poc_start,
        deadline: poc_start + Duration::hours(3),
    };
    let death = life.live(|| Journal::open(directory.path()).unwrap());
    let Some(report) = death.report() else {
        judge.violation(&format!("the sprint did not end: {death:?}"));
    };
    let began = |step: Step| {
        let span = report.steps.iter().find(|span| span.step == step);
        span.expect("the sprint came to every step").started
    };
    Lateness {
        renting: began(Step::Choosing) - (poc_start - config.poc.lead - config.poc.margin),
        releasing: began(Step::Releasing) - validated,
        confirming: began(Step::Done) - weighed,
    }
}
