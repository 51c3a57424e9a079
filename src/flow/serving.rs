//! Serving: requests are answered until the time is over, the operator ends it or the rental fails.
//! No `PoC` is involved.

use super::Sprint;
use super::failure::RentalFailure;
use super::note::Note;
use crate::domain::{Duration, ModelState, Outcome, Step, Time};

/// An engine that is busy answers late; one that has died never does again.
const SILENCE_TIMEOUT: Duration = Duration::minutes(10);

impl Sprint {
    pub(super) fn after_warming(&self) -> Step {
        match self.plan.aim.serves_for() {
            Some(_) => Step::Serving,
            None => Step::Registering,
        }
    }

    /// When it stops serving; absent when it does not serve yet.
    pub fn serves_until(&self) -> Option<Time> {
        let began = self
            .spans
            .last()
            .filter(|span| span.step == Step::Serving)?;
        let lease = self.rental.as_ref()?.lease_until;
        Some(lease.min(began.started + self.plan.aim.serves_for()?))
    }

    pub(super) fn serving(&mut self, now: Time) {
        let Some(until) = self.serves_until() else {
            return self.fail("rental_lost", "the rental was lost while it served");
        };
        if now >= until {
            return self.end(Outcome::Served);
        }
        self.wake_at(until);
        if let Some(fault) = &self.volatile.boot.fault {
            let text = RentalFailure::of(fault, "").cause.detail;
            return self.fail("stopped_serving", text);
        }
        self.check_model_answers(now);
    }

    /// A model that no longer answers is not paid for, unless it is being loaded again.
    fn check_model_answers(&mut self, now: Time) {
        let live = &mut self.volatile;
        if live.boot.ready {
            live.silent_since = None;
            live.note.take_if(|note| *note == Note::ModelSilent);
            return;
        }
        let since = *live.silent_since.get_or_insert(now);
        let timeout = match live.boot.model {
            ModelState::Loading => self.plan.startup_timeout.max(SILENCE_TIMEOUT),
            _ => SILENCE_TIMEOUT,
        };
        if now - since >= timeout {
            let minutes = timeout.num_minutes();
            let setback = live.boot.setback.as_ref();
            let why = setback.map_or("read the log", |setback| setback.evidence.as_str());
            let text = format!("the model has not answered for {minutes} minutes: {why}");
            return self.fail("stopped_serving", text);
        }
        live.note = Some(Note::ModelSilent);
        self.wake_at(since + timeout);
    }
}
