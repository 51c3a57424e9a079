//! One life of the program: from its start to its end, or to its death.

use std::sync::Arc;
use std::time::Duration as RealDuration;

use pocpit::config::Config;
use pocpit::domain::{Aim, Mode, SprintReport, Step, Time};
use pocpit::engine::{self, EndAfter, EngineOptions, PublishInterval, WorldKind};
use pocpit::journal::{Journal, Ledger};

use crate::judge::{CONVERGED, Judge};
use crate::played::Stage;
use crate::setup::ports;

/// How a life ended.
#[derive(Debug)]
pub enum Death {
    /// With the report of each replica.
    Over(Vec<SprintReport>),
    Crashed,
    /// It is too late for this epoch: the sprint is for a later one now.
    TooLate,
}

impl Death {
    /// The report of the first replica, if the life went on to its end.
    pub fn report(&self) -> Option<&SprintReport> {
        match self {
            Death::Over(reports) => reports.first(),
            Death::Crashed | Death::TooLate => None,
        }
    }
}

/// What a life is for, and what ends it.
pub struct Life<'a> {
    pub stage: &'a Arc<Stage>,
    pub config: &'a Config,
    pub judge: &'a Judge,
    pub epoch: u64,
    pub nonce: u64,
    /// The moment of a sudden death.
    pub crash_at: Option<Time>,
    /// From then on nothing fails or crashes any more.
    pub calm_from: Time,
    /// A sprint that is not over by then is a violation.
    pub deadline: Time,
}

/// The world's own calls are made, and the judge looks, this often.
const LOOK_EVERY: RealDuration = RealDuration::from_secs(3);
const JUDGE_EVERY: u64 = 4;

impl Life<'_> {
    pub fn live(&self, open: impl FnOnce() -> (Journal, Ledger)) -> Death {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let born = self.stage.time();
        self.stage
            .note(&format!("the program starts, nonce {:x}", self.nonce));
        let death = runtime.block_on(async {
            self.stage.start_clock();
            let (journal, ledger) = open();
            let death = self.run(born, journal, ledger).await;
            // Outside the runtime its clock would be the machine's.
            self.stage.stop_clock();
            death
        });
        drop(runtime);
        self.stage.note(&format!("the program ends: {death:?}"));
        death
    }

    async fn run(&self, born: Time, journal: Journal, ledger: Ledger) -> Death {
        let options = EngineOptions {
            aim: Aim::Proof,
            mode: Mode::Auto,
            end_after: EndAfter::OneSprint,
            world: WorldKind::Simulated { speed: 1.0 },
            nonce: self.nonce,
            // Nobody watches: the judge looks at the world itself.
            publish_interval: PublishInterval {
                active: RealDuration::from_secs(10),
                idle: RealDuration::from_secs(60),
            },
        };
        let ports = ports(self.stage, self.config);
        let mut handle = engine::start(ports, self.config.clone(), journal, ledger, options);
        let mut looks = tokio::time::interval(LOOK_EVERY);
        let mut step = None;
        let mut converges = Some(born + CONVERGED);
        let mut had_outage = false;
        for look in 0.. {
            tokio::select! {
                biased;
                ended = &mut handle.ended => return self.over(born, ended.unwrap().unwrap()),
                _ = looks.tick() => {}
            }
            let now = self.stage.time();
            self.stage.pump();
            if now >= self.calm_from {
                self.stage.chance().fault_rate = 0.0;
            }
            if look % JUDGE_EVERY == 0 {
                self.judge.look(born);
            }
            let snapshot = handle.snapshots.borrow().clone();
            if let Some(at) = converges {
                had_outage |= self.stage.world().has_outage();
                if now >= at {
                    converges = None;
                    if self.nothing_failed() && !had_outage {
                        self.judge.look_at_start(born, &snapshot);
                    }
                }
            }
            let sprint = &snapshot.sprint;
            if step != Some(sprint.step) {
                step = Some(sprint.step);
                self.stage
                    .note(&format!("{}: {}", sprint.step, sprint.doing));
            }
            let later = sprint.epoch.is_some_and(|target| target.0 > self.epoch);
            if later && sprint.step == Step::Waiting {
                let alerts = snapshot.alerts.iter().map(|alert| alert.text.as_str());
                let alerts: Vec<&str> = alerts.collect();
                self.stage
                    .note(&format!("{}; alerts: {alerts:?}", sprint.doing));
                return Death::TooLate;
            }
            if self
                .crash_at
                .is_some_and(|at| now >= at && now < self.calm_from)
            {
                return Death::Crashed;
            }
            if now > self.deadline {
                self.judge.violation(&format!(
                    "a sprint does not end: {} in step {}, alerts {:?}",
                    sprint.doing, sprint.step, snapshot.alerts
                ));
            }
        }
        Death::Crashed
    }

    fn nothing_failed(&self) -> bool {
        self.stage.chance().fault_rate <= 0.0 && !self.stage.machine_failed()
    }

    fn over(&self, born: Time, reports: Vec<SprintReport>) -> Death {
        self.judge.look(born);
        Death::Over(reports)
    }
}
