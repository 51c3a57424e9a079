//! Listings of the Network Node.

use crate::domain::{CallError, Likeness, NodeStatus, RegisteredNode, Time};
use crate::engine::observe::freshness::Feed;
use crate::engine::state::Engine;
use crate::flow::{Event, NodeReading};
use crate::journal::Record;
use crate::network_node::likeness;

impl Engine {
    pub(crate) fn on_nodes(&mut self, now: Time, result: Result<Vec<RegisteredNode>, CallError>) {
        self.observed.freshness.mark(Feed::Nodes, now);
        let nodes = match result {
            Ok(nodes) => nodes,
            Err(error) => {
                self.observed.nodes_error = Some(error.to_string());
                return;
            }
        };
        self.observed.nodes_error = None;
        let listed = self.nodes_listed(&nodes);
        self.journal_registrations(&nodes);
        self.observed.nodes = Some((now, nodes));
        self.dispatch(now, listed);
    }

    fn nodes_listed(&self, nodes: &[RegisteredNode]) -> Event {
        let listed = |id: &crate::domain::NodeId| nodes.iter().find(|node| node.config.id == *id);
        let node = self
            .sprint
            .node_id()
            .and_then(listed)
            .map(|node| NodeReading {
                id: node.config.id.clone(),
                likeness: self.likeness(node),
                enabled: node.enabled,
                admin_epoch: node.admin_epoch,
                status: node.current,
                poc: node.poc_current,
                failure: node.failure_reason.clone(),
            });
        let proxy = self.config.inference_proxy.as_ref();
        Event::NodesListed {
            node,
            proxy_listed: proxy.is_none_or(|proxy| listed(&proxy.node_id).is_some()),
        }
    }

    fn likeness(&self, seen: &RegisteredNode) -> Likeness {
        self.wanted_node()
            .map_or(Likeness::Unknown, |wanted| likeness(&wanted, &seen.config))
    }

    fn journal_registrations(&mut self, nodes: &[RegisteredNode]) {
        let unconfirmed: Vec<_> = self
            .ledger
            .registrations()
            .into_iter()
            .filter(|open| {
                nodes.iter().all(|node| node.config.id != open.node) && open.unregistering
            })
            .map(|open| open.node.clone())
            .collect();
        for node in unconfirmed {
            self.record(&Record::Unregistered { node });
        }
        if let Some(id) = self.sprint.node_id().cloned() {
            let listed = nodes
                .iter()
                .any(|node| node.config.id == id && node.current != NodeStatus::Failed);
            let open = self
                .ledger
                .registrations()
                .iter()
                .any(|open| open.node == id && !open.registered);
            if listed && open {
                self.record(&Record::Registered { node: id });
            }
        }
    }
}
