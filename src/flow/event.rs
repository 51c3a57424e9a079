//! Everything that the state machine ever learns.

use serde::{Deserialize, Serialize};

use super::budget::{Funds, Refusal};
use super::hedge_room::HedgeRoom;
use crate::domain::{
    BootFault, CallError, CallbackProof, Duration, EpochIndex, EpochView, GateKind, InstanceId,
    Likeness, Mode, ModelState, NodeDuty, NodeId, NodeStatus, Offer, OfferId, PocStatus, Preflight,
    UpgradePlan, Usd, UsdPerHour, WatchdogCheck, Weight,
};

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Time passed, perhaps to [`super::Sprint::next_wake`]. Spurious ones do nothing.
    TimePassed,
    /// This machine's clock was set forward by so much, and shows it from now on.
    ClockSet(Duration),
    /// The program restarted in the middle of this sprint: nothing is in flight any more.
    Resumed,
    ChainObserved {
        /// Already checked for consistency.
        view: EpochView,
        /// Mean block time, once measured.
        block_time: Option<Duration>,
    },
    UpgradePlanned(Option<UpgradePlan>),
    ModeChanged(Mode),
    Approved(GateKind),
    /// The operator picked an offer and agreed to its worst case.
    OfferPicked {
        offer: OfferId,
        agreed: Usd,
    },
    /// The operator wants a new search.
    RefreshRequested,
    AbortRequested,
    OffersRanked {
        /// Usable offers, best first.
        offers: Vec<Candidate>,
        funds: Funds,
        hedges: HedgeRoom,
    },
    SearchFailed(CallError),
    PreflightCompleted(Preflight),
    Rented(InstanceId),
    /// Nothing was rented.
    OfferGone,
    /// Nothing was rented.
    RentRefused(CallError),
    /// The rent call was not made: since the search a cap has less left than it costs.
    RentOverCap(Refusal),
    /// The rent call for a second machine was not made: since the search the pool has rented too many.
    HedgeRefused(HedgeRoom),
    /// The rent call was not made: other replicas have the machines of all offers but these.
    OffersTaken {
        left: Vec<OfferId>,
    },
    /// The rent call was not made: too many of other replicas are to be made before.
    RentMustWait,
    /// The rent call was not made: its intent could not be recorded.
    RentNotRecorded,
    /// It is unknown whether something was rented.
    RentReplyLost(CallError),
    /// The account's instances were listed completely.
    RentalsListed {
        /// Those with our label that the sprint does not use: they are being destroyed.
        leftovers: usize,
    },
    /// A complete listing holds an instance with our label.
    LabelFound(InstanceId),
    /// A complete listing holds no instance with our label.
    LabelAbsent,
    BootObserved {
        instance: InstanceId,
        reading: BootReading,
    },
    /// The market charges more for a rental than its offer said.
    RentalRepriced {
        instance: InstanceId,
        dearer: PriceIncrease,
    },
    /// The rental is in no complete listing and its own GET agrees, and we did not destroy it.
    RentalVanished(InstanceId),
    ModelStartAccepted,
    ModelStartFailed(CallError),
    /// The Network Node's complete list was read.
    NodesListed {
        /// The sprint's node, when listed.
        node: Option<NodeReading>,
        /// The inference proxy is listed, or none is configured.
        proxy_listed: bool,
        /// Enabled nodes, neither ours nor the inference proxy, that a removal could hold up.
        others: usize,
    },
    /// The register call was not made: its intent could not be recorded.
    RegisterNotRecorded,
    RegisterFailed(CallError),
    /// The Network Node refuses the node; a retry would not help.
    RegisterRefused(CallError),
    WeightRead {
        /// The list is for this sprint's epoch, as far as can be seen.
        for_our_epoch: bool,
        /// Weight of our node; absent when it is not listed.
        weight: Option<Weight>,
        /// Weight of the whole participant; absent when it is not listed.
        participant: Option<Weight>,
    },
    /// A complete listing and the rental's own GET agree that it is gone.
    RentalGone(InstanceId),
    /// It was listed, or its absence is not proven.
    RentalRemains(InstanceId),
}

/// A usable offer with its cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    pub offer: Offer,
    /// Of an hour, disk included.
    pub price: UsdPerHour,
    pub worst_cost: Usd,
}

/// A price above the agreed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceIncrease {
    /// An hour by the offer, disk included.
    pub agreed: UsdPerHour,
    /// An hour by the instance's own row, disk included.
    pub charged: UsdPerHour,
}

/// The latest reading of a boot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct BootReading {
    /// A request went through the tunnel to the API.
    pub api_up: bool,
    /// The model is loaded and the GPUs are as ordered.
    pub ready: bool,
    /// The node itself reports that it generates or validates.
    #[serde(default)]
    pub at_work: bool,
    /// What the node does about its model. Not saved: it is read again after a restart.
    #[serde(skip)]
    pub model: ModelState,
    /// Nine in ten boots take longer than this from here.
    pub least_left: Option<Duration>,
    /// Half of all boots take longer than this from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likely_left: Option<Duration>,
    #[serde(default)]
    pub pace: BootProgress,
    /// Why it will not succeed.
    pub fault: Option<BootFault>,
    /// Whether its proofs would arrive.
    #[serde(default)]
    pub callback: CallbackProof,
    /// Whether the rental would end itself with its lease. Not saved: after a restart it is read back
    /// before it is judged.
    #[serde(skip)]
    pub watchdog: WatchdogCheck,
    /// What keeps the model from being served for now; it may recover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setback: Option<BootFault>,
}

impl BootReading {
    /// Whether its model needs a start call: only that takes it to the next step. A node at work is left
    /// alone.
    pub(super) fn wants_model(&self) -> bool {
        let idle = matches!(self.model, ModelState::Unknown | ModelState::Idle);
        self.api_up && idle && !self.ready && !self.at_work && self.fault.is_none()
    }
}

/// How a boot compares with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BootProgress {
    #[default]
    #[serde(rename = "usual")]
    OnTrack,
    /// Nine in ten are further by then.
    Behind,
}

/// Our node as the Network Node lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeReading {
    pub id: NodeId,
    /// Compared with what was requested.
    #[serde(default)]
    pub likeness: Likeness,
    /// An update does not enable a disabled node.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// The epoch in which it was registered or enabled: it takes part only in later `PoC`s.
    #[serde(default)]
    pub admin_epoch: EpochIndex,
    pub status: NodeStatus,
    pub poc: PocStatus,
    /// What the Network Node wants of it.
    #[serde(default)]
    pub duty: NodeDuty,
    pub failure: String,
}

fn enabled() -> bool {
    true
}
