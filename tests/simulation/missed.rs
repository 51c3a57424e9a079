//! Epochs for which nothing was rented: the journal says of each why, and of none twice.

use std::time::Duration as RealDuration;

use pocpit::domain::{Aim, Duration, Mode, Time};
use pocpit::engine::{self, EndAfter, EngineOptions, PublishInterval, WorldKind};
use pocpit::journal::{self, Journal};
use pocpit::world::{Scenario, World};

use crate::judge::Caps;
use crate::played::Stage;
use crate::setup::{configuration, ports};

struct Days {
    stage: std::sync::Arc<Stage>,
    directory: tempfile::TempDir,
}

impl Days {
    fn of(scenario: Scenario) -> Days {
        let start = Time::from_timestamp(1_790_000_000, 0).unwrap();
        Days {
            stage: Stage::new(5, scenario, start),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// When the next `PoC` starts, and of which epoch it is.
    fn next_poc(&self) -> (Time, u64) {
        let world = self.stage.world();
        let epoch = world.epoch() + 1;
        (world.block_time(World::poc_start(epoch)), epoch)
    }

    /// One life of the program, for so long.
    fn live(&self, mode: Mode, length: Duration) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let end = self.stage.time() + length;
        runtime.block_on(async {
            self.stage.start_clock();
            let mut config = configuration(self.directory.path(), Caps::WIDE);
            config.chain.rest = vec!["http://api.sim/".parse().unwrap()];
            let (journal, ledger) = Journal::open(self.directory.path()).unwrap();
            let options = EngineOptions {
                aim: Aim::Proof,
                mode,
                end_after: EndAfter::Never,
                world: WorldKind::Simulated { speed: 1.0 },
                nonce: 7,
                publish_interval: PublishInterval::default(),
            };
            let ports = ports(&self.stage, &config);
            let handle = engine::start(ports, config, journal, ledger, options);
            while self.stage.time() < end {
                assert!(!handle.ended.is_finished(), "the engine ended");
                tokio::time::sleep(RealDuration::from_secs(5)).await;
                self.stage.pump();
            }
            self.stage.stop_clock();
        });
    }

    /// Epoch and cause of what the journal has, in order.
    fn written(&self) -> Vec<(u64, String)> {
        let ledger = journal::read_only(self.directory.path()).unwrap();
        let written = ledger.reports().iter().map(|(_, report)| {
            let cause = report.cause.as_deref().unwrap_or(report.outcome.name());
            let name = cause.split(':').next().unwrap_or_default();
            (report.epoch.unwrap().0, name.to_owned())
        });
        written.collect()
    }
}

#[test]
fn missed_epoch_is_journaled_once() {
    let days = Days::of(Scenario::default());
    // Given a day without a sprint,
    let (poc, first) = days.next_poc();
    days.stage.skip_to(poc - Duration::hours(1));
    days.live(Mode::Manual, Duration::hours(2));
    // two on which nothing runs,
    let (poc, second) = days.next_poc();
    days.stage.skip_to(poc + Duration::hours(30));
    // and one on which auto starts ten minutes before the PoC, and once more,
    let (poc, last) = days.next_poc();
    days.stage.skip_to(poc - Duration::minutes(10));
    days.live(Mode::Auto, Duration::minutes(5));
    days.live(Mode::Auto, Duration::minutes(20));
    // then each of them is in the journal once.
    let expected = [
        (first, "not_started"),
        (second, "not_running"),
        (second + 1, "not_running"),
        (last, "too_late"),
    ];
    let expected = expected.map(|(epoch, cause)| (epoch, cause.to_owned()));
    assert_eq!(days.written(), expected);
    // Nothing was rented for any of them.
    assert_eq!(days.stage.world().truth().rentals.len(), 0);
}

#[test]
fn weeks_offline_are_journaled_completely() {
    let days = Days::of(Scenario::default());
    let (poc, first) = days.next_poc();
    days.stage.skip_to(poc - Duration::hours(1));
    days.live(Mode::Manual, Duration::hours(2));
    // Given five weeks on which nothing runs,
    days.stage.skip_to(poc + Duration::weeks(5));
    let (_, next) = days.next_poc();
    days.live(Mode::Manual, Duration::minutes(20));
    // when it runs again, and once more,
    days.live(Mode::Manual, Duration::minutes(20));
    // then the last thirty epochs are in the journal one by one, and those before them in one entry.
    let written = days.written();
    let epochs: Vec<u64> = written.iter().map(|(epoch, _)| *epoch).collect();
    let (gap, later) = (next - 31, next - 30..next);
    let expected: Vec<u64> = [first, gap].into_iter().chain(later).collect();
    assert_eq!(epochs, expected);
    let ledger = journal::read_only(days.directory.path()).unwrap();
    let cause = ledger.reports()[1].1.cause.clone().unwrap();
    let count = gap - first;
    let said = format!("epochs from {} on tried: {count} in all", first + 1);
    assert!(
        cause.starts_with("not_running") && cause.contains(&said),
        "{cause}"
    );
}

#[test]
fn chain_halt_is_the_missed_reason() {
    // Given an upgrade that halts the chain five blocks before a PoC,
    let days = Days::of(Scenario {
        upgrade_before_poc: 5,
        ..Scenario::default()
    });
    let (poc, epoch) = days.next_poc();
    days.stage.skip_to(poc - Duration::hours(2));
    // when it has passed, then that epoch was not tried because of it.
    days.live(Mode::Auto, Duration::hours(4));
    assert_eq!(days.written(), [(epoch, "held_up".to_owned())]);
}
