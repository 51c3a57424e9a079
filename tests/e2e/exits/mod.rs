//! Every way in which the program can end, in every step of a sprint, without a terminal and in the
//! cockpit: real processes of the program on a served world. The world's own truth is the judge.
//!
//! A way to end that releases nothing leaves the rental to the journal: the next start resumes it. There
//! are never two rentals, and in the end there is none.

mod cell;
mod full_disk;
pub mod process;
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

/// The two steps in which a lost call costs most: the default tier plays these.
const COSTLY_STEPS: [Step; 2] = [Step::Renting, Step::Registering];

/// One row of the table.
fn row(front: Front, end: End, steps: &[Step]) -> Vec<Cell> {
    let cells = steps.iter().map(|&step| Cell { front, end, step });
    cells.collect()
}

fn play_row(front: Front, end: End) {
    play(&row(front, end, &STEPS));
}

/// Plays these cells side by side.
fn play(cells: &[Cell]) {
    let failed: Vec<String> = std::thread::scope(|scope| {
        let played: Vec<_> = cells
            .iter()
            .map(|cell| (cell, scope.spawn(|| cell.play())))
            .collect();
        let failed = played
            .into_iter()
            .filter_map(|(cell, played)| Some((cell, played.join().err()?)));
        failed
            .map(|(cell, panic)| format!("{cell:?}: {}", panic_text(&panic)))
            .collect()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let payload = payload.downcast_ref::<Box<dyn std::any::Any + Send>>();
    let text = payload.and_then(|payload| payload.downcast_ref::<String>());
    text.map_or("it panicked", String::as_str).to_owned()
}

#[test]
fn headless_exits_in_costly_steps() {
    let mut ends = vec![End::Interrupt, End::Terminate, End::HangUp, End::Kill];
    // A release ignores the failpoints.
    if cfg!(debug_assertions) {
        ends.push(End::EnginePanic);
    }
    let rows = ends
        .iter()
        .flat_map(|&end| row(Front::Headless, end, &COSTLY_STEPS));
    play(&rows.collect::<Vec<_>>());
}

#[test]
fn cockpit_exits_in_costly_steps() {
    let mut ends = vec![End::Interrupt, End::Terminate, End::HangUp, End::Kill];
    if cfg!(debug_assertions) {
        ends.extend([End::EnginePanic, End::CockpitPanic]);
    }
    let rows = ends
        .iter()
        .flat_map(|&end| row(Front::Cockpit, end, &COSTLY_STEPS));
    play(&rows.collect::<Vec<_>>());
}

/// Needs an executable of an older release:
/// `POCPIT_OLDER=…/pocpit cargo test --test e2e upgrade -- --include-ignored`.
#[test]
#[ignore = "deep: nine sprints"]
fn upgrade_resumes_in_every_step() {
    if std::env::var_os(process::OLDER).is_none() {
        eprintln!("skipped: {} names no executable", process::OLDER);
        return;
    }
    play_row(Front::Headless, End::Upgrade);
}

#[test]
#[ignore = "deep: nine sprints"]
fn interrupt_releases_everything_in_every_step() {
    play_row(Front::Headless, End::Interrupt);
}

#[test]
#[ignore = "deep: nine sprints"]
fn terminate_is_resumed_in_every_step() {
    play_row(Front::Headless, End::Terminate);
}

#[test]
#[ignore = "deep: nine sprints"]
fn hangup_changes_nothing_in_any_step() {
    play_row(Front::Headless, End::HangUp);
}

#[test]
#[ignore = "deep: nine sprints"]
fn kill_is_resumed_in_every_step() {
    play_row(Front::Headless, End::Kill);
}

#[test]
#[ignore = "deep: nine sprints"]
fn cockpit_interrupt_is_resumed_in_every_step() {
    play_row(Front::Cockpit, End::Interrupt);
}

#[test]
#[ignore = "deep: nine sprints"]
fn cockpit_terminate_is_resumed_in_every_step() {
    play_row(Front::Cockpit, End::Terminate);
}

#[test]
#[ignore = "deep: nine sprints"]
fn cockpit_hangup_changes_nothing_in_any_step() {
    play_row(Front::Cockpit, End::HangUp);
}

#[test]
#[ignore = "deep: nine sprints"]
fn cockpit_kill_is_resumed_in_every_step() {
    play_row(Front::Cockpit, End::Kill);
}

/// A release cannot be made to panic, so only a build with debug assertions has these rows.
#[cfg(debug_assertions)]
mod panics {
    use super::*;

    #[test]
    #[ignore = "deep: nine sprints"]
    fn engine_panic_is_resumed_in_every_step() {
        play_row(Front::Headless, End::EnginePanic);
    }

    #[test]
    #[ignore = "deep: nine sprints"]
    fn engine_panic_restores_the_cockpits_terminal() {
        play_row(Front::Cockpit, End::EnginePanic);
    }

    #[test]
    #[ignore = "deep: nine sprints"]
    fn cockpit_panic_restores_the_terminal() {
        play_row(Front::Cockpit, End::CockpitPanic);
    }

    #[test]
    fn headless_survives_background_panics() {
        cell::background_panics(Front::Headless);
    }

    #[test]
    fn cockpit_survives_background_panics() {
        cell::background_panics(Front::Cockpit);
    }
}
