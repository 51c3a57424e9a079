//! What is to be done, in the imperative: data, run by the engine one at a time per key.

use serde::{Deserialize, Serialize};

use crate::domain::{
    BootEnd, Duration, InstanceId, MachineId, NodeId, Offer, RentalLabel, Time, Usd,
};

/// Where a rental stands in its sprint. What is done on one side never waits for what is done on the
/// other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RentalRole {
    /// It is the one that is registered when it is ready.
    #[serde(rename = "Own")]
    Primary,
    /// Beside that one: a hedge, or the loser of a race.
    #[serde(rename = "Beside")]
    Hedge,
}

/// Something to do in the outside world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Effect {
    /// Search and rank offers for a session of this length whose boot must be over by `ready_by`.
    SearchOffers {
        /// From renting to the planned release.
        session: Duration,
        /// From renting to the end of the lease: the worst case.
        longest: Duration,
        /// When the model must be loaded at the latest.
        ready_by: Time,
    },
    /// Find out whether a rental could do its work.
    Preflight,
    /// Rent. The only effect that spends.
    Rent {
        offer: Offer,
        label: RentalLabel,
        /// What is reserved for it.
        reserved: Usd,
        /// When the watchdog on it must end it.
        lease_until: Time,
    },
    /// Look for a label in a complete listing.
    FindLabel(RentalLabel),
    /// Remember that nothing was rented under this label.
    VoidRent {
        label: RentalLabel,
        reason: String,
    },
    /// Remember the contract of a label found by listing.
    Adopt {
        label: RentalLabel,
        instance: InstanceId,
    },
    /// Start the model on the `MLNode`.
    StartModel {
        instance: InstanceId,
        /// On which side of the sprint.
        role: RentalRole,
    },
    Register {
        node: NodeId,
        instance: InstanceId,
    },
    /// Enable our node: an update does not.
    Enable(NodeId),
    /// Disable our node: it takes part in no later `PoC`, however long its removal takes.
    Disable(NodeId),
    Unregister(NodeId),
    /// Destroy the rental, then find out whether it is gone.
    Destroy {
        instance: InstanceId,
        label: RentalLabel,
        /// On which side of the sprint.
        role: RentalRole,
    },
    /// Register the inference proxy if it is not listed.
    RestoreProxy,
    /// Read the weight on the chain.
    ReadWeight {
        /// The epoch that it must be for.
        epoch: crate::domain::EpochIndex,
        node: NodeId,
    },
    /// Remember how a boot went: the next prediction learns from it.
    RememberBoot {
        instance: InstanceId,
        offer: Offer,
        took: Duration,
        end: BootEnd,
    },
    /// Avoid a machine for a time.
    AvoidMachine {
        machine: MachineId,
        reason: String,
    },
}

/// Effects with the same key never run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EffectKey {
    Search,
    Preflight,
    Rent,
    FindLabel,
    /// Records only: done at once, so it never waits.
    Journal,
    StartModel(RentalRole),
    /// Every change of the sprint's registration, so that they reach the Network Node in order.
    Registration,
    /// A registration that the operator changes by hand.
    ChangeNode,
    Destroy(RentalRole),
    /// Destroys a rental of ours that belongs to no sprint.
    DestroyOrphan,
    RestoreProxy,
    ReadWeight,
    AvoidMachine,
    /// Reads what a confirmation `PoC` left of our weight.
    Confirmation,
    /// Counts what is left on the account after a sprint.
    Leftovers,
}

impl Effect {
    pub fn key(&self) -> EffectKey {
        match self {
            Effect::SearchOffers { .. } => EffectKey::Search,
            Effect::Preflight => EffectKey::Preflight,
            Effect::Rent { .. } => EffectKey::Rent,
            Effect::FindLabel(_) => EffectKey::FindLabel,
            Effect::VoidRent { .. } | Effect::Adopt { .. } | Effect::RememberBoot { .. } => {
                EffectKey::Journal
            }
            Effect::StartModel { role, .. } => EffectKey::StartModel(*role),
            Effect::Register { .. }
            | Effect::Enable(_)
            | Effect::Disable(_)
            | Effect::Unregister(_) => EffectKey::Registration,
            Effect::Destroy { role, .. } => EffectKey::Destroy(*role),
            Effect::RestoreProxy => EffectKey::RestoreProxy,
            Effect::ReadWeight { .. } => EffectKey::ReadWeight,
            Effect::AvoidMachine { .. } => EffectKey::AvoidMachine,
        }
    }
}
