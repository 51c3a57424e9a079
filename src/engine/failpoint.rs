//! Panics on demand, to test what a panic does to terminal, log and rental.
//! `POCPIT_FAILPOINTS=link:warming,engine:proving` makes each named part panic once, in the named
//! step; `stall:booting` makes the engine's loop hang instead. Only builds with debug assertions read
//! the variable.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failpoint {
    Engine,
    /// The engine's loop: it hangs instead.
    Stall,
    Cockpit,
    /// The state machine of a sprint.
    Sprint,
    /// A task that runs an effect.
    Effect,
    /// A poller of the outside world.
    Poller,
    Link,
}

#[cfg(debug_assertions)]
pub use armed::failpoint;
#[cfg(debug_assertions)]
pub(crate) use armed::{entered, failpoint_in};

#[cfg(not(debug_assertions))]
pub(crate) fn entered(_: crate::domain::Step) {}

#[cfg(not(debug_assertions))]
pub fn failpoint(_: Failpoint) {}

#[cfg(not(debug_assertions))]
pub(crate) fn failpoint_in(_: Failpoint, _: crate::domain::Step) {}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::{LazyLock, Mutex, PoisonError};

    use super::Failpoint;
    use crate::domain::Step;

    static WANTED: LazyLock<Mutex<Vec<(String, String)>>> = LazyLock::new(|| {
        let text = std::env::var("POCPIT_FAILPOINTS").unwrap_or_default();
        let pairs = text.split(',').filter_map(|one| one.split_once(':'));
        let pairs = pairs.map(|(part, step)| (part.to_owned(), step.to_owned()));
        Mutex::new(pairs.collect())
    });
    static NOW_IN: Mutex<Option<Step>> = Mutex::new(None);

    /// Notes the engine's step.
    pub fn entered(step: Step) {
        *NOW_IN.lock().unwrap_or_else(PoisonError::into_inner) = Some(step);
    }

    /// # Panics
    /// If `POCPIT_FAILPOINTS` names this part and the engine's current step.
    pub fn failpoint(part: Failpoint) {
        let step = *NOW_IN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(step) = step {
            failpoint_in(part, step);
        }
    }

    /// # Panics
    /// If `POCPIT_FAILPOINTS` names this part and this step.
    #[expect(clippy::panic, reason = "that is what it is for")]
    pub fn failpoint_in(part: Failpoint, step: Step) {
        let here = |(wanted, at): &(String, String)| {
            wanted.eq_ignore_ascii_case(&format!("{part:?}")) && at == step.name()
        };
        let mut wanted = WANTED.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(index) = wanted.iter().position(here) else {
            return;
        };
        wanted.swap_remove(index);
        drop(wanted);
        if part == Failpoint::Stall {
            loop {
                std::thread::park();
            }
        }
        panic!("failpoint: {part:?} breaks in step {step}");
    }
}
