//! Hedging: a second rental races a boot that falls behind, once in a sprint, and only if the operator
//! wants it. The first to be ready is kept, the other is destroyed at once.
//!
//! If the hedge wins it becomes the primary rental: no step after the boot knows that there were two.

use std::sync::Arc;

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::hedge_room::HedgeRoom;
use super::release::ASK_AGAIN;
use super::transitions::START_MODEL_EVERY;
use super::{BootProgress, BootReading, Candidate, Effect, Rental, RentalRole, Sprint, is_due};
use crate::domain::{
    CallError, CallbackProof, GateKind, Hedging, InstanceId, Offer, Race, Step, Time, Usd,
};

/// The second rental of a sprint.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) enum Hedge {
    #[default]
    Unneeded,
    /// It is wanted, or its rent call is in flight.
    Wanted,
    Racing {
        rental: Box<Rental>,
        #[serde(rename = "model_asked")]
        asked: Option<Time>,
    },
    /// The loser is being destroyed.
    Losing {
        rental: Box<Rental>,
        #[serde(rename = "destroy_asked")]
        asked: Option<Time>,
    },
    /// There was one: a sprint has no second hedge.
    Over,
}

impl Hedge {
    fn loses(rental: impl Into<Box<Rental>>) -> Hedge {
        Hedge::Losing {
            rental: rental.into(),
            asked: None,
        }
    }

    pub(super) fn rental(&self) -> Option<&Rental> {
        match self {
            Hedge::Racing { rental, .. } | Hedge::Losing { rental, .. } => Some(rental),
            Hedge::Unneeded | Hedge::Wanted | Hedge::Over => None,
        }
    }

    pub(super) fn contender_mut(&mut self) -> Option<&mut Rental> {
        match self {
            Hedge::Racing { rental, .. } => Some(rental),
            _ => None,
        }
    }

    pub(super) fn clear_in_flight(&mut self) {
        match self {
            Hedge::Racing { asked, .. } | Hedge::Losing { asked, .. } => *asked = None,
            Hedge::Unneeded | Hedge::Wanted | Hedge::Over => {}
        }
    }

    /// This rental is proven gone.
    pub(super) fn on_gone(&mut self, id: InstanceId) {
        if self.rental().is_some_and(|rental| rental.instance == id) {
            *self = Hedge::Over;
        }
    }
}

impl Sprint {
    /// The open rent call is for a hedge.
    pub fn is_renting_hedge(&self) -> bool {
        self.rent_attempt.is_some() && self.step != Step::Renting
    }

    pub(super) fn is_racing(&self) -> bool {
        matches!(self.hedge, Hedge::Racing { .. })
    }

    pub(super) fn is_destroying_loser(&self) -> bool {
        matches!(self.hedge, Hedge::Losing { .. })
    }

    /// No second rental costs anything, or could yet.
    pub(super) fn no_hedge_left(&self) -> bool {
        self.hedge.rental().is_none() && self.rent_attempt.is_none()
    }

    /// How the boot of its rental comes on, while it boots.
    pub fn boot_pace(&self) -> Option<BootProgress> {
        let has_rental = self.is_booting() && self.rental.is_some();
        has_rental.then_some(self.volatile.boot.pace)
    }

    fn is_booting(&self) -> bool {
        matches!(self.step, Step::Booting | Step::Warming) && self.ending.is_none()
    }

    /// The boot is behind or unlikely to be ready in time, and a second rental is allowed. Whether that can
    /// be ready in time depends on its offer: a search returns none that cannot.
    fn needs_hedge(&self, now: Time) -> bool {
        let boot = &self.volatile.boot;
        let may_yet_work = !boot.ready && boot.fault.is_none();
        // The bytes of a stalled download show that it will be late long before it is behind.
        let is_behind =
            boot.pace == BootProgress::Behind || self.misses_deadline(now, boot.likely_left);
        self.plan.hedging == Hedging::On
            && self.is_booting()
            && may_yet_work
            && is_behind
            && self.rentals < self.plan.max_attempts
    }

    /// In every step: a hedge is pursued to its end.
    pub(super) fn advance_hedge(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if self.is_renting_hedge() {
            self.search_for_label(now, effects);
        }
        if self.hedge == Hedge::Unneeded && self.needs_hedge(now) {
            self.hedge = Hedge::Wanted;
        }
        match self.hedge {
            Hedge::Unneeded | Hedge::Over => {}
            Hedge::Wanted => self.seek_hedge(now, effects),
            Hedge::Racing { .. } => self.advance_race(now, effects),
            Hedge::Losing { .. } => self.destroy_loser(now, effects),
        }
    }

    fn seek_hedge(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if self.rent_attempt.is_some() {
            return;
        }
        if !self.needs_hedge(now) {
            self.hedge = Hedge::Unneeded;
            self.volatile.search.picked = None;
            return self.close_hedge_gate();
        }
        if !self.is_chain_known(now) {
            return;
        }
        self.refresh_offers(now, effects);
        self.run_preflight_if_due(now, effects);
        if let Some(why) = self.rent_obstacle(now) {
            return self.explain_no_hedge(why);
        }
        if let Some(choice) = self.choose_hedge_offer(now) {
            self.close_hedge_gate();
            self.call_rent(now, choice, effects);
        }
    }

    fn close_hedge_gate(&mut self) {
        self.gate.take_if(|gate| gate.kind == GateKind::Hedge);
    }

    fn explain_no_hedge(&mut self, why: impl Display) {
        self.close_hedge_gate();
        self.set_note(format!(
            "the boot is behind, and no second machine is rented: {why}"
        ));
    }

    /// An offer of another machine: the operator's choice, or the best in auto mode.
    fn choose_hedge_offer(&mut self, now: Time) -> Option<(Offer, Usd)> {
        let mut offers = Arc::unwrap_or_clone(self.fresh_offers(now)?);
        let room = self.volatile.search.hedges;
        if room != HedgeRoom::Free {
            self.explain_no_hedge(room);
            return None;
        }
        let first = &self.rental.as_ref()?.offer;
        offers.retain(|candidate| !candidate.offer.is_same_machine(first));
        // What slows one machine down may slow down all of its host.
        let same_host = |offer: &Offer| offer.host.is_some() && offer.host == first.host;
        offers.sort_by_key(|candidate| same_host(&candidate.offer));
        let is_admitted = |candidate: &Candidate| self.admits(candidate).is_ok();
        if !offers.iter().any(is_admitted) {
            match offers.first().and_then(|best| self.admits(best).err()) {
                Some(refusal) => self.explain_no_hedge(refusal),
                None => self.explain_no_hedge("none is offered that would be ready in time"),
            }
            return None;
        }
        self.chosen(now, GateKind::Hedge, &offers)?
            .inspect_err(|refusal| self.explain_no_hedge(refusal))
            .ok()
    }

    /// The market refuses a second rental: the first has to make it.
    pub(super) fn abandon_hedge(&mut self, error: &CallError) {
        self.hedge = Hedge::Over;
        self.explain_no_hedge(error);
    }

    /// Others of the pool were faster: there may be room after their races.
    pub(super) fn on_hedge_refused(&mut self, room: HedgeRoom, effects: &mut Vec<Effect>) {
        self.void_rent(&room.to_string(), effects);
        self.volatile.search.hedges = room;
        self.explain_no_hedge(room);
    }

    /// The hedge is rented.
    pub(super) fn start_race(&mut self, rental: Rental) {
        if let Some(first) = &self.rental {
            let won = matches!(self.step, Step::Registering | Step::Proving);
            self.race = Some(Race {
                first: first.instance,
                second: rental.instance,
                winner: won.then_some(first.instance),
            });
        }
        self.volatile.hedge_boot = BootReading::default();
        self.hedge = Hedge::Racing {
            rental: rental.into(),
            asked: None,
        };
    }

    fn advance_race(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let is_booting = self.is_booting();
        let Hedge::Racing { rental, asked } = &mut self.hedge else {
            return;
        };
        let start_model = is_booting && self.volatile.hedge_boot.wants_model();
        if start_model && is_due(*asked, START_MODEL_EVERY, now) {
            *asked = Some(now);
            effects.push(Effect::StartModel {
                instance: rental.instance,
                role: RentalRole::Hedge,
            });
        }
        let rental = rental.clone();
        if is_booting {
            self.wake_at(rental.since + self.plan.startup_timeout);
            let boot = &self.volatile.hedge_boot;
            let Some(failure) = self.rental_failure(now, &rental, boot) else {
                return;
            };
            self.record_failure(now, &rental, &failure, effects);
            self.set_note(format!(
                "the second rental is given up, the first continues: {}: {}",
                failure.cause.name, failure.cause.detail
            ));
        }
        self.hedge = Hedge::loses(rental);
        self.destroy_loser(now, effects);
    }

    fn destroy_loser(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let Hedge::Losing { rental, asked } = &mut self.hedge else {
            return;
        };
        if is_due(*asked, ASK_AGAIN, now) {
            *asked = Some(now);
            effects.push(rental.destroy(RentalRole::Hedge));
        }
        self.wake_at(now + ASK_AGAIN);
    }

    /// A hedge that is ready before the primary wins.
    pub(super) fn decide_race(&mut self, now: Time) {
        let ready_first = self.volatile.hedge_boot.ready && !self.volatile.boot.ready;
        if self.is_racing() && ready_first && self.is_booting() {
            self.take_over(now, "the second rental is ready first");
        }
    }

    /// The primary rental cannot make it. True when a hedge, or one that is being rented, replaces it.
    pub(super) fn promote_hedge(&mut self, now: Time, why: &str) -> bool {
        if !self.is_booting() || self.deadline_passed() {
            return false;
        }
        if self.is_racing() {
            self.take_over(now, &format!("{why}; the second rental replaces it"));
            return true;
        }
        if self.rent_attempt.is_none() {
            return false;
        }
        let Some(first) = self.rental.take() else {
            return false;
        };
        self.hedge = Hedge::loses(first);
        self.volatile.boot = BootReading::default();
        self.node = None;
        self.enter(now, Step::Renting);
        self.set_note(format!("{why}; the one being rented replaces it"));
        true
    }

    fn take_over(&mut self, now: Time, why: &str) {
        let Hedge::Racing { rental, .. } = std::mem::take(&mut self.hedge) else {
            return;
        };
        self.hedge = self.rental.take().map_or(Hedge::Over, Hedge::loses);
        self.start_boot(*rental);
        // Through the tunnel of the primary it must answer anew.
        self.volatile.boot = BootReading {
            api_up: false,
            ready: false,
            callback: CallbackProof::default(),
            ..std::mem::take(&mut self.volatile.hedge_boot)
        };
        if self.step == Step::Warming {
            self.enter(now, Step::Booting);
        }
        self.set_note(why);
    }

    /// The primary rental is ready.
    pub(super) fn record_race_winner(&mut self) {
        let (Some(race), Some(rental)) = (&mut self.race, &self.rental) else {
            return;
        };
        if [race.first, race.second].contains(&rental.instance) {
            race.winner.get_or_insert(rental.instance);
        }
    }
}
