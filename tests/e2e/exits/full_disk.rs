//! A disk that takes no more log lines is no reason to stop, to wait or to spoil the screen.

use std::os::unix::fs::symlink;

use pocpit::world::Scenario;
use rustix::process::Signal;

use crate::exits::process::{Front, Process, Stage};

/// Every write to the log fails as it does on a full disk.
fn with_a_full_log() -> Stage {
    let stage = Stage::new(Scenario::default());
    let directory = stage.path("state/log");
    std::fs::create_dir_all(&directory).unwrap();
    symlink("/dev/full", directory.join("pocpit.log")).unwrap();
    stage
}

#[test]
fn sprint_survives_full_log_disk() {
    let stage = with_a_full_log();
    let ended = Process::start(Front::Headless, &stage, "").end(|| {});
    let report = ended.report().unwrap_or_else(|| panic!("{}", ended.said));
    assert_eq!(report["outcome"], "confirmed", "{report}");
    assert_eq!(ended.code, Some(0));
    assert!(!ended.said.contains("No space"), "{}", ended.said);
    stage.assert_nothing_is_left();
}

#[test]
fn cockpit_screen_survives_full_log_disk() {
    let stage = with_a_full_log();
    let mut process = Process::start(Front::Cockpit, &stage, "");
    process.until_shown("s: start");
    process.press("6");
    // What cannot be written to the disk is in the pane all the same.
    process.until_shown("engine started");
    process.signal(Signal::TERM);
    let ended = process.end(|| {});
    assert!(ended.gave_the_terminal_back(), "{}", ended.said);
    assert!(!ended.said.contains("No space"), "{}", ended.said);
}
