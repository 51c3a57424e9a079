//! What is written down: intents before effects, outcomes after them.

use serde::{Deserialize, Serialize};

use crate::domain::{
    BootTimes, Cause, Confirmation, EpochIndex, HostId, InstanceId, MachineId, NodeId, OfferId,
    PastBoot, RentalLabel, RentalPrices, SprintReport, Time, Usd,
};

/// What one entry of the journal says. Kinds are only ever added, and a field that a kind got later
/// has a default: an old journal stays readable. A kind that an older program must not skip raises
/// the schema's version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// A sprint began.
    SprintStarted {
        /// For which epoch's PoC.
        epoch: EpochIndex,
    },
    /// A rent call is about to be made under this label.
    RentIntended {
        /// Unique for this call.
        label: RentalLabel,
        /// What is to be rented.
        offer: OfferId,
        /// Where it is.
        machine: MachineId,
        /// Whose it is.
        #[serde(default)]
        host: Option<HostId>,
        /// What it will cost.
        prices: RentalPrices,
        /// The worst case, reserved until the rental is settled.
        reserved: Usd,
    },
    /// The label's rent call gave this contract.
    Rented {
        /// The label.
        label: RentalLabel,
        /// The contract.
        instance: InstanceId,
    },
    /// The GPUs of this contract did not run before this time, by the market's word: the market
    /// does not count them while an image is pulled.
    GpuIdleUntil {
        /// The contract.
        instance: InstanceId,
        /// The last time that it was seen not to run.
        until: Time,
    },
    /// The market charges something else for this rental than its offer said.
    RentalRepriced {
        /// The label.
        label: RentalLabel,
        /// What it costs.
        prices: RentalPrices,
        /// The worst case at this price.
        reserved: Usd,
    },
    /// Nothing was rented under this label, for certain.
    RentVoided {
        /// The label.
        label: RentalLabel,
        /// Why that is certain.
        #[serde(default)]
        reason: String,
    },
    /// A destroy call is about to be made.
    DestroyIntended {
        /// The contract.
        instance: InstanceId,
    },
    /// The rental is proven absent; its cost is settled.
    RentalGone {
        /// The label.
        label: RentalLabel,
        /// The contract.
        instance: InstanceId,
        /// What it cost.
        cost: Usd,
    },
    /// A register call is about to be made.
    RegisterIntended {
        /// The node.
        node: NodeId,
        /// The rental behind it.
        instance: InstanceId,
    },
    /// A complete list holds the node.
    Registered {
        /// The node.
        node: NodeId,
    },
    /// An unregister call is about to be made.
    UnregisterIntended {
        /// The node.
        node: NodeId,
    },
    /// A complete list no longer holds the node.
    Unregistered {
        /// The node.
        node: NodeId,
    },
    /// What a boot's stages were, as journals before version 3 say it. No longer written:
    /// [`Record::BootEnded`] has them.
    BootWatched {
        /// Its stages and where it was.
        boot: BootTimes,
    },
    /// Nothing was rented for an epoch.
    EpochNotTried {
        /// Which.
        epoch: EpochIndex,
        /// Why.
        cause: Cause,
    },
    /// A confirmation `PoC` of an epoch is over.
    ConfirmationMeasured {
        /// What it left of our weight.
        confirmation: Confirmation,
    },
    /// A machine is avoided for a time.
    MachineAvoided {
        /// The machine.
        machine: MachineId,
        /// Until when.
        until: Time,
        /// What it did.
        #[serde(default)]
        reason: String,
    },
    /// The operator wants this machine again.
    MachineAllowed {
        /// The machine.
        machine: MachineId,
    },
    /// A boot came to its end: what predictions learn from, and what the history shows.
    BootEnded {
        /// How it went.
        boot: PastBoot,
    },
    /// The state of the sprint under way; the newest counts.
    Checkpoint {
        /// The flow's own form.
        sprint: serde_json::Value,
    },
    /// A sprint is over.
    SprintEnded {
        /// How.
        report: SprintReport,
    },
    /// A kind that a newer program of the same schema wrote: skipped, and kept as it is.
    #[serde(other)]
    Unknown,
}
