//! Samples for tests in several rooms.

use std::collections::BTreeMap;

use super::{
    ActualStatus, EpochIndex, Instance, InstanceId, MachineId, NodeConfig, NodeId, NodeStatus,
    Offer, OfferId, PocStatus, RegisteredNode, Time, Usd, UsdPerHour,
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

/// An offer of four GPUs that is as good as any.
pub(crate) fn offer(id: u64) -> Offer {
    Offer {
        id: OfferId(id),
        machine: MachineId(id / 7),
        host: None,
        gpu_name: "H100 SXM".into(),
        gpu_count: 4,
        gpu_memory_mb: 81_559,
        disk_gb: 800.0,
        disk_mb_per_s: Some(2400.5),
        download_mbps: 4200.25,
        upload_mbps: 3800.0,
        gpu_price: UsdPerHour::from_dollars(9.6),
        storage_per_gb_month: Usd::from_dollars(0.1),
        download_per_gb: Usd::ZERO,
        upload_per_gb: Usd::ZERO,
        reliability: 0.993,
        cuda: Some(12.8),
        driver: None,
        direct_ports: 100,
        location: Some("Norway, NO".into()),
        ends_at: Time::from_timestamp(90_000, 0),
        verified: true,
        public_address: None,
        surcharge: UsdPerHour::ZERO,
        closed: None,
    }
}
