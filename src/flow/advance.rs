//! How a sprint moves on: a function a step, each a list of conditions in the order of their
//! weight. A step that waits says when it wants to be looked at again.

use super::release::{Next, Release};
use super::{Candidate, Dearer, Effect, Gate, Hunt, LISTING_FRESH, Rental, Sprint, Target, admit};
use crate::chain::epoch::one_epoch_later;
use crate::domain::{
    Blame, Blocks, BootEnd, Cause, Duration, EpochStages, GateKind, Height, Mode, Offer, Outcome,
    ReleasePolicy, RentalLabel, Step, StepSpan, Time, Usd,
};

/// A lost rent reply is looked for by its label at least this long.
pub(super) const HUNT_AT_LEAST: Duration = Duration::seconds(150);
/// A fresh contract can be missing from listings this long.
pub(super) const VISIBLE_WITHIN: Duration = Duration::seconds(120);
/// One complete listing after a long outage is not enough.
pub(super) const ABSENT_LISTINGS: u32 = 5;
const CHAIN_UNKNOWN: &str = "the chain stands still or cannot be read: nothing is rented until it moves, and the time to rent is computed anew then";
const HUNT_EVERY: Duration = Duration::seconds(10);
const RENT_ANSWERS_WITHIN: Duration = Duration::minutes(3);
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
struct Verdict {
    cause: Cause,
    blame: Blame,
    /// How its boot ended, when that tells something of the machine.
    boot: Option<BootEnd>,
}

impl Sprint {
    pub(super) fn advance(&mut self, now: Time, effects: &mut Vec<Effect>) {
        self.wake = None;
        // Ten steps exist, so ten moves are enough for any number of facts.
        for _ in 0..Step::ALL.len() {
            let before = self.step;
            self.advance_once(now, effects);
            if self.step == before {
                return;
            }
        }
    }

    fn advance_once(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if self.must_take_down() {
            if self.release.as_ref().is_some_and(Release::is_finished) && self.rental.is_none() {
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
            Step::Releasing => self.releasing(now, effects),
            Step::Done => {}
        }
    }

    /// An ending is clear and no rent call is open: an open one is resolved first, or its rental
    /// would be left behind.
    fn must_take_down(&self) -> bool {
        self.ending.is_some()
            && self.hunt.is_none()
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
        self.look_whether_it_is_ready(now, effects);
        self.skip_a_poc_that_is_too_near(now);
        if self.upgrade_in_the_way() {
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
    fn upgrade_in_the_way(&mut self) -> bool {
        let (Some(upgrade), Some(height), Some(stages)) =
            (&self.upgrade, self.height(), self.stages())
        else {
            return false;
        };
        if upgrade.height < height || upgrade.height > stages.poc_validation_end {
            return false;
        }
        self.note = Some(format!(
            "the upgrade {} halts the chain at height {}, before the PoC of epoch {} is over: nothing is rented until it has passed",
            upgrade.name, upgrade.height, stages.epoch
        ));
        true
    }

    /// A `PoC` that no boot can make any more is not worth a cent: the one after it is.
    fn skip_a_poc_that_is_too_near(&mut self, now: Time) {
        let Some(target) = self.target else { return };
        let Some(left) = self.time_to_deadline(now) else {
            return;
        };
        if target.fixed || left >= self.plan.lead / 3 {
            return;
        }
        let stages = one_epoch_later(&target.stages);
        self.note = Some(format!(
            "too late for the PoC of epoch {}: waiting for epoch {}",
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
        if self.fresh_tip(now).is_none() {
            self.note = Some("the chain is not readable: nothing is rented until it is".into());
            return;
        }
        if self.rentals >= self.plan.max_attempts {
            let text = format!("none of {} rentals worked", self.rentals);
            return self.fail("attempts_exhausted", text);
        }
        self.keep_offers_fresh(now, effects);
        self.look_whether_it_is_ready(now, effects);
        if let Some(why) = self.rentals_in_the_way(now) {
            self.note = Some(why);
            return;
        }
        if let Some(why) = self.readiness.in_the_way(now) {
            self.note = Some(why);
            return;
        }
        if let Some(offer) = self.choice(now) {
            self.rent(now, offer, effects);
        }
    }

    /// Why nothing may be rented now, whatever the offers: unknown is not empty (law 3), and one
    /// rental at a time is enough.
    fn rentals_in_the_way(&self, now: Time) -> Option<String> {
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

    fn keep_offers_fresh(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let again = self.search.asked.map(|asked| asked + SEARCH_EVERY);
        if let Some(again) = again.filter(|again| now < *again) {
            return self.wake_at(again);
        }
        self.search_for_a_start_at(now, now, effects);
        self.wake_at(now + SEARCH_EVERY);
    }

    /// A look at the market while the sprint waits: offers as if it were the time to rent.
    pub(super) fn look_at_the_market(&mut self, now: Time, effects: &mut Vec<Effect>) {
        let start = self.rent_at().map_or(now, |rent_at| rent_at.max(now));
        self.search_for_a_start_at(start, now, effects);
    }

    fn search_for_a_start_at(&mut self, start: Time, now: Time, effects: &mut Vec<Effect>) {
        let (Some(release), Some(deadline), Some(lease)) =
            (self.release_eta(), self.deadline_eta(), self.lease_end())
        else {
            return;
        };
        self.search.asked = Some(now);
        effects.push(Effect::SearchOffers {
            session: release - start,
            longest: lease - start,
            ready_by: now + (deadline - start),
        });
    }

    /// The offer to rent now: what the operator confirmed, or the best that the caps admit.
    fn choice(&mut self, now: Time) -> Option<(Offer, Usd)> {
        let read = self.search.answered?;
        if now - read > OFFERS_GOOD_FOR {
            return None;
        }
        let (funds, caps) = (self.search.funds, self.plan.caps);
        let admitted =
            |candidate: &Candidate| admit(candidate.price, candidate.worst_cost, &funds, &caps);
        let wanted = match self.mode {
            Mode::Auto => self.search.offers.clone(),
            Mode::Manual => {
                self.open_gate(now, GateKind::Rent);
                let (offer, agreed) = self.search.picked.take()?;
                let mut shown = self.search.offers.clone();
                shown.retain(|candidate| {
                    candidate.offer.id == offer && candidate.worst_cost <= agreed
                });
                shown
            }
        };
        if let Some(best) = wanted.iter().find(|candidate| admitted(candidate).is_ok()) {
            return Some((best.offer.clone(), best.worst_cost));
        }
        let refusal = admitted(wanted.first()?).err()?;
        self.note = Some(refusal.to_string());
        // Credit that could not be read may be readable in a minute; a cap stays what it is.
        if self.mode == Mode::Auto && funds.credit.is_some() {
            self.fail("budget_refused", refusal.to_string());
        }
        None
    }

    fn rent(&mut self, now: Time, (offer, reserved): (Offer, Usd), effects: &mut Vec<Effect>) {
        let (Some(stages), Some(lease_until)) = (self.stages().copied(), self.lease_end()) else {
            return;
        };
        self.attempts += 1;
        let label = RentalLabel {
            cockpit: self.plan.cockpit.clone(),
            epoch: stages.epoch,
            attempt: self.attempts,
            nonce: nonce(self.plan.nonce, self.attempts),
        };
        self.hunt = Some(Hunt {
            label: label.clone(),
            offer: offer.clone(),
            lease_until,
            called: now,
            lost: None,
            asked: None,
            absent: 0,
        });
        self.note = None;
        self.enter(now, Step::Renting);
        effects.push(Effect::Rent {
            offer,
            label,
            reserved,
            lease_until,
        });
    }

    fn renting(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if self.rental.is_some() {
            return self.enter(now, Step::Booting);
        }
        let Some(hunt) = &mut self.hunt else {
            return self.choose_again(now);
        };
        if hunt.lost.is_none() && now - hunt.called < RENT_ANSWERS_WITHIN {
            let late = hunt.called + RENT_ANSWERS_WITHIN;
            return self.wake_at(late);
        }
        hunt.lost.get_or_insert(now);
        if hunt.asked.is_none_or(|asked| now - asked >= HUNT_EVERY) {
            hunt.asked = Some(now);
            effects.push(Effect::FindLabel(hunt.label.clone()));
        }
        self.wake_at(now + HUNT_EVERY);
    }

    /// Back to the market. Offers already read stay good for a minute.
    pub(super) fn choose_again(&mut self, now: Time) {
        self.release = None;
        self.search.picked = None;
        self.approved.retain(|kind| *kind == GateKind::Start);
        self.enter(now, Step::Choosing);
    }

    fn booting(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if self.boot_is_hopeless(now, effects) {
            return;
        }
        if self.boot.api_up {
            self.enter(now, Step::Warming);
        }
    }

    fn warming(&mut self, now: Time, effects: &mut Vec<Effect>) {
        if self.boot_is_hopeless(now, effects) {
            return;
        }
        if self.boot.ready {
            self.remember_boot(now, BootEnd::Ready, effects);
            return self.enter(now, Step::Registering);
        }
        if !self.boot.api_up {
            return;
        }
        if self
            .model_asked
            .is_none_or(|asked| now - asked >= START_MODEL_EVERY)
        {
            self.model_asked = Some(now);
            effects.push(Effect::StartModel);
        }
        self.wake_at(now + START_MODEL_EVERY);
    }

    /// Ends or replaces a rental that cannot make it. True when it did.
    pub(super) fn boot_is_hopeless(&mut self, now: Time, effects: &mut Vec<Effect>) -> bool {
        let Some(rental) = &self.rental else {
            // A register call may be under way: only the release knows how to undo it.
            self.begin_release(now, Next::Retry);
            return true;
        };
        let timeout = rental.since + self.plan.startup_timeout;
        let verdict = self.verdict(now, rental, timeout);
        self.wake_at(timeout);
        let Some(verdict) = verdict else {
            return false;
        };
        if let Some(end) = verdict.boot {
            self.remember_boot(now, end, effects);
        }
        self.give_up_rental(now, verdict.cause, verdict.blame, effects);
        true
    }

    /// Why a rental cannot make it, the weightiest reason first.
    fn verdict(&self, now: Time, rental: &Rental, timeout: Time) -> Option<Verdict> {
        let given_up = |name, text: String, blame, boot| {
            let cause = Cause::new(name, text);
            Some(Verdict { cause, blame, boot })
        };
        if let Some(fault) = &self.boot.fault {
            let text = format!("{}: {}. {}", fault.name, fault.evidence, fault.advice);
            let boot = (fault.blame == Blame::Host).then_some(BootEnd::Failed);
            return given_up("boot_failed", text, fault.blame, boot);
        }
        if let Some(Dearer { agreed, charged }) = rental.dearer.filter(|_| self.mode == Mode::Auto)
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
        if now >= timeout && !self.boot.ready {
            let minutes = self.plan.startup_timeout.num_minutes();
            let text = format!("no loaded model {minutes} minutes after renting");
            let boot = Some(BootEnd::Failed);
            return given_up("startup_timeout", text, Blame::Host, boot);
        }
        if self.too_slow(now) {
            let text = "what is left of the boot takes longer than what is left of the time";
            // It is no fault, but a machine that is always too slow is a bad choice.
            let boot = Some(BootEnd::Failed);
            return given_up("boot_too_slow", text.into(), Blame::Nobody, boot);
        }
        None
    }

    fn too_slow(&self, now: Time) -> bool {
        let left = self.boot.left.filter(|_| !self.boot.ready);
        let time = self.time_to_deadline(now);
        left.zip(time).is_some_and(|(needed, left)| needed > left)
    }

    fn remember_boot(&self, now: Time, end: BootEnd, effects: &mut Vec<Effect>) {
        let Some(rental) = &self.rental else { return };
        effects.push(Effect::RememberBoot {
            instance: rental.instance,
            offer: rental.offer.clone(),
            took: now - rental.since,
            end,
        });
    }

    fn give_up_rental(&mut self, now: Time, cause: Cause, blame: Blame, effects: &mut Vec<Effect>) {
        if let (Blame::Host, Some(rental)) = (blame, &self.rental) {
            let machine = rental.offer.machine;
            self.search
                .offers
                .retain(|candidate| candidate.offer.machine != machine);
            let reason = format!("{}: {}", cause.name, cause.detail);
            effects.push(Effect::AvoidMachine { machine, reason });
        }
        let enough_time = self
            .time_to_deadline(now)
            .is_some_and(|left| left > self.plan.lead / 2);
        if blame != Blame::Ours && enough_time && self.rentals < self.plan.max_attempts {
            self.note = Some(format!(
                "{}: {}; another offer is tried",
                cause.name, cause.detail
            ));
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
        self.keep_registered(now, effects);
        self.miss_proof(now);
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
            let cause = Cause::new("no_weight", self.why_no_weight());
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
        self.ask_for_weight(now, height, &stages, effects);
    }

    fn ask_for_weight(
        &mut self,
        now: Time,
        height: Height,
        stages: &EpochStages,
        effects: &mut Vec<Effect>,
    ) {
        if height < stages.set_new_validators {
            return;
        }
        let label = self.spent_node_id();
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
        if matches!(step, Step::Warming | Step::Registering | Step::Proving) {
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

    fn open_gate(&mut self, now: Time, kind: GateKind) {
        if self.gate.is_none_or(|gate| gate.kind != kind) {
            self.gate = Some(Gate { kind, since: now });
        }
    }

    pub(super) fn wake_at(&mut self, at: Time) {
        self.wake = Some(self.wake.map_or(at, |earlier| earlier.min(at)));
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
