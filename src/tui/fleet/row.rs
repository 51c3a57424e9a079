//! The rows of the fleet, and the Network Nodes that they belong to.

use super::FleetKey;
use crate::domain::{
    BootStage, Duration, EpochIndex, GateKind, MachineId, Participant, Step, Time, Usd, UsdPerHour,
};
use crate::engine::{LinkSnapshot, NodeOwner};

/// How much a row needs the operator; the first come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// For a decision.
    Waits,
    Fails,
    Runs,
    /// Nothing of it is ours to do.
    Others,
}

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Step(Step),
    Node(NodeOwner),
}

impl Stage {
    pub fn word(self) -> String {
        match self {
            Stage::Step(step) => step.verb().to_uppercase(),
            Stage::Node(owner) => owner.word().to_owned(),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct FleetRow {
    pub key: FleetKey,
    pub name: String,
    pub urgency: Urgency,
    /// The decision that it waits for.
    pub waits: Option<GateKind>,
    pub stage: Stage,
    /// The next milestone.
    pub next: Option<Time>,
    /// From being ready to the deadline.
    pub spare: Option<Duration>,
    pub machine: Option<MachineId>,
    pub price: Option<UsdPerHour>,
    /// Cost so far.
    pub cost: Option<Usd>,
    pub boot: Option<Boot>,
    pub link: Option<LinkSnapshot>,
    pub epoch: Option<EpochIndex>,
    pub status: String,
    pub weight: Option<u64>,
    pub location: Option<String>,
    pub gpus: Option<String>,
}

impl FleetRow {
    /// Nothing else is known of it.
    pub fn new(key: FleetKey, name: String, stage: Stage) -> FleetRow {
        FleetRow {
            key,
            name,
            urgency: Urgency::Runs,
            waits: None,
            stage,
            next: None,
            spare: None,
            machine: None,
            price: None,
            cost: None,
            boot: None,
            link: None,
            epoch: None,
            status: String::new(),
            weight: None,
            location: None,
            gpus: None,
        }
    }
}

/// How far a boot is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Boot {
    pub stage: BootStage,
    /// Of the stage, 0 to 1, if known.
    pub progress: Option<f64>,
}

/// The rows of one Network Node.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetGroup {
    pub name: String,
    pub participant: Option<Participant>,
    /// When its list was last read.
    pub read_at: Option<Time>,
    pub trouble: Option<String>,
    pub rows: Vec<FleetRow>,
}

impl FleetGroup {
    pub fn price(&self) -> UsdPerHour {
        self.rows.iter().filter_map(|row| row.price).sum()
    }

    pub fn weight(&self) -> u64 {
        self.rows.iter().filter_map(|row| row.weight).sum()
    }
}
