//! Listings of the Network Node.

use crate::domain::{
    ApiRelease, CallError, Likeness, NetworkNodeName, NodeId, NodeStatus, RegisteredNode,
    ReleaseAction, Time,
};
use crate::engine::observe::freshness::Feed;
use crate::engine::state::{Engine, Replica, Shared};
use crate::flow::{Event, NodeReading, Sprint};
use crate::journal::Record;
use crate::network_node::likeness;

impl Engine {
    pub(crate) fn on_nodes(
        &mut self,
        now: Time,
        network_node: &NetworkNodeName,
        result: Result<Vec<RegisteredNode>, CallError>,
    ) {
        let observed = &mut self.shared.observed;
        observed
            .freshness
            .mark(Feed::Nodes(network_node.clone()), now);
        let readings = observed.network_node_mut(network_node);
        readings.error = result.as_ref().err().map(CallError::to_string);
        let Ok(nodes) = result else { return };
        let is_here = |replica: &&mut Replica| replica.network_node() == network_node;
        let here = self.replicas.iter();
        let here = here.filter(|replica| replica.network_node() == network_node);
        let listed: Vec<Event> = here
            .map(|replica| replica.nodes_listed(&self.shared, &nodes))
            .collect();
        self.record_registrations(network_node, &nodes);
        for replica in self.replicas.iter_mut().filter(is_here) {
            replica.note_released(now, &nodes);
        }
        self.shared.observed.network_node_mut(network_node).nodes = Some((now, nodes));
        for (replica, listed) in self.replicas.iter_mut().filter(is_here).zip(listed) {
            replica.dispatch(&mut self.shared, now, listed);
        }
    }

    fn record_registrations(&mut self, network_node: &NetworkNodeName, nodes: &[RegisteredNode]) {
        let listed = |id: &NodeId| nodes.iter().find(|node| node.config.id == *id);
        let mut open = self.shared.ledger.registrations();
        open.retain(|open| open.network_node == *network_node);
        let gone = open
            .iter()
            .filter(|open| open.unregistering && listed(&open.node).is_none());
        let mut records: Vec<Record> = gone
            .map(|open| Record::Unregistered {
                node: open.node.clone(),
            })
            .collect();
        let ours = self.replicas.sprints().filter_map(Sprint::node_id);
        let ours = ours.filter_map(listed);
        for node in ours.filter(|node| node.current != NodeStatus::Failed) {
            let id = &node.config.id;
            if open.iter().any(|open| open.node == *id && !open.registered) {
                records.push(Record::Registered { node: id.clone() });
            }
        }
        for record in records {
            self.shared.record(&record);
        }
    }
}

impl Replica {
    fn nodes_listed(&self, shared: &Shared, nodes: &[RegisteredNode]) -> Event {
        let listed = |id: &NodeId| nodes.iter().find(|node| node.config.id == *id);
        let node = self.sprint.node_id().and_then(listed);
        let node = node.map(|node| NodeReading {
            id: node.config.id.clone(),
            likeness: self
                .wanted_node()
                .map_or(Likeness::Unknown, |wanted| likeness(&wanted, &node.config)),
            enabled: node.enabled,
            admin_epoch: node.admin_epoch,
            status: node.current,
            poc: node.poc_current,
            duty: node.duty(),
            failure: node.failure_reason.clone(),
        });
        let proxy = self.config.inference_proxy.as_ref();
        Event::NodesListed {
            node,
            proxy_listed: proxy.is_none_or(|proxy| listed(&proxy.node_id).is_some()),
            others: self.held_up_by_removal(shared, nodes),
        }
    }

    /// What the list proves of a release.
    fn note_released(&mut self, now: Time, nodes: &[RegisteredNode]) {
        if !self.sprint.is_releasing() {
            return;
        }
        let listed = |id: &NodeId| nodes.iter().any(|node| node.config.id == *id);
        let node = self
            .sprint
            .node_id()
            .filter(|_| self.sprint.is_registered());
        if node.is_some_and(|node| !listed(node)) && self.release_log.has(ReleaseAction::RemoveNode)
        {
            self.release_log.done(now, ReleaseAction::RemoveNode);
        }
        let proxy = self.config.inference_proxy.as_ref();
        let is_back = proxy.is_some_and(|proxy| listed(&proxy.node_id));
        if is_back && self.release_log.has(ReleaseAction::RegisterProxy) {
            self.release_log.done(now, ReleaseAction::RegisterProxy);
        }
    }
}

impl Shared {
    /// The last known release counts until another is read: a Network Node is never downgraded.
    pub(crate) fn on_node_release(
        &mut self,
        network_node: &NetworkNodeName,
        result: Result<Option<ApiRelease>, CallError>,
    ) {
        match result {
            Ok(release) => self.observed.network_node_mut(network_node).release = release,
            Err(error) => tracing::debug!("the Network Node's release is unknown: {error}"),
        }
    }
}

impl Replica {
    /// Enabled nodes of others that a removal of ours could hold up.
    fn held_up_by_removal(&self, shared: &Shared, nodes: &[RegisteredNode]) -> usize {
        let readings = shared.observed.network_node(self.network_node());
        let release = readings.and_then(|readings| readings.release.as_ref());
        if release.is_some_and(ApiRelease::removes_at_once) {
            return 0;
        }
        nodes.iter().filter(|node| self.is_of_others(node)).count()
    }

    /// Whether a removal of ours could cost it its `PoC`.
    fn is_of_others(&self, node: &RegisteredNode) -> bool {
        let id = &node.config.id;
        let proxy = self.config.inference_proxy.as_ref();
        node.enabled
            && !id.0.starts_with(&self.config.network_node.node_prefix)
            && proxy.is_none_or(|proxy| proxy.node_id != *id)
    }
}
