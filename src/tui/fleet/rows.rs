//! The fleet: every sprint and node by Network Node, the most urgent first. Derived from a snapshot: pure.

use super::FleetKey;
use crate::domain::{
    BootStage, Duration, EpochIndex, GateKind, MachineId, NodeStatus, Participant, Step, Time, Usd,
    UsdPerHour,
};
use crate::engine::{LinkSnapshot, NodeOwner, NodeRow, RentalSnapshot};
use crate::tui::model::Model;

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

/// The groups in order, each with its rows by urgency.
pub fn groups(model: &Model) -> Vec<FleetGroup> {
    let snapshot = &*model.snapshot;
    let listed = || snapshot.nodes.rows.iter();
    let ours = listed().find(|row| row.owner == NodeOwner::Sprint);
    let mut rows = vec![sprint_row(model, ours)];
    let hedge = snapshot.hedge.as_ref();
    rows.extend(hedge.map(|rental| hedge_row(rental, model)));
    let others = listed().filter(|row| row.owner != NodeOwner::Sprint);
    rows.extend(others.map(node_row));
    rows.sort_by(|a, b| {
        let by_time = |row: &FleetRow| row.next.unwrap_or(Time::MAX_UTC);
        let times = by_time(a).cmp(&by_time(b));
        a.urgency
            .cmp(&b.urgency)
            .then(times)
            .then_with(|| a.name.cmp(&b.name))
    });
    let place = snapshot.nodes.network_node.as_ref();
    vec![FleetGroup {
        name: snapshot.cockpit.to_string(),
        participant: place.map(|place| place.participant.clone()),
        read_at: snapshot.nodes.read_at,
        trouble: snapshot.nodes.trouble.clone(),
        rows,
    }]
}

impl Model {
    /// The selected row of the fleet with its place among all; the first one by default.
    pub fn selected_fleet_row(&self, groups: &[FleetGroup]) -> Option<(usize, FleetRow)> {
        let rows: Vec<&FleetRow> = groups.iter().flat_map(|group| &group.rows).collect();
        let is_selected = |row: &&FleetRow| Some(&row.key) == self.fleet_row.as_ref();
        let place = rows.iter().position(is_selected).unwrap_or(0);
        Some((place, (*rows.get(place)?).clone()))
    }
}

fn sprint_row(model: &Model, node: Option<&NodeRow>) -> FleetRow {
    let snapshot = &*model.snapshot;
    let sprint = &snapshot.sprint;
    let rental = snapshot.rental.as_ref();
    let name = match (node, rental, sprint.epoch) {
        (Some(node), ..) => node.node.config.id.to_string(),
        (None, Some(rental), _) => format!("#{}", rental.id),
        (None, None, _) if sprint.attempts > 0 && sprint.step < Step::Done => {
            format!("attempt {}", sprint.attempts + 1)
        }
        (None, None, Some(epoch)) => format!("epoch {epoch}"),
        (None, None, None) => "next epoch".to_owned(),
    };
    let fault = rental.and_then(|rental| rental.boot.fault.as_ref());
    let failed = node.filter(|node| node.node.current == NodeStatus::Failed);
    let waits = model.gate();
    let (urgency, status) = match (waits, fault, failed) {
        (Some(_), ..) => (Urgency::Waits, activity(model, rental, node)),
        (None, Some(fault), _) => (Urgency::Fails, fault.name.clone()),
        (None, None, Some(node)) => (Urgency::Fails, node.node.failure_reason.clone()),
        (None, None, None) => (Urgency::Runs, activity(model, rental, node)),
    };
    let upcoming = model.upcoming();
    FleetRow {
        urgency,
        waits,
        status,
        stage: Stage::Step(sprint.step),
        next: upcoming.first().map(|next| next.at.p50),
        epoch: sprint.epoch,
        weight: node.map(weight_of),
        ..rental_row(FleetKey::Sprint, name, rental, model)
    }
}

fn activity(model: &Model, rental: Option<&RentalSnapshot>, node: Option<&NodeRow>) -> String {
    let sprint = &model.snapshot.sprint;
    match (sprint.step, rental, node) {
        (Step::Done, ..) => match &sprint.outcome {
            Some(outcome) => outcome.kind().headline().to_lowercase(),
            None => "finished".to_owned(),
        },
        (Step::Booting | Step::Warming, Some(rental), _) => rental.boot.stage.to_string(),
        (Step::Registering | Step::Proving | Step::Confirming, _, Some(node)) => {
            node.node.poc_word().to_lowercase()
        }
        (step, ..) => step.name().to_owned(),
    }
}

fn hedge_row(rental: &RentalSnapshot, model: &Model) -> FleetRow {
    let step = if rental.is_ready() {
        Step::Warming
    } else {
        Step::Booting
    };
    FleetRow {
        stage: Stage::Step(step),
        status: rental.boot.stage.to_string(),
        next: rental.boot.ready_at,
        epoch: model.snapshot.sprint.epoch,
        ..rental_row(
            FleetKey::Hedge,
            format!("#{}", rental.id),
            Some(rental),
            model,
        )
    }
}

/// What a rental says, or nothing.
fn rental_row(
    key: FleetKey,
    name: String,
    rental: Option<&RentalSnapshot>,
    model: &Model,
) -> FleetRow {
    let ready = rental.and_then(|rental| rental.boot.ready_at);
    let machine = rental.and_then(|rental| rental.machine.as_ref());
    FleetRow {
        key,
        name,
        urgency: Urgency::Runs,
        waits: None,
        stage: Stage::Step(model.snapshot.sprint.step),
        next: None,
        spare: ready.zip(model.deadline()).map(|(ready, by)| by - ready),
        machine: machine.map(|it| it.machine),
        price: rental.map(|rental| rental.price),
        cost: rental.map(|rental| rental.cost),
        boot: rental.map(|rental| Boot {
            stage: rental.boot.stage,
            progress: rental.boot.progress,
        }),
        link: rental.map(|rental| rental.link.clone()),
        epoch: None,
        status: String::new(),
        weight: None,
        location: rental.and_then(|rental| rental.location.clone()),
        gpus: rental.map(|rental| rental.gpus.clone()),
    }
}

/// A node that is no work of the sprint.
fn node_row(row: &NodeRow) -> FleetRow {
    let node = &row.node;
    let is_failed = node.current == NodeStatus::Failed;
    let urgency = match row.owner {
        NodeOwner::Leftover => Urgency::Fails,
        NodeOwner::Proxy if is_failed => Urgency::Fails,
        NodeOwner::Sprint | NodeOwner::Proxy | NodeOwner::Other => Urgency::Others,
    };
    let status = match (row.owner, is_failed) {
        (NodeOwner::Leftover, _) => "removing".to_owned(),
        (_, true) => "failed".to_owned(),
        (NodeOwner::Proxy, false) => node.current.to_string().to_lowercase(),
        _ => node.poc_word().to_lowercase(),
    };
    FleetRow {
        key: FleetKey::Node(node.config.id.clone()),
        name: node.config.id.to_string(),
        urgency,
        waits: None,
        stage: Stage::Node(row.owner),
        next: None,
        spare: None,
        machine: None,
        price: None,
        cost: None,
        boot: None,
        link: None,
        epoch: Some(node.admin_epoch),
        status,
        weight: Some(weight_of(row)),
        location: None,
        gpus: None,
    }
}

fn weight_of(row: &NodeRow) -> u64 {
    row.node.weights.values().map(|weight| weight.0).sum()
}
