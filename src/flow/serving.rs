//! Serving: requests are answered until the time is over, the operator ends it, or the rental cannot
//! any more. Nothing of it has to do with a `PoC`.

use super::Sprint;
use crate::domain::{Duration, Outcome, Step, Time};

/// An engine that is busy answers late; one that has died never does again.
const SILENCE_TIMEOUT: Duration = Duration::minutes(10);
const NOT_ANSWERING: &str = "the model does not answer";

impl Sprint {
    /// What a loaded model is for.
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
        self.check_model_answers(now);
    }

    /// What answers nobody is not paid for any longer. What its log says is no fault as long as it
    /// answers: a request may have failed, or asked about failures.
    fn check_model_answers(&mut self, now: Time) {
        if self.boot.ready {
            self.silent_since = None;
            if self.note.as_deref() == Some(NOT_ANSWERING) {
                self.note = None;
            }
            return;
        }
        let since = *self.silent_since.get_or_insert(now);
        if now - since >= SILENCE_TIMEOUT {
            let minutes = SILENCE_TIMEOUT.num_minutes();
            let fault = self.boot.fault.as_ref();
            let why = fault.map_or("read the log", |fault| fault.evidence.as_str());
            let text = format!("the model has not answered for {minutes} minutes: {why}");
            return self.fail("stopped_serving", text);
        }
        self.note = Some(NOT_ANSWERING.into());
        self.wake_at(since + SILENCE_TIMEOUT);
    }
}
