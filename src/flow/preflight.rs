//! Nothing is rented that could not do its work: the preflight is taken while the sprint waits, so
//! that there is time to mend what is wrong, and again right before renting.

use serde::{Deserialize, Serialize};

use super::{Effect, Sprint};
use crate::domain::{Duration, Preflight, Step, Time};

const EVERY: Duration = Duration::minutes(30);
/// While there is time and something is in the way.
const UNTIL_IT_IS_MENDED: Duration = Duration::minutes(5);
const BEFORE_RENTING: Duration = Duration::seconds(60);
/// The same, while something is in the way.
const TRY_AGAIN: Duration = Duration::seconds(15);
/// An answer that does not come is asked for again.
const ANSWERS_WITHIN: Duration = Duration::minutes(3);
/// Nothing is rented by an older one.
const GOOD_FOR: Duration = Duration::seconds(90);

/// What is known of the preflight.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Readiness {
    asked: Option<Time>,
    last: Option<Preflight>,
}

impl Readiness {
    pub(super) fn take(&mut self, preflight: Preflight) {
        self.asked = None;
        self.last = Some(preflight);
    }

    pub(super) fn last(&self) -> Option<&Preflight> {
        self.last.as_ref()
    }

    pub(super) fn clear_in_flight(&mut self) {
        self.asked = None;
    }

    /// What was in the way when it was taken last.
    pub(super) fn obstacles(&self) -> Option<String> {
        let last = self.last.as_ref()?;
        (!last.is_clear()).then(|| last.to_string())
    }

    /// Why nothing may be rented now.
    pub(super) fn obstacle(&self, now: Time) -> Option<String> {
        match &self.last {
            Some(last) if now - last.at <= GOOD_FOR => self
                .obstacles()
                .map(|obstacles| format!("nothing is rented: {obstacles}")),
            _ => Some("finding out whether a rental could do its work".into()),
        }
    }

    /// When it is to be taken again.
    fn due(&self, step: Step) -> Option<Time> {
        if let Some(asked) = self.asked {
            return Some(asked + ANSWERS_WITHIN);
        }
        let last = self.last.as_ref()?;
        let pause = match (step, last.is_clear()) {
            (Step::Waiting, true) => EVERY,
            (Step::Waiting, false) => UNTIL_IT_IS_MENDED,
            (_, true) => BEFORE_RENTING,
            (_, false) => TRY_AGAIN,
        };
        Some(last.at + pause)
    }
}

impl Sprint {
    pub(super) fn on_preflight(&mut self, now: Time, preflight: Preflight) {
        let was_in_the_way = self.readiness.obstacle(now);
        if self.note == was_in_the_way {
            self.note = None;
        }
        self.readiness.take(preflight);
    }

    pub(super) fn run_preflight_if_due(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if let Some(due) = self.readiness.due(self.step).filter(|due| now < *due) {
            return self.wake_at(due);
        }
        self.readiness.asked = Some(now);
        effects.push(Effect::Preflight);
        self.wake_at(now + ANSWERS_WITHIN);
    }
}
