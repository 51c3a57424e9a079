//! A journal that cannot be written: nothing new is rented or registered, everything is released.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration as RealDuration;

use pocpit::domain::{Aim, Duration, Mode, OutcomeKind, SprintReport, Step, Time};
use pocpit::engine::{self, EndAfter, EngineOptions, PublishInterval, Snapshot, WorldKind};
use pocpit::journal::{self, Journal, SqliteStorage, Storage as _};
use pocpit::world::{Scenario, World};

use crate::judge::Caps;
use crate::played::Stage;
use crate::setup::{configuration, ports};
use crate::storage::{DiskState, FailingDisk, spool};

/// A sprint on a disk that fails and is mended.
struct Play {
    stage: Arc<Stage>,
    directory: tempfile::TempDir,
    disk: Arc<Mutex<DiskState>>,
    failing: DiskState,
}

impl Play {
    fn new(failing: DiskState) -> Play {
        let start = Time::from_timestamp(1_790_000_000, 0).unwrap();
        let scenario = Scenario {
            credit: 1e9,
            ..Scenario::default()
        };
        let stage = Stage::new(11, scenario, start);
        let next = stage.world().epoch() + 1;
        let poc_start = stage.world().block_time(World::poc_start(next));
        stage.skip_to(poc_start - Duration::minutes(60));
        Play {
            stage,
            directory: tempfile::tempdir().unwrap(),
            disk: Arc::default(),
            failing,
        }
    }

    fn state(&self) -> &Path {
        self.directory.path()
    }

    fn fill(&self) {
        *self.disk.lock().unwrap() = self.failing;
    }

    fn make_room(&self) {
        *self.disk.lock().unwrap() = DiskState::Writable;
    }

    /// A life of the program to its end; `look` sees a snapshot every second.
    fn live(&self, mut look: impl FnMut(&Snapshot)) -> SprintReport {
        let on = |snapshot: &Snapshot| {
            look(snapshot);
            ControlFlow::Continue(())
        };
        self.live_until(on).unwrap()
    }

    /// A life that `look` can end without a goodbye.
    fn live_until(
        &self,
        mut look: impl FnMut(&Snapshot) -> ControlFlow<()>,
    ) -> Option<SprintReport> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            self.stage.start_clock();
            let disk = self.disk.clone();
            let disk = FailingDisk::new(self.state(), move || *disk.lock().unwrap());
            let (journal, ledger) =
                Journal::over(Box::new(disk), Some(&spool(self.state()))).unwrap();
            let options = EngineOptions {
                aim: Aim::Proof,
                mode: Mode::Auto,
                end_after: EndAfter::OneSprint,
                world: WorldKind::Simulated { speed: 1.0 },
                nonce: 7,
                publish_interval: PublishInterval::default(),
            };
            let config = configuration(self.state(), Caps::WIDE);
            let ports = ports(&self.stage, &config);
            let mut handle = engine::start(ports, config, journal, ledger, options);
            let mut looks = tokio::time::interval(RealDuration::from_secs(1));
            let report = loop {
                tokio::select! {
                    biased;
                    ended = &mut handle.ended => break ended.unwrap().unwrap().pop(),
                    _ = looks.tick() => {}
                }
                self.stage.pump();
                if look(&handle.snapshots.borrow().clone()).is_break() {
                    break None;
                }
            };
            self.stage.stop_clock();
            report
        })
    }

    /// Rentals of ours that were ever made.
    fn rented(&self) -> usize {
        let truth = self.stage.world().truth();
        let ours = |label: &str| label.starts_with("pocpit/");
        truth
            .rentals
            .iter()
            .filter(|rental| ours(&rental.label))
            .count()
    }

    fn assert_nothing_is_left(&self) {
        let live = self.stage.world().live_rentals();
        assert!(live.is_empty(), "{live:?}");
        self.assert_not_registered();
    }

    fn assert_not_registered(&self) {
        let registered = self.stage.world().registered();
        let ours = |node: &String| node.starts_with("vastai-");
        assert!(!registered.iter().any(ours), "{registered:?}");
    }
}

fn says_release_only(snapshot: &Snapshot) -> bool {
    let mut alerts = snapshot.alerts.iter();
    alerts.any(|alert| {
        alert.text.contains("nothing new is rented or registered")
            && alert.advice.text.contains("free space in")
    })
}

#[test]
fn full_disk_releases_the_rental() {
    for failing in [DiskState::Full, DiskState::ReadOnly] {
        let play = Play::new(failing);
        let mut said = false;
        let report = play.live(|snapshot| {
            if snapshot.rental.is_some() {
                play.fill();
            }
            said |= says_release_only(snapshot);
        });
        assert!(said);
        assert_eq!(report.outcome, OutcomeKind::Failed, "{report:?}");
        assert_eq!(play.rented(), 1);
        play.assert_nothing_is_left();
    }
}

#[test]
fn restart_on_full_disk_releases_leftovers() {
    let play = Play::new(DiskState::Full);
    let killed = play.live_until(|snapshot| {
        if snapshot.sprint.step == Step::Booting {
            play.fill();
        }
        if snapshot.sprint.step == Step::Warming {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    assert_eq!(killed, None);
    let mut said = false;
    let report = play.live(|snapshot| said |= says_release_only(snapshot));
    assert!(said);
    assert_eq!(report.outcome, OutcomeKind::Failed, "{report:?}");
    assert_eq!(play.rented(), 1);
    play.assert_nothing_is_left();
}

#[test]
fn spooled_rental_survives_a_restart() {
    let play = Play::new(DiskState::Full);
    let mut cost = 0.0;
    let _ = play.live(|snapshot| {
        if snapshot.sprint.step == Step::Booting {
            play.fill();
        }
        cost = snapshot.money.sprint.dollars();
    });
    // The next program knows by the spool alone that the rental is gone and what it cost.
    let file = play.state().join("journal.sqlite");
    let stored = SqliteStorage::open(&file).unwrap().visit(&mut |entry| {
        assert!(!entry.body.contains("rental_gone"), "{entry:?}");
        Ok(())
    });
    stored.unwrap();
    let ledger = journal::read_only(play.state()).unwrap();
    assert!(ledger.open_rentals().is_empty());
    let now = play.stage.time();
    let spent = ledger.spent_within(Duration::days(1), now).dollars();
    assert!(
        cost > 0.0 && (spent - cost).abs() < 0.02 * cost,
        "{spent} {cost}"
    );
    assert_eq!(ledger.reports().len(), 1);
}

#[test]
fn facts_of_a_read_only_disk_are_written_afterwards() {
    let play = Play::new(DiskState::ReadOnly);
    // Given a disk that is read-only from the boot until the rental is gone,
    let mut cost = 0.0;
    let _ = play.live(|snapshot| {
        if snapshot.sprint.step == Step::Booting {
            play.fill();
        }
        if play.rented() > 0 && play.stage.world().live_rentals().is_empty() {
            if snapshot.rental.is_none() {
                play.make_room();
            }
            cost = snapshot.money.sprint.dollars();
        }
    });
    // when it can be written again, then the journal has its end and what it cost until then.
    let ledger = journal::read_only(play.state()).unwrap();
    assert!(ledger.open_rentals().is_empty());
    let now = play.stage.time();
    let spent = ledger.spent_within(Duration::days(1), now).dollars();
    let truth: f64 = play.stage.world().spend_under("pocpit/").dollars();
    assert!(
        cost > 0.0 && (spent - truth).abs() < 0.1 * truth,
        "{spent} {cost} {truth}"
    );
}

#[test]
fn recovered_disk_costs_no_epoch() {
    let play = Play::new(DiskState::Full);
    play.fill();
    let (mut waited, mut recovered) = (0, false);
    let started = play.stage.time();
    let report = play.live(|snapshot| {
        let alerted = says_release_only(snapshot);
        if snapshot.at < started + Duration::minutes(14) {
            waited += u32::from(alerted && snapshot.sprint.step == Step::Choosing);
            assert_eq!(play.rented(), 0);
        } else {
            play.make_room();
            recovered |= !alerted && snapshot.rental.is_some();
        }
    });
    assert!(waited > 60 && recovered, "{waited} {recovered}");
    assert_eq!(report.outcome, OutcomeKind::Confirmed, "{report:?}");
    assert_eq!(play.rented(), 1);
    play.assert_nothing_is_left();
    let spool = std::fs::read(play.state().join("journal.spool")).unwrap();
    assert!(spool.iter().all(|byte| *byte == b'\n'));
}

#[test]
fn registration_waits_for_disk_space() {
    let play = Play::new(DiskState::Full);
    let (mut filled, mut refused) = (false, false);
    let report = play.live(|snapshot| {
        if snapshot.sprint.step == Step::Warming && !filled {
            filled = true;
            play.fill();
        }
        let waits = snapshot.sprint.doing.contains("registered when it can");
        if waits && !refused {
            refused = true;
            assert!(says_release_only(snapshot));
            play.assert_not_registered();
            play.make_room();
        }
    });
    assert!(refused);
    assert_eq!(report.outcome, OutcomeKind::Confirmed, "{report:?}");
    play.assert_nothing_is_left();
}
