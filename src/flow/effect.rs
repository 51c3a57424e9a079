//! What the engine is to do, one at a time per key.

use crate::domain::{
    BootEnd, Duration, EpochIndex, InstanceId, MachineId, NodeId, Offer, RentalLabel, Time, Usd,
};

/// Effects on one of the two rentals never wait for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RentalRole {
    /// It is registered when it is ready.
    Primary,
    /// A hedge, or the loser of a race.
    Hedge,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Search and rank offers for a session of this length.
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
    /// The only effect that spends.
    Rent {
        offer: Offer,
        label: RentalLabel,
        /// The worst case.
        reserved: Usd,
        /// When its watchdog destroys it.
        lease_until: Time,
    },
    /// Search for a label in a complete listing.
    FindLabel(RentalLabel),
    /// Record that nothing was rented under this label.
    VoidRent {
        label: RentalLabel,
        reason: String,
    },
    /// Record the contract that a listing shows under this label.
    Adopt {
        label: RentalLabel,
        instance: InstanceId,
    },
    StartModel {
        instance: InstanceId,
        role: RentalRole,
    },
    Register {
        node: NodeId,
        instance: InstanceId,
    },
    /// An update does not enable a node.
    Enable(NodeId),
    /// Disable our node: it takes part in no later `PoC`, however long its removal takes.
    Disable(NodeId),
    Unregister(NodeId),
    /// Destroy the rental, then check that it is gone.
    Destroy {
        instance: InstanceId,
        label: RentalLabel,
        role: RentalRole,
    },
    /// Register the inference proxy if it is not listed.
    RestoreProxy,
    ReadWeight {
        epoch: EpochIndex,
        node: NodeId,
    },
    /// Record how a boot went: the next prediction learns from it.
    RememberBoot {
        instance: InstanceId,
        offer: Offer,
        took: Duration,
        end: BootEnd,
    },
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
    /// Records only: it never waits.
    Journal,
    StartModel(RentalRole),
    /// All changes of the sprint's registration: they reach the Network Node in order.
    Registration,
    Destroy(RentalRole),
    RestoreProxy,
    ReadWeight,
    AvoidMachine,
    /// Count what is left on the account after a sprint.
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
