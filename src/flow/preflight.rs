//! Nothing is rented that could not do its work: the preflight runs while the sprint waits, so that
//! there is time to fix what is wrong, and again right before renting. It runs once more when the weight is
//! due, to explain a missing one.

use super::note::Note;
use super::{Effect, Sprint};
use crate::domain::{Duration, Preflight, Step, Time};

const INTERVAL: Duration = Duration::minutes(30);
/// While there is time and something is in the way.
const RETRY_INTERVAL: Duration = Duration::minutes(5);
const INTERVAL_BEFORE_RENTING: Duration = Duration::seconds(60);
const RETRY_BEFORE_RENTING: Duration = Duration::seconds(15);
/// After this a lost answer is requested again.
const TIMEOUT: Duration = Duration::minutes(3);
/// Nothing is rented by an older one.
const GOOD_FOR: Duration = Duration::seconds(90);

#[derive(Debug, Clone, Default)]
pub(super) struct Readiness {
    pub asked: Option<Time>,
    pub last: Option<Preflight>,
}

impl Readiness {
    /// What was in the way last.
    pub(super) fn obstacles(&self) -> Option<String> {
        let last = self.last.as_ref()?;
        (!last.is_clear()).then(|| last.to_string())
    }

    /// Why nothing may be rented now.
    pub(super) fn obstacle(&self, now: Time) -> Option<Note> {
        match &self.last {
            Some(last) if now - last.at <= GOOD_FOR => self.obstacles().map(Note::PreflightUnmet),
            _ => Some(Note::PreflightPending),
        }
    }

    /// What reduces the weight, or may.
    pub(super) fn weight_causes(&self) -> Vec<&str> {
        let findings = self.last.iter().flat_map(|last| &last.findings);
        let deciding = findings.filter(|finding| finding.requirement.decides_weight());
        deciding
            .filter_map(|finding| Some(finding.trouble()?.0))
            .collect()
    }

    fn due(&self, step: Step) -> Option<Time> {
        if let Some(asked) = self.asked {
            return Some(asked + TIMEOUT);
        }
        let last = self.last.as_ref()?;
        let interval = match (step, last.is_clear()) {
            (Step::Waiting, true) | (Step::Confirming, _) => INTERVAL,
            (Step::Waiting, false) => RETRY_INTERVAL,
            (_, true) => INTERVAL_BEFORE_RENTING,
            (_, false) => RETRY_BEFORE_RENTING,
        };
        Some(last.at + interval)
    }
}

impl Sprint {
    pub(super) fn on_preflight(&mut self, now: Time, preflight: Preflight) {
        let readiness = &mut self.volatile.readiness;
        if self.volatile.note == readiness.obstacle(now) {
            self.volatile.note = None;
        }
        readiness.asked = None;
        readiness.last = Some(preflight);
    }

    pub(super) fn run_preflight_if_due(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let readiness = &mut self.volatile.readiness;
        if let Some(due) = readiness.due(self.step).filter(|due| now < *due) {
            return self.wake_at(due);
        }
        readiness.asked = Some(now);
        effects.push(Effect::Preflight);
        self.wake_at(now + TIMEOUT);
    }
}
