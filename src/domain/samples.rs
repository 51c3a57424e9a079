//! Samples for tests in several rooms.

use std::collections::BTreeMap;

use super::{
    ActualStatus, EpochIndex, Instance, InstanceId, NodeConfig, NodeId, NodeStatus, PocStatus,
    RegisteredNode, UsdPerHour,
};

/// A running rental without any details.
pub(crate) fn instance(id: u64) -> Instance {
    Instance {
        id: InstanceId(id),
        machine: None,
        label: None,
        actual: ActualStatus::Running,
        intended: None,
        status_message: None,
        ssh: Vec::new(),
        public_ip: None,
        ports: Vec::new(),
        gpu_price: UsdPerHour::ZERO,
        total_price: UsdPerHour::ZERO,
        started_at: None,
        ends_at: None,
        gpu_name: None,
        gpu_count: None,
    }
}

/// The node of another host's machine, without any details.
pub(crate) fn node_config(id: &str) -> NodeConfig {
    NodeConfig {
        id: NodeId(id.to_owned()),
        host: "10.0.0.9".into(),
        inference_port: 5050,
        inference_segment: String::new(),
        poc_port: 8080,
        poc_segment: String::new(),
        max_concurrent: 500,
        models: BTreeMap::new(),
        hardware: Vec::new(),
    }
}

/// A healthy node, as the Network Node lists it.
pub(crate) fn listed(config: NodeConfig) -> RegisteredNode {
    RegisteredNode {
        config,
        intended: NodeStatus::Inference,
        current: NodeStatus::Inference,
        poc_intended: PocStatus::Idle,
        poc_current: PocStatus::Idle,
        failure_reason: String::new(),
        enabled: true,
        admin_epoch: EpochIndex(1),
        version: None,
        weights: BTreeMap::new(),
        preserved_models: None,
    }
}
