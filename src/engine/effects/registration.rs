//! Changes of registered nodes: ours, the inference proxy, and what the operator changes.

use std::sync::Arc;

use crate::config::{Exposure, ProxyConfig};
use crate::domain::{
    CallError, Hardware, InstanceId, NetworkNodeName, NodeConfig, NodeId, ReleaseAction,
    is_same_gpu,
};
use crate::engine::Ports;
use crate::engine::effects::release_calls::ReleaseReporter;
use crate::engine::effects::requests::{NodeAddress, node_config};
use crate::engine::effects::task_key::TaskKey;
use crate::engine::observe::observation::{ReplicaReport, TaskReport};
use crate::engine::reconcile::plan::Registration;
use crate::engine::rental::access::tunnel_spec;
use crate::engine::rental::direct_gateway::public_port;
use crate::engine::snapshot::NodeChange;
use crate::engine::state::{Replica, Shared};
use crate::flow::{EffectKey, Event};
use crate::journal::Record;
use crate::network_node::with_registered_arguments;
use crate::ports::{NetworkNode, RegisterError};

impl Replica {
    pub(crate) fn register(&mut self, shared: &mut Shared, node: NodeId, instance: InstanceId) {
        let Some(wanted) = self.wanted_node() else {
            tracing::warn!("registration waits for the tunnel");
            return;
        };
        let wanted = match shared.listed_config(self.network_node(), &wanted.id) {
            Some(listed) => with_registered_arguments(wanted, listed),
            None => wanted,
        };
        let intended = Record::RegisterIntended {
            node,
            instance,
            network_node: self.network_node().clone(),
        };
        if !shared.record_intent(&intended) {
            return self.dispatch(shared, self.ports.clock.now(), Event::RegisterNotRecorded);
        }
        let (ports, change) = (self.ports.clone(), shared.tasks.change());
        self.spawn_in_turn(shared, EffectKey::Registration, async move {
            let registered = ports.network_node.register(&wanted).await;
            drop(change);
            let event = registered.err().map(|error| match error {
                RegisterError::NoGovernedModel(error) => Event::RegisterRefused(error),
                RegisterError::Failed(error) => Event::RegisterFailed(error),
            });
            relist(&ports, EffectKey::Registration, event).await
        });
    }

    pub(crate) fn enable(&mut self, shared: &mut Shared, node: NodeId) {
        let (ports, change) = (self.ports.clone(), shared.tasks.change());
        self.spawn_in_turn(shared, EffectKey::Registration, async move {
            let enabled = ports.network_node.enable(&node).await;
            drop(change);
            let event = enabled.err().map(Event::RegisterFailed);
            relist(&ports, EffectKey::Registration, event).await
        });
    }

    pub(crate) fn disable(&mut self, shared: &mut Shared, node: NodeId) {
        let release = self.release_call(ReleaseAction::DisableNode);
        let (ports, change) = (self.ports.clone(), shared.tasks.change());
        self.spawn_in_turn(shared, EffectKey::Registration, async move {
            let disabled = ports.network_node.disable(&node).await;
            drop(change);
            release.ended(disabled.as_ref().err());
            if let Err(error) = disabled {
                tracing::warn!("{node} is not disabled: {error}; it is removed all the same");
            }
            ReplicaReport::done(EffectKey::Registration, None)
        });
    }

    pub(crate) fn unregister(&mut self, shared: &mut Shared, node: NodeId) {
        shared.record(&Record::UnregisterIntended { node: node.clone() });
        let release = self.release_call(ReleaseAction::RemoveNode);
        let (ports, change) = (self.ports.clone(), shared.tasks.change());
        self.spawn_in_turn(shared, EffectKey::Registration, async move {
            let unregistered = remove(ports.network_node.as_ref(), &node).await;
            drop(change);
            release.ended(unregistered.as_ref().err());
            relist(&ports, EffectKey::Registration, None).await
        });
    }

    pub(crate) fn restore_proxy(&mut self, shared: &mut Shared) {
        let proxy = self.config.inference_proxy.as_ref().map(ProxyConfig::node);
        let action = ReleaseAction::RegisterProxy;
        let release = match proxy {
            Some(_) => self.release_call(action),
            None => ReleaseReporter::silent(action),
        };
        let (ports, change) = (self.ports.clone(), shared.tasks.change());
        self.spawn_in_turn(shared, EffectKey::RestoreProxy, async move {
            let nodes = ports.network_node.nodes().await;
            let missing = proxy.filter(|proxy| {
                nodes
                    .as_ref()
                    .is_ok_and(|nodes| nodes.iter().all(|node| node.config.id != proxy.id))
            });
            let Some(proxy) = missing else {
                return ReplicaReport::relisted(EffectKey::RestoreProxy, None, nodes);
            };
            let registered = ports.network_node.register(&proxy).await;
            let failure = registered.err().map(CallError::from);
            drop(change);
            release.ended(failure.as_ref());
            if let Some(error) = failure {
                tracing::warn!("the inference proxy is not registered: {error}");
            }
            relist(&ports, EffectKey::RestoreProxy, None).await
        });
    }

    /// The node to register, once its address is known.
    pub(crate) fn wanted_node(&self) -> Option<NodeConfig> {
        let rental = self.sprint.rental()?;
        let monitor = self.monitor(rental.instance)?;
        let (mlnode, network) = (&self.config.mlnode, &self.config.network_node);
        let place = match &network.exposure {
            Exposure::Tunnel { host, .. } => {
                // A tunnel with other ends is being moved.
                let spec = tunnel_spec(&self.config);
                let ends = monitor.link.ends.filter(|ends| spec.matches(*ends))?;
                NodeAddress {
                    host: host.clone(),
                    api: ends.api.port(),
                    inference: ends.inference.port(),
                }
            }
            Exposure::Direct => {
                let instance = monitor.row.as_ref()?;
                let external = |port: u16| {
                    let mut ports = instance.ports.iter();
                    let mapping = ports.find(|mapping| mapping.container == public_port(port));
                    mapping.map(|mapping| mapping.external)
                };
                NodeAddress {
                    host: instance.public_ip.clone()?,
                    api: external(mlnode.api_port)?,
                    inference: external(mlnode.inference_port)?,
                }
            }
        };
        let status = monitor.mlnode.as_ref();
        let gpus = status.and_then(|status| status.gpus.as_deref());
        let ordered = &rental.offer.gpu_name;
        // A rental says what it likes.
        let reported = gpus.and_then(<[_]>::first).map(|gpu| &gpu.name);
        let reported = reported.filter(|name| is_same_gpu(name, ordered));
        let name = network.hardware_name.as_ref().or(reported);
        let name = name.unwrap_or(ordered);
        let id = self.sprint.plan().node_id(rental.instance);
        let hardware = vec![Hardware {
            name: name.clone(),
            count: rental.offer.gpu_count,
        }];
        Some(node_config(&self.config, id, place, hardware))
    }
}

impl Shared {
    /// As the Network Node listed it last.
    fn listed_config(&self, network_node: &NetworkNodeName, id: &NodeId) -> Option<&NodeConfig> {
        let readings = self.observed.network_node(network_node)?;
        let (_, nodes) = readings.nodes.as_ref()?;
        let mut nodes = nodes.iter();
        nodes
            .find(|node| node.config.id == *id)
            .map(|node| &node.config)
    }

    /// Removes a registration that no sprint uses.
    pub(crate) fn clean_up_node(&mut self, registration: Registration) {
        let Registration { network_node, node } = registration;
        self.record(&Record::UnregisterIntended { node: node.clone() });
        let (api, change) = (self.api_of(&network_node), self.tasks.change());
        let turn = self.turn_at(&network_node);
        self.spawn_task(TaskKey::CleanUpNode, async move {
            let _turn = turn.lock().await;
            // A failure is logged, and the next list shows it.
            let _ = remove(api.as_ref(), &node).await;
            drop(change);
            TaskReport::NodeCleanedUp {
                network_node,
                nodes: api.nodes().await,
            }
        });
    }

    fn api_of(&self, network_node: &NetworkNodeName) -> Arc<dyn NetworkNode> {
        self.ports.network_node_named(network_node).clone()
    }

    /// The only way to change a node that is not ours, and only on the operator's command.
    pub(crate) fn change_node(
        &mut self,
        network_node: NetworkNodeName,
        node: NodeId,
        wanted: NodeChange,
    ) {
        let (api, change) = (self.api_of(&network_node), self.tasks.change());
        self.spawn_task(TaskKey::ChangeNode, async move {
            let (doing, done) = match wanted {
                NodeChange::Enable => ("enabled", api.enable(&node).await),
                NodeChange::Disable => ("disabled", api.disable(&node).await),
                NodeChange::Remove => ("removed", api.unregister(&node).await.map(drop)),
            };
            drop(change);
            let error = done
                .err()
                .map(|error| format!("node {node} was not {doing}: {error}"));
            if let Some(error) = &error {
                tracing::warn!("{error}");
            }
            TaskReport::NodeChanged {
                network_node,
                error,
                nodes: api.nodes().await,
            }
        });
    }
}

async fn remove(api: &dyn NetworkNode, node: &NodeId) -> Result<bool, CallError> {
    let removed = api.unregister(node).await;
    match &removed {
        Ok(true) => tracing::info!("{node} is unregistered"),
        Ok(false) => tracing::info!("{node} was not registered"),
        Err(error) => tracing::warn!("{node} is not unregistered yet: {error}"),
    }
    removed
}

async fn relist(ports: &Ports, key: EffectKey, event: Option<Event>) -> ReplicaReport {
    let nodes = ports.network_node.nodes().await;
    ReplicaReport::relisted(key, event, nodes)
}
