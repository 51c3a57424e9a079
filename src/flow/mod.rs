//! The state machine of a sprint: pure. `handle(now, event)` gives effects, `next_wake()` says when
//! time alone matters. No I/O, no clock, no randomness: replaying the same events gives the same
//! sprint.
//!
//! Facts are absorbed first, then the sprint advances as far as the facts allow. So a late,
//! repeated or spurious event changes nothing that it should not.
//!
//! ```text
//! Waiting → Choosing → Renting → Booting → Warming → Registering → Proving ┬→ Releasing → Confirming → Done
//!               ↑ a rental that fails while there is time                  └→ Confirming → Releasing → Done
//!               └────────────────────── Releasing ←── failure or abort from anywhere
//! ```
//! Which way it goes after `Proving` is the release policy. Beside `Booting` and `Warming` a second
//! rental can race the first one: see `hedge`.

mod advance;
mod budget;
mod effect;
mod event;
mod forecast;
mod hedge;
mod heights;
mod lead;
mod plan;
mod preflight;
mod proof;
mod registering;
mod release;
mod renting;

pub use budget::{Cap, Caps, Refusal, admit};
pub use effect::{Effect, Side};
pub use event::{BootReading, Candidate, Dearer, Event, Funds, NodeReading, NodesReading, Pace};
pub use forecast::{ASSUMED_CONFIRMATION, PolicyForecast, Terms, forecast};
pub use lead::lead;
pub use plan::Plan;
pub use proof::Proof;

use serde::{Deserialize, Serialize};

use crate::chain::epoch;
use crate::domain::{
    Blame, CallError, CallErrorKind, Cause, ChainPhase, ConfirmationPhase, ConfirmationStages,
    Duration, EpochIndex, EpochParams, EpochStages, GateKind, Height, InstanceId, Mode, NodeId,
    Offer, Outcome, Preflight, Race, RentalLabel, Step, StepSpan, Time, UpgradePlan, Usd, Weight,
};
use hedge::Hedge;
use preflight::Readiness;
use release::Release;
use renting::Hunt;

/// One participation in one epoch's `PoC`, from waiting to the last cleanup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sprint {
    plan: Plan,
    mode: Mode,
    step: Step,
    spans: Vec<StepSpan>,
    chain: Option<Tip>,
    target: Option<Target>,
    /// Confirmation `PoC`s of the sprint's epoch, in order.
    #[serde(default)]
    confirmations: Vec<ConfirmationStages>,
    /// Not saved: it is read again.
    #[serde(skip)]
    upgrade: Option<UpgradePlan>,
    /// The epoch that was dealt with already.
    #[serde(default)]
    after: Option<EpochIndex>,
    gate: Option<Gate>,
    approved: Vec<GateKind>,
    /// Not saved: a restart knows what is rented when it has listed it.
    #[serde(skip)]
    listing: Option<Listing>,
    /// Not saved: offers are old before a restart could use them.
    #[serde(skip)]
    search: Search,
    /// Not saved: a restart finds out anew.
    #[serde(skip)]
    readiness: Readiness,
    /// Rent calls: numbers their labels.
    attempts: u32,
    /// Rent calls that gave a rental. An offer that somebody else took costs nothing.
    #[serde(default)]
    rentals: u32,
    hunt: Option<Hunt>,
    rental: Option<Rental>,
    boot: BootReading,
    model_asked: Option<Time>,
    /// What is rented beside it.
    #[serde(default)]
    hedge: Hedge,
    #[serde(default)]
    race: Option<Race>,
    node: Option<NodeState>,
    /// The id that took part in the `PoC`; outlives the registration.
    proved_as: Option<NodeId>,
    proxy_listed: bool,
    weight: Option<Weight>,
    weight_asked: Option<Time>,
    #[serde(default)]
    weight_asked_since: Option<Time>,
    weight_answered: bool,
    proving_began: bool,
    #[serde(default)]
    proof: Proof,
    #[serde(default)]
    participant_weight: Option<Weight>,
    release: Option<Release>,
    ending: Option<Outcome>,
    outcome: Option<Outcome>,
    note: Option<String>,
    wake: Option<Time>,
}

/// The chain as last read.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Tip {
    at: Time,
    height: Height,
    epoch: EpochIndex,
    phase: ChainPhase,
    #[serde(default)]
    params: EpochParams,
    block_millis: i64,
}

/// The `PoC` that the sprint is for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Target {
    stages: EpochStages,
    /// No longer follows the chain to a later epoch.
    fixed: bool,
}

/// A gate that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Which.
    pub kind: GateKind,
    /// Since when.
    pub since: Time,
}

/// What the last complete listing of the account said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Listing {
    at: Time,
    /// Rentals of ours beside the sprint's own.
    leftovers: usize,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Search {
    asked: Option<Time>,
    answered: Option<Time>,
    /// Since when the market has said nothing but that it does not accept our key.
    refused_since: Option<Time>,
    offers: Vec<Candidate>,
    funds: Funds,
    picked: Option<(crate::domain::OfferId, Usd)>,
}

/// What we pay for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rental {
    /// The contract.
    pub instance: InstanceId,
    /// Its label.
    pub label: RentalLabel,
    /// What was rented.
    pub offer: Offer,
    /// When it was rented.
    pub since: Time,
    /// When the watchdog on it must end it.
    pub lease_until: Time,
    /// It costs more than was agreed.
    #[serde(default)]
    pub dearer: Option<Dearer>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct NodeState {
    id: NodeId,
    asked: Option<Time>,
    seen: Option<NodeReading>,
    /// How often it was registered again because of what the Network Node altered.
    #[serde(default)]
    repairs: u32,
}

/// What the engine should keep an eye on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wants {
    /// The rental to poll, with its link and lease.
    pub rental: Option<Rental>,
    /// The same of the one that boots beside it.
    pub beside: Option<Rental>,
    /// Connect to it and keep the tunnel up.
    pub link: bool,
    /// The node list matters right now.
    pub nodes_soon: bool,
}

/// The chain is unknown when its last reading is older than this.
const CHAIN_FRESH: Duration = Duration::minutes(5);
/// What is rented is unknown when the last complete listing is older than this.
const LISTING_FRESH: Duration = Duration::minutes(2);
/// A market that refuses the key for this long means it.
const KEY_REFUSED_FOR: Duration = Duration::minutes(3);
/// A fallback until block time is measured: the middle of what mainnet shows (5.2 to 6 s).
const TYPICAL_BLOCK_MILLIS: i64 = 5_600;

impl Sprint {
    /// A sprint that waits for the next `PoC`.
    pub fn new(plan: Plan, mode: Mode, now: Time) -> Sprint {
        let started = StepSpan {
            step: Step::Waiting,
            started: now,
            ended: None,
            started_height: None,
        };
        Sprint {
            plan,
            mode,
            step: Step::Waiting,
            spans: vec![started],
            chain: None,
            target: None,
            confirmations: Vec::new(),
            upgrade: None,
            after: None,
            gate: None,
            approved: Vec::new(),
            listing: None,
            search: Search::default(),
            readiness: Readiness::default(),
            attempts: 0,
            rentals: 0,
            hunt: None,
            rental: None,
            boot: BootReading::default(),
            model_asked: None,
            hedge: Hedge::default(),
            race: None,
            node: None,
            proved_as: None,
            proxy_listed: true,
            weight: None,
            weight_asked: None,
            weight_asked_since: None,
            weight_answered: false,
            proving_began: false,
            proof: Proof::default(),
            participant_weight: None,
            release: None,
            ending: None,
            outcome: None,
            note: None,
            wake: None,
        }
    }

    /// The same, for an epoch later than this one.
    #[must_use]
    pub fn not_before(mut self, done: EpochIndex) -> Sprint {
        self.after = Some(done);
        self
    }

    /// Takes an event and says what is to be done. Any event is safe at any time.
    pub fn handle(&mut self, now: Time, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.absorb(now, event, &mut effects);
        self.advance(now, &mut effects);
        effects
    }

    /// True when a saved copy still says everything that a restart needs. Heights, estimates and
    /// sentences move all the time and are read anew.
    pub fn is_saved_by(&self, saved: &Sprint) -> bool {
        let Sprint {
            plan,
            mode,
            step,
            spans,
            chain: _,
            target,
            confirmations,
            upgrade: _,
            after,
            gate,
            approved,
            listing: _,
            search: _,
            readiness: _,
            attempts,
            rentals,
            hunt,
            rental,
            boot: _,
            model_asked,
            hedge,
            race,
            node,
            proved_as,
            proxy_listed,
            weight,
            weight_asked: _,
            weight_asked_since,
            weight_answered,
            proving_began,
            proof,
            participant_weight,
            release,
            ending,
            outcome,
            note: _,
            wake: _,
        } = self;
        *step == saved.step
            && *spans == saved.spans
            && *rental == saved.rental
            && *hunt == saved.hunt
            && hedge.is_saved_by(&saved.hedge)
            && *race == saved.race
            && *node == saved.node
            && *release == saved.release
            && *target == saved.target
            && *confirmations == saved.confirmations
            && *plan == saved.plan
            && *mode == saved.mode
            && (*after, *gate, *attempts, *rentals)
                == (saved.after, saved.gate, saved.attempts, saved.rentals)
            && *approved == saved.approved
            && *model_asked == saved.model_asked
            && *proved_as == saved.proved_as
            && (*proxy_listed, *weight_answered, *proving_began)
                == (
                    saved.proxy_listed,
                    saved.weight_answered,
                    saved.proving_began,
                )
            && (*weight, *weight_asked_since) == (saved.weight, saved.weight_asked_since)
            && (*proof, *participant_weight) == (saved.proof, saved.participant_weight)
            && *ending == saved.ending
            && *outcome == saved.outcome
    }

    /// When time alone will change something; a `TimePassed` is due then.
    pub fn next_wake(&self) -> Option<Time> {
        self.wake
    }

    /// What to watch.
    pub fn wants(&self) -> Wants {
        let releasing = self.release.as_ref().is_some_and(Release::is_taking_down);
        let link = self.rental.is_some() && !releasing;
        let nodes_soon = matches!(
            self.step,
            Step::Registering | Step::Proving | Step::Releasing
        );
        Wants {
            rental: self.rental.clone(),
            beside: self.second().filter(|_| !releasing).cloned(),
            link,
            nodes_soon,
        }
    }

    fn absorb(&mut self, now: Time, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::TimePassed => {}
            Event::Resumed => self.forget_what_was_in_flight(now),
            Event::ChainObserved { view, block_time } => self.see_chain(now, &view, block_time),
            Event::UpgradePlanned(upgrade) => self.upgrade = upgrade,
            Event::ModeChanged(mode) => self.mode = mode,
            Event::Approved(kind) => self.approve(kind),
            Event::OfferPicked { offer, agreed } => self.pick(offer, agreed),
            Event::RefreshRequested if self.step == Step::Waiting => {
                self.look_at_the_market(now, effects);
            }
            Event::RefreshRequested => self.search.asked = None,
            Event::AbortRequested => self.end(Outcome::Aborted),
            Event::OffersRanked { offers, funds } => self.take_offers(now, offers, funds),
            Event::SearchFailed(error) => self.search_failed(now, &error),
            Event::PreflightTaken(preflight) => self.see_preflight(now, preflight),
            Event::Rented(instance) => self.adopt_contract(instance),
            Event::OfferWasGone => {
                self.rent_came_to_nothing("the offer was gone before we took it", effects);
            }
            // Nothing was rented, and the same call can work in a while: with fresh offers.
            Event::RentRefused(error) if error.is_passing() => {
                self.rent_came_to_nothing(&error.to_string(), effects);
                self.search.answered = None;
                self.note = Some(format!("{error}. Nothing was rented; trying again"));
            }
            Event::RentRefused(error) => self.rent_was_refused(&error, effects),
            Event::RentWithheld => self.try_again_when_it_can_be_written_down(effects),
            Event::RentReplyLost(error) => self.start_hunt(now, &error.to_string()),
            Event::RentalsListed { leftovers } => self.see_listing(now, leftovers),
            Event::LabelFound(instance) => self.found(instance, effects),
            Event::LabelAbsent => self.not_found(now, effects),
            Event::BootObserved { instance, reading } => self.see_boot(instance, reading),
            Event::RentalIsDearer { instance, dearer } => {
                if let Some((rental, _)) = self.rented(instance) {
                    rental.dearer.get_or_insert(dearer);
                }
            }
            Event::RentalVanished(instance) => self.lose_rental(now, instance),
            Event::ModelStartAccepted => {}
            Event::ModelStartFailed(error) => self.note = Some(error.to_string()),
            Event::NodesListed(reading) => self.see_nodes(now, reading),
            Event::RegisterWithheld => {
                self.note = Some(
                    "the journal cannot be written: the node is registered when it can".into(),
                );
            }
            Event::RegisterFailed(error) => self.note = Some(error.to_string()),
            Event::WeightRead {
                for_our_epoch,
                weight,
                participant,
            } => self.see_weight(for_our_epoch, weight, participant),
            Event::RentalGone(instance) => self.rental_is_gone(instance),
            Event::RentalRemains(_) => {}
        }
    }

    fn forget_what_was_in_flight(&mut self, now: Time) {
        self.search.asked = None;
        self.readiness.forget_what_was_in_flight();
        self.model_asked = None;
        self.hedge.forget_what_was_in_flight();
        self.weight_asked = None;
        if let Some(hunt) = &mut self.hunt {
            hunt.forget_what_was_in_flight(now);
        }
        if let Some(node) = &mut self.node {
            node.asked = None;
        }
        if let Some(release) = &mut self.release {
            release.forget_what_was_in_flight();
        }
    }

    fn see_chain(
        &mut self,
        now: Time,
        view: &crate::domain::EpochView,
        block_time: Option<Duration>,
    ) {
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
        self.see_confirmation(view);
    }

    fn see_confirmation(&mut self, view: &crate::domain::EpochView) {
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

    fn see_listing(&mut self, now: Time, leftovers: usize) {
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

    fn pick(&mut self, offer: crate::domain::OfferId, agreed: Usd) {
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
    fn end(&mut self, outcome: Outcome) {
        if self.step != Step::Done && self.ending.is_none() {
            self.ending = Some(outcome);
        }
    }

    fn take_offers(&mut self, now: Time, offers: Vec<Candidate>, funds: Funds) {
        self.search.answered = Some(now);
        self.search.refused_since = None;
        self.search.offers = offers;
        self.search.funds = funds;
        self.note = None;
    }

    /// A key that is refused again and again is no hiccup of the market's: nothing but the operator
    /// can change that, and waiting for the deadline would only hide it.
    fn search_failed(&mut self, now: Time, error: &CallError) {
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

    fn see_boot(&mut self, instance: InstanceId, reading: BootReading) {
        if let Some((_, boot)) = self.rented(instance) {
            *boot = reading;
        }
        self.see_proof();
    }

    fn lose_rental(&mut self, now: Time, instance: InstanceId) {
        let Some((rental, boot)) = self.rented(instance) else {
            return;
        };
        if now - rental.since < advance::VISIBLE_WITHIN {
            return;
        }
        boot.fault.get_or_insert(crate::domain::BootFault {
            name: "the rental vanished".into(),
            evidence: format!("instance {instance} is in no listing any more"),
            advice: "the host or the market ended it; another machine is tried while there is time"
                .into(),
            blame: Blame::Host,
            seen_at: now,
        });
    }

    fn see_nodes(&mut self, now: Time, reading: NodesReading) {
        self.proxy_listed = reading.proxy_listed;
        if let Some(release) = &mut self.release {
            release.see_nodes(now, reading.node.is_some(), reading.proxy_listed);
        }
        if let Some(node) = &mut self.node {
            node.seen = reading.node;
        }
        self.see_proof();
    }

    fn see_weight(
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

    fn rental_is_gone(&mut self, instance: InstanceId) {
        if self
            .rental
            .as_ref()
            .is_some_and(|rental| rental.instance == instance)
        {
            self.rental = None;
        }
        self.hedge.is_gone(instance);
    }
}

/// What there is to see of a sprint.
impl Sprint {
    /// Where it is.
    pub fn step(&self) -> Step {
        self.step
    }

    /// Who approves.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Steps so far.
    pub fn spans(&self) -> &[StepSpan] {
        &self.spans
    }

    /// The gate that waits.
    pub fn gate(&self) -> Option<Gate> {
        self.gate
    }

    /// The `PoC` that it is for.
    pub fn stages(&self) -> Option<&EpochStages> {
        self.target.as_ref().map(|target| &target.stages)
    }

    /// The height that was read last, and when.
    pub fn last_height(&self) -> Option<(Time, Height)> {
        self.chain.map(|tip| (tip.at, tip.height))
    }

    /// The confirmation `PoC`s of its epoch so far.
    pub fn confirmations(&self) -> &[ConfirmationStages] {
        &self.confirmations
    }

    /// Heights at which something is decided in this step: worth a look when they are expected.
    pub fn heights_that_decide(&self) -> Vec<Height> {
        let Some(stages) = self.stages() else {
            return Vec::new();
        };
        match self.step {
            Step::Waiting | Step::Done => Vec::new(),
            Step::Choosing | Step::Renting | Step::Booting | Step::Warming => {
                self.deadline().into_iter().collect()
            }
            Step::Registering => vec![stages.poc_start],
            Step::Proving => vec![stages.poc_start, stages.poc_validation_end],
            Step::Confirming => vec![stages.set_new_validators, self.held_until(stages)],
            Step::Releasing => Vec::new(),
        }
    }

    /// Rent calls so far.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// What we pay for.
    pub fn rental(&self) -> Option<&Rental> {
        self.rental.as_ref()
    }

    /// The rental that boots beside it.
    fn second(&self) -> Option<&Rental> {
        self.hedge.contender()
    }

    /// What is rented beside it, or still is.
    pub fn beside(&self) -> Option<&Rental> {
        self.hedge.rental()
    }

    /// It lost a race, and is taken down for that.
    pub fn has_lost(&self, rental: &Rental) -> bool {
        self.is_destroying_beside() && self.beside() == Some(rental)
    }

    /// Everything that we pay for: the sprint's own, and what is beside it.
    pub fn rentals(&self) -> impl Iterator<Item = &Rental> {
        self.rental.iter().chain(self.hedge.rental())
    }

    /// It rents under this label, or has.
    pub fn uses(&self, label: &RentalLabel) -> bool {
        self.open_label() == Some(label) || self.rentals().any(|rental| rental.label == *label)
    }

    /// How a boot that was behind was hedged.
    pub fn race(&self) -> Option<Race> {
        self.race
    }

    /// The id of our node, once there is a rental.
    pub fn node_id(&self) -> Option<&NodeId> {
        self.proved_as.as_ref()
    }

    /// Whether a rental could do its work, as last found out.
    pub fn preflight(&self) -> Option<&Preflight> {
        self.readiness.last()
    }

    /// Weight of the whole participant, once read.
    pub fn participant_weight(&self) -> Option<Weight> {
        self.participant_weight
    }

    /// How it ended.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// How it will end, once that is clear.
    pub fn ending(&self) -> Option<&Outcome> {
        self.ending.as_ref()
    }

    /// The last thing that went wrong or is worth knowing.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The rules it runs by.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// A rent call is under way or its outcome is not known.
    pub fn is_renting(&self) -> bool {
        self.hunt.is_some()
    }

    /// The inference proxy was listed when the nodes were last read.
    pub fn proxy_listed(&self) -> bool {
        self.proxy_listed
    }

    /// Everything is being taken down.
    pub fn is_releasing(&self) -> bool {
        self.release.as_ref().is_some_and(Release::is_taking_down)
    }

    /// The label that is being rented under.
    pub fn open_label(&self) -> Option<&RentalLabel> {
        self.hunt.as_ref().map(|hunt| &hunt.label)
    }
}
