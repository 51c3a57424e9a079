//! Compares what market and Network Node list with what the journal knows. The plan is pure: it says
//! what to do; the engine does it, and so does `pocpit gc`. Labels of others are never touched
//! (law 2).

use crate::config::Config;
use crate::domain::{
    CockpitId, Duration, Instance, InstanceId, NodeId, RegisteredNode, RentalLabel, Time,
};
use crate::flow::{Event, Sprint};
use crate::journal::{Ledger, OpenRegistration};

/// A contract can be missing from listings this long after its rent call.
const VISIBLE_WITHIN: Duration = Duration::minutes(3);

pub const NEVER_LISTED: &str = "no complete listing ever showed it";

/// What complete listings call for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CleanupAction {
    /// An instance with our label that no sprint uses.
    Destroy(InstanceId),
    /// The journal has this rental open, but it is not listed: ask for it by itself.
    Verify(InstanceId),
    /// An intent whose rental was never seen: nothing was rented.
    Void(RentalLabel),
    /// A registration of ours whose rental is gone, or is to go.
    Unregister(NodeId),
    /// The journal has this registration open, but it is not listed: nothing is registered.
    Forget(NodeId),
}

/// What is known when somebody asks what is left over.
#[derive(Debug, Clone, Copy)]
pub struct ReconcileInput<'a> {
    pub now: Time,
    pub instances: &'a [Instance],
    /// Every registered node; absent while that is not known, and then all of them stay.
    pub nodes: Option<&'a [RegisteredNode]>,
    /// What the journal adds up to.
    pub ledger: &'a Ledger,
    /// The sprint under way, or left half done: what it uses is not left over.
    pub sprint: Option<&'a Sprint>,
    pub cockpit: &'a CockpitId,
    /// Prefix of our node ids; the contract id is added.
    pub node_prefix: &'a str,
}

/// The event that a complete listing answers the search for a label with.
pub(crate) fn find(instances: &[Instance], label: &RentalLabel) -> Event {
    let text = label.to_string();
    let found = instances
        .iter()
        .find(|instance| instance.label.as_deref() == Some(text.as_str()));
    found.map_or(Event::LabelAbsent, |instance| {
        Event::LabelFound(instance.id)
    })
}

/// Instances with a label of another cockpit of this program that the operator does not know of.
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

/// What to do about what is left over.
pub fn plan(readings: &ReconcileInput<'_>) -> Vec<CleanupAction> {
    let mut orders = rentals(readings);
    orders.extend(registrations(readings));
    orders
}

impl ReconcileInput<'_> {
    /// The sprint rents under this label, or has.
    pub fn is_in_use(&self, label: &RentalLabel) -> bool {
        self.sprint.is_some_and(|sprint| sprint.uses(label))
    }

    fn is_left_over(&self, instance: &Instance) -> bool {
        let label = instance.rental_label();
        label.is_some_and(|label| label.cockpit == *self.cockpit && !self.is_in_use(&label))
    }

    fn is_registration_in_use(&self, open: &OpenRegistration) -> bool {
        self.sprint.is_some_and(|sprint| {
            sprint.node_id() == Some(&open.node)
                || sprint.rental().map(|rental| rental.instance) == Some(open.instance)
        })
    }
}

fn rentals(readings: &ReconcileInput<'_>) -> Vec<CleanupAction> {
    let instances = readings.instances;
    let left = instances
        .iter()
        .filter(|instance| readings.is_left_over(instance));
    let mut orders: Vec<CleanupAction> = left
        .map(|instance| CleanupAction::Destroy(instance.id))
        .collect();
    for open in readings.ledger.open_rentals() {
        let old_enough = readings.now - open.intended_at > VISIBLE_WITHIN;
        if readings.is_in_use(&open.label) || !old_enough {
            continue;
        }
        let listed = instances.iter().any(|instance| {
            Some(instance.id) == open.instance
                || instance.label.as_deref() == Some(open.label.to_string().as_str())
        });
        match open.instance {
            _ if listed => {}
            Some(id) => orders.push(CleanupAction::Verify(id)),
            None => orders.push(CleanupAction::Void(open.label.clone())),
        }
    }
    orders
}

/// Registrations are ours by the journal, or by the rental behind them. A prefix alone proves
/// nothing: another cockpit may use the same.
fn registrations(readings: &ReconcileInput<'_>) -> Vec<CleanupAction> {
    let Some(nodes) = readings.nodes else {
        return Vec::new();
    };
    let is_listed = |id: &NodeId| nodes.iter().any(|node| node.config.id == *id);
    let journalled = readings.ledger.registrations();
    let mut orders = Vec::new();
    for open in &journalled {
        let node = open.node.clone();
        match is_listed(&node) {
            _ if readings.is_registration_in_use(open) => {}
            true => orders.push(CleanupAction::Unregister(node)),
            false => orders.push(CleanupAction::Forget(node)),
        }
    }
    let left = readings
        .instances
        .iter()
        .filter(|instance| readings.is_left_over(instance));
    let unknown = left
        .map(|instance| NodeId(format!("{}{}", readings.node_prefix, instance.id)))
        .filter(|id| is_listed(id) && journalled.iter().all(|open| open.node != *id));
    orders.extend(unknown.map(CleanupAction::Unregister));
    orders
}

#[cfg(test)]
mod tests;
