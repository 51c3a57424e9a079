//! The records: intents before effects, outcomes after them.

use serde::{Deserialize, Serialize};

use crate::domain::{
    AccountName, BootTimes, Cause, ClockOrigin, Confirmation, EpochIndex, HostId, InstanceId,
    MachineId, NetworkNodeName, NodeId, OfferId, PastBoot, RentalCharge, RentalLabel, RentalPrices,
    ReplicaId, SprintReport, Time, Usd,
};

/// The content of one entry. Kinds are only ever added, and a later field has a default: an old journal
/// stays readable. A kind that an older program must not skip raises the schema's version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    SprintStarted {
        epoch: EpochIndex,
    },
    /// A rent call is about to be made under this label.
    RentIntended {
        label: RentalLabel,
        /// Whose it is; that of a configuration without pools is left out.
        #[serde(default, skip_serializing_if = "ReplicaId::is_default")]
        replica: ReplicaId,
        /// Who pays; that of `[vast]` is left out.
        #[serde(default, skip_serializing_if = "AccountName::is_default")]
        account: AccountName,
        offer: OfferId,
        machine: MachineId,
        #[serde(default)]
        host: Option<HostId>,
        prices: RentalPrices,
        /// The worst case, reserved until the rental is settled.
        reserved: Usd,
    },
    /// The label's rent call returned this contract.
    Rented {
        label: RentalLabel,
        instance: InstanceId,
    },
    /// The market says that this contract's GPUs did not run before this time: it does not bill them while
    /// an image is pulled.
    GpuIdleUntil {
        instance: InstanceId,
        /// The last time that they were observed idle.
        until: Time,
    },
    /// The market charges another price for this rental than its offer said.
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
    /// The rental is proven gone; its cost is settled.
    RentalGone {
        label: RentalLabel,
        instance: InstanceId,
        cost: Usd,
    },
    /// What the market charged for a rental that is gone. The newest counts: charges appear late.
    RentalCharged {
        label: RentalLabel,
        /// Whose it is; that of a configuration without pools is left out.
        #[serde(default, skip_serializing_if = "ReplicaId::is_default")]
        replica: ReplicaId,
        /// When it was proven gone.
        ended: Time,
        /// What it cost by our own count.
        estimate: Usd,
        charge: RentalCharge,
    },
    /// A register call is about to be made.
    RegisterIntended {
        node: NodeId,
        /// The rental behind it.
        instance: InstanceId,
        /// Where it is made; the only one is left out.
        #[serde(default, skip_serializing_if = "NetworkNodeName::is_default")]
        network_node: NetworkNodeName,
    },
    /// A complete list contains the node.
    Registered {
        node: NodeId,
    },
    /// An unregister call is about to be made.
    UnregisterIntended {
        node: NodeId,
    },
    /// A complete list no longer contains the node.
    Unregistered {
        node: NodeId,
    },
    /// A boot's stages, from journals before version 3. No longer written: [`Record::BootEnded`] has them.
    BootWatched {
        boot: BootTimes,
    },
    /// Nothing was rented for an epoch.
    EpochNotTried {
        /// Whose it is; that of a configuration without pools is left out.
        #[serde(default, skip_serializing_if = "ReplicaId::is_default")]
        replica: ReplicaId,
        epoch: EpochIndex,
        cause: Cause,
        /// Which Network Node its pool is for; the only one is left out.
        #[serde(default, skip_serializing_if = "NetworkNodeName::is_default")]
        network_node: NetworkNodeName,
    },
    /// A confirmation `PoC` of an epoch is over.
    ConfirmationMeasured {
        /// What it left of our weight.
        confirmation: Confirmation,
        /// Whose participant's; the only one is left out.
        #[serde(default, skip_serializing_if = "NetworkNodeName::is_default")]
        network_node: NetworkNodeName,
    },
    /// A machine is avoided for a time.
    MachineAvoided {
        machine: MachineId,
        /// Until when.
        until: Time,
        #[serde(default)]
        reason: String,
        /// Its owner, unless the operator avoids it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<HostId>,
        /// Its public address: it is avoided under any id there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    },
    /// The operator allowed this machine again.
    MachineAllowed {
        machine: MachineId,
    },
    /// A boot ended: predictions learn from it, and the history shows it.
    BootEnded {
        boot: PastBoot,
    },
    /// This journal is not the one that was here before: nothing is rented until the operator agrees.
    JournalLost {
        reason: String,
    },
    /// The operator agreed to go on with this journal.
    JournalAccepted,
    /// The state of a replica's active sprint; its newest counts.
    Checkpoint {
        /// Whose it is; that of a configuration without pools is left out.
        #[serde(default, skip_serializing_if = "ReplicaId::is_default")]
        replica: ReplicaId,
        sprint: serde_json::Value,
        /// Of the clock that its times are by.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clock: Option<ClockOrigin>,
    },
    SprintEnded {
        report: SprintReport,
    },
    /// A kind that a newer program of the same schema wrote: skipped, and preserved as it is.
    #[serde(other)]
    Unknown,
}
