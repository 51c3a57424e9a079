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
//! Which way it goes after `Proving` is the release policy; one that serves goes from `Warming` to
//! `Serving` and then to `Releasing`. Beside `Booting` and `Warming` a second rental can race the first
//! one: see `hedge`.

mod accessors;
mod apply;
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
mod serving;
mod transitions;

pub use budget::{Cap, Caps, Refusal, admit};
pub use effect::{Effect, EffectKey, RentalRole};
pub use event::{
    BootProgress, BootReading, Candidate, Event, Funds, NodeReading, NodesReading, PriceIncrease,
};
pub use forecast::{ASSUMED_CONFIRMATION, PolicyForecast, Terms, forecast};
pub use lead::lead;
pub use plan::Plan;
pub use proof::Proof;

use serde::{Deserialize, Serialize};

use crate::domain::{
    ChainPhase, ConfirmationStages, Duration, EpochIndex, EpochParams, EpochStages, GateKind,
    Height, InstanceId, Mode, NodeId, Offer, Outcome, Race, RentalLabel, Step, StepSpan, Time,
    UpgradePlan, Usd, Weight,
};
use hedge::Hedge;
use preflight::Readiness;
use release::Release;
use renting::RentAttempt;

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
    attempts: u32,
    /// Rent calls that gave a rental. An offer that somebody else took costs nothing.
    #[serde(default)]
    rentals: u32,
    #[serde(rename = "hunt")]
    rent_attempt: Option<RentAttempt>,
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
    #[serde(rename = "proved_as")]
    poc_node: Option<NodeId>,
    proxy_listed: bool,
    /// Since when a model that is to serve has not answered. Not saved: a restart asks anew.
    #[serde(skip)]
    silent_since: Option<Time>,
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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rental {
    pub instance: InstanceId,
    pub label: RentalLabel,
    pub offer: Offer,
    pub since: Time,
    /// When the watchdog on it must end it.
    pub lease_until: Time,
    /// It costs more than was agreed.
    #[serde(default)]
    pub dearer: Option<PriceIncrease>,
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
pub struct WatchTargets {
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
            rent_attempt: None,
            rental: None,
            boot: BootReading::default(),
            model_asked: None,
            hedge: Hedge::default(),
            race: None,
            node: None,
            poc_node: None,
            proxy_listed: true,
            silent_since: None,
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
        self.apply(now, event, &mut effects);
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
            rent_attempt,
            rental,
            boot: _,
            model_asked,
            hedge,
            race,
            node,
            poc_node,
            proxy_listed,
            silent_since: _,
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
            && *rent_attempt == saved.rent_attempt
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
            && *poc_node == saved.poc_node
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

    /// Goes by other rules from now on. What was spent by the old ones is carried to its end by them:
    /// that is true once it waits no more.
    pub fn replan(&mut self, plan: Plan) {
        if self.step == Step::Waiting {
            self.plan = plan;
        }
    }

    /// When time alone will change something; a `TimePassed` is due then.
    pub fn next_wake(&self) -> Option<Time> {
        self.wake
    }

    pub fn watch_targets(&self) -> WatchTargets {
        let releasing = self.release.as_ref().is_some_and(Release::is_active);
        let link = self.rental.is_some() && !releasing;
        let nodes_soon = matches!(
            self.step,
            Step::Registering | Step::Proving | Step::Releasing
        );
        WatchTargets {
            rental: self.rental.clone(),
            beside: self.second().filter(|_| !releasing).cloned(),
            link,
            nodes_soon,
        }
    }
}
