//! Rent calls: from the call to the contract, or to the certainty that there is none. At most one is
//! open at a time; whose rental it becomes is decided when the contract is known.

use serde::{Deserialize, Serialize};

use super::{BootReading, Effect, NodeState, Rental, Sprint};
use crate::domain::{
    CallError, Cause, Duration, InstanceId, Offer, Outcome, RentalLabel, Step, Time, Usd,
};

/// A lost rent reply is looked for by its label at least this long.
const LABEL_SEARCH_AT_LEAST: Duration = Duration::seconds(150);
/// One complete listing after a long outage is not enough.
const ABSENT_LISTINGS: u32 = 5;
const LABEL_SEARCH_EVERY: Duration = Duration::seconds(10);
const RENT_ANSWERS_WITHIN: Duration = Duration::minutes(3);

/// A rent call whose outcome is not known yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RentAttempt {
    pub label: RentalLabel,
    offer: Offer,
    lease_until: Time,
    called: Time,
    /// Set once the reply was lost: the label is looked for.
    lost: Option<Time>,
    asked: Option<Time>,
    /// Complete listings without the label since the reply was lost.
    absent: u32,
}

impl RentAttempt {
    pub(super) fn clear_in_flight(&mut self, now: Time) {
        self.lost.get_or_insert(now);
        self.asked = None;
    }
}

impl Sprint {
    pub(super) fn rent(&mut self, now: Time, choice: (Offer, Usd), effects: &mut Vec<Effect>) {
        if self.call_rent(now, choice, effects) {
            self.enter(now, Step::Renting);
        }
    }

    /// Makes a rent call. True when it did.
    pub(super) fn call_rent(
        &mut self,
        now: Time,
        (offer, reserved): (Offer, Usd),
        effects: &mut Vec<Effect>,
    ) -> bool {
        let (Some(stages), Some(lease_until)) = (self.stages().copied(), self.lease_end(now))
        else {
            return false;
        };
        self.attempts += 1;
        let label = RentalLabel {
            cockpit: self.plan.cockpit.clone(),
            epoch: stages.epoch,
            attempt: self.attempts,
            nonce: nonce(self.plan.nonce, self.attempts),
        };
        self.rent_attempt = Some(RentAttempt {
            label: label.clone(),
            offer: offer.clone(),
            lease_until,
            called: now,
            lost: None,
            asked: None,
            absent: 0,
        });
        self.note = None;
        effects.push(Effect::Rent {
            offer,
            label,
            reserved,
            lease_until,
        });
        true
    }

    pub(super) fn renting(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if self.rental.is_some() {
            return self.enter(now, Step::Booting);
        }
        if self.rent_attempt.is_none() {
            return self.back_to_choosing(now);
        }
        self.search_for_label(now, effects);
    }

    /// Looks for the label of a rent call whose answer was lost, or does not come.
    pub(super) fn search_for_label(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let Some(rent_attempt) = &mut self.rent_attempt else {
            return;
        };
        if rent_attempt.lost.is_none() && now - rent_attempt.called < RENT_ANSWERS_WITHIN {
            let late = rent_attempt.called + RENT_ANSWERS_WITHIN;
            return self.wake_at(late);
        }
        rent_attempt.lost.get_or_insert(now);
        if rent_attempt
            .asked
            .is_none_or(|asked| now - asked >= LABEL_SEARCH_EVERY)
        {
            rent_attempt.asked = Some(now);
            effects.push(Effect::FindLabel(rent_attempt.label.clone()));
        }
        self.wake_at(now + LABEL_SEARCH_EVERY);
    }

    /// A rent call gave this contract.
    pub(super) fn adopt_instance(&mut self, instance: InstanceId) {
        let Some(rent_attempt) = self.rent_attempt.take() else {
            return;
        };
        self.rentals += 1;
        let rental = Rental {
            instance,
            label: rent_attempt.label,
            offer: rent_attempt.offer,
            since: rent_attempt.called,
            lease_until: rent_attempt.lease_until,
            dearer: None,
        };
        match self.step {
            Step::Renting => self.start_boot(rental),
            _ => self.start_race(rental),
        }
    }

    /// The sprint goes on with this rental.
    pub(super) fn start_boot(&mut self, rental: Rental) {
        self.boot = BootReading::default();
        self.model_asked = None;
        let id = self.plan.node_id(rental.instance);
        self.poc_node = Some(id.clone());
        self.node = Some(NodeState {
            id,
            asked: None,
            seen: None,
            repairs: 0,
        });
        self.rental = Some(rental);
    }

    pub(super) fn void_rent(&mut self, reason: &str, effects: &mut Vec<Effect>) {
        if let Some(rent_attempt) = self.rent_attempt.take() {
            self.search
                .offers
                .retain(|candidate| candidate.offer.id != rent_attempt.offer.id);
            effects.push(Effect::VoidRent {
                label: rent_attempt.label,
                reason: reason.to_owned(),
            });
        }
    }

    /// No other offer would do better.
    pub(super) fn on_rent_refused(&mut self, error: &CallError, effects: &mut Vec<Effect>) {
        let beside = self.is_renting_hedge();
        self.void_rent(&error.to_string(), effects);
        if beside {
            return self.abandon_hedge(error);
        }
        let cause = Cause::new("rent_refused", format!("{error}. Nothing was rented."));
        self.end(Outcome::Failed { cause });
    }

    /// A disk that is full now may have room in a minute: while there is time, the epoch is not lost.
    pub(super) fn on_rent_not_recorded(&mut self, effects: &mut Vec<Effect>) {
        let note = "the journal cannot be written: nothing is rented that could be forgotten; trying again while there is time";
        self.void_rent(note, effects);
        self.search.answered = None;
        self.note = Some(note.into());
    }

    pub(super) fn on_rent_reply_lost(&mut self, now: Time, error: &str) {
        if let Some(rent_attempt) = &mut self.rent_attempt {
            rent_attempt.lost.get_or_insert(now);
            rent_attempt.asked = None;
            self.note = Some(format!("looking for the rental by its label: {error}"));
        }
    }

    pub(super) fn on_label_found(&mut self, instance: InstanceId, effects: &mut Vec<Effect>) {
        if let Some(rent_attempt) = &self.rent_attempt {
            effects.push(Effect::Adopt {
                label: rent_attempt.label.clone(),
                instance,
            });
            self.adopt_instance(instance);
        }
    }

    pub(super) fn on_label_absent(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let Some(rent_attempt) = &mut self.rent_attempt else {
            return;
        };
        let lost = rent_attempt.lost.unwrap_or(now);
        rent_attempt.absent += 1;
        if now - lost < LABEL_SEARCH_AT_LEAST || rent_attempt.absent < ABSENT_LISTINGS {
            return;
        }
        self.void_rent(
            "no instance with this label appeared in complete listings",
            effects,
        );
    }
}

/// Six letters and digits that differ between attempts and sprints.
fn nonce(seed: u64, attempt: u32) -> String {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    // SplitMix64: neighbouring seeds give unrelated values.
    let mut value = seed.wrapping_add(u64::from(attempt).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^= value >> 31;
    let mut letters = String::new();
    for _ in 0..8 {
        letters.push(char::from(LETTERS[(value % 36) as usize]));
        value /= 36;
    }
    letters
}
