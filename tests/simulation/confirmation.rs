//! What becomes of an epoch's reward when the chain asks a second time, and of a plan when it halts
//! for an upgrade.

use std::sync::Arc;

use pocpit::config::Config;
use pocpit::domain::{Duration, ReleasePolicy, SprintReport, Time};
use pocpit::journal::Journal;
use pocpit::world::{Confirmation, Scenario, World};

use crate::judge::{Caps, Judge, Others, Purse};
use crate::life::{Death, Life};
use crate::played::Stage;
use crate::setup::configuration;

/// Blocks after the start of the `PoC`: an hour.
const CONFIRMATION_AFTER: u64 = 700;
/// To the end of its validation.
const CONFIRMATION_TAKES: u64 = 80 + 189;
const EPOCH: u64 = World::FIRST_EPOCH + 1;

#[derive(Debug)]
pub struct Played {
    pub report: SprintReport,
    pub confirmation: Confirmation,
    pub confirmed_at: Time,
    pub given_back: Time,
}

struct Play {
    stage: Arc<Stage>,
    config: Config,
    judge: Judge,
    directory: tempfile::TempDir,
}

impl Play {
    fn new(scenario: Scenario) -> Play {
        let start = Time::from_timestamp(1_790_000_000, 0).unwrap();
        let stage = Stage::new(1, scenario, start);
        let directory = tempfile::tempdir().unwrap();
        // A rental that is held for an epoch costs more than one sprint otherwise.
        let caps = Caps {
            sprint: 500.0,
            day: 500.0,
        };
        let mut config = configuration(directory.path(), caps);
        config.poc.execution_timeout = Duration::hours(30);
        config.chain.rest = vec!["http://api.sim/".parse().unwrap()];
        let judge = Judge {
            name: "confirmation".into(),
            stage: Arc::clone(&stage),
            others: Others::Nothing,
            purse: Purse::new(caps),
            at_once: 1,
        };
        Play {
            stage,
            config,
            judge,
            directory,
        }
    }

    fn live(&self) -> Death {
        let now = self.stage.time();
        let life = Life {
            stage: &self.stage,
            config: &self.config,
            judge: &self.judge,
            epoch: EPOCH,
            nonce: 1,
            crash_at: None,
            calm_from: now,
            deadline: now + Duration::hours(30),
        };
        life.live(|| Journal::open(self.directory.path()).unwrap())
    }
}

/// One sprint by this policy, and the confirmation after it.
pub fn play(policy: ReleasePolicy) -> Played {
    let mut play = Play::new(Scenario {
        credit: 1e9,
        confirmation_after: CONFIRMATION_AFTER,
        ..Scenario::default()
    });
    play.config.poc.release = policy;
    let death = play.live();
    let Some(report) = death.report() else {
        play.judge
            .violation(&format!("the sprint did not end: {death:?}"));
    };
    let end = World::poc_start(EPOCH) + CONFIRMATION_AFTER + CONFIRMATION_TAKES;
    let confirmed_at = play.stage.world().block_time(end);
    play.stage
        .skip_to(play.stage.time().max(confirmed_at) + Duration::minutes(5));
    let truth = play.stage.world().truth();
    Played {
        report: report.clone(),
        confirmation: truth.first_host().confirmations[&EPOCH],
        confirmed_at,
        given_back: truth.rentals[0].ended.unwrap(),
    }
}

/// Rentals when the chain halts ten minutes before the `PoC`, until the sprint is for a later one.
pub fn wait_out_an_upgrade() -> usize {
    let play = Play::new(Scenario {
        credit: 1e9,
        upgrade_before_poc: 110,
        ..Scenario::default()
    });
    // A life ends when its sprint is for another epoch.
    let death = play.live();
    if !matches!(death, Death::TooLate) {
        play.judge
            .violation(&format!("the sprint was not put off: {death:?}"));
    }
    play.stage.world().truth().rentals.len()
}
