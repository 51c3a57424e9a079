//! Compares the listings of market and Network Node with the journal. The plan is pure; the engine
//! carries it out, and so does `pocpit gc`. Rentals with foreign labels are never touched (law 2).

use std::collections::BTreeSet;

use crate::config::Config;
use crate::domain::{
    CockpitId, Duration, Instance, InstanceId, NodeId, RegisteredNode, RentalLabel, Time,
};
use crate::flow::{Event, Sprint};
use crate::journal::{Ledger, OpenRegistration};

/// A rental can be missing from listings this long after its rent call.
const VISIBLE_WITHIN: Duration = Duration::minutes(3);

pub const NEVER_LISTED: &str = "no complete listing ever showed it";

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CleanupAction {
    /// One of our rentals that no sprint uses.
    Destroy(InstanceId),
    /// Open in the journal, but not listed: prove that it is gone.
    Verify(InstanceId),
    /// A rent call whose rental was never listed: nothing was rented.
    Void(RentalLabel),
    /// One of our registrations whose rental is gone or to be destroyed, or that was removed and is
    /// back.
    Unregister(NodeId),
    /// A registration that is open in the journal, but not listed.
    Forget(NodeId),
}

#[derive(Debug, Clone, Copy)]
pub struct ReconcileInput<'a> {
    pub now: Time,
    pub instances: &'a [Instance],
    /// Every registered node; if unknown, all of them stay.
    pub nodes: Option<&'a [RegisteredNode]>,
    pub ledger: &'a Ledger,
    /// The current and unfinished sprints: what one of them uses is not left over.
    pub sprints: &'a [&'a Sprint],
    pub cockpit: &'a CockpitId,
    /// Prefix of our node ids, before the instance id.
    pub node_prefix: &'a str,
}

/// Looks for a label in a complete listing.
pub(crate) fn find(instances: &[Instance], label: &RentalLabel) -> Event {
    let label = Some(label.to_string());
    let found = instances.iter().find(|instance| instance.label == label);
    found.map_or(Event::LabelAbsent, |instance| {
        Event::LabelFound(instance.id)
    })
}

/// Rentals of other cockpits that the operator has not named.
pub fn foreign<'a>(
    instances: &'a [Instance],
    config: &'a Config,
) -> impl Iterator<Item = (&'a Instance, RentalLabel)> {
    instances.iter().filter_map(move |instance| {
        let label = instance.rental_label()?;
        let known = label.cockpit == config.cockpit || config.peers.contains(&label.cockpit);
        (!known).then_some((instance, label))
    })
}

pub fn plan(readings: &ReconcileInput<'_>) -> Vec<CleanupAction> {
    let mut actions = rentals(readings);
    actions.extend(registrations(readings));
    actions
}

impl ReconcileInput<'_> {
    /// A sprint rents or has rented under this label.
    pub fn is_in_use(&self, label: &RentalLabel) -> bool {
        self.sprints.iter().any(|sprint| sprint.uses(label))
    }

    fn leftovers(&self) -> impl Iterator<Item = InstanceId> {
        let left = self.instances.iter().filter(|instance| {
            let label = instance.rental_label();
            label.is_some_and(|label| label.cockpit == *self.cockpit && !self.is_in_use(&label))
        });
        left.map(|instance| instance.id)
    }

    fn is_registration_in_use(&self, open: &OpenRegistration) -> bool {
        self.sprints.iter().any(|sprint| {
            sprint.node_id() == Some(&open.node)
                || sprint.rental().map(|rental| rental.instance) == Some(open.instance)
        })
    }
}

fn rentals(readings: &ReconcileInput<'_>) -> Vec<CleanupAction> {
    let mut actions: Vec<_> = readings.leftovers().map(CleanupAction::Destroy).collect();
    for open in readings.ledger.open_rentals() {
        let old_enough = readings.now - open.intended_at > VISIBLE_WITHIN;
        if readings.is_in_use(&open.label) || !old_enough {
            continue;
        }
        let label = open.label.to_string();
        let listed = readings.instances.iter().any(|instance| {
            Some(instance.id) == open.instance || instance.label.as_ref() == Some(&label)
        });
        match open.instance {
            _ if listed => {}
            Some(id) => actions.push(CleanupAction::Verify(id)),
            None => actions.push(CleanupAction::Void(open.label.clone())),
        }
    }
    actions
}

/// Registrations are ours by the journal or by their rental. A prefix alone proves nothing: another
/// cockpit may use the same.
fn registrations(readings: &ReconcileInput<'_>) -> Vec<CleanupAction> {
    let Some(nodes) = readings.nodes else {
        return Vec::new();
    };
    let is_listed = |id: &NodeId| nodes.iter().any(|node| node.config.id == *id);
    let journalled = readings.ledger.registrations();
    let mut actions = Vec::new();
    for open in &journalled {
        let node = open.node.clone();
        match is_listed(&node) {
            _ if readings.is_registration_in_use(open) => {}
            true => actions.push(CleanupAction::Unregister(node)),
            false => actions.push(CleanupAction::Forget(node)),
        }
    }
    let of_leftovers = readings
        .leftovers()
        .map(|instance| NodeId(format!("{}{instance}", readings.node_prefix)));
    // The Network Node's half-hourly job writes a copy of its saved list back, and a restart loads that: a
    // node that was removed meanwhile is back then (gonka v0.2.14
    // decentralized-api/internal/modelmanager/mlnode_background_manager.go `checkAndUpdateGPUs`). One that is
    // registered again is open in the journal.
    let removed = readings.ledger.removed_registrations().iter();
    let unknown: BTreeSet<NodeId> = of_leftovers
        .chain(removed.cloned())
        .filter(|id| is_listed(id) && journalled.iter().all(|open| open.node != *id))
        .collect();
    actions.extend(unknown.into_iter().map(CleanupAction::Unregister));
    actions
}

#[cfg(test)]
mod tests;
