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
    SprintStarted {
        epoch: EpochIndex,
    },
    /// A rent call is about to be made under this label.
    RentIntended {
        label: RentalLabel,
        offer: OfferId,
        machine: MachineId,
        #[serde(default)]
        host: Option<HostId>,
        prices: RentalPrices,
        /// The worst case, reserved until the rental is settled.
        reserved: Usd,
    },
    /// The label's rent call gave this contract.
    Rented {
        label: RentalLabel,
        instance: InstanceId,
    },
    /// The GPUs of this contract did not run before this time, by the market's word: the market
    /// does not count them while an image is pulled.
    GpuIdleUntil {
        instance: InstanceId,
        /// The last time that it was seen not to run.
        until: Time,
    },
    /// The market charges something else for this rental than its offer said.
    RentalRepriced {
        label: RentalLabel,
        prices: RentalPrices,
        /// The worst case at this price.
        reserved: Usd,
    },
    /// Nothing was rented under this label, for certain.
    RentVoided {
        label: RentalLabel,
        #[serde(default)]
        reason: String,
    },
    /// A destroy call is about to be made.
    DestroyIntended {
        instance: InstanceId,
    },
    /// The rental is proven absent; its cost is settled.
    RentalGone {
        label: RentalLabel,
        instance: InstanceId,
        cost: Usd,
    },
    /// A register call is about to be made.
    RegisterIntended {
        node: NodeId,
        /// The rental behind it.
        instance: InstanceId,
    },
    /// A complete list holds the node.
    Registered {
        node: NodeId,
    },
    /// An unregister call is about to be made.
    UnregisterIntended {
        node: NodeId,
    },
    /// A complete list no longer holds the node.
    Unregistered {
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
        epoch: EpochIndex,
        cause: Cause,
    },
    /// A confirmation `PoC` of an epoch is over.
    ConfirmationMeasured {
        /// What it left of our weight.
        confirmation: Confirmation,
    },
    /// A machine is avoided for a time.
    MachineAvoided {
        machine: MachineId,
        /// Until when.
        until: Time,
        #[serde(default)]
        reason: String,
    },
    /// The operator wants this machine again.
    MachineAllowed {
        machine: MachineId,
    },
    /// A boot came to its end: what predictions learn from, and what the history shows.
    BootEnded {
        boot: PastBoot,
    },
    /// The state of the sprint under way; the newest counts.
    Checkpoint {
        sprint: serde_json::Value,
    },
    SprintEnded {
        report: SprintReport,
    },
    /// A kind that a newer program of the same schema wrote: skipped, and kept as it is.
    #[serde(other)]
    Unknown,
}
