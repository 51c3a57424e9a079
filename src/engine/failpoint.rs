//! Panics on demand, so that tests can see what a broken part does to terminal, log and rental.
//! `POCPIT_FAILPOINTS=link:warming,engine:proving` breaks each named part once, in the named step;
//! `stall:booting` makes the engine's loop hang there instead. Only a build with debug assertions knows the variable: no release can be broken by it.

/// A part of the program that can be made to panic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failpoint {
    Engine,
    /// The engine's loop, which hangs and does not panic.
    Stall,
    Cockpit,
    /// A task that runs an effect.
    Effect,
    /// A poller of the outside world.
    Poller,
    Link,
}

#[cfg(debug_assertions)]
pub(crate) use armed::entered;
#[cfg(debug_assertions)]
pub use armed::failpoint;

/// The engine is in this step now.
#[cfg(not(debug_assertions))]
pub(crate) fn entered(_: crate::domain::Step) {}

/// Panics if that was asked for.
#[cfg(not(debug_assertions))]
pub fn failpoint(_: Failpoint) {}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::{LazyLock, Mutex, PoisonError};

    use super::Failpoint;
    use crate::domain::Step;

    /// What is still to break.
    static WANTED: LazyLock<Mutex<Vec<(String, String)>>> = LazyLock::new(|| {
        let text = std::env::var("POCPIT_FAILPOINTS").unwrap_or_default();
        let pairs = text.split(',').filter_map(|one| one.split_once(':'));
        Mutex::new(
            pairs
                .map(|(part, step)| (part.to_owned(), step.to_owned()))
                .collect(),
        )
    });
    static NOW_IN: Mutex<Option<Step>> = Mutex::new(None);

    /// The engine is in this step now.
    pub fn entered(step: Step) {
        *NOW_IN.lock().unwrap_or_else(PoisonError::into_inner) = Some(step);
    }

    /// Panics, or never returns, if that was asked for.
    ///
    /// # Panics
    /// When `POCPIT_FAILPOINTS` names this part and the step that the engine is in.
    #[expect(clippy::panic, reason = "that is what it is for")]
    pub fn failpoint(part: Failpoint) {
        let step = *NOW_IN.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(step) = step else { return };
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
