//! The terminal closes at a prompt: nothing was approved.

use std::time::Duration;

use pocpit::domain::{OutcomeKind, Step};
use pocpit::world::Scenario;
use rustix::process::Signal;

use crate::exits::process::{Front, Process, Stage};

/// Long enough for many world minutes.
const A_WHILE: Duration = Duration::from_secs(3);

#[test]
fn closed_terminal_at_rent_prompt_rents_nothing() {
    let stage = Stage::new(Scenario::default());
    let mut process = Process::start(Front::Cockpit, &stage, "");
    process.until_shown("s: start");
    process.press("s");
    process.until_shown("rent an offer");
    process.until_shown("$/success");
    process.press("\r");
    process.until_shown("Rent offer");
    process.hang_up();
    std::thread::sleep(A_WHILE);
    // Then nothing is rented, and what runs still runs.
    assert!(stage.truth().rentals.is_empty(), "{:?}", stage.truth());
    assert!(!process.has_ended(), "{}", stage.log());
    process.signal(Signal::TERM);
    process.end(|| {});
    assert!(stage.truth().rentals.is_empty());
}

#[test]
fn closed_terminal_at_quit_prompt_keeps_rental() {
    let stage = Stage::new(Scenario::default());
    let mut process = Process::start(Front::Cockpit, &stage, "");
    process.switch_to_auto();
    assert!(process.is_seen_in(Step::Warming), "{}", stage.log());
    process.press("q");
    process.until_shown("Quit while rental");
    // Half an answer is none.
    process.press("\x1b[B\x1b[B");
    process.until_shown("y            quit and leave it running");
    process.hang_up();
    std::thread::sleep(A_WHILE);
    // Then the sprint continues with its rental to the end.
    assert!(!process.has_ended(), "{}", stage.log());
    while stage.reports().is_empty() {
        assert!(!process.has_ended(), "{}", stage.log());
        std::thread::sleep(Duration::from_millis(300));
    }
    assert_eq!(stage.reports()[0].outcome, OutcomeKind::Confirmed);
    assert_eq!(stage.truth().rentals.len(), 1);
    process.signal(Signal::TERM);
    process.end(|| {});
    stage.assert_nothing_is_left();
}
