//! How a sprint moves on: a function a step, each a list of conditions in the order of their
//! weight. A step that waits says when it wants to be looked at again.

use super::release::{Next, Release};
use super::{
    BootReading, Candidate, Effect, Gate, LISTING_FRESH, PriceIncrease, Refusal, Rental,
    RentalRole, Sprint, Target, admit,
};
use crate::chain::epoch::one_epoch_later;
use crate::domain::{
    Blame, Blocks, BootEnd, Cause, Duration, EpochStages, GateKind, Height, Mode, Offer, Outcome,
    ReleasePolicy, Step, StepSpan, Time, Usd,
};

/// A fresh contract can be missing from listings this long.
pub(super) const VISIBLE_WITHIN: Duration = Duration::seconds(120);
const CHAIN_UNKNOWN: &str = "the chain stands still or cannot be read: nothing is rented until it moves, and the time to rent is computed anew then";
pub(super) const TOO_LATE_FOR: &str = "too late for the PoC of epoch";
const SEARCH_EVERY: Duration = Duration::seconds(60);
/// Offers churn in minutes: nothing is rented from an older list.
const OFFERS_GOOD_FOR: Duration = Duration::seconds(90);
const START_MODEL_EVERY: Duration = Duration::minutes(2);
const WEIGHT_EVERY: Duration = Duration::seconds(15);
/// The list can lag a little behind the height at which weights are set.
const WEIGHT_APPEARS_WITHIN: Blocks = Blocks(10);
/// After this many blocks without a readable list the outcome is unknown.
const WEIGHT_READABLE_WITHIN: Blocks = Blocks(200);
/// Tries to read the list go on for so long, however late the first one was.
const WEIGHT_ASKED_FOR: Duration = Duration::minutes(10);

/// Why a rental is given up.
pub(super) struct RentalFailure {
    pub cause: Cause,
    pub blame: Blame,
    /// How its boot ended, when that tells something of the machine.
    pub boot: Option<BootEnd>,
}

impl Sprint {
    pub(super) fn advance(&mut self, now: Time, effects: &mut Vec<Effect>) {
        self.wake = None;
        self.decide_race(now);
        // As many moves as there are steps are enough for any number of facts.
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
            let is_finished = self.release.as_ref().is_some_and(Release::is_finished);
            if is_finished && self.rental.is_none() && self.no_hedge_left() {
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

    /// An ending is clear and it is known what is to be taken down: an open rent call is resolved
    /// first, or its rental would be left behind. One for a hedge is resolved in the release.
    fn must_release(&self) -> bool {
        self.ending.is_some()
            && (self.rent_attempt.is_none() || self.is_renting_hedge())
            && !matches!(self.step, Step::Releasing | Step::Done)
    }

    fn waiting(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if self.fresh_tip(now).is_none() {
            // Known before and not now: before the first reading there is nothing to explain.
            if self.chain.is_some() {
                self.note = Some(CHAIN_UNKNOWN.into());
            }
            return;
        }
        if self.note.as_deref() == Some(CHAIN_UNKNOWN) {
            self.note = None;
        }
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
            self.wake_at(rent_at);
            return;
        }
        if let Some(target) = &mut self.target {
            target.fixed = true;
        }
        self.note = None;
        self.enter(now, Step::Choosing);
    }

    /// At an upgrade the chain halts for as long as it takes, and a rental would cost money all the
    /// while: nothing is rented until it is behind us, or the `PoC` is too near for it.
    fn blocked_by_upgrade(&mut self) -> bool {
        let (Some(upgrade), Some(height), Some(stages)) =
            (&self.upgrade, self.height(), self.stages())
        else {
            return false;
        };
        let serves = self.plan.aim.serves_for().is_some();
        if serves || upgrade.height < height || upgrade.height > stages.poc_validation_end {
            return false;
        }
        self.note = Some(format!(
            "the upgrade {} halts the chain at height {}, before the PoC of epoch {} is over: nothing is rented until it has passed",
            upgrade.name, upgrade.height, stages.epoch
        ));
        true
    }

    /// A `PoC` that no boot can make any more is not worth a cent: the one after it is.
    fn skip_unreachable_poc(&mut self, now: Time) {
        let Some(target) = self.target else { return };
        let Some(left) = self.time_to_deadline(now) else {
            return;
        };
        if target.fixed || left >= self.plan.lead / 3 {
            return;
        }
        let stages = one_epoch_later(&target.stages);
        self.note = Some(format!(
            "{TOO_LATE_FOR} {}: waiting for epoch {}",
            target.stages.epoch, stages.epoch
        ));
        self.target = Some(Target {
            stages,
            fixed: false,
        });
    }

    fn choosing(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if self.deadline_passed() {
            if let Some(obstacles) = self.readiness.obstacles() {
                return self.fail("preflight_failed", obstacles);
            }
            let why = self
                .note
                .clone()
                .unwrap_or_else(|| "no offer was taken in time".into());
            return self.fail("missed_registration_deadline", why);
        }
        if self.choosing_timed_out(now) {
            return;
        }
        if self.fresh_tip(now).is_none() {
            self.note = Some("the chain is not readable: nothing is rented until it is".into());
            return;
        }
        if self.rentals >= self.plan.max_attempts {
            let text = format!("none of {} rentals worked", self.rentals);
            return self.fail("attempts_exhausted", text);
        }
        self.refresh_offers(now, effects);
        self.run_preflight_if_due(now, effects);
        if let Some(why) = self.leftovers_obstacle(now) {
            self.note = Some(why);
            return;
        }
        if let Some(why) = self.readiness.obstacle(now) {
            self.note = Some(why);
            return;
        }
        if let Some(offer) = self.choice(now) {
            self.rent(now, offer, effects);
        }
    }

    /// What is for no `PoC` has no deadline, and somebody waits for it.
    fn choosing_timed_out(&mut self, now: Time) -> bool {
        let since = self.spans.last().map_or(now, |span| span.started);
        if self.plan.aim.proves() || now - since < self.plan.lead {
            return false;
        }
        let why = self
            .note
            .clone()
            .unwrap_or_else(|| "no offer was usable".into());
        self.fail("no_offer_taken", why);
        true
    }

    /// Why nothing may be rented now, whatever the offers: unknown is not empty (law 3), and one
    /// rental at a time is enough.
    pub(super) fn leftovers_obstacle(&self, now: Time) -> Option<String> {
        if self.is_destroying_loser() {
            return Some(
                "a rental of ours is still being taken down: none is rented beside it".into(),
            );
        }
        match self.listing {
            Some(listing) if now - listing.at <= LISTING_FRESH => match listing.leftovers {
                0 => None,
                1 => Some("a rental of ours is still being taken down: none is rented beside it".into()),
                many => Some(format!(
                    "{many} rentals of ours are still being taken down: none is rented beside them"
                )),
            },
            _ => Some(
                "what is rented on the account is not known: nothing is rented until a complete listing says"
                    .into(),
            ),
        }
    }

    pub(super) fn refresh_offers(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let again = self.search.asked.map(|asked| asked + SEARCH_EVERY);
        if let Some(again) = again.filter(|again| now < *again) {
            return self.wake_at(again);
        }
        self.search_offers_for(now, now, effects);
        self.wake_at(now + SEARCH_EVERY);
    }

    /// A look at the market while the sprint waits: offers as if it were the time to rent.
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
        self.search.asked = Some(now);
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
        self.note = Some(refusal.to_string());
        // Credit that could not be read may be readable in a minute; a cap stays what it is.
        if self.mode == Mode::Auto && self.search.funds.credit.is_some() {
            self.fail("budget_refused", refusal.to_string());
        }
        None
    }

    /// The offers that were read last, as long as they are good for renting.
    pub(super) fn fresh_offers(&self, now: Time) -> Option<Vec<Candidate>> {
        let read = self.search.answered?;
        (now - read <= OFFERS_GOOD_FOR).then(|| self.search.offers.clone())
    }

    /// Of these: the one that the operator confirmed at this gate, or the best that the caps admit.
    /// When they admit none, why they do not admit the first.
    pub(super) fn chosen(
        &mut self,
        now: Time,
        gate: GateKind,
        offers: &[Candidate],
    ) -> Option<Result<(Offer, Usd), Refusal>> {
        let wanted: Vec<&Candidate> = match self.mode {
            Mode::Auto => offers.iter().collect(),
            Mode::Manual => {
                self.open_gate(now, gate);
                let (offer, agreed) = self.search.picked.take()?;
                let confirmed = |candidate: &&Candidate| {
                    candidate.offer.id == offer && candidate.worst_cost <= agreed
                };
                offers.iter().filter(confirmed).collect()
            }
        };
        let admitted = |candidate: &&&Candidate| self.admits(candidate).is_ok();
        if let Some(best) = wanted.iter().find(admitted) {
            return Some(Ok((best.offer.clone(), best.worst_cost)));
        }
        Some(Err(self.admits(wanted.first()?).err()?))
    }

    /// Whether the caps admit an offer, by what was left of them when it was read.
    pub(super) fn admits(&self, candidate: &Candidate) -> Result<(), Refusal> {
        let (funds, caps) = (&self.search.funds, &self.plan.caps);
        admit(candidate.price, candidate.worst_cost, funds, caps)
    }

    /// Back to the market. Offers already read stay good for a minute.
    pub(super) fn back_to_choosing(&mut self, now: Time) {
        self.release = None;
        self.search.picked = None;
        self.approved.retain(|kind| *kind == GateKind::Start);
        self.enter(now, Step::Choosing);
    }

    fn booting(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if self.give_up_failed_boot(now, effects) {
            return;
        }
        if self.boot.api_up {
            self.enter(now, Step::Warming);
        }
    }

    fn warming(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if self.give_up_failed_boot(now, effects) {
            return;
        }
        if self.boot.ready {
            if let Some(rental) = &self.rental {
                remember_boot(now, rental, BootEnd::Ready, effects);
            }
            self.record_race_winner();
            return self.enter(now, self.after_warming());
        }
        let Some(instance) = self.rental.as_ref().map(|rental| rental.instance) else {
            return;
        };
        if !self.boot.api_up {
            return;
        }
        if is_model_due(self.model_asked, now) {
            self.model_asked = Some(now);
            let role = RentalRole::Primary;
            effects.push(Effect::StartModel { instance, role });
        }
        self.wake_at(now + START_MODEL_EVERY);
    }

    /// Ends or replaces a rental that cannot make it. True when it did.
    pub(super) fn give_up_failed_boot(&mut self, now: Time, effects: &mut Vec<Effect>) -> bool {
        let Some(rental) = &self.rental else {
            // A register call may be under way: only the release knows how to undo it.
            self.begin_release(now, Next::Retry);
            return true;
        };
        let rental = rental.clone();
        self.wake_at(rental.since + self.plan.startup_timeout);
        let Some(failure) = self.rental_failure(now, &rental, &self.boot) else {
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
            let text = format!("{}: {}. {}", fault.name, fault.evidence, fault.advice);
            let boot = (fault.blame == Blame::Host).then_some(BootEnd::Failed);
            return given_up("boot_failed", text, fault.blame, boot);
        }
        if let Some(PriceIncrease { agreed, charged }) =
            rental.dearer.filter(|_| self.mode == Mode::Auto)
        {
            let text = format!(
                "instance {} costs {charged}, {agreed} was agreed; it is given back",
                rental.instance
            );
            return given_up("dearer_than_agreed", text, Blame::Host, None);
        }
        if self.deadline_passed() {
            let text = "the rental was not ready at the last height that counts; nothing more is spent on this epoch";
            let name = "missed_registration_deadline";
            return given_up(name, text.into(), Blame::Nobody, None);
        }
        if now >= rental.since + self.plan.startup_timeout && !boot.ready {
            let minutes = self.plan.startup_timeout.num_minutes();
            let text = format!("no loaded model {minutes} minutes after renting");
            let boot = Some(BootEnd::Failed);
            return given_up("startup_timeout", text, Blame::Host, boot);
        }
        if self.too_slow(now, boot) {
            let text = "there is less time left than nine boots in ten take from here";
            // It is no fault, but a machine that is always too slow is a bad choice.
            let boot = Some(BootEnd::Failed);
            return given_up("boot_too_slow", text.into(), Blame::Nobody, boot);
        }
        None
    }

    fn too_slow(&self, now: Time, boot: &BootReading) -> bool {
        let left = boot.least_left.filter(|_| !boot.ready);
        let time = self.time_to_deadline(now);
        left.zip(time).is_some_and(|(needed, left)| needed > left)
    }

    /// What a rental that is given up says of its machine.
    pub(super) fn record_failure(
        &mut self,
        now: Time,
        rental: &Rental,
        failure: &RentalFailure,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(end) = failure.boot {
            remember_boot(now, rental, end, effects);
        }
        if failure.blame == Blame::Host {
            let machine = rental.offer.machine;
            self.search
                .offers
                .retain(|candidate| candidate.offer.machine != machine);
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
        let enough_time = !self.plan.aim.proves()
            || self
                .time_to_deadline(now)
                .is_some_and(|left| left > self.plan.lead / 2);
        if blame != Blame::Ours && enough_time && self.rentals < self.plan.max_attempts {
            self.note = Some(format!("{why}; another offer is tried"));
            return self.begin_release(now, Next::Retry);
        }
        self.end(Outcome::Failed { cause });
    }

    fn proving(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let Some(stages) = self.stages().copied() else {
            return;
        };
        self.proving_began |= self.height() >= Some(stages.poc_start);
        let lost = self.boot.fault.is_some() || self.rental.is_none();
        let lease_over = self
            .rental
            .as_ref()
            .is_none_or(|rental| now >= rental.lease_until);
        if !self.proving_began && lost {
            let text = "the rental was lost after registration and before the PoC started";
            return self.fail("rental_lost", text);
        }
        if let Some(rental) = &self.rental {
            self.wake_at(rental.lease_until);
        }
        self.repair_registration(now, effects);
        self.warn_if_not_generating(now);
        if self.height() >= Some(stages.poc_validation_end) {
            return match self.plan.release {
                ReleasePolicy::AfterValidation => self.begin_release(now, Next::Confirm),
                _ => self.enter(now, Step::Confirming),
            };
        }
        if lost || lease_over {
            self.note = Some("the rental ended before validation did; the weight will tell".into());
            self.begin_release(now, Next::Confirm);
        }
    }

    fn confirming(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if self
            .rental
            .as_ref()
            .is_some_and(|rental| now >= rental.lease_until)
        {
            return self.begin_release(now, Next::Confirm);
        }
        let (Some(stages), Some(height)) = (self.stages().copied(), self.height()) else {
            return;
        };
        if let Some(weight) = self.weight {
            if self.rental.is_none() || height >= self.held_until(&stages) {
                self.end(Outcome::Confirmed { weight });
                self.advance_once(now, effects);
            }
            return;
        }
        if self.weight_answered && height >= stages.set_new_validators + WEIGHT_APPEARS_WITHIN {
            let cause = Cause::new("no_weight", self.no_weight_reason());
            return self.end(Outcome::NoWeight { cause });
        }
        // However late this step began, a list that can be read is read before it is given up.
        let asked_long_enough = self
            .weight_asked_since
            .is_some_and(|since| now - since >= WEIGHT_ASKED_FOR);
        if asked_long_enough && height >= stages.set_new_validators + WEIGHT_READABLE_WITHIN {
            let text = "the list of participants could not be read in time";
            return self.end(Outcome::Unknown {
                cause: Cause::new("weight_unreadable", text),
            });
        }
        self.read_weight(now, height, &stages, effects);
    }

    fn read_weight(
        &mut self,
        now: Time,
        height: Height,
        stages: &EpochStages,
        effects: &mut Vec<Effect>,
    ) {
        if height < stages.set_new_validators {
            return;
        }
        let label = self.poc_node_id();
        if self
            .weight_asked
            .is_none_or(|asked| now - asked >= WEIGHT_EVERY)
        {
            self.weight_asked = Some(now);
            self.weight_asked_since.get_or_insert(now);
            effects.push(Effect::ReadWeight {
                epoch: stages.epoch,
                node: label,
            });
        }
        self.wake_at(now + WEIGHT_EVERY);
    }

    pub(super) fn finish(&mut self, now: Time) {
        self.gate = None;
        let unknown = || Outcome::Unknown {
            cause: Cause::new("no_evidence", "the sprint ended without evidence"),
        };
        self.outcome = Some(self.ending.clone().unwrap_or_else(unknown));
        self.enter(now, Step::Done);
        if let Some(last) = self.spans.last_mut() {
            last.ended = Some(now);
        }
    }

    pub(super) fn fail(&mut self, name: &str, detail: impl Into<String>) {
        self.end(Outcome::Failed {
            cause: Cause::new(name, detail),
        });
    }

    pub(super) fn enter(&mut self, now: Time, step: Step) {
        // What was in the way of a step that is over explains nothing that comes later.
        if matches!(
            step,
            Step::Warming | Step::Registering | Step::Proving | Step::Serving
        ) {
            self.note = None;
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
        if self.gate.is_none_or(|gate| gate.kind != kind) {
            self.gate = Some(Gate { kind, since: now });
        }
    }

    pub(super) fn wake_at(&mut self, at: Time) {
        self.wake = Some(self.wake.map_or(at, |earlier| earlier.min(at)));
    }
}

/// The model is asked for until it is loaded.
pub(super) fn is_model_due(asked: Option<Time>, now: Time) -> bool {
    asked.is_none_or(|asked| now - asked >= START_MODEL_EVERY)
}

fn remember_boot(now: Time, rental: &Rental, end: BootEnd, effects: &mut Vec<Effect>) {
    effects.push(Effect::RememberBoot {
        instance: rental.instance,
        offer: rental.offer.clone(),
        took: now - rental.since,
        end,
    });
}
