//! Compares the listings of market and Network Node with the journal. The plan is pure; the engine
//! carries it out, and so does `pocpit gc`. Rentals with foreign labels are never touched (law 2).

use std::collections::BTreeSet;

use crate::config::{Config, PoolConfig};
use crate::domain::{
    AccountName, CockpitId, Duration, Instance, InstanceId, NetworkNodeName, NodeId,
    RegisteredNode, RentalLabel, ReplicaId, Time,
};
use crate::flow::{Event, Sprint};
use crate::journal::{Ledger, OpenRegistration, OpenRental};

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
    Unregister(Registration),
    /// A registration that is open in the journal, but not listed.
    Forget(NodeId),
}

/// A node at one of the Network Nodes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Registration {
    pub network_node: NetworkNodeName,
    pub node: NodeId,
}

/// The complete list of a Network Node.
#[derive(Debug, Clone, Copy)]
pub struct NodeList<'a> {
    pub network_node: &'a NetworkNodeName,
    pub nodes: &'a [RegisteredNode],
    /// Prefix of our node ids there, before the instance id.
    pub node_prefix: &'a str,
}

#[derive(Debug, Clone, Copy)]
pub struct ReconcileInput<'a> {
    pub now: Time,
    /// The accounts whose listings are complete; what the others have is unknown.
    pub accounts: &'a [&'a AccountName],
    /// Of all these accounts.
    pub instances: &'a [Instance],
    /// Of each Network Node whose list is known; at the others every node stays.
    pub nodes: &'a [NodeList<'a>],
    pub ledger: &'a Ledger,
    /// The current and unfinished sprints: what one of them uses is not left over.
    pub sprints: &'a [&'a Sprint],
    pub cockpit: &'a CockpitId,
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

/// An account or a Network Node that something open in the journal is at, and that the configuration does not
/// have, or no longer has for its pool, in words.
pub fn unknown_places(ledger: &Ledger, config: &Config) -> Option<String> {
    unknown_account(ledger, config)
        .or_else(|| moved_account(ledger, config))
        .or_else(|| unknown_network_node(ledger, config))
        .or_else(|| moved_network_node(ledger, config))
}

fn unknown_account(ledger: &Ledger, config: &Config) -> Option<String> {
    let is_known = |name: &AccountName| config.accounts().any(|one| one.name == *name);
    let mut rentals = ledger.open_rentals().into_iter();
    let OpenRental { label, account, .. } = rentals.find(|open| !is_known(&open.account))?;
    Some(format!(
        "the rental {label} is on account {account}, which the configuration does not have: put it back ([[account]]) until the rental is gone"
    ))
}

fn moved_account(ledger: &Ledger, config: &Config) -> Option<String> {
    ledger.open_rentals().into_iter().find_map(|open| {
        let pool = renting_pool(config, &open.replica)?;
        let (label, account, name) = (&open.label, &open.account, &pool.name);
        (pool.account != *account).then(|| {
            format!(
                "the rental {label} is on account {account}, and pool {name} has account {} now: put {account} back until the rental is gone",
                pool.account
            )
        })
    })
}

fn unknown_network_node(ledger: &Ledger, config: &Config) -> Option<String> {
    let is_known = |name: &NetworkNodeName| config.network_nodes().any(|one| one.name == *name);
    let mut registrations = ledger.registrations().into_iter();
    let OpenRegistration {
        node, network_node, ..
    } = registrations.find(|open| !is_known(&open.network_node))?;
    Some(format!(
        "{node} is registered with the Network Node {network_node}, which the configuration does not have: put it back under this name until the registration is gone"
    ))
}

fn moved_network_node(ledger: &Ledger, config: &Config) -> Option<String> {
    ledger.registrations().into_iter().find_map(|open| {
        let pool = renting_pool(config, ledger.replica_of(open.instance)?)?;
        let (node, network_node, name) = (&open.node, &open.network_node, &pool.name);
        (pool.network_node != *network_node).then(|| {
            format!(
                "{node} is registered with the Network Node {network_node}, and pool {name} has the Network Node {} now: put {network_node} back until the registration is gone",
                pool.network_node
            )
        })
    })
}

/// The pool of a replica that goes on. What a retiring one has stays where the journal says it is.
fn renting_pool<'a>(config: &'a Config, replica: &ReplicaId) -> Option<&'a PoolConfig> {
    let pool = config.pools.get(&replica.pool)?;
    config.pools.has_replica(replica).then_some(pool)
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
    let is_listed = |open: &&OpenRental| readings.accounts.contains(&&open.account);
    for open in readings.ledger.open_rentals().into_iter().filter(is_listed) {
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
    let of_each = readings.nodes.iter();
    of_each.flat_map(|list| list.leftovers(readings)).collect()
}

impl NodeList<'_> {
    fn leftovers(&self, readings: &ReconcileInput<'_>) -> Vec<CleanupAction> {
        let is_listed = |id: &NodeId| self.nodes.iter().any(|node| node.config.id == *id);
        let unregister = |node| {
            CleanupAction::Unregister(Registration {
                network_node: self.network_node.clone(),
                node,
            })
        };
        let journalled = readings.ledger.registrations();
        let mut actions = Vec::new();
        let here = journalled.iter();
        for open in here.filter(|open| open.network_node == *self.network_node) {
            let node = open.node.clone();
            match is_listed(&node) {
                _ if readings.is_registration_in_use(open) => {}
                true => actions.push(unregister(node)),
                false => actions.push(CleanupAction::Forget(node)),
            }
        }
        let of_leftovers = readings
            .leftovers()
            .map(|instance| NodeId(format!("{}{instance}", self.node_prefix)));
        // The Network Node's half-hourly job writes a copy of its saved list back, and a restart loads that: a
        // node that was removed meanwhile is back then (gonka v0.2.14
        // decentralized-api/internal/modelmanager/mlnode_background_manager.go `checkAndUpdateGPUs`). One that
        // is registered again is open in the journal.
        let removed = readings.ledger.removed_registrations().iter();
        let unknown: BTreeSet<NodeId> = of_leftovers
            .chain(removed.cloned())
            .filter(|id| is_listed(id) && journalled.iter().all(|open| open.node != *id))
            .collect();
        actions.extend(unknown.into_iter().map(unregister));
        actions
    }
}

#[cfg(test)]
mod tests;
