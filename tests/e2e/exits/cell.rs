//! One cell of the table.

use std::sync::{Condvar, Mutex};

use pocpit::domain::{OutcomeKind, Step};
use pocpit::world::{Fault, FaultKind, Scenario};
use rustix::process::Signal;

use crate::exits::process::{Ended, Front, Process, Stage};

/// How the program is made to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Interrupt,
    Terminate,
    HangUp,
    Kill,
    /// The program was another release (`POCPIT_OLDER`), and is killed for this one.
    Upgrade,
    EnginePanic,
    CockpitPanic,
}

/// This end, in this step.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    pub front: Front,
    pub end: End,
    pub step: Step,
}

/// Concurrent cells.
const AT_ONCE: usize = 12;
static PLACES: (Mutex<usize>, Condvar) = (Mutex::new(AT_ONCE), Condvar::new());

/// A place among the cells that are played.
struct Place;

impl Place {
    fn wait() -> Place {
        let mut free = PLACES.0.lock().unwrap();
        while *free == 0 {
            free = PLACES.1.wait(free).unwrap();
        }
        *free -= 1;
        Place
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *PLACES
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) += 1;
        PLACES.1.notify_one();
    }
}

/// A world in which what a short step waits for takes a while, so that it can be caught.
fn long_enough(step: Step) -> Scenario {
    let late = FaultKind::Delay { seconds: 600.0 };
    let refused = FaultKind::Status {
        status: 503,
        body: "busy".into(),
    };
    let (service, call, kind, times) = match step {
        Step::Choosing => ("vast", "POST /api/v0/bundles/", late, 1),
        Step::Renting => ("vast", "PUT /api/v0/asks/", late, 1),
        // The list shows a node whose registration is late: only refusals keep it waiting.
        Step::Registering => ("admin", "POST /admin/v1/nodes", refused, 8),
        Step::Releasing => ("vast", "DELETE /api/v0/instances/", late, 1),
        _ => return one_sprint(),
    };
    // Each fault sees the calls that the faults before it let pass.
    let fault = Fault {
        service: service.into(),
        call: call.into(),
        nth: Some(1),
        probability: None,
        kind,
    };
    Scenario {
        faults: vec![fault; times],
        ..one_sprint()
    }
}

/// A sprint that waits for some minutes and not for an hour.
fn one_sprint() -> Scenario {
    Scenario {
        blocks_before_poc: 760,
        ..Scenario::default()
    }
}

impl Cell {
    /// Plays it. A busy machine can miss a step: then it is played again, on a new world.
    pub fn play(self) {
        let _place = Place::wait();
        for _ in 0..5 {
            let stage = Stage::new(long_enough(self.step));
            if self.is_played_on(&stage) {
                stage.assert_nothing_is_left();
                return;
            }
        }
        panic!("five sprints were never seen in step {}", self.step);
    }

    fn is_played_on(self, stage: &Stage) -> bool {
        let mut process = match self.end {
            End::Upgrade => Process::older(stage),
            _ => Process::start(self.front, stage, &self.failpoints()),
        };
        // A panic needs no signal; in the first step, it comes before the first frame.
        let panics = !self.failpoints().is_empty();
        if !panics || self.step > Step::Waiting {
            process.switch_to_auto();
        }
        if !panics && !process.is_seen_in(self.step) {
            return false;
        }
        if panics && !process.ends_by_itself(stage) {
            return false;
        }
        match self.end {
            End::Interrupt => process.signal(Signal::INT),
            End::Terminate => process.signal(Signal::TERM),
            End::Kill | End::Upgrade => process.signal(Signal::KILL),
            End::HangUp => {
                process.hang_up();
                self.goes_on(stage, process);
                return true;
            }
            End::EnginePanic | End::CockpitPanic => {}
        }
        let ended = process.end(|| {});
        self.assert_it_ended_well(stage, &ended);
        // Ctrl-C without a terminal takes the rest down itself and says so.
        if ended.report().is_none() {
            assert_a_restart_ends_it(stage);
        }
        true
    }

    fn failpoints(self) -> String {
        let part = match self.end {
            End::EnginePanic => "engine",
            End::CockpitPanic => "cockpit",
            _ => return String::new(),
        };
        format!("{part}:{}", self.step)
    }

    /// The process lives, and carries its sprint to the end.
    fn goes_on(self, stage: &Stage, process: Process) {
        if self.front == Front::Cockpit {
            until_reported(stage, process).signal_and_end();
            return;
        }
        let ended = process.end(|| assert!(stage.live() <= 1));
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        let report = ended.report().expect("a report");
        assert_eq!(report["outcome"], "confirmed", "{report}");
    }

    /// It reports what it leaves, and restores the terminal.
    fn assert_it_ended_well(self, stage: &Stage, ended: &Ended) {
        let said = &ended.said;
        if matches!(self.end, End::Kill | End::Upgrade) {
            assert_eq!(ended.code, None, "{said}");
            return;
        }
        if self.front == Front::Cockpit {
            assert!(ended.gave_the_terminal_back(), "{said}");
        }
        let panicked = match self.end {
            End::EnginePanic => Some("the engine broke"),
            End::CockpitPanic => Some("the cockpit crashed"),
            _ => None,
        };
        if let Some(words) = panicked {
            assert!(said.contains(words), "{said}");
            let log = stage.log();
            assert!(
                log.contains("failpoint: "),
                "the log lacks the panic:\n{log}"
            );
        }
        // A report of nothing rented must be true. It may report more: what is not proven yet.
        if ended.report().is_none() && stage.live() > 0 {
            assert!(said.contains("ended with "), "{said}");
            assert!(said.contains("`pocpit release`"), "{said}");
            assert_eq!(ended.code, Some(4), "{said}");
        }
    }
}

struct Reported(Process);

impl Reported {
    fn signal_and_end(self) {
        self.0.signal(Signal::TERM);
        self.0.end(|| {});
    }
}

/// Waits until the process has ended a sprint.
fn until_reported(stage: &Stage, mut process: Process) -> Reported {
    while stage.reports().is_empty() {
        assert!(!process.has_ended(), "it ended:\n{}", stage.log());
        assert!(stage.live() <= 1);
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
    let reports = stage.reports();
    assert_eq!(reports[0].outcome, OutcomeKind::Confirmed, "{reports:?}");
    Reported(process)
}

/// The next start on the same files resumes.
fn assert_a_restart_ends_it(stage: &Stage) {
    let rented = stage.truth().rentals.len();
    let again = Process::start(Front::Headless, stage, "");
    let ended = again.end(|| assert!(stage.live() <= 1, "{:?}", stage.truth()));
    let report = ended
        .report()
        .unwrap_or_else(|| panic!("no report: {}", ended.said));
    assert_eq!(
        (&report["rentals_left"], &report["registrations_left"]),
        (&0.into(), &0.into()),
        "{report}"
    );
    let truth = stage.truth();
    // What was rented before is what proved: it was neither unknown nor rented again.
    if report["outcome"] == "confirmed" && rented > 0 {
        assert_eq!(truth.rentals.len(), 1, "{truth:?}");
        assert_eq!(report["node"], format!("vastai-{}", truth.rentals[0].id));
    }
}

/// A poller, the link, and the task of an effect that break once each are mended by the program
/// itself, in the same process.
#[cfg(debug_assertions)]
pub fn background_panics(front: Front) {
    let _place = Place::wait();
    let stage = Stage::new(one_sprint());
    let failpoints = "poller:waiting,effect:choosing,effect:renting,link:booting,poller:warming,\
                 effect:registering,poller:proving,effect:releasing,effect:confirming";
    let mut process = Process::start(front, &stage, failpoints);
    process.switch_to_auto();
    match front {
        Front::Cockpit => until_reported(&stage, process).signal_and_end(),
        Front::Headless => {
            let ended = process.end(|| assert!(stage.live() <= 1));
            let report = ended.report().expect("a report");
            assert_eq!(report["outcome"], "confirmed", "{report}");
        }
    }
    stage.assert_nothing_is_left();
    let log = stage.log();
    for part in ["Poller", "Link", "Effect"] {
        let words = format!("failpoint: {part} breaks");
        assert!(log.contains(&words), "{part} never broke:\n{log}");
    }
}
