//! Runs effects, observes the world and publishes what there is to see.

pub mod ports;
mod snapshot;

pub use snapshot::{
    Alert, AlertLevel, BootLog, BootSnapshot, CapSnapshot, ChainReading, ChainSnapshot, Command,
    GateSnapshot, HeightEstimate, LinkSnapshot, MoneySnapshot, NodeOwner, NodeRow, NodesSnapshot,
    OfferRow, OffersSnapshot, QuitChoice, RejectedOffer, RentalSnapshot, SearchState, Snapshot,
    SprintSnapshot, TimeBand, WorldKind,
};
