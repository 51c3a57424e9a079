//! A restart continues, even beside another process on the directory or another cockpit on the account.

use pocpit::domain::Step;
use pocpit::journal::Journal;
use pocpit::world::Scenario;
use rustix::process::Signal;

use crate::exits::process::{Front, Process, Stage};

#[test]
fn auto_waits_for_lock_and_resumes() {
    let stage = Stage::new(Scenario::default());
    // Given a sprint that a kill left half done, and another process that holds its directory,
    let mut process = Process::start(Front::Headless, &stage, "");
    assert!(process.is_seen_in(Step::Booting), "{}", stage.log());
    process.signal(Signal::KILL);
    process.end(|| {});
    let held = Journal::open(&stage.path("state")).unwrap();
    // when it starts again, then it waits,
    let mut process = Process::start(Front::Headless, &stage, "");
    process.until_said("waiting for another pocpit that uses");
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(!process.has_ended());
    // and continues when the other one ends.
    drop(held);
    let ended = process.end(|| assert!(stage.live() <= 1));
    let report = ended.report().expect("a report");
    assert_eq!(report["outcome"], "confirmed", "{}", ended.said);
    assert_eq!(stage.truth().rentals.len(), 1);
    stage.assert_nothing_is_left();
}

#[test]
fn signal_ends_wait_for_lock() {
    let stage = Stage::new(Scenario::default());
    let _held = Journal::open(&stage.path("state")).unwrap();
    let mut process = Process::start(Front::Headless, &stage, "");
    process.until_said("waiting for another pocpit");
    process.signal(Signal::TERM);
    assert_eq!(process.end(|| {}).code, Some(0));
}

#[test]
fn active_sprint_continues_beside_foreign_cockpit() {
    let stage = Stage::new(Scenario::default());
    // Given a sprint that was killed halfway, and a rental of an unknown cockpit,
    let mut process = Process::start(Front::Headless, &stage, "");
    assert!(process.is_seen_in(Step::Warming), "{}", stage.log());
    process.signal(Signal::KILL);
    process.end(|| {});
    stage.rent_for_another_cockpit();
    // when hands-off starts again for good, then it ends what it began,
    let ended = Process::for_good(&stage).end(|| {});
    let report = ended.report().expect("a report");
    assert_eq!(report["outcome"], "confirmed", "{}", ended.said);
    // and begins nothing new.
    let refused = Process::start(Front::Headless, &stage, "").end(|| {});
    assert_eq!(refused.code, Some(3), "{}", refused.said);
    assert!(refused.said.contains("cockpit other"), "{}", refused.said);
    assert_eq!(stage.live(), 1, "only the other one's is left");
}
