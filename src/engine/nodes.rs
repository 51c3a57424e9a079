//! Registered nodes that the operator changes by hand.

use super::condition::Condition;
use super::core::Engine;
use super::observe::Observation;
use super::snapshot::{Alert, AlertLevel, NodeChange};
use crate::domain::{Duration, NodeId, Time};

/// A change that did not work is told for so long.
const TROUBLE_IS_NEWS: Duration = Duration::minutes(10);

impl Engine {
    /// The one way to touch a node that is not the sprint's: nothing but the operator's command leads
    /// here.
    pub(super) fn change_node(&mut self, node: NodeId, change: NodeChange) {
        let ports = self.ports.clone();
        let key = "change";
        self.spawn(key, async move {
            let api = ports.network_node.as_ref();
            let (doing, done) = match change {
                NodeChange::Enable => ("enabled", api.enable(&node).await),
                NodeChange::Disable => ("disabled", api.disable(&node).await),
                NodeChange::Remove => ("removed", api.unregister(&node).await.map(drop)),
            };
            let trouble = done
                .err()
                .map(|error| format!("node {node} was not {doing}: {error}"));
            if let Some(trouble) = &trouble {
                tracing::warn!("{trouble}");
            }
            Observation::Changed {
                key,
                trouble,
                nodes: ports.network_node.nodes().await,
            }
        });
    }

    pub(super) fn change_alert(&self, now: Time) -> Option<Alert> {
        let (since, text) = self.seen.change_trouble.clone()?;
        (now - since <= TROUBLE_IS_NEWS).then(|| Alert {
            condition: Condition::NodeNotChanged,
            level: AlertLevel::Warning,
            text,
            advice: "look at the registrations and try again".to_owned(),
            since,
        })
    }
}
