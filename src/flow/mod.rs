//! The state machine of a sprint: pure. `handle(now, event)` returns effects, `next_wake()` says when
//! time alone matters. No I/O, no clock, no randomness: the same events give the same sprint.
//!
//! An event is applied first, then the sprint advances as far as it can. So a late, repeated or
//! spurious event does no harm.
//!
//! ```text
//! Waiting → Choosing → Renting → Booting → Warming → Registering → Proving ┬→ Releasing → Confirming → Done
//!               ↑ a rental that fails while there is time                  └→ Confirming → Releasing → Done
//!               └────────────────────── Releasing ←── failure or abort from anywhere
//! ```
//! The release policy decides which way it goes after `Proving`. A sprint that serves goes from `Warming`
//! to `Serving` and then to `Releasing`. During `Booting` and `Warming` a second rental can race the
//! first: see `hedge`.

mod accessors;
mod apply;
mod budget;
mod challenge;
mod effect;
mod event;
mod failure;
mod forecast;
mod hedge;
mod hedge_room;
mod heights;
mod lead;
mod note;
mod plan;
mod preflight;
mod proof;
mod registering;
mod release;
mod renting;
mod serving;
mod transitions;

pub use budget::{Cap, CapCheck, Caps, Funds, Refusal, admit};
pub use effect::{Effect, EffectKey, RentalRole};
pub use event::{BootProgress, BootReading, Candidate, Event, NodeReading, PriceIncrease};
pub use forecast::{ASSUMED_CONFIRMATION, PolicyForecast, Terms, forecast};
pub use hedge_room::HedgeRoom;
pub use lead::{BootTime, boot_time, lead};
pub use plan::Plan;
pub use proof::{EARLY_SHARE_ALLOWS, Proof};

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{
    ChainPhase, Challenge, ConfirmationStages, Duration, EpochIndex, EpochParams, EpochStages,
    GateKind, Height, InstanceId, Mode, NodeDuty, NodeId, Offer, OfferId, Outcome, Race,
    RentalLabel, Step, StepSpan, Time, UpgradePlan, Usd, Weight,
};
use hedge::Hedge;
use note::Note;
use preflight::Readiness;
use release::Release;
use renting::RentAttempt;

/// One participation in one epoch's `PoC`, from waiting to the last cleanup. Two are equal if
/// a restart would resume the same state from both; `volatile` is ignored.
#[derive(Debug, Clone, derive_more::PartialEq, Serialize, Deserialize)]
pub struct Sprint {
    plan: Plan,
    mode: Mode,
    step: Step,
    spans: Vec<StepSpan>,
    target: Option<Target>,
    /// Confirmation `PoC`s of the sprint's epoch, in order.
    #[serde(default)]
    confirmations: Vec<ConfirmationStages>,
    /// The epoch that was dealt with already.
    after: Option<EpochIndex>,
    gate: Option<Gate>,
    approved: Vec<GateKind>,
    attempts: u32,
    /// Rent calls that gave a rental. An offer that somebody else took costs nothing.
    #[serde(default)]
    rentals: u32,
    #[serde(rename = "hunt")]
    rent_attempt: Option<RentAttempt>,
    rental: Option<Rental>,
    model_asked: Option<Time>,
    /// A second rental that races the first.
    #[serde(default)]
    hedge: Hedge,
    race: Option<Race>,
    node: Option<NodeState>,
    /// The id that took part in the `PoC`; outlives the registration.
    #[serde(rename = "proved_as")]
    poc_node: Option<NodeId>,
    proxy_listed: bool,
    weight: Option<Weight>,
    weight_asked_since: Option<Time>,
    weight_answered: bool,
    proving_began: bool,
    #[serde(default)]
    proof: Proof,
    participant_weight: Option<Weight>,
    release: Option<Release>,
    ending: Option<Outcome>,
    outcome: Option<Outcome>,
    #[serde(flatten)]
    #[partial_eq(skip)]
    volatile: Volatile,
}

/// What changes all the time and is read anew after a restart: no reason to save a sprint again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Volatile {
    chain: Option<Tip>,
    boot: BootReading,
    weight_asked: Option<Time>,
    note: Option<Note>,
    wake: Option<Time>,
    /// The known challenge of our node, if any.
    #[serde(default)]
    challenge: Option<Challenge>,
    // The rest is not saved at all.
    /// When our node was last listed, and its duty then.
    #[serde(skip)]
    duty: Option<(Time, NodeDuty)>,
    #[serde(skip)]
    upgrade: Option<UpgradePlan>,
    #[serde(skip)]
    listing: Option<Listing>,
    /// Offers are old before a restart could use them.
    #[serde(skip)]
    search: Search,
    #[serde(skip)]
    readiness: Readiness,
    /// The boot of the rental in [`Hedge::Racing`].
    #[serde(skip)]
    hedge_boot: BootReading,
    /// Nodes of the same host that a removal of ours could hold up; unknown before the first list.
    #[serde(skip)]
    other_nodes: Option<usize>,
    /// Since when the Network Node has refused our node, without another answer in between, and how often.
    #[serde(skip)]
    registration_refused: Option<(Time, u32)>,
    /// Since when the model has not answered while it is to serve.
    #[serde(skip)]
    silent_since: Option<Time>,
}

impl Volatile {
    /// What was read by a clock that was set since was read at another time by the new one.
    fn shift(&mut self, by: Duration) {
        let chain = self.chain.iter_mut().map(|tip| &mut tip.at);
        let listing = self.listing.iter_mut().map(|listing| &mut listing.at);
        let duty = self.duty.iter_mut().map(|(at, _)| at);
        let refused = self.registration_refused.iter_mut().map(|(since, _)| since);
        let Search {
            asked,
            answered,
            refused_since,
            ..
        } = &mut self.search;
        let searches = asked.iter_mut().chain(answered).chain(refused_since);
        let preflight = self.readiness.last.iter_mut().map(|last| &mut last.at);
        let preflight = preflight.chain(&mut self.readiness.asked);
        let weight = self.weight_asked.iter_mut().chain(&mut self.silent_since);
        let others = chain.chain(listing).chain(duty).chain(refused);
        for time in others.chain(searches).chain(preflight).chain(weight) {
            *time += by;
        }
    }
}

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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    pub kind: GateKind,
    pub since: Time,
}

/// The last complete listing of the account.
#[derive(Debug, Clone, Copy)]
struct Listing {
    at: Time,
    /// Our rentals that the sprint does not use.
    leftovers: usize,
}

#[derive(Debug, Clone, Default)]
struct Search {
    asked: Option<Time>,
    answered: Option<Time>,
    /// Since when the market has rejected our key, without a good answer in between.
    refused_since: Option<Time>,
    /// Shared: a sprint is copied whenever it is saved.
    offers: Arc<Vec<Candidate>>,
    funds: Funds,
    picked: Option<(OfferId, Usd)>,
    /// Why the caps admitted none, until the next pick.
    refusal: Option<Refusal>,
    /// Whether its pool may rent another second machine.
    hedges: HedgeRoom,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rental {
    pub instance: InstanceId,
    pub label: RentalLabel,
    pub offer: Offer,
    pub since: Time,
    /// When its watchdog destroys it.
    pub lease_until: Time,
    /// Set when it costs more than was agreed.
    pub dearer: Option<PriceIncrease>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct NodeState {
    id: NodeId,
    asked: Option<Time>,
    #[serde(rename = "seen")]
    listed: Option<NodeReading>,
}

/// What the engine polls.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WatchTargets {
    /// The rental to poll, with its link and lease.
    pub rental: Option<Rental>,
    /// The hedge that races it.
    pub hedge: Option<Rental>,
    /// Keep the tunnel to the rental up.
    pub link: bool,
    /// Poll the node list often.
    pub nodes_soon: bool,
}

/// The chain is unknown when its last reading is older.
const CHAIN_FRESH: Duration = Duration::minutes(5);
/// What is rented is unknown when the last complete listing is older.
const LISTING_FRESH: Duration = Duration::minutes(2);
/// Used until block time is measured: the middle of what mainnet shows (5.2 to 6 s).
const TYPICAL_BLOCK_MILLIS: i64 = 5_600;

impl Sprint {
    /// A sprint that waits for the next `PoC`.
    pub fn new(plan: Plan, mode: Mode, now: Time) -> Sprint {
        let mut sprint = Sprint {
            plan,
            mode,
            step: Step::Waiting,
            spans: Vec::new(),
            target: None,
            confirmations: Vec::new(),
            after: None,
            gate: None,
            approved: Vec::new(),
            attempts: 0,
            rentals: 0,
            rent_attempt: None,
            rental: None,
            model_asked: None,
            hedge: Hedge::default(),
            race: None,
            node: None,
            poc_node: None,
            proxy_listed: true,
            weight: None,
            weight_asked_since: None,
            weight_answered: false,
            proving_began: false,
            proof: Proof::default(),
            participant_weight: None,
            release: None,
            ending: None,
            outcome: None,
            volatile: Volatile::default(),
        };
        sprint.enter(now, Step::Waiting);
        sprint
    }

    /// Skips every `PoC` up to that of this epoch.
    #[must_use]
    pub fn not_before(mut self, done: EpochIndex) -> Sprint {
        self.after = Some(done);
        self
    }

    /// Applies an event and returns what to do. Any event is safe at any time.
    pub fn handle(&mut self, now: Time, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.apply(now, event, &mut effects);
        self.advance(now, &mut effects);
        effects
    }

    /// Changes the rules while it still waits. Later it may have spent money by the old ones, and keeps
    /// them to its end.
    pub fn replan(&mut self, plan: Plan) {
        if self.step == Step::Waiting {
            self.plan = plan;
        }
    }

    /// When time alone will change something; a `TimePassed` is due then.
    pub fn next_wake(&self) -> Option<Time> {
        self.volatile.wake
    }

    pub fn watch_targets(&self) -> WatchTargets {
        let releasing = self.is_releasing();
        let hedged = self.is_racing() && !releasing;
        WatchTargets {
            rental: self.rental.clone(),
            hedge: self.hedge().filter(|_| hedged).cloned(),
            link: self.rental.is_some() && !releasing,
            nodes_soon: matches!(
                self.step,
                Step::Registering | Step::Proving | Step::Releasing
            ),
        }
    }
}

/// Whether something that is repeated at this interval is due again.
fn is_due(last: Option<Time>, interval: Duration, now: Time) -> bool {
    last.is_none_or(|last| now - last >= interval)
}
