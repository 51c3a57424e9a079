//! Rent calls: from the call to the contract, or to the certainty that there is none. At most one is
//! in flight; whether it becomes the primary or a hedge is decided when the contract is known.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{BootReading, Effect, NodeState, Refusal, Rental, Sprint, is_due};
use crate::domain::{
    CallError, Duration, InstanceId, Mode, Offer, OfferId, RentalLabel, Step, Time, Usd,
};

/// After a lost reply the label is searched for at least this long.
const LABEL_SEARCH_AT_LEAST: Duration = Duration::seconds(150);
/// And in so many complete listings: one after a long outage is not enough.
const ABSENT_LISTINGS: u32 = 5;
const LABEL_SEARCH_EVERY: Duration = Duration::seconds(10);
const RENT_TIMEOUT: Duration = Duration::minutes(3);

/// A rent call whose outcome is not known yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RentAttempt {
    pub label: RentalLabel,
    offer: Offer,
    lease_until: Time,
    called: Time,
    /// Set once the reply was lost: the label is searched for.
    lost: Option<Time>,
    asked: Option<Time>,
    /// Complete listings without the label since the reply was lost.
    absent: u32,
}

impl RentAttempt {
    pub(super) fn mark_lost(&mut self, now: Time) {
        self.lost.get_or_insert(now);
        self.asked = None;
    }
}

impl Sprint {
    /// True when the call is made: not while the chain is unknown.
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
        self.volatile.note = None;
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
            self.enter(now, Step::Booting);
        } else if self.rent_attempt.is_none() {
            self.back_to_choosing(now);
        } else {
            self.search_for_label(now, effects);
        }
    }

    /// Searches for the label of a rent call whose reply was lost or timed out.
    pub(super) fn search_for_label(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let Some(attempt) = &mut self.rent_attempt else {
            return;
        };
        let timeout = attempt.called + RENT_TIMEOUT;
        if attempt.lost.is_none() && now < timeout {
            return self.wake_at(timeout);
        }
        attempt.lost.get_or_insert(now);
        if is_due(attempt.asked, LABEL_SEARCH_EVERY, now) {
            attempt.asked = Some(now);
            effects.push(Effect::FindLabel(attempt.label.clone()));
        }
        self.wake_at(now + LABEL_SEARCH_EVERY);
    }

    /// A rent call gave this contract.
    pub(super) fn adopt_instance(&mut self, instance: InstanceId) {
        let Some(attempt) = self.rent_attempt.take() else {
            return;
        };
        self.rentals += 1;
        let rental = Rental {
            instance,
            label: attempt.label,
            offer: attempt.offer,
            since: attempt.called,
            lease_until: attempt.lease_until,
            dearer: None,
        };
        match self.step {
            Step::Renting => self.start_boot(rental),
            _ => self.start_race(rental),
        }
    }

    /// Makes this rental the primary one.
    pub(super) fn start_boot(&mut self, rental: Rental) {
        self.volatile.boot = BootReading::default();
        self.model_asked = None;
        let id = self.plan.node_id(rental.instance);
        self.poc_node = Some(id.clone());
        self.node = Some(NodeState {
            id,
            asked: None,
            listed: None,
        });
        self.rental = Some(rental);
    }

    pub(super) fn void_rent(&mut self, reason: &str, effects: &mut Vec<Effect>) {
        if let Some(attempt) = self.rent_attempt.take() {
            let offers = Arc::make_mut(&mut self.volatile.search.offers);
            offers.retain(|candidate| candidate.offer.id != attempt.offer.id);
            effects.push(Effect::VoidRent {
                label: attempt.label,
                reason: reason.to_owned(),
            });
        }
    }

    pub(super) fn on_rent_refused(&mut self, error: &CallError, effects: &mut Vec<Effect>) {
        let is_hedge = self.is_renting_hedge();
        self.void_rent(&error.to_string(), effects);
        if error.is_passing() {
            // The same call can work in a while, with fresh offers.
            self.volatile.search.answered = None;
            self.set_note(format!("{error}. Nothing was rented; retrying"));
        } else if is_hedge {
            self.abandon_hedge(error);
        } else {
            // No other offer would do better.
            self.fail("rent_refused", format!("{error}. Nothing was rented."));
        }
    }

    /// Another offer may fit: the operator's gate stays open, and auto mode searches with what is left now.
    pub(super) fn on_rent_over_cap(&mut self, refusal: Refusal, effects: &mut Vec<Effect>) {
        self.void_rent(&refusal.to_string(), effects);
        self.volatile.search.refusal = Some(refusal);
        if self.mode == Mode::Auto {
            self.volatile.search.answered = None;
        }
        self.set_note(format!("{refusal}. Nothing was rented"));
    }

    pub(super) fn on_offers_taken(&mut self, left: &[OfferId]) {
        // Its intent was not recorded: there is nothing to void.
        self.rent_attempt = None;
        let offers = Arc::make_mut(&mut self.volatile.search.offers);
        offers.retain(|candidate| left.contains(&candidate.offer.id));
    }

    /// An offer that is old when its turn comes is gone: it searches again.
    pub(super) fn on_rent_must_wait(&mut self) {
        self.rent_attempt = None;
        self.volatile.search.answered = None;
        self.set_note("the rent calls of other replicas come first; retrying");
    }

    /// A disk that is full now may have room in a minute: while there is time, the epoch is not lost.
    pub(super) fn on_rent_not_recorded(&mut self, effects: &mut Vec<Effect>) {
        let note = "the journal cannot be used: nothing is rented without a record; retrying while there is time";
        self.void_rent(note, effects);
        self.volatile.search.answered = None;
        self.set_note(note);
    }

    pub(super) fn on_rent_reply_lost(&mut self, now: Time, error: &CallError) {
        if let Some(attempt) = &mut self.rent_attempt {
            attempt.mark_lost(now);
            self.set_note(format!("searching for the rental by its label: {error}"));
        }
    }

    pub(super) fn on_label_found(&mut self, instance: InstanceId, effects: &mut Vec<Effect>) {
        if let Some(attempt) = &self.rent_attempt {
            let label = attempt.label.clone();
            effects.push(Effect::Adopt { label, instance });
            self.adopt_instance(instance);
        }
    }

    pub(super) fn on_label_absent(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let Some(attempt) = &mut self.rent_attempt else {
            return;
        };
        attempt.absent += 1;
        let lost = attempt.lost.unwrap_or(now);
        if now - lost >= LABEL_SEARCH_AT_LEAST && attempt.absent >= ABSENT_LISTINGS {
            let reason = "no instance with this label appeared in complete listings";
            self.void_rent(reason, effects);
        }
    }
}

/// Eight letters and digits that differ between attempts and sprints.
fn nonce(seed: u64, attempt: u32) -> String {
    const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    // SplitMix64: neighbouring seeds give unrelated values.
    let mut value = seed.wrapping_add(u64::from(attempt).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^= value >> 31;
    let letter = |place| char::from(LETTERS[(value / 36_u64.pow(place) % 36) as usize]);
    (0..8).map(letter).collect()
}
