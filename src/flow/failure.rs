//! When a rental is given up, and what comes after it. A workload that ended may be restarted; one that can
//! no longer be ready in time is given up with the cause of its last failure.

use super::release::Next;
use super::{BootReading, Effect, PriceIncrease, Rental, Sprint};
use crate::domain::{
    Blame, BootEnd, BootFault, CallbackProof, Cause, GateKind, Mode, Outcome, Time, WatchdogCheck,
};

/// Why a rental is given up.
pub(super) struct RentalFailure {
    pub cause: Cause,
    pub blame: Blame,
    /// How its boot ended, if that says something about the machine.
    pub boot: Option<BootEnd>,
}

impl RentalFailure {
    /// `then` is appended to the cause.
    pub(super) fn of(fault: &BootFault, then: &str) -> RentalFailure {
        let BootFault {
            name,
            evidence,
            advice,
            ..
        } = fault;
        let text = format!("{name}: {evidence}. {advice}{then}");
        RentalFailure {
            cause: Cause::new("boot_failed", text),
            blame: fault.blame,
            boot: (fault.blame == Blame::Host).then_some(BootEnd::Failed),
        }
    }
}

impl Sprint {
    /// Ends or replaces a rental that cannot make it. True when it did.
    pub(super) fn give_up_failed_boot(&mut self, now: Time, effects: &mut Vec<Effect>) -> bool {
        let Some(rental) = self.rental.clone() else {
            // A register call may be in flight: only the release knows how to undo it.
            self.begin_release(now, Next::Retry);
            return true;
        };
        self.wake_at(rental.since + self.plan.startup_timeout);
        let Some(failure) = self.rental_failure(now, &rental, &self.volatile.boot) else {
            return false;
        };
        self.record_failure(now, &rental, &failure, effects);
        self.give_up_rental(now, failure.cause, failure.blame);
        true
    }

    /// Why a rental cannot make it, the weightiest reason first.
    pub(super) fn rental_failure(
        &self,
        now: Time,
        rental: &Rental,
        boot: &BootReading,
    ) -> Option<RentalFailure> {
        let given_up = |name, text: String, blame, boot| {
            let cause = Cause::new(name, text);
            Some(RentalFailure { cause, blame, boot })
        };
        if let Some(fault) = &boot.fault {
            return Some(RentalFailure::of(fault, ""));
        }
        if let (Some(price), Mode::Auto) = (rental.dearer, self.mode) {
            let PriceIncrease { agreed, charged } = price;
            let id = rental.instance;
            let text =
                format!("instance {id} costs {charged}, {agreed} was agreed; it is released");
            return given_up("dearer_than_agreed", text, Blame::Host, None);
        }
        if let (WatchdogCheck::Failed(why), Mode::Auto) = (&boot.watchdog, self.mode) {
            let id = rental.instance;
            let text = format!("instance {id} would not end itself with its lease: {why}");
            let boot = Some(BootEnd::Failed);
            return given_up("watchdog_unverified", text, Blame::Host, boot);
        }
        // What broke on this machine may break again: another one is better, if there is time for it.
        let setback = boot.setback.as_ref().filter(|_| !boot.ready);
        if let Some(setback) = setback.filter(|setback| setback.blame == Blame::Host)
            && self.has_time_for_another(now)
        {
            return Some(RentalFailure::of(setback, ""));
        }
        if let CallbackProof::Refused(why) = &boot.callback {
            let text = format!("the proofs would not arrive: {why}");
            let boot = Some(BootEnd::Failed);
            return given_up("callback_refused", text, Blame::Host, boot);
        }
        let too_late = |why: &str| {
            let why = format!(" It was started again, too late: {why}");
            setback.map(|setback| RentalFailure::of(setback, &why))
        };
        if let (true, Some(why)) = (self.deadline_passed(), boot.callback.failure())
            && boot.ready
        {
            let text = format!(
                "the node was never registered, because its proofs would not arrive: {why}"
            );
            return given_up("callback_unproven", text, Blame::Ours, None);
        }
        if self.deadline_passed() {
            let missed = match self.gate.map(|gate| gate.kind) {
                Some(GateKind::Register) => "the registration was not approved in time",
                _ if boot.ready => "the node was ready, but not registered in time",
                _ => "the rental was not ready in time",
            };
            let text = format!("{missed}; stopped to avoid further cost");
            if let Some(failure) = too_late(&text) {
                return Some(failure);
            }
            let name = "missed_registration_deadline";
            return given_up(name, text, Blame::Nobody, None);
        }
        if now >= rental.since + self.plan.startup_timeout && !boot.ready {
            let minutes = self.plan.startup_timeout.num_minutes();
            let text = format!("no loaded model {minutes} minutes after renting");
            if let Some(failure) = too_late(&text) {
                return Some(failure);
            }
            let boot = Some(BootEnd::Failed);
            return given_up("startup_timeout", text, Blame::Host, boot);
        }
        if !boot.ready && self.misses_deadline(now, boot.least_left) {
            let text = "too slow: 90 % of boots need more time than is left";
            if let Some(failure) = too_late(text) {
                return Some(failure);
            }
            // It is no fault, but a machine that is always this slow is a bad choice.
            let boot = Some(BootEnd::Failed);
            return given_up("boot_too_slow", text.into(), Blame::Nobody, boot);
        }
        None
    }

    /// Records what the failure says about the machine.
    pub(super) fn record_failure(
        &mut self,
        now: Time,
        rental: &Rental,
        failure: &RentalFailure,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(end) = failure.boot {
            effects.push(rental.remember_boot(now, end));
        }
        if failure.blame == Blame::Host {
            let machine = rental.offer.machine;
            // The offers were ranked without this: other machines of the host may be avoided now, too.
            self.volatile.search.asked = None;
            self.volatile.search.answered = None;
            let Cause { name, detail } = &failure.cause;
            let reason = format!("{name}: {detail}");
            effects.push(Effect::AvoidMachine { machine, reason });
        }
    }

    fn give_up_rental(&mut self, now: Time, cause: Cause, blame: Blame) {
        let why = format!("{}: {}", cause.name, cause.detail);
        if blame != Blame::Ours && self.promote_hedge(now, &why) {
            return;
        }
        if blame != Blame::Ours && self.has_time_for_another(now) {
            self.set_note(format!("{why}; trying another offer"));
            return self.begin_release(now, Next::Retry);
        }
        self.end(Outcome::Failed { cause });
    }

    /// Another machine could still be rented and be ready in time.
    fn has_time_for_another(&self, now: Time) -> bool {
        let left = self.time_to_deadline(now);
        let enough_time =
            !self.plan.aim.proves() || left.is_some_and(|left| left > self.plan.lead / 2);
        enough_time && self.rentals < self.plan.max_attempts
    }

    /// From here on it only takes down what it has. An ending that was clear before stays.
    pub fn give_up(&mut self, cause: Cause) {
        self.end(Outcome::Failed { cause });
    }

    /// The end of a sprint that cannot even take down what it had: it uses nothing any more.
    #[must_use]
    pub fn abandoned(self, now: Time, cause: Cause) -> Sprint {
        let mut rest = Sprint {
            target: self.target,
            spans: self.spans,
            attempts: self.attempts,
            race: self.race,
            participant_weight: self.participant_weight,
            ending: self.ending,
            ..Sprint::new(self.plan, self.mode, now)
        };
        rest.give_up(cause);
        rest.finish(now);
        rest
    }

    /// Records the fault of a registered rental, if it has one. Returns it as text.
    pub(super) fn last_fault(&mut self, now: Time, effects: &mut Vec<Effect>) -> Option<String> {
        let fault = self.volatile.boot.fault.clone()?;
        let rental = self.rental.clone()?;
        let failure = RentalFailure {
            // It was ready: its boot is known.
            boot: None,
            ..RentalFailure::of(&fault, "")
        };
        self.record_failure(now, &rental, &failure, effects);
        Some(failure.cause.detail)
    }
}
