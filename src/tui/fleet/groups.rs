//! The rows of the fleet by Network Node, the most urgent first. Derived from a snapshot: pure.

use super::{Boot, FleetGroup, FleetKey, FleetRow, Stage, Urgency};
use crate::domain::{NetworkNodeName, NodeStatus, Step, Time, Usd, UsdPerHour};
use crate::engine::{
    NodeOwner, NodeRow, NodesSnapshot, RentalSnapshot, ReplicaSnapshot, SprintSnapshot,
};
use crate::tui::model::Model;

/// The groups in order, each with its rows by urgency.
pub fn groups(model: &Model) -> Vec<FleetGroup> {
    // In the order of the configuration, whichever is shown.
    let all = model.received.all_nodes();
    all.map(|nodes| group(model, nodes)).collect()
}

/// What is at a Network Node.
fn group(model: &Model, nodes: &NodesSnapshot) -> FleetGroup {
    let snapshot = &*model.snapshot;
    let listed = || nodes.rows.iter();
    let network_node = nodes.name();
    let mut rows = if snapshot.is_single() {
        let ours = listed().find(|row| row.owner == NodeOwner::Sprint);
        let hedge = snapshot.hedge.as_ref();
        let hedge = hedge.map(|rental| hedge_row(rental, model));
        std::iter::once(sprint_row(model, ours))
            .chain(hedge)
            .collect()
    } else {
        let replicas = snapshot.replicas.iter();
        let here = replicas.filter(|replica| replica.network_node == network_node);
        here.map(|replica| replica_row(model, replica, nodes))
            .collect::<Vec<_>>()
    };
    let others = listed().filter(|row| row.owner != NodeOwner::Sprint);
    rows.extend(others.map(|row| node_row(&network_node, row)));
    rows.sort_by(|a, b| {
        let by_time = |row: &FleetRow| row.next.unwrap_or(Time::MAX_UTC);
        let times = by_time(a).cmp(&by_time(b));
        a.urgency
            .cmp(&b.urgency)
            .then(times)
            .then_with(|| numbered(&a.name).cmp(&numbered(&b.name)))
    });
    let place = nodes.network_node.as_ref();
    FleetGroup {
        name: match snapshot.other_nodes.as_slice() {
            [] => snapshot.cockpit.to_string(),
            _ => network_node.to_string(),
        },
        participant: place.map(|place| place.participant.clone()),
        read_at: nodes.read_at,
        trouble: nodes.trouble.clone(),
        rows,
    }
}

/// A name in parts that sort as people count: `minimax/2` comes before `minimax/10`.
fn numbered(name: &str) -> (&str, u64) {
    let words = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let number = &name[words.len()..];
    (words, number.parse().unwrap_or_default())
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
    let upcoming = model.upcoming();
    let row = FleetRow::new(FleetKey::Sprint, name, Stage::Step(sprint.step));
    FleetRow {
        next: upcoming.first().map(|next| next.at.p50),
        ..row
            .with_sprint(sprint, rental, node)
            .with_rental(rental, model)
    }
}

/// One of several replicas: it is known by its name, whatever it rents.
fn replica_row(model: &Model, replica: &ReplicaSnapshot, nodes: &NodesSnapshot) -> FleetRow {
    let sprint = &replica.sprint;
    let rental = replica.rental.as_ref();
    let mut listed = nodes.rows.iter();
    let node = listed.find(|row| Some(&row.node.config.id) == replica.node.as_ref());
    let key = FleetKey::Replica(replica.id.clone());
    let row = FleetRow::new(key, replica.id.to_string(), Stage::Step(sprint.step));
    let row = row
        .with_sprint(sprint, rental, node)
        .with_rental(rental, model);
    let hedge = replica.hedge.as_ref();
    let next = match sprint.step {
        Step::Waiting => sprint.rent_at,
        Step::Booting | Step::Warming => rental.and_then(|rental| rental.boot.ready_at),
        Step::Proving | Step::Serving => sprint.release_at.map(|at| at.p50),
        _ => sprint.gate.as_ref().and_then(|gate| gate.until),
    };
    FleetRow {
        next,
        // Both are paid for while they race.
        price: row
            .price
            .map(|price| price + hedge.map_or(UsdPerHour::ZERO, |it| it.price)),
        cost: row
            .cost
            .map(|cost| cost + hedge.map_or(Usd::ZERO, |it| it.cost)),
        ..row
    }
}

fn activity(
    sprint: &SprintSnapshot,
    rental: Option<&RentalSnapshot>,
    node: Option<&NodeRow>,
) -> String {
    match (sprint.step, rental, node) {
        (Step::Done, ..) => match &sprint.outcome {
            Some(outcome) => outcome.kind().headline().to_lowercase(),
            None => "finished".to_owned(),
        },
        (Step::Booting | Step::Warming, Some(rental), _) => rental.boot.stage.to_string(),
        (Step::Registering | Step::Proving | Step::Confirming, _, Some(node)) => {
            node.node.poc_word()
        }
        (step, ..) => step.verb().to_owned(),
    }
}

fn hedge_row(rental: &RentalSnapshot, model: &Model) -> FleetRow {
    let step = if rental.is_ready() {
        Step::Warming
    } else {
        Step::Booting
    };
    let name = format!("#{}", rental.id);
    let row = FleetRow::new(FleetKey::Hedge, name, Stage::Step(step));
    FleetRow {
        status: rental.boot.stage.to_string(),
        next: rental.boot.ready_at,
        epoch: model.snapshot.sprint.epoch,
        ..row.with_rental(Some(rental), model)
    }
}

impl FleetRow {
    /// With what its sprint does, what keeps it from that, and what its node has earned.
    fn with_sprint(
        self,
        sprint: &SprintSnapshot,
        rental: Option<&RentalSnapshot>,
        node: Option<&NodeRow>,
    ) -> FleetRow {
        let fault = rental.and_then(|rental| rental.boot.fault.as_ref());
        let failed = node.filter(|node| node.node.current == NodeStatus::Failed);
        let waits = sprint.gate.as_ref().map(|gate| gate.kind);
        let doing = || activity(sprint, rental, node);
        let (urgency, status) = match (waits, fault, failed) {
            (Some(_), ..) => (Urgency::Waits, doing()),
            (None, Some(fault), _) => (Urgency::Fails, fault.name.clone()),
            (None, None, Some(node)) => (Urgency::Fails, node.node.failure_reason.clone()),
            (None, None, None) => (Urgency::Runs, doing()),
        };
        FleetRow {
            urgency,
            waits,
            status,
            epoch: sprint.epoch,
            weight: node.map(weight_of),
            ..self
        }
    }

    /// With what the rental says, if there is one.
    fn with_rental(self, rental: Option<&RentalSnapshot>, model: &Model) -> FleetRow {
        let Some(rental) = rental else {
            return self;
        };
        let ready = rental.boot.ready_at;
        FleetRow {
            spare: ready.zip(model.deadline()).map(|(ready, by)| by - ready),
            machine: rental.machine.as_ref().map(|it| it.machine),
            price: Some(rental.price),
            cost: Some(rental.cost),
            boot: Some(Boot {
                stage: rental.boot.stage,
                progress: rental.boot.progress,
            }),
            link: Some(rental.link.clone()),
            location: rental.location.clone(),
            gpus: Some(rental.gpus.clone()),
            ..self
        }
    }
}

/// A node that is no work of the sprint.
fn node_row(network_node: &NetworkNodeName, row: &NodeRow) -> FleetRow {
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
        (NodeOwner::Proxy, false) => node.current.word(),
        _ => node.poc_word(),
    };
    let id = &node.config.id;
    let key = FleetKey::Node(network_node.clone(), id.clone());
    FleetRow {
        urgency,
        epoch: Some(node.admin_epoch),
        status,
        weight: Some(weight_of(row)),
        ..FleetRow::new(key, id.to_string(), Stage::Node(row.owner))
    }
}

fn weight_of(row: &NodeRow) -> u64 {
    row.node.weights.values().map(|weight| weight.0).sum()
}
