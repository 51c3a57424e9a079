//! Every way in which the program can end, in every step of a sprint, without a terminal and in the
//! cockpit: real processes of the program on a served world. The world's own truth is the judge.
//!
//! A way to end that takes nothing down leaves the rental to the journal: the next start goes on
//! with it. At no moment are there two rentals, and in the end there is none.

mod cell;
mod full_disk;
mod process;
mod questions;
mod reload;
mod restart;
mod service;

use pocpit::domain::Step;

use cell::{Cell, End};
use process::Front;

/// Every step in which something can be interrupted.
const STEPS: [Step; 9] = [
    Step::Waiting,
    Step::Choosing,
    Step::Renting,
    Step::Booting,
    Step::Warming,
    Step::Registering,
    Step::Proving,
    Step::Releasing,
    Step::Confirming,
];

/// One row of the table: this end, in every step, at once.
fn in_every_step(front: Front, end: End) {
    let failed: Vec<String> = std::thread::scope(|scope| {
        let cells = STEPS.map(|step| scope.spawn(move || Cell { front, end, step }.play()));
        let played = STEPS.iter().zip(cells);
        played
            .filter_map(|(step, cell)| Some(format!("{step}: {}", panic_text(&cell.join().err()?))))
            .collect()
    });
    assert!(
        failed.is_empty(),
        "{front:?}, {end:?}:\n{}",
        failed.join("\n")
    );
}

fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let payload = payload.downcast_ref::<Box<dyn std::any::Any + Send>>();
    let text = payload.and_then(|payload| payload.downcast_ref::<String>());
    text.map_or("it panicked", String::as_str).to_owned()
}

#[test]
fn ctrl_c_in_every_step_takes_everything_down() {
    in_every_step(Front::Headless, End::Interrupt);
}

#[test]
fn sigterm_in_every_step_leaves_the_rental_to_the_next_start() {
    in_every_step(Front::Headless, End::Terminate);
}

#[test]
fn a_lost_terminal_in_every_step_changes_nothing() {
    in_every_step(Front::Headless, End::HangUp);
}

#[test]
fn a_kill_in_every_step_is_gone_on_from() {
    in_every_step(Front::Headless, End::Kill);
}

/// Needs an executable of an older release: `POCPIT_OLDER=…/pocpit cargo test --test e2e upgrade`.
#[test]
fn an_upgrade_in_every_step_is_gone_on_from() {
    if std::env::var_os(process::OLDER).is_none() {
        eprintln!("skipped: {} names no executable", process::OLDER);
        return;
    }
    in_every_step(Front::Headless, End::Upgrade);
}

#[test]
fn sigint_to_the_cockpit_in_every_step_leaves_the_rental_to_the_next_start() {
    in_every_step(Front::Cockpit, End::Interrupt);
}

#[test]
fn sigterm_to_the_cockpit_in_every_step_leaves_the_rental_to_the_next_start() {
    in_every_step(Front::Cockpit, End::Terminate);
}

#[test]
fn closing_the_cockpits_terminal_in_every_step_changes_nothing() {
    in_every_step(Front::Cockpit, End::HangUp);
}

#[test]
fn a_kill_of_the_cockpit_in_every_step_is_gone_on_from() {
    in_every_step(Front::Cockpit, End::Kill);
}

/// A release cannot be made to panic, so only a build with debug assertions has these rows.
#[cfg(debug_assertions)]
mod panics {
    use super::*;

    #[test]
    fn a_panic_of_the_engine_in_every_step_is_told_and_gone_on_from() {
        in_every_step(Front::Headless, End::EnginePanic);
    }

    #[test]
    fn a_panic_of_the_engine_gives_the_cockpits_terminal_back() {
        in_every_step(Front::Cockpit, End::EnginePanic);
    }

    #[test]
    fn a_panic_of_the_cockpit_in_every_step_gives_the_terminal_back() {
        in_every_step(Front::Cockpit, End::CockpitPanic);
    }

    #[test]
    fn panics_in_the_background_are_survived_without_a_terminal() {
        cell::background_panics(Front::Headless);
    }

    #[test]
    fn panics_in_the_background_are_survived_in_the_cockpit() {
        cell::background_panics(Front::Cockpit);
    }
}
