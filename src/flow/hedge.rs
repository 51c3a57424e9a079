//! Hedging: a boot that falls behind is raced by a second rental, once in a sprint, and only where the
//! operator wants it. The one that is ready first is kept, the other one is destroyed at once.
//!
//! The second one stands beside the sprint's own until it wins. Then it takes that one's place, and no
//! step after the boot knows that there were two.

use serde::{Deserialize, Serialize};

use super::release::{ASK_AGAIN, due};
use super::transitions::is_model_due;
use super::{BootProgress, BootReading, Candidate, Effect, Rental, RentalRole, Sprint};
use crate::domain::{CallError, GateKind, Hedging, InstanceId, Offer, Race, Step, Time, Usd};

/// What there is beside the sprint's own rental.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) enum Hedge {
    /// Nothing, and nothing is wanted.
    #[default]
    Unneeded,
    /// A second rental is wanted, or its rent call is open.
    Wanted,
    Racing(Box<Contender>),
    /// The one that lost is taken down.
    Losing(Box<Loser>),
    /// There was one: there is no other in this sprint.
    Over,
}

/// A rental that boots beside the sprint's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Contender {
    rental: Rental,
    /// Not saved: it is seen again.
    #[serde(skip)]
    boot: BootReading,
    model_asked: Option<Time>,
}

/// A rental that is not needed any more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Loser {
    rental: Rental,
    destroy_asked: Option<Time>,
}

impl Hedge {
    fn loses(rental: Rental) -> Hedge {
        Hedge::Losing(Box::new(Loser {
            rental,
            destroy_asked: None,
        }))
    }

    pub(super) fn rental(&self) -> Option<&Rental> {
        match self {
            Hedge::Racing(contender) => Some(&contender.rental),
            Hedge::Losing(loser) => Some(&loser.rental),
            Hedge::Unneeded | Hedge::Wanted | Hedge::Over => None,
        }
    }

    pub(super) fn contender(&self) -> Option<&Rental> {
        match self {
            Hedge::Racing(contender) => Some(&contender.rental),
            _ => None,
        }
    }

    pub(super) fn contender_mut(&mut self) -> Option<(&mut Rental, &mut BootReading)> {
        match self {
            Hedge::Racing(contender) => Some((&mut contender.rental, &mut contender.boot)),
            _ => None,
        }
    }

    /// What is seen of a boot moves all the time and is read anew.
    pub(super) fn is_saved_by(&self, saved: &Hedge) -> bool {
        match (self, saved) {
            (Hedge::Racing(now), Hedge::Racing(saved)) => {
                now.rental == saved.rental && now.model_asked == saved.model_asked
            }
            _ => self == saved,
        }
    }

    pub(super) fn clear_in_flight(&mut self) {
        match self {
            Hedge::Racing(contender) => contender.model_asked = None,
            Hedge::Losing(loser) => loser.destroy_asked = None,
            Hedge::Unneeded | Hedge::Wanted | Hedge::Over => {}
        }
    }

    /// This rental is proven gone.
    pub(super) fn on_gone(&mut self, instance: InstanceId) {
        if self
            .rental()
            .is_some_and(|rental| rental.instance == instance)
        {
            *self = Hedge::Over;
        }
    }
}

impl Sprint {
    /// The open rent call is for a hedge.
    pub(super) fn is_renting_hedge(&self) -> bool {
        self.rent_attempt.is_some() && self.step != Step::Renting
    }

    pub(super) fn is_destroying_loser(&self) -> bool {
        matches!(self.hedge, Hedge::Losing(_))
    }

    /// Nothing costs anything beside the sprint's own rental, or could yet.
    pub(super) fn no_hedge_left(&self) -> bool {
        self.hedge.rental().is_none() && self.rent_attempt.is_none()
    }

    fn is_booting(&self) -> bool {
        matches!(self.step, Step::Booting | Step::Warming) && self.ending.is_none()
    }

    /// Its own boot is behind, and a second rental is allowed. That it can be ready in time is up to
    /// its offer: those that cannot are not read.
    fn needs_hedge(&self) -> bool {
        let boot = &self.boot;
        let is_behind = boot.pace == BootProgress::Behind && !boot.ready && boot.fault.is_none();
        self.plan.hedging == Hedging::On
            && self.is_booting()
            && is_behind
            && self.rentals < self.plan.max_attempts
    }

    /// Whatever the sprint's step is: one that is beside is seen through to its end.
    pub(super) fn advance_hedge(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if self.is_renting_hedge() {
            self.search_for_label(now, effects);
        }
        if self.hedge == Hedge::Unneeded && self.needs_hedge() {
            self.hedge = Hedge::Wanted;
        }
        match self.hedge {
            Hedge::Unneeded | Hedge::Over => {}
            Hedge::Wanted => self.seek_hedge(now, effects),
            Hedge::Racing(_) => self.advance_race(now, effects),
            Hedge::Losing(_) => self.destroy_loser(now, effects),
        }
    }

    fn seek_hedge(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if self.rent_attempt.is_some() {
            return;
        }
        if !self.needs_hedge() {
            self.hedge = Hedge::Unneeded;
            self.search.picked = None;
            return self.close_hedge_gate();
        }
        if self.fresh_tip(now).is_none() {
            return;
        }
        self.refresh_offers(now, effects);
        self.run_preflight_if_due(now, effects);
        let in_the_way = self.leftovers_obstacle(now);
        if let Some(why) = in_the_way.or_else(|| self.readiness.obstacle(now)) {
            return self.explain_no_hedge(&why);
        }
        if let Some(choice) = self.choose_hedge_offer(now) {
            self.close_hedge_gate();
            self.call_rent(now, choice, effects);
        }
    }

    fn close_hedge_gate(&mut self) {
        self.gate.take_if(|gate| gate.kind == GateKind::Hedge);
    }

    fn explain_no_hedge(&mut self, why: &str) {
        self.close_hedge_gate();
        self.note = Some(format!(
            "its boot is behind, and no second machine is rented: {why}"
        ));
    }

    /// The offer of another machine that is to race, by the operator's word or by itself.
    fn choose_hedge_offer(&mut self, now: Time) -> Option<(Offer, Usd)> {
        let mut offers = self.fresh_offers(now)?;
        let first = &self.rental.as_ref()?.offer;
        offers.retain(|candidate| candidate.offer.machine != first.machine);
        // What slows a host down may slow down all of its machines.
        let same_host = |offer: &Offer| offer.host.is_some() && offer.host == first.host;
        offers.sort_by_key(|candidate| same_host(&candidate.offer));
        let is_admitted = |candidate: &Candidate| self.admits(candidate).is_ok();
        if !offers.iter().any(is_admitted) {
            let refusal = offers.first().and_then(|best| self.admits(best).err());
            let why = refusal.map_or_else(
                || "none is offered that would be ready in time".to_owned(),
                |refusal| refusal.to_string(),
            );
            self.explain_no_hedge(&why);
            return None;
        }
        match self.chosen(now, GateKind::Hedge, &offers)? {
            Ok(choice) => Some(choice),
            Err(refusal) => {
                self.explain_no_hedge(&refusal.to_string());
                None
            }
        }
    }

    /// The market wants no second rental: the first has to make it.
    pub(super) fn abandon_hedge(&mut self, error: &CallError) {
        self.hedge = Hedge::Over;
        self.explain_no_hedge(&error.to_string());
    }

    /// A contract that the sprint's own place is not free for.
    pub(super) fn start_race(&mut self, rental: Rental) {
        if let Some(first) = &self.rental {
            let won = matches!(self.step, Step::Registering | Step::Proving);
            self.race = Some(Race {
                first: first.instance,
                second: rental.instance,
                winner: won.then_some(first.instance),
            });
        }
        self.hedge = Hedge::Racing(Box::new(Contender {
            rental,
            boot: BootReading::default(),
            model_asked: None,
        }));
    }

    fn advance_race(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let is_booting = self.is_booting();
        let Hedge::Racing(contender) = &mut self.hedge else {
            return;
        };
        if !is_booting {
            self.hedge = Hedge::loses(contender.rental.clone());
            return self.destroy_loser(now, effects);
        }
        let (instance, since) = (contender.rental.instance, contender.rental.since);
        let boot = &contender.boot;
        if boot.api_up && !boot.ready && is_model_due(contender.model_asked, now) {
            contender.model_asked = Some(now);
            let role = RentalRole::Hedge;
            effects.push(Effect::StartModel { instance, role });
        }
        self.wake_at(since + self.plan.startup_timeout);
        self.check_hedge(now, effects);
    }

    /// Gives the second one up when it cannot make it; the first goes on.
    fn check_hedge(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let Hedge::Racing(contender) = &self.hedge else {
            return;
        };
        let rental = contender.rental.clone();
        let Some(failure) = self.rental_failure(now, &rental, &contender.boot) else {
            return;
        };
        self.record_failure(now, &rental, &failure, effects);
        self.note = Some(format!(
            "the second rental is given up, the first goes on: {}: {}",
            failure.cause.name, failure.cause.detail
        ));
        self.hedge = Hedge::loses(rental);
        self.destroy_loser(now, effects);
    }

    fn destroy_loser(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let Hedge::Losing(loser) = &mut self.hedge else {
            return;
        };
        if due(loser.destroy_asked, now) {
            loser.destroy_asked = Some(now);
            effects.push(Effect::Destroy {
                instance: loser.rental.instance,
                label: loser.rental.label.clone(),
                role: RentalRole::Hedge,
            });
        }
        self.wake_at(now + ASK_AGAIN);
    }

    /// The second one is ready and the first is not.
    pub(super) fn decide_race(&mut self, now: Time) {
        let Hedge::Racing(contender) = &self.hedge else {
            return;
        };
        if contender.boot.ready && !self.boot.ready && self.is_booting() {
            self.take_over(now, "the second rental is ready first");
        }
    }

    /// The sprint's own rental cannot make it. The second one, or the one whose rent call is open,
    /// takes its place: true then.
    pub(super) fn promote_hedge(&mut self, now: Time, why: &str) -> bool {
        if !self.is_booting() || self.deadline_passed() {
            return false;
        }
        if matches!(self.hedge, Hedge::Racing(_)) {
            self.take_over(now, &format!("{why}; the second rental goes on"));
            return true;
        }
        if self.rent_attempt.is_none() {
            return false;
        }
        let Some(first) = self.rental.take() else {
            return false;
        };
        self.hedge = Hedge::loses(first);
        self.boot = BootReading::default();
        self.node = None;
        self.enter(now, Step::Renting);
        self.note = Some(format!("{why}; the one that is being rented goes on"));
        true
    }

    fn take_over(&mut self, now: Time, why: &str) {
        let Hedge::Racing(second) = std::mem::take(&mut self.hedge) else {
            return;
        };
        self.hedge = self.rental.take().map_or(Hedge::Over, Hedge::loses);
        self.start_boot(second.rental);
        // It is reached on another way from now on: what it says there counts.
        self.boot = BootReading {
            api_up: false,
            ready: false,
            ..second.boot
        };
        if self.step == Step::Warming {
            self.enter(now, Step::Booting);
        }
        self.note = Some(why.to_owned());
    }

    /// The sprint's own rental is ready.
    pub(super) fn record_race_winner(&mut self) {
        let (Some(race), Some(rental)) = (&mut self.race, &self.rental) else {
            return;
        };
        if [race.first, race.second].contains(&rental.instance) {
            race.winner.get_or_insert(rental.instance);
        }
    }
}
