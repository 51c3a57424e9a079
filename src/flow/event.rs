//! What happened, in the past tense: everything that the state machine ever learns.

use serde::{Deserialize, Serialize};

use crate::domain::NodeStatus;
use crate::domain::{
    BootFault, CallError, Duration, EpochIndex, EpochView, GateKind, InstanceId, Likeness, Mode,
    NodeId, Offer, OfferId, PocStatus, Preflight, UpgradePlan, Usd, UsdPerHour, Weight,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// Time passed, perhaps to [`super::Sprint::next_wake`]. Spurious ones do nothing.
    TimePassed,
    /// The program was started again with this sprint half done: nothing is in flight any more.
    Resumed,
    ChainObserved {
        /// What it said; already checked for consistency.
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
    /// The operator wants the offers read again.
    RefreshRequested,
    AbortRequested,
    /// A search came back; usable offers, best first, with what may be spent now.
    OffersRanked {
        /// Best first.
        offers: Vec<Candidate>,
        /// What is left of each cap.
        funds: Funds,
    },
    SearchFailed(CallError),
    /// Whether a rental could do its work was found out.
    PreflightCompleted(Preflight),
    /// The rent call gave a contract.
    Rented(InstanceId),
    /// The offer was gone; nothing was rented.
    OfferGone,
    /// The market refused; nothing was rented.
    RentRefused(CallError),
    /// The rent call was not made: its intent could not be written down.
    RentNotRecorded,
    /// Nobody knows whether something was rented.
    RentReplyLost(CallError),
    /// The account's instances were listed, completely.
    RentalsListed {
        /// Those with our label that the sprint does not use: they are being taken down.
        leftovers: usize,
    },
    /// A complete listing holds an instance with our label.
    LabelFound(InstanceId),
    /// A complete listing holds no instance with our label.
    LabelAbsent,
    /// What a boot looks like now.
    BootObserved {
        instance: InstanceId,
        reading: BootReading,
    },
    /// The market charges more for a rental of the sprint's than its offer said.
    RentalRepriced {
        instance: InstanceId,
        dearer: PriceIncrease,
    },
    /// The rental is in no complete listing and its own GET agrees, unasked.
    RentalVanished(InstanceId),
    /// The `MLNode` took the order to start its model.
    ModelStartAccepted,
    /// It did not.
    ModelStartFailed(CallError),
    /// The Network Node's complete list was read.
    NodesListed(NodesReading),
    /// The register call was not made: its intent could not be written down.
    RegisterNotRecorded,
    RegisterFailed(CallError),
    /// The weight was read on the chain.
    WeightRead {
        /// The list is for this sprint's epoch, as far as it tells.
        for_our_epoch: bool,
        /// Weight of our node; absent when it is not listed.
        weight: Option<Weight>,
        /// Weight of the whole participant; absent when it is not listed.
        participant: Option<Weight>,
    },
    /// A complete listing and the rental's own GET agree that it is gone.
    RentalGone(InstanceId),
    /// It was listed, or could not be told to be gone.
    RentalRemains(InstanceId),
}

/// A usable offer with its cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    pub offer: Offer,
    /// What it costs in an hour, disk included.
    pub price: UsdPerHour,
    pub worst_cost: Usd,
}

/// A price that is not what was agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceIncrease {
    /// An hour by the offer, disk included.
    pub agreed: UsdPerHour,
    /// An hour by the instance's own row, disk included.
    pub charged: UsdPerHour,
}

/// What may be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Funds {
    /// What everything that is rented costs in an hour.
    pub hour: UsdPerHour,
    /// Spent and reserved by this sprint.
    pub sprint: Usd,
    /// Spent and reserved in the last 24 hours.
    pub day: Usd,
    /// Spent and reserved in the last 30 days.
    pub month: Usd,
    /// The account's credit, when it could be read.
    pub credit: Option<Usd>,
}

impl Funds {
    /// As they are once a rental at this price has `reserved` so much of them.
    #[must_use]
    pub fn after(&self, price: UsdPerHour, reserved: Usd) -> Funds {
        Funds {
            hour: UsdPerHour(self.hour.0 + price.0),
            sprint: self.sprint + reserved,
            day: self.day + reserved,
            month: self.month + reserved,
            credit: self.credit.map(|credit| credit.left_after(reserved)),
        }
    }
}

/// What is known of a boot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct BootReading {
    /// A request went through the tunnel to the API.
    pub api_up: bool,
    /// The model is loaded and the GPUs are as ordered.
    pub ready: bool,
    /// The node says that it generates or validates.
    #[serde(default)]
    pub at_work: bool,
    /// What is left at least: nine boots in ten take longer.
    pub least_left: Option<Duration>,
    #[serde(default)]
    pub pace: BootProgress,
    /// Why it will not succeed.
    pub fault: Option<BootFault>,
}

/// How a boot does against others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BootProgress {
    #[default]
    #[serde(rename = "usual")]
    OnTrack,
    /// Nine in ten are further after so long.
    Behind,
}

/// What a complete list of nodes says of ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
pub struct NodesReading {
    /// Our sprint's node, when listed.
    pub node: Option<NodeReading>,
    /// The inference proxy is listed; true when none is configured.
    pub proxy_listed: bool,
}

/// Our node as the Network Node lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeReading {
    pub id: NodeId,
    /// How it is listed, against what was asked for.
    #[serde(default)]
    pub likeness: Likeness,
    /// Enabled for work. An update keeps a node disabled that was.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// The epoch in which it was registered or enabled: it takes part only in later `PoC`s.
    #[serde(default)]
    pub admin_epoch: EpochIndex,
    pub status: NodeStatus,
    /// Its `PoC` status.
    pub poc: PocStatus,
    pub failure: String,
}

fn enabled() -> bool {
    true
}
