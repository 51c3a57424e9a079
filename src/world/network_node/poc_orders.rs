//! What dapi orders a node to do in a `PoC`: bodies of its calls.

use serde_json::{Value, json};

use super::node::Node;
use crate::world::host::HostId;
use crate::world::scenario::NetworkRelease;
use crate::world::state::World;

impl World {
    /// One more than the highest node number.
    fn node_count(&self, host: HostId) -> u64 {
        self.hosts[host].dapi.registrations + 1
    }

    pub(super) fn generation_body(&self, host: HostId, node: &Node) -> Value {
        let round = self.poc_round(host);
        let height = round.map_or_else(|| World::poc_start(self.epoch()), |round| round.height);
        let model = node.model().unwrap_or_default();
        let mut body = json!({"block_hash": block_hash(height), "block_height": height, "public_key": host.public_key(),
            "node_id": node.number, "node_count": self.node_count(host), "params": {"model": model, "seq_len": SEQ_LEN},
            "url": self.batches_url(host, model)});
        if self.scenario.network_release >= NetworkRelease::V0_2_15 {
            body["poc_stronger_rng"] = json!(true);
        }
        body
    }

    pub(super) fn validation_body(&self, host: HostId, node: &Node) -> Value {
        let mut body = self.generation_body(host, node);
        let artifact = |nonce: u64| json!({"nonce": nonce, "vector_b64": ARTIFACT});
        body["public_key"] = json!(OTHER_PUBLIC_KEY);
        body["node_id"] = json!(1);
        body["node_count"] = json!(2);
        body["nonces"] = json!([7, 19]);
        body["validation"] = json!({"artifacts": [artifact(7), artifact(19)]});
        body["stat_test"] =
            json!({"dist_threshold": 0.4, "p_mismatch": 0.1, "p_value_threshold": 0.05});
        body
    }

    /// The model's id is escaped twice: a proxy in front of dapi removes one layer.
    fn batches_url(&self, host: HostId, model: &str) -> String {
        let model = model.replace('%', "%2525").replace('/', "%252F");
        let callback = self.hosts[host].callback_url.trim_end_matches('/');
        format!("{callback}/v2/poc-batches/{model}")
    }
}

const OTHER_PUBLIC_KEY: &str = "03cd1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d1e";
const SEQ_LEN: u64 = 1024;
/// Twelve half-precision zeros.
const ARTIFACT: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hash of the block at this height, in `CometBFT`'s form.
fn block_hash(height: u64) -> String {
    let mixed = height.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!("{mixed:016X}").repeat(4)
}
