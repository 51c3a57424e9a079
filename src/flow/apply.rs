//! What each event changes in what the sprint knows. What follows from it is up to the next advance.

use super::transitions::VISIBLE_WITHIN;
use super::{
    BootReading, Candidate, Effect, Event, Funds, Listing, NodesReading, Rental, Sprint,
    TYPICAL_BLOCK_MILLIS, Target, Tip,
};
use crate::chain::epoch;
use crate::domain::{
    Blame, BootFault, CallError, CallErrorKind, Cause, ConfirmationPhase, Duration, EpochView,
    GateKind, InstanceId, Mode, OfferId, Outcome, Step, Time, Usd, Weight,
};

/// A market that refuses the key for this long means it.
const KEY_REFUSED_FOR: Duration = Duration::minutes(3);

impl Sprint {
    pub(super) fn apply(&mut self, now: Time, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::TimePassed => {}
            Event::Resumed => self.clear_in_flight(now),
            Event::ChainObserved { view, block_time } => self.on_chain(now, &view, block_time),
            Event::UpgradePlanned(upgrade) => self.upgrade = upgrade,
            Event::ModeChanged(mode) => self.mode = mode,
            Event::Approved(kind) => self.approve(kind),
            Event::OfferPicked { offer, agreed } => self.pick(offer, agreed),
            Event::RefreshRequested if self.step == Step::Waiting => {
                self.preview_offers(now, effects);
            }
            Event::RefreshRequested => self.search.asked = None,
            // To serve until the operator says so is what it was for.
            Event::AbortRequested if self.step == Step::Serving => self.end(Outcome::Served),
            Event::AbortRequested => self.end(Outcome::Aborted),
            Event::OffersRanked { offers, funds } => self.on_offers(now, offers, funds),
            Event::SearchFailed(error) => self.on_search_failed(now, &error),
            Event::PreflightCompleted(preflight) => self.on_preflight(now, preflight),
            Event::Rented(instance) => self.adopt_instance(instance),
            Event::OfferGone => {
                self.void_rent("the offer was gone before we took it", effects);
            }
            // Nothing was rented, and the same call can work in a while: with fresh offers.
            Event::RentRefused(error) if error.is_passing() => {
                self.void_rent(&error.to_string(), effects);
                self.search.answered = None;
                self.note = Some(format!("{error}. Nothing was rented; trying again"));
            }
            Event::RentRefused(error) => self.on_rent_refused(&error, effects),
            Event::RentNotRecorded => self.on_rent_not_recorded(effects),
            Event::RentReplyLost(error) => self.on_rent_reply_lost(now, &error.to_string()),
            Event::RentalsListed { leftovers } => self.on_listing(now, leftovers),
            Event::LabelFound(instance) => self.on_label_found(instance, effects),
            Event::LabelAbsent => self.on_label_absent(now, effects),
            Event::BootObserved { instance, reading } => self.on_boot(instance, reading),
            Event::RentalRepriced { instance, dearer } => {
                if let Some((rental, _)) = self.rented(instance) {
                    rental.dearer.get_or_insert(dearer);
                }
            }
            Event::RentalVanished(instance) => self.on_rental_vanished(now, instance),
            Event::ModelStartAccepted => {}
            Event::ModelStartFailed(error) => self.note = Some(error.to_string()),
            Event::NodesListed(reading) => self.on_nodes(now, reading),
            Event::RegisterNotRecorded => {
                self.note = Some(
                    "the journal cannot be written: the node is registered when it can".into(),
                );
            }
            Event::RegisterFailed(error) => self.note = Some(error.to_string()),
            Event::WeightRead {
                for_our_epoch,
                weight,
                participant,
            } => self.on_weight(for_our_epoch, weight, participant),
            Event::RentalGone(instance) => self.on_rental_gone(instance),
            Event::RentalRemains(_) => {}
        }
    }

    fn clear_in_flight(&mut self, now: Time) {
        self.search.asked = None;
        self.readiness.clear_in_flight();
        self.model_asked = None;
        self.hedge.clear_in_flight();
        self.weight_asked = None;
        if let Some(rent_attempt) = &mut self.rent_attempt {
            rent_attempt.clear_in_flight(now);
        }
        if let Some(node) = &mut self.node {
            node.asked = None;
        }
        if let Some(release) = &mut self.release {
            release.clear_in_flight();
        }
    }

    fn on_chain(&mut self, now: Time, view: &EpochView, block_time: Option<Duration>) {
        let block_millis = block_time.map_or(TYPICAL_BLOCK_MILLIS, |d| d.num_milliseconds().max(1));
        self.chain = Some(Tip {
            at: now,
            height: view.height,
            epoch: view.epoch,
            phase: view.phase,
            params: view.params,
            block_millis,
        });
        let stages = match self.target {
            Some(target) if target.fixed => [view.current, view.next]
                .into_iter()
                .find(|stages| stages.epoch == target.stages.epoch)
                .unwrap_or(target.stages),
            // One sprint an epoch: what failed once would cost the same again.
            _ if self.after.is_some_and(|done| view.next.epoch <= done) => {
                epoch::one_epoch_later(&view.next)
            }
            _ => view.next,
        };
        let fixed = self.target.is_some_and(|target| target.fixed);
        self.target = Some(Target { stages, fixed });
        self.on_confirmation(view);
    }

    fn on_confirmation(&mut self, view: &EpochView) {
        let event = view
            .confirmation
            .filter(|event| {
                self.stages()
                    .is_some_and(|stages| stages.epoch == event.epoch)
            })
            .filter(|event| event.phase != ConfirmationPhase::Inactive);
        let Some(event) = event else { return };
        let stages = epoch::confirmation_stages(&event, &view.params);
        let known = self
            .confirmations
            .iter()
            .any(|known| known.trigger == stages.trigger);
        if !known {
            self.confirmations.push(stages);
        }
    }

    fn on_listing(&mut self, now: Time, leftovers: usize) {
        let before = self.listing.replace(Listing { at: now, leftovers });
        let went = leftovers == 0 && before.is_some_and(|listing| listing.leftovers > 0);
        // What is left of the caps was read while they still counted.
        if went && self.step == Step::Choosing {
            self.search.asked = None;
            self.search.answered = None;
        }
    }

    fn approve(&mut self, kind: GateKind) {
        let waits = self.gate.is_some_and(|gate| gate.kind == kind);
        // A start before the chain was read is an honest wish; every other gate must be open.
        if (waits || (kind == GateKind::Start && self.step == Step::Waiting))
            && !self.approved.contains(&kind)
        {
            self.approved.push(kind);
        }
    }

    fn pick(&mut self, offer: OfferId, agreed: Usd) {
        let asks = self.gate.is_some_and(|gate| gate.kind == GateKind::Hedge);
        if self.step != Step::Choosing && !asks {
            return;
        }
        let shown = self
            .search
            .offers
            .iter()
            .find(|candidate| candidate.offer.id == offer);
        self.note = match shown {
            None => Some(format!("offer {offer} is gone; pick another")),
            Some(candidate) if candidate.worst_cost > agreed => Some(format!(
                "offer {offer} now costs up to {} instead of {agreed}; confirm again",
                candidate.worst_cost
            )),
            Some(_) => {
                self.search.picked = Some((offer, agreed));
                None
            }
        };
    }

    /// Remembers how this will end. The first reason stays, but an abort overrides the plan.
    pub(super) fn end(&mut self, outcome: Outcome) {
        if self.step != Step::Done && self.ending.is_none() {
            self.ending = Some(outcome);
        }
    }

    fn on_offers(&mut self, now: Time, offers: Vec<Candidate>, funds: Funds) {
        self.search.answered = Some(now);
        self.search.refused_since = None;
        self.search.offers = offers;
        self.search.funds = funds;
        self.note = None;
    }

    /// A key that is refused again and again is no hiccup of the market's: nothing but the operator
    /// can change that, and waiting for the deadline would only hide it.
    fn on_search_failed(&mut self, now: Time, error: &CallError) {
        self.search.answered = None;
        self.note = Some(format!("offers are unknown: {error}"));
        if error.kind != CallErrorKind::Unauthorized {
            self.search.refused_since = None;
            return;
        }
        let since = *self.search.refused_since.get_or_insert(now);
        let chooses = self.mode == Mode::Auto && self.step == Step::Choosing;
        if chooses && now - since >= KEY_REFUSED_FOR {
            let text =
                format!("{error}. Nothing was rented; check vast.api_key and its permissions");
            let cause = Cause::new("market_key_refused", text);
            self.end(Outcome::Failed { cause });
        }
    }

    /// A rental that still has something to do, with what is known of its boot.
    fn rented(&mut self, instance: InstanceId) -> Option<(&mut Rental, &mut BootReading)> {
        let own = self.rental.as_mut().map(|rental| (rental, &mut self.boot));
        let beside = self.hedge.contender_mut();
        own.into_iter()
            .chain(beside)
            .find(|(rental, _)| rental.instance == instance)
    }

    fn on_boot(&mut self, instance: InstanceId, reading: BootReading) {
        if let Some((_, boot)) = self.rented(instance) {
            *boot = reading;
        }
        self.record_poc_activity();
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

    fn on_nodes(&mut self, now: Time, reading: NodesReading) {
        self.proxy_listed = reading.proxy_listed;
        if let Some(release) = &mut self.release {
            release.on_nodes(now, reading.node.is_some(), reading.proxy_listed);
        }
        if let Some(node) = &mut self.node {
            node.seen = reading.node;
        }
        self.record_poc_activity();
    }

    fn on_weight(
        &mut self,
        for_our_epoch: bool,
        weight: Option<Weight>,
        participant: Option<Weight>,
    ) {
        if !for_our_epoch {
            return;
        }
        self.participant_weight = participant;
        self.weight_answered = true;
        if let Some(weight) = weight.filter(|weight| weight.0 > 0) {
            self.weight = Some(weight);
        }
    }

    fn on_rental_gone(&mut self, instance: InstanceId) {
        if self
            .rental
            .as_ref()
            .is_some_and(|rental| rental.instance == instance)
        {
            self.rental = None;
        }
        self.hedge.on_gone(instance);
    }
}
