//! The callback server (port 9100), to which nodes send their proofs (gonka v0.2.14
//! decentralized-api/internal/server/mlnode).

use serde_json::{Value, json};

use crate::world::chain::schedule::VALIDATION_START;
use crate::world::chain::{Round, RoundKind};
use crate::world::exchange::{ApiRequest, ApiResponse};
use crate::world::host::HostId;
use crate::world::model::PocPhase;
use crate::world::state::World;

impl World {
    /// Handles a request to the callback server.
    pub fn callback(&mut self, host: HostId, request: &ApiRequest) -> ApiResponse {
        let path = request.path.trim_matches('/');
        let parts: Vec<&str> = path.split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            // Of the devshard, not of dapi (decentralized-api/apiconfig/config.go `DevshardVersionsCache`).
            ("GET", ["versions"]) => ApiResponse::ok(&json!({"versions": [],
                "devshard_requests_enabled": true, "max_nonce": 100_000})),
            ("POST", ["v2", "poc-batches", _, "generated"]) => self.generated(host, &request.body),
            ("POST", ["v2", "poc-batches", _, "validated"]) => self.validated(host, &request.body),
            _ => ApiResponse::error(404, "Not Found"),
        }
    }

    /// The `PoC` whose batches count now: from the start of generation to the end of the exchange.
    fn generating_round(&self, host: HostId) -> Option<Round> {
        let round = self.poc_round(host)?;
        let in_time = round.kind == RoundKind::Challenge || round.offset < VALIDATION_START;
        let is_open = in_time && matches!(round.phase, PocPhase::Generate | PocPhase::Exchange);
        is_open.then_some(round)
    }

    fn generated(&mut self, host: HostId, body: &Value) -> ApiResponse {
        let Some(round) = self.generating_round(host) else {
            return ApiResponse::error(503, "not in PoC generate phase");
        };
        let height = body["block_height"].as_u64();
        if height.is_some_and(|height| height != round.height) {
            return ApiResponse::error(400, "block_height is not the active PoC stage");
        }
        let number = body["node_id"].as_u64();
        let node = self.hosts[host]
            .nodes
            .values()
            .find(|node| Some(node.number) == number);
        let Some(node) = node.map(|node| node.id().to_owned()) else {
            return ApiResponse::error(400, "unknown node_num");
        };
        if let Err(why) = check_artifacts(body) {
            return ApiResponse::error(400, why);
        }
        // Proofs with the key of another participant are taken, and pass nobody's validation.
        let key = body["public_key"].as_str();
        if key.is_none_or(|key| key == host.public_key()) {
            self.count_batches(host, node, round.kind, 1);
        }
        ApiResponse::text(200, "")
    }

    /// Batches of a further node of the operator.
    pub(super) fn take_batches(&mut self, host: HostId, node: &str, height: u64, batches: u64) {
        let round = self.generating_round(host);
        if let Some(round) = round.filter(|round| round.height == height)
            && self.hosts[host].nodes.contains_key(node)
        {
            self.count_batches(host, node.to_owned(), round.kind, batches);
        }
    }

    fn count_batches(&mut self, host: HostId, node: String, kind: RoundKind, batches: u64) {
        let counts = match kind {
            RoundKind::Regular => {
                let epoch = self.epoch();
                let is_early = self.is_early();
                let host = &mut self.hosts[host];
                if is_early {
                    *host.early_batches.entry(epoch).or_default() += batches;
                }
                host.batches.entry(epoch).or_default()
            }
            RoundKind::Confirmation => &mut self.hosts[host].confirming,
            RoundKind::Challenge => &mut self.hosts[host].challenged,
        };
        *counts.entry(node).or_default() += batches;
    }

    fn validated(&self, host: HostId, body: &Value) -> ApiResponse {
        let round = self.poc_round(host);
        if round.is_none_or(|round| round.phase != PocPhase::Validate) {
            return ApiResponse::error(503, "not in PoC validate phase");
        }
        if body["public_key"].as_str().is_none_or(str::is_empty) {
            return ApiResponse::error(500, "invalid public key");
        }
        ApiResponse::text(200, "")
    }
}

/// Each vector is twelve half-precision numbers in base64.
fn check_artifacts(body: &Value) -> Result<(), &'static str> {
    for artifact in body["artifacts"].as_array().into_iter().flatten() {
        let vector = artifact["vector_b64"].as_str().unwrap_or_default();
        if vector.is_empty() {
            return Err("empty artifact vector");
        }
        let is_base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
        if !vector.len().is_multiple_of(4) || !vector.bytes().all(is_base64) {
            return Err("invalid base64 in artifact vector");
        }
    }
    Ok(())
}
