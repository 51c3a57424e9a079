//! A Network Node that is silent for hours, at the worst moment.

use std::sync::Arc;
use std::time::Duration as RealDuration;

use pocpit::config::Config;
use pocpit::domain::{Aim, Duration, Mode, Time};
use pocpit::engine::{
    self, EndAfter, EngineOptions, NodeOwner, NodeRow, PublishInterval, Snapshot, WorldKind,
};
use pocpit::journal::Journal;
use pocpit::world::{PROXY_NODE, Scenario, World};

use crate::judge::Caps;
use crate::played::Stage;
use crate::setup::{configuration, ports};

const SILENCE: Duration = Duration::hours(6);
/// A rental costs nothing any more so soon after its planned release.
const DESTROYED_WITHIN: Duration = Duration::minutes(3);
const REMOVED_WITHIN: Duration = Duration::minutes(3);

struct Outage {
    stage: Arc<Stage>,
    config: Config,
    directory: tempfile::TempDir,
    /// When validation ends, and so the rental is released.
    release: Time,
}

impl Outage {
    /// A world an hour before a `PoC`, whose Network Node falls silent as validation ends.
    fn at_teardown() -> Outage {
        let stage = Stage::new(
            21,
            Scenario::default(),
            Time::from_timestamp(1_790_000_000, 0).unwrap(),
        );
        let (poc_start, release) = {
            let world = stage.world();
            let start = World::poc_start(world.epoch() + 1);
            (world.block_time(start), world.block_time(start + 185))
        };
        stage.skip_to(poc_start - Duration::minutes(60));
        stage.silence(
            "admin.sim",
            release - Duration::seconds(20),
            release + SILENCE,
        );
        let directory = tempfile::tempdir().unwrap();
        let config = configuration(directory.path(), Caps::WIDE);
        Outage {
            stage,
            config,
            directory,
            release,
        }
    }

    /// One life of the program, until `end`.
    fn live(&self, end: Time, look: impl Fn(Time, &Snapshot)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            self.stage.start_clock();
            let (journal, ledger) = Journal::open(self.directory.path()).unwrap();
            let options = EngineOptions {
                aim: Aim::Proof,
                mode: Mode::Auto,
                end_after: EndAfter::Never,
                world: WorldKind::Simulated { speed: 1.0 },
                nonce: 7,
                publish_interval: PublishInterval {
                    active: RealDuration::from_secs(10),
                    idle: RealDuration::from_secs(60),
                },
            };
            let ports = ports(&self.stage, &self.config);
            let handle = engine::start(ports, self.config.clone(), journal, ledger, options);
            while self.stage.time() < end {
                assert!(!handle.ended.is_finished(), "the engine ended");
                tokio::time::sleep(RealDuration::from_secs(5)).await;
                self.stage.pump();
                look(self.stage.time(), &handle.snapshots.borrow());
            }
            self.stage.stop_clock();
        });
    }

    fn ours_registered(&self) -> usize {
        let registered = self.stage.world().registered();
        registered
            .iter()
            .filter(|node| node.starts_with("vastai-"))
            .count()
    }

    /// The rental is released in time, whichever service is silent.
    fn look(&self, now: Time) {
        if now > self.release + DESTROYED_WITHIN {
            assert_eq!(self.stage.world().live_rentals(), [], "at {now}");
        }
    }

    fn assert_all_is_taken_down(&self) {
        assert_eq!(self.ours_registered(), 0, "{}", self.stage.trace());
        let world = self.stage.world();
        assert!(world.registered().iter().any(|node| node == PROXY_NODE));
        assert_eq!(world.truth().rentals.len(), 1);
    }
}

#[test]
fn silent_network_node_leaves_nothing_behind() {
    // Given a Network Node that is silent for six hours from the end of validation on,
    let outage = Outage::at_teardown();
    let silent_until = outage.release + SILENCE;
    // when the silence lasts, then the rental is destroyed in time and the registration remains,
    outage.live(silent_until + REMOVED_WITHIN, |now, snapshot| {
        outage.look(now);
        if now > outage.release && now < silent_until {
            assert_eq!(outage.ours_registered(), 1, "at {now}");
        }
        // It is shown as what it is, once the next sprint waits.
        if now > outage.release + Duration::minutes(30) && now < silent_until {
            let leftover = |row: &NodeRow| row.owner == NodeOwner::Leftover;
            assert_eq!(
                snapshot
                    .nodes
                    .rows
                    .iter()
                    .filter(|row| leftover(row))
                    .count(),
                1
            );
        }
    });
    // and when it is over, the registration goes too.
    outage.assert_all_is_taken_down();
}

#[test]
fn restart_during_silence_still_unregisters() {
    let outage = Outage::at_teardown();
    // Given a program that dies two minutes after the release began, and another that dies in the middle,
    outage.live(outage.release + Duration::minutes(2), |_, _| {});
    outage.stage.skip_to(outage.release + Duration::minutes(4));
    outage.live(outage.release + Duration::hours(3), |now, _| {
        if now > outage.release + Duration::minutes(8) {
            assert_eq!(outage.stage.world().live_rentals(), [], "at {now}");
        }
    });
    outage.stage.skip_to(outage.release + Duration::hours(4));
    // when a third one sees the Network Node answer again, then the registration goes.
    outage.live(outage.release + SILENCE + REMOVED_WITHIN, |_, _| {});
    outage.assert_all_is_taken_down();
}
