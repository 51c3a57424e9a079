//! `GET /admin/v1/config`: the whole configuration, with its keys.

use serde_json::{Value, json};

use crate::world::exchange::ApiResponse;
use crate::world::host::HostId;
use crate::world::state::World;

/// A secret of the configuration: it must never be shown or logged.
pub const WORKER_PRIVATE_KEY: &str = "simulated-worker-private-key";

impl World {
    /// With its secrets, as dapi returns it (gonka v0.2.14 decentralized-api/internal/server/admin/server.go
    /// `getConfig`, apiconfig/config.go).
    pub(super) fn whole_config(&self, host: HostId) -> ApiResponse {
        let nodes: Vec<&Value> = self.hosts[host]
            .nodes
            .values()
            .map(|node| &node.config)
            .collect();
        let version = self.scenario.node_version.as_str();
        ApiResponse::ok(&json!({
            "api": {"port": 0, "poc_callback_url": self.hosts[host].callback_url, "ml_grpc_callback_address": "api:9300",
                "public_url": "http://203.0.113.5:8000", "public_server_port": 9000, "ml_server_port": 9100,
                "admin_server_port": 9200, "ml_grpc_server_port": 9300, "test_mode": false},
            "nodes": nodes, "merged_node_config": true,
            "chain_node": {"url": "http://node:26657", "is_genesis": false, "seed_api_url": "",
                "account_public_key": host.participant(), "signer_key_name": "gonka-warm", "keyring_backend": "file",
                "keyring_dir": "/root/.inference"},
            "current_seed": {"seed": 8_123_456_789_u64, "epoch_index": self.epoch(), "signature": "simulated-seed-signature", "claimed": false},
            "current_height": self.height(), "last_processed_height": self.height(),
            "ml_node_key_config": {"worker_public": "simulated-worker-public-key", "worker_private": WORKER_PRIVATE_KEY},
            "current_node_version": version, "last_used_version": version,
        }))
    }
}
