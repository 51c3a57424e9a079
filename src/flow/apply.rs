//! What each event changes in the sprint's knowledge. The advance after it draws the conclusions.

use std::sync::Arc;

use super::note::Note;
use super::transitions::VISIBLE_WITHIN;
use super::{
    BootReading, Candidate, Effect, Event, Funds, Listing, NodeReading, Rental, Sprint,
    TYPICAL_BLOCK_MILLIS, Target, Tip, Volatile,
};
use crate::chain::epoch;
use crate::domain::{
    Blame, BootFault, CallError, CallErrorKind, ConfirmationPhase, Duration, EpochView, GateKind,
    InstanceId, Mode, OfferId, Outcome, Step, Time, Usd, Weight,
};

/// A market that rejects the key for this long will not accept it.
const KEY_REFUSED_FOR: Duration = Duration::minutes(3);

impl Sprint {
    pub(super) fn apply(&mut self, now: Time, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::TimePassed | Event::ModelStartAccepted | Event::RentalRemains(_) => {}
            Event::ClockSet(by) => self.volatile.shift(by),
            Event::Resumed => self.on_resumed(now),
            Event::ChainObserved { view, block_time } => self.on_chain(now, &view, block_time),
            Event::UpgradePlanned(upgrade) => self.volatile.upgrade = upgrade,
            Event::ModeChanged(mode) => self.mode = mode,
            Event::Approved(kind) => self.approve(kind),
            Event::OfferPicked { offer, agreed } => self.pick(offer, agreed),
            Event::RefreshRequested if self.step == Step::Waiting => {
                self.preview_offers(now, effects);
            }
            Event::RefreshRequested => self.volatile.search.asked = None,
            // It was to serve until the operator ends it.
            Event::AbortRequested if self.step == Step::Serving => self.end(Outcome::Served),
            Event::AbortRequested => self.end(Outcome::Aborted),
            Event::OffersRanked {
                offers,
                funds,
                hedges,
            } => {
                self.volatile.search.hedges = hedges;
                self.on_offers(now, offers, funds);
            }
            Event::HedgeRefused(room) => self.on_hedge_refused(room, effects),
            Event::SearchFailed(error) => self.on_search_failed(now, &error),
            Event::PreflightCompleted(preflight) => self.on_preflight(now, preflight),
            Event::Rented(instance) => self.adopt_instance(instance),
            Event::OfferGone => self.void_rent("the offer was taken by someone else", effects),
            Event::RentRefused(error) => self.on_rent_refused(&error, effects),
            Event::RentOverCap(refusal) => self.on_rent_over_cap(refusal, effects),
            Event::OffersTaken { left } => self.on_offers_taken(&left),
            Event::RentMustWait => self.on_rent_must_wait(),
            Event::RentNotRecorded => self.on_rent_not_recorded(effects),
            Event::RentReplyLost(error) => self.on_rent_reply_lost(now, &error),
            Event::RentalsListed { leftovers } => self.on_listing(now, leftovers),
            Event::LabelFound(instance) => self.on_label_found(instance, effects),
            Event::LabelAbsent => self.on_label_absent(now, effects),
            Event::BootObserved { instance, reading } => self.on_boot(now, instance, reading),
            Event::RentalRepriced { instance, dearer } => {
                if let Some((rental, _)) = self.rented(instance) {
                    rental.dearer.get_or_insert(dearer);
                }
            }
            Event::RentalVanished(instance) => self.on_rental_vanished(now, instance),
            Event::NodesListed {
                node,
                proxy_listed,
                others,
            } => {
                self.volatile.other_nodes = Some(others);
                self.on_nodes(now, node, proxy_listed);
            }
            Event::RegisterNotRecorded => {
                self.set_note("the journal cannot be used: the node is registered when it can");
            }
            Event::ModelStartFailed(error) => self.set_note(error.to_string()),
            Event::RegisterFailed(error) => self.on_register_failed(now, &error),
            Event::RegisterRefused(error) => self.on_register_refused(&error),
            Event::WeightRead {
                for_our_epoch: true,
                weight,
                participant,
            } => self.on_weight(weight, participant),
            Event::WeightRead { .. } => {}
            Event::RentalGone(instance) => self.on_rental_gone(instance),
        }
    }

    fn on_resumed(&mut self, now: Time) {
        // Forecasts from before the restart are out of date.
        for boot in [&mut self.volatile.boot, &mut self.volatile.hedge_boot] {
            boot.least_left = None;
            boot.likely_left = None;
        }
        self.clear_in_flight(now);
    }

    fn clear_in_flight(&mut self, now: Time) {
        self.volatile.search.asked = None;
        self.volatile.readiness.asked = None;
        self.volatile.weight_asked = None;
        self.model_asked = None;
        self.hedge.clear_in_flight();
        if let Some(attempt) = &mut self.rent_attempt {
            attempt.mark_lost(now);
        }
        if let Some(node) = &mut self.node {
            node.asked = None;
        }
        if let Some(release) = &mut self.release {
            release.forget_removal();
            release.destroy_asked = None;
            release.proxy_asked = None;
        }
    }

    fn on_chain(&mut self, now: Time, view: &EpochView, block_time: Option<Duration>) {
        let block_millis = block_time.map_or(TYPICAL_BLOCK_MILLIS, |d| d.num_milliseconds().max(1));
        self.volatile.chain = Some(Tip {
            at: now,
            height: view.height,
            epoch: view.epoch,
            phase: view.phase,
            params: view.params,
            block_millis,
        });
        let fixed = self.target.filter(|target| target.fixed);
        let stages = match fixed {
            Some(target) => [view.current, view.next]
                .into_iter()
                .find(|stages| stages.epoch == target.stages.epoch)
                .unwrap_or(target.stages),
            // One sprint an epoch: what failed once would cost the same again.
            None if self.after.is_some_and(|done| view.next.epoch <= done) => {
                epoch::one_epoch_later(&view.next)
            }
            None => view.next,
        };
        let fixed = fixed.is_some();
        self.target = Some(Target { stages, fixed });
        if let Some(event) = view.confirmation
            && event.epoch == stages.epoch
            && event.phase != ConfirmationPhase::Inactive
        {
            let event = epoch::confirmation_stages(&event, &view.params);
            let mut known = self.confirmations.iter_mut();
            // A sprint of an older version may have saved other heights.
            match known.find(|known| known.trigger == event.trigger) {
                Some(known) => *known = event,
                None => self.confirmations.push(event),
            }
        }
        self.look_for_challenge(now, view);
    }

    fn on_listing(&mut self, now: Time, leftovers: usize) {
        let listing = Listing { at: now, leftovers };
        let before = self.volatile.listing.replace(listing);
        let went = leftovers == 0 && before.is_some_and(|listing| listing.leftovers > 0);
        // The offers were ranked while the leftovers still used up part of the caps.
        if went && self.step == Step::Choosing {
            self.volatile.search.asked = None;
            self.volatile.search.answered = None;
        }
    }

    fn approve(&mut self, kind: GateKind) {
        // The start may be approved before the chain was read; every other gate must be open.
        let early_start = kind == GateKind::Start && self.step == Step::Waiting;
        if (self.is_gate_open(kind) || early_start) && !self.approved.contains(&kind) {
            self.approved.push(kind);
        }
    }

    fn pick(&mut self, id: OfferId, agreed: Usd) {
        if self.step != Step::Choosing && !self.is_gate_open(GateKind::Hedge) {
            return;
        }
        let search = &mut self.volatile.search;
        let mut offers = search.offers.iter();
        match offers.find(|candidate| candidate.offer.id == id) {
            None => self.set_note(format!("offer {id} is gone; pick another")),
            Some(Candidate { worst_cost, .. }) if *worst_cost > agreed => {
                let text = format!(
                    "offer {id} now costs up to {worst_cost} instead of {agreed}; confirm again"
                );
                self.set_note(text);
            }
            Some(_) => {
                search.picked = Some((id, agreed));
                search.refusal = None;
                self.volatile.note = None;
            }
        }
    }

    /// Remembers how this will end. The first reason stays.
    pub(super) fn end(&mut self, outcome: Outcome) {
        if self.step != Step::Done && self.ending.is_none() {
            self.ending = Some(outcome);
        }
    }

    fn on_offers(&mut self, now: Time, offers: Vec<Candidate>, funds: Funds) {
        let search = &mut self.volatile.search;
        search.answered = Some(now);
        search.refused_since = None;
        search.offers = Arc::new(offers);
        search.funds = funds;
        self.volatile.note = None;
    }

    /// Only the operator can mend a key that is rejected again and again: waiting for the deadline
    /// would hide it.
    fn on_search_failed(&mut self, now: Time, error: &CallError) {
        self.set_note(format!("offers are unknown: {error}"));
        let search = &mut self.volatile.search;
        search.answered = None;
        if error.kind != CallErrorKind::Unauthorized {
            search.refused_since = None;
            return;
        }
        let since = *search.refused_since.get_or_insert(now);
        let chooses = self.mode == Mode::Auto && self.step == Step::Choosing;
        if chooses && now - since >= KEY_REFUSED_FOR {
            let text =
                format!("{error}. Nothing was rented; check vast.api_key and its permissions");
            self.fail("market_key_refused", text);
        }
    }

    /// The rental with this id and its boot, unless it is only to be destroyed.
    fn rented(&mut self, id: InstanceId) -> Option<(&mut Rental, &mut BootReading)> {
        let Volatile {
            boot, hedge_boot, ..
        } = &mut self.volatile;
        let primary = self.rental.as_mut().map(|rental| (rental, boot));
        let hedge = self
            .hedge
            .contender_mut()
            .map(|rental| (rental, hedge_boot));
        let mut both = primary.into_iter().chain(hedge);
        both.find(|(rental, _)| rental.instance == id)
    }

    fn on_boot(&mut self, now: Time, instance: InstanceId, reading: BootReading) {
        let Some((_, boot)) = self.rented(instance) else {
            return self.record_poc_activity(now);
        };
        let before = std::mem::replace(boot, reading);
        let ours = self.rental.as_ref().map(|rental| rental.instance);
        if ours == Some(instance) {
            self.note_setback(before.setback.as_ref());
        }
        self.record_poc_activity(now);
    }

    /// Notes a new setback, and drops the note when the workload has recovered.
    fn note_setback(&mut self, before: Option<&BootFault>) {
        let Volatile { boot, note, .. } = &mut self.volatile;
        let same = |setback: &BootFault| before.is_some_and(|before| before.name == setback.name);
        match &boot.setback {
            None => {
                note.take_if(|note| matches!(note, Note::Setback(_)));
            }
            Some(setback) if !same(setback) => {
                let BootFault { name, evidence, .. } = setback;
                *note = Some(Note::Setback(format!("{name}: {evidence}")));
            }
            Some(_) => {}
        }
    }

    fn on_rental_vanished(&mut self, now: Time, instance: InstanceId) {
        let Some((rental, boot)) = self.rented(instance) else {
            return;
        };
        if now - rental.since < VISIBLE_WITHIN {
            return;
        }
        boot.fault.get_or_insert(BootFault {
            name: "the rental vanished".into(),
            evidence: format!("instance {instance} is in no listing any more"),
            advice: "the host or the market ended it; another machine is tried while there is time"
                .into(),
            blame: Blame::Host,
            seen_at: now,
        });
    }

    fn on_nodes(&mut self, now: Time, listed: Option<NodeReading>, proxy_listed: bool) {
        self.proxy_listed = proxy_listed;
        if let Some(release) = &mut self.release {
            release.on_nodes(now, listed.is_some(), proxy_listed);
        }
        let duty = listed.as_ref().map(|node| (now, node.duty));
        self.volatile.duty = duty.or(self.volatile.duty);
        if let Some(node) = &mut self.node {
            node.listed = listed;
        }
        self.record_poc_activity(now);
    }

    fn on_weight(&mut self, weight: Option<Weight>, participant: Option<Weight>) {
        self.participant_weight = participant;
        self.weight_answered = true;
        self.weight = weight.filter(|weight| weight.0 > 0).or(self.weight);
    }

    fn on_rental_gone(&mut self, id: InstanceId) {
        self.rental.take_if(|rental| rental.instance == id);
        self.hedge.on_gone(id);
    }
}
