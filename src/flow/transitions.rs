//! How a sprint moves on: a function a step, each a list of conditions in the order of their
//! weight. A step that waits says when to check again.

use std::sync::Arc;

use super::note::Note;
use super::release::Next;
use super::{
    BootTime, Candidate, Effect, Gate, LISTING_FRESH, Refusal, RentalRole, Sprint, Target, admit,
    boot_time, is_due,
};
use crate::chain::epoch::one_epoch_later;
use crate::domain::{
    Blocks, BootEnd, Cause, Duration, GateKind, Mode, NodeId, Offer, Outcome, ReleasePolicy, Step,
    StepSpan, Time, Usd,
};

/// A fresh contract can be missing from listings this long.
pub(super) const VISIBLE_WITHIN: Duration = Duration::seconds(120);
const SEARCH_EVERY: Duration = Duration::seconds(60);
/// Offers churn in minutes: nothing is rented from an older list.
const OFFERS_GOOD_FOR: Duration = Duration::seconds(90);
/// The model's start is called again while the node is idle.
pub(super) const START_MODEL_EVERY: Duration = Duration::seconds(20);
const WEIGHT_EVERY: Duration = Duration::seconds(15);
/// The list can lag a little behind the height at which weights are set.
const WEIGHT_APPEARS_WITHIN: Blocks = Blocks(10);
/// After this many blocks without a readable list the outcome is unknown.
const WEIGHT_READABLE_WITHIN: Blocks = Blocks(200);
/// The list is requested for at least this long, however late the first request was.
const WEIGHT_ASKED_FOR: Duration = Duration::minutes(10);

impl Sprint {
    pub(super) fn advance(&mut self, now: Time, effects: &mut Vec<Effect>) {
        self.volatile.wake = None;
        self.decide_race(now);
        // No event leads through more steps than there are.
        for _ in 0..Step::ALL.len() {
            let before = self.step;
            self.advance_once(now, effects);
            if self.step == before {
                break;
            }
        }
        self.advance_hedge(now, effects);
    }

    fn advance_once(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if self.must_release() {
            let released = self
                .release
                .as_ref()
                .is_some_and(|release| release.finished);
            if released && self.rental.is_none() && self.no_hedge_left() {
                return self.finish(now);
            }
            return self.begin_release(now, Next::Finish);
        }
        match self.step {
            Step::Waiting => self.waiting(now, effects),
            Step::Choosing => self.choosing(now, effects),
            Step::Renting => self.renting(now, effects),
            Step::Booting => self.booting(now, effects),
            Step::Warming => self.warming(now, effects),
            Step::Registering => self.registering(now, effects),
            Step::Proving => self.proving(now, effects),
            Step::Confirming => self.confirming(now, effects),
            Step::Serving => self.serving(now),
            Step::Releasing => self.releasing(now, effects),
            Step::Done => {}
        }
    }

    /// The ending is clear, and so is what to release: a rent call in flight is resolved first, or its
    /// rental would be left behind. One for a hedge is resolved in the release.
    fn must_release(&self) -> bool {
        self.ending.is_some()
            && (self.rent_attempt.is_none() || self.is_renting_hedge())
            && !matches!(self.step, Step::Releasing | Step::Done)
    }

    fn waiting(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if !self.is_chain_known(now) {
            // Before the first reading there is nothing to explain.
            if self.volatile.chain.is_some() {
                self.volatile.note = Some(Note::ChainUnknown);
            }
            return;
        }
        let note = &mut self.volatile.note;
        note.take_if(|note| *note == Note::ChainUnknown);
        self.run_preflight_if_due(now, effects);
        self.skip_unreachable_poc(now);
        if self.blocked_by_upgrade() {
            return;
        }
        let Some(rent_at) = self.rent_at() else {
            return;
        };
        let go = match self.mode {
            Mode::Auto => now >= rent_at || self.approved.contains(&GateKind::Start),
            Mode::Manual => self.passed(now, GateKind::Start),
        };
        if !go {
            return self.wake_at(rent_at);
        }
        if let Some(target) = &mut self.target {
            target.fixed = true;
        }
        self.volatile.note = None;
        self.enter(now, Step::Choosing);
    }

    /// At an upgrade the chain halts for as long as it takes, and a rental would cost money all the
    /// while: nothing is rented until it has passed, or the `PoC` is too near.
    fn blocked_by_upgrade(&mut self) -> bool {
        let (Some(upgrade), Some((stages, height))) = (&self.volatile.upgrade, self.position())
        else {
            return false;
        };
        let serves = self.plan.aim.serves_for().is_some();
        if serves || upgrade.height < height || upgrade.height > stages.poc_validation_end {
            return false;
        }
        let text = format!(
            "the upgrade {} halts the chain at height {}, before the PoC of epoch {} is over: nothing is rented until it has passed",
            upgrade.name, upgrade.height, stages.epoch
        );
        self.set_note(text);
        true
    }

    /// A `PoC` that no boot can reach in time any more is skipped for the next one.
    fn skip_unreachable_poc(&mut self, now: Time) {
        let (Some(target), Some(left)) = (self.target, self.time_to_deadline(now)) else {
            return;
        };
        if target.fixed || boot_time(left, self.plan.lead) != BootTime::TooShort {
            return;
        }
        let stages = one_epoch_later(&target.stages);
        let (missed, next) = (target.stages.epoch, stages.epoch);
        let epochs = format!("{missed}: waiting for epoch {next}");
        self.volatile.note = Some(Note::TooLateFor(epochs));
        self.target = Some(Target { stages, ..target });
    }

    fn choosing(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if self.deadline_passed() {
            if let Some(obstacles) = self.volatile.readiness.obstacles() {
                return self.fail("preflight_failed", obstacles);
            }
            let why = self.note_or("no offer was taken in time");
            return self.fail("missed_registration_deadline", why);
        }
        // Without a `PoC` there is no deadline, and somebody waits for it.
        if !self.plan.aim.proves() && now - self.step_began(now) >= self.plan.lead {
            let why = self.note_or("no offer was usable");
            return self.fail("no_offer_taken", why);
        }
        if !self.is_chain_known(now) {
            return self.set_note("the chain cannot be read: nothing is rented until it can");
        }
        if self.rentals >= self.plan.max_attempts {
            let text = format!("none of {} rentals worked", self.rentals);
            return self.fail("attempts_exhausted", text);
        }
        self.refresh_offers(now, effects);
        self.run_preflight_if_due(now, effects);
        if let Some(why) = self.rent_obstacle(now) {
            self.volatile.note = Some(why);
        } else if let Some(offer) = self.choice(now)
            && self.call_rent(now, offer, effects)
        {
            self.enter(now, Step::Renting);
        }
    }

    /// Why nothing may be rented now, whatever the offers: unknown is not empty (law 3), and one
    /// rental at a time is enough.
    pub(super) fn rent_obstacle(&self, now: Time) -> Option<Note> {
        let listing = self.volatile.listing;
        let listing = listing.filter(|listing| now - listing.at <= LISTING_FRESH);
        let leftovers = if self.is_destroying_loser() {
            Some(1)
        } else {
            listing.map(|listing| listing.leftovers)
        };
        let text = match leftovers {
            None => "the account's rentals are unknown: nothing is rented until they are listed completely".to_owned(),
            Some(0) => return self.volatile.readiness.obstacle(now),
            Some(1) => "one of our rentals is still being released: nothing is rented until it is gone".to_owned(),
            Some(many) => format!(
                "{many} of our rentals are still being released: nothing is rented until they are gone"
            ),
        };
        Some(Note::Other(text))
    }

    pub(super) fn refresh_offers(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let asked = self.volatile.search.asked;
        let again = asked.map(|asked| asked + SEARCH_EVERY);
        if let Some(again) = again.filter(|again| now < *again) {
            return self.wake_at(again);
        }
        self.search_offers_for(now, now, effects);
        self.wake_at(now + SEARCH_EVERY);
    }

    /// Searches while the sprint waits: for offers as if it were the time to rent.
    pub(super) fn preview_offers(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let start = self.rent_at().map_or(now, |rent_at| rent_at.max(now));
        self.search_offers_for(start, now, effects);
    }

    fn search_offers_for(&mut self, start: Time, now: Time, effects: &mut Vec<Effect>) {
        let (Some(release), Some(ready_by), Some(lease)) = (
            self.release_eta(start),
            self.ready_by(start),
            self.lease_end(start),
        ) else {
            return;
        };
        self.volatile.search.asked = Some(now);
        effects.push(Effect::SearchOffers {
            session: release - start,
            longest: lease - start,
            ready_by: now + (ready_by - start),
        });
    }

    fn choice(&mut self, now: Time) -> Option<(Offer, Usd)> {
        let offers = self.fresh_offers(now)?;
        let refusal = match self.chosen(now, GateKind::Rent, &offers)? {
            Ok(choice) => return Some(choice),
            Err(refusal) => refusal,
        };
        self.set_note(refusal.to_string());
        // Credit that could not be read may be readable in a minute, and what a rent call of another replica
        // has reserved may be free again; a cap stays what it is.
        let funds = &self.volatile.search.funds;
        let is_final = funds.credit.is_some() && funds.in_doubt == Usd::ZERO;
        if self.mode == Mode::Auto && is_final {
            self.fail("budget_refused", refusal.to_string());
        }
        None
    }

    /// The last offers, while they are good for renting.
    pub(super) fn fresh_offers(&self, now: Time) -> Option<Arc<Vec<Candidate>>> {
        let search = &self.volatile.search;
        (now - search.answered? <= OFFERS_GOOD_FOR).then(|| search.offers.clone())
    }

    /// The offer that the operator confirmed at this gate, or the best that the caps admit in auto
    /// mode. If they admit none, why they do not admit the first.
    pub(super) fn chosen(
        &mut self,
        now: Time,
        gate: GateKind,
        offers: &[Candidate],
    ) -> Option<Result<(Offer, Usd), Refusal>> {
        let mut picked = None;
        if self.mode == Mode::Manual {
            self.open_gate(now, gate);
            picked = Some(self.volatile.search.picked.take()?);
        }
        self.volatile.search.refusal = None;
        let mut refusal = None;
        for candidate in offers {
            let (offer, worst_cost) = (&candidate.offer, candidate.worst_cost);
            if picked.is_some_and(|(id, agreed)| offer.id != id || worst_cost > agreed) {
                continue;
            }
            match self.admits(candidate) {
                Ok(()) => return Some(Ok((offer.clone(), worst_cost))),
                Err(why) => {
                    refusal.get_or_insert(why);
                }
            }
        }
        self.volatile.search.refusal = refusal;
        refusal.map(Err)
    }

    /// Whether the caps admit an offer, by what was left of them at the search.
    pub(super) fn admits(&self, candidate: &Candidate) -> Result<(), Refusal> {
        let (funds, caps) = (&self.volatile.search.funds, &self.plan.caps);
        admit(candidate.price, candidate.worst_cost, funds, caps)
    }

    /// Offers that are fresh are used again.
    pub(super) fn back_to_choosing(&mut self, now: Time) {
        self.release = None;
        self.volatile.search.picked = None;
        self.approved.retain(|kind| *kind == GateKind::Start);
        self.enter(now, Step::Choosing);
    }

    fn booting(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if !self.give_up_failed_boot(now, effects) && self.volatile.boot.api_up {
            self.enter(now, Step::Warming);
        }
    }

    fn warming(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if self.give_up_failed_boot(now, effects) {
            return;
        }
        let Some(rental) = &self.rental else { return };
        if self.volatile.boot.ready {
            effects.push(rental.remember_boot(now, BootEnd::Ready));
            self.record_race_winner();
            return self.enter(now, self.after_warming());
        }
        self.start_idle_model(now, effects);
    }

    /// Orders the next step to a loaded model. A workload can end at any time, so every step that needs the
    /// model does this.
    pub(super) fn start_idle_model(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let Some(rental) = &self.rental else { return };
        if !self.volatile.boot.wants_model() {
            return;
        }
        if is_due(self.model_asked, START_MODEL_EVERY, now) {
            self.model_asked = Some(now);
            effects.push(Effect::StartModel {
                instance: rental.instance,
                role: RentalRole::Primary,
            });
        }
        self.wake_at(now + START_MODEL_EVERY);
    }

    fn proving(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let Some(stages) = self.stages().copied() else {
            return;
        };
        self.proving_began |= self.height() >= Some(stages.poc_start);
        let lost = self.volatile.boot.fault.is_some() || self.rental.is_none();
        if !self.proving_began && lost {
            let why = self.last_fault(now, effects).unwrap_or_default();
            let text = "the rental was lost after registration and before the PoC started";
            return self.fail("rental_lost", format!("{text}. {why}").trim_end());
        }
        self.wake_at_lease_end();
        self.start_idle_model(now, effects);
        self.repair_registration(now, effects);
        self.warn_if_not_generating(now);
        if self.height() >= Some(stages.poc_validation_end) {
            return match self.plan.release {
                ReleasePolicy::AfterValidation => self.begin_release(now, Next::Confirm),
                _ => self.enter(now, Step::Confirming),
            };
        }
        if lost || self.is_lease_over(now) {
            let why = self.last_fault(now, effects).unwrap_or_default();
            let text = "the rental ended before validation; the weight on the chain decides";
            self.set_note(format!("{text}. {why}").trim_end());
            self.begin_release(now, Next::Confirm);
        }
    }

    fn confirming(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if self.rental.is_some() && self.is_lease_over(now) {
            return self.begin_release(now, Next::Confirm);
        }
        if let Some(why) = self.last_fault(now, effects) {
            self.set_note(format!(
                "the rental is released before its time: it cannot work any more. {why}"
            ));
            return self.begin_release(now, Next::Confirm);
        }
        // A confirmation PoC may come, or has come.
        self.start_idle_model(now, effects);
        let Some((stages, height)) = self.position() else {
            return;
        };
        if let Some(weight) = self.weight {
            let is_due = height >= self.held_until(&stages) && self.challenge().is_none();
            if self.rental.is_none() || is_due {
                self.end(Outcome::Confirmed { weight });
                self.advance_once(now, effects);
            }
            return;
        }
        if self.plan.aim.proves() {
            self.run_preflight_if_due(now, effects);
        }
        if self.weight_answered && height >= stages.set_new_validators + WEIGHT_APPEARS_WITHIN {
            let cause = Cause::new("no_weight", self.no_weight_reason());
            return self.end(Outcome::NoWeight { cause });
        }
        // However late this step began, there is time to read the list.
        let since = self.weight_asked_since;
        let asked_long_enough = since.is_some_and(|since| now - since >= WEIGHT_ASKED_FOR);
        if asked_long_enough && height >= stages.set_new_validators + WEIGHT_READABLE_WITHIN {
            let text = "the list of participants could not be read in time";
            let cause = Cause::new("weight_unreadable", text);
            return self.end(Outcome::Unknown { cause });
        }
        if height < stages.set_new_validators {
            return;
        }
        if is_due(self.volatile.weight_asked, WEIGHT_EVERY, now) {
            self.volatile.weight_asked = Some(now);
            self.weight_asked_since.get_or_insert(now);
            let node = self.poc_node.clone();
            effects.push(Effect::ReadWeight {
                epoch: stages.epoch,
                node: node.unwrap_or_else(|| NodeId(String::new())),
            });
        }
        self.wake_at(now + WEIGHT_EVERY);
    }

    pub(super) fn finish(&mut self, now: Time) {
        let ending = self.ending.clone();
        self.outcome = Some(ending.unwrap_or_else(|| {
            let cause = Cause::new("no_evidence", "the sprint ended without evidence");
            Outcome::Unknown { cause }
        }));
        self.enter(now, Step::Done);
        if let Some(last) = self.spans.last_mut() {
            last.ended = Some(now);
        }
    }

    pub(super) fn fail(&mut self, name: &str, detail: impl Into<String>) {
        let cause = Cause::new(name, detail);
        self.end(Outcome::Failed { cause });
    }

    pub(super) fn enter(&mut self, now: Time, step: Step) {
        // A note about a step that is over explains nothing that comes later.
        if matches!(
            step,
            Step::Warming | Step::Registering | Step::Proving | Step::Serving
        ) {
            self.volatile.note = None;
        }
        if let Some(last) = self.spans.last_mut() {
            last.ended.get_or_insert(now);
        }
        let started_height = self.height();
        self.spans.push(StepSpan {
            step,
            started: now,
            ended: None,
            started_height,
        });
        self.gate = None;
        self.step = step;
    }

    /// True once the operator passed this gate; opens it otherwise.
    pub(super) fn passed(&mut self, now: Time, kind: GateKind) -> bool {
        if self.approved.contains(&kind) {
            self.gate = None;
            return true;
        }
        self.open_gate(now, kind);
        false
    }

    pub(super) fn open_gate(&mut self, now: Time, kind: GateKind) {
        if !self.is_gate_open(kind) {
            self.gate = Some(Gate { kind, since: now });
        }
    }

    pub(super) fn is_gate_open(&self, kind: GateKind) -> bool {
        self.gate.is_some_and(|gate| gate.kind == kind)
    }

    pub(super) fn set_note(&mut self, text: impl Into<String>) {
        self.volatile.note = Some(Note::Other(text.into()));
    }

    fn note_or(&self, otherwise: &str) -> String {
        self.note().unwrap_or_else(|| otherwise.to_owned())
    }

    pub(super) fn step_began(&self, now: Time) -> Time {
        self.spans.last().map_or(now, |span| span.started)
    }

    /// Also true without a rental.
    pub(super) fn is_lease_over(&self, now: Time) -> bool {
        let rental = self.rental.as_ref();
        rental.is_none_or(|rental| now >= rental.lease_until)
    }

    pub(super) fn wake_at(&mut self, at: Time) {
        let wake = self.volatile.wake;
        self.volatile.wake = Some(wake.map_or(at, |earlier| earlier.min(at)));
    }

    pub(super) fn wake_at_lease_end(&mut self) {
        if let Some(rental) = &self.rental {
            self.wake_at(rental.lease_until);
        }
    }
}
