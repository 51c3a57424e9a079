//! The chain's public API and RPC.

use crate::domain::Time;
use crate::world::chain::schedule::{
    CUTOFF, EPOCH_LENGTH, GENERATION, NEW_VALIDATORS_DELAY, VALIDATION_START, epoch_at,
};
use crate::world::exchange::{ApiRequest, ApiResponse};
use crate::world::state::{MODEL, PARTICIPANT, World};
use serde_json::{Value, json};

/// The only model of the catalogue, as the upgrade to v0.2.13 wrote it. Sizes of GPUs and parallelism
/// are a node's own business (gonka v0.2.13 inference-chain/app/upgrades/v0_2_13/upgrades.go).
fn governance_model() -> Value {
    json!({
        "proposed_by": "gonka10d07y265gmmuvt4z0w9aw880jnsr700j2h5m33", "id": MODEL, "units_of_compute_per_token": "10000",
        "hf_repo": MODEL, "hf_commit": "d494266a4affc0d2995ba1fa35c8481cbd84294b",
        "model_args": ["--enable-auto-tool-choice", "--max-model-len", "180000", "--kv-cache-dtype", "fp8",
            "--tool-call-parser", "minimax_m2", "--reasoning-parser", "minimax_m2_append_think"],
        "v_ram": "320", "throughput_per_nonce": "5000",
        "validation_threshold": {"value": "922", "exponent": -3},
    })
}

/// The arguments that governance has decided for it.
pub(in crate::world) fn governance_args() -> Vec<String> {
    let model = governance_model();
    let args = model["model_args"].as_array().into_iter().flatten();
    args.filter_map(Value::as_str).map(str::to_owned).collect()
}

impl World {
    /// Handles a request to the public API.
    pub fn public_api(&self, request: &ApiRequest) -> ApiResponse {
        if let Some(response) = self.chain_rest_api(&request.path) {
            return response;
        }
        let path = request.path.strip_prefix("/api").unwrap_or(&request.path);
        match path.trim_end_matches('/') {
            "/v1/epochs/latest" => ApiResponse::ok(&self.epoch_reply()),
            "/v1/epochs/current/participants" => ApiResponse::ok(&self.participants_reply()),
            "/v1/governance/models" => ApiResponse::ok(&json!({ "models": [governance_model()] })),
            other => self.public_other(other),
        }
    }

    fn public_other(&self, path: &str) -> ApiResponse {
        // The account, which any address with a public key has (v0.2.14
        // decentralized-api/internal/server/public/get_participants_handler.go).
        if let Some(address) = path.strip_prefix("/v1/participants/") {
            if !address.starts_with("gonka1") {
                return ApiResponse::error(404, "Account not found");
            }
            let account = json!({"pubkey": "A1b2", "balance": 1_000_000, "denom": "ngonka"});
            return ApiResponse::ok(&account);
        }
        if let Some(address) = path.strip_prefix("/v2/participants/") {
            let Some(mut record) = self.participant_record(address) else {
                return ApiResponse::error(404, "not found");
            };
            // Go's own JSON of the record: the status is a number.
            record["status"] = json!(if self.status() == "ACTIVE" { 1 } else { 2 });
            return ApiResponse::ok(&json!({ "participant": record }));
        }
        if path.starts_with("/v1/epochs/") {
            let text = "only getting info about the current epoch is supported at the moment";
            return ApiResponse::error(400, text);
        }
        ApiResponse::error(404, "Not Found")
    }

    fn epoch_reply(&self) -> Value {
        let height = self.reported_height();
        let epoch = epoch_at(height);
        let offset = height - World::poc_start(epoch);
        // The current epoch's parameters; the next epoch's may differ.
        let validation = self.validation(epoch);
        let validation_end = VALIDATION_START + validation;
        let wind_down = validation_end - validation / 5;
        let phase = match offset {
            0..48 => "PoCGenerate",
            48..VALIDATION_START => "PoCGenerateWindDown",
            offset if offset < wind_down => "PoCValidate",
            offset if offset < validation_end => "PoCValidateWindDown",
            _ => "Inference",
        };
        let mut response = json!({
            "block_height": height,
            "latest_epoch": {"index": epoch, "poc_start_block_height": World::poc_start(epoch)},
            "phase": phase,
            "epoch_stages": stages(epoch, validation),
            "next_epoch_stages": stages(epoch + 1, validation),
            "epoch_params": {"epoch_length": EPOCH_LENGTH, "epoch_multiplier": 1, "epoch_shift": 16980, "default_unit_of_compute_price": 100,
                "poc_stage_duration": GENERATION, "poc_exchange_duration": 5, "poc_validation_delay": 5, "poc_validation_duration": validation,
                "set_new_validators_delay": NEW_VALIDATORS_DELAY, "inference_validation_cutoff": CUTOFF, "inference_pruning_epoch_threshold": 2,
                "poc_slot_allocation": {"value": 5, "exponent": -1}, "confirmation_poc_safety_window": 500},
            "is_confirmation_poc_active": false});
        if let Some(event) = self.confirmation_event(epoch, offset) {
            response["is_confirmation_poc_active"] = json!(true);
            response["active_confirmation_poc_event"] = event;
        }
        response
    }

    fn participants_reply(&self) -> Value {
        let node = |(id, weight)| json!({"node_id": id, "poc_weight": weight});
        let nodes = self.active.iter().map(node).collect::<Value>();
        let total: u64 = self.active.values().sum();
        json!({"active_participants": {"epoch_id": self.active_epoch, "poc_start_block_height": World::poc_start(self.active_epoch), "participants": [
            {"index": PARTICIPANT, "weight": total, "models": [MODEL], "ml_nodes": [{"ml_nodes": nodes}]},
            {"index": "gonka1someoneelse", "weight": 48_213, "models": [MODEL], "ml_nodes": [{"ml_nodes": [{"node_id": "other", "poc_weight": 48_213}]}]}]}})
    }

    /// Handles a request to the node's RPC.
    pub fn rpc(&self, request: &ApiRequest) -> ApiResponse {
        let latest = self.height();
        match request.path.trim_end_matches('/') {
            "/status" => ApiResponse::ok(
                &json!({"jsonrpc": "2.0", "id": -1, "result": {"sync_info": {"latest_block_height": latest.to_string(),
                "latest_block_time": rfc3339(self.block_time(latest)), "catching_up": false}}}),
            ),
            "/block" => {
                let height = request.query.get("height");
                let height = height.and_then(|height| height.trim_matches('"').parse().ok());
                let height = height.unwrap_or(latest);
                if height == 0 || height > latest {
                    let data = format!(
                        "height {height} must be less than or equal to the current blockchain height {latest}"
                    );
                    let error = json!({"code": -32603, "message": "Internal error", "data": data});
                    let body = json!({"jsonrpc": "2.0", "id": -1, "error": error});
                    return ApiResponse::new(500, &body);
                }
                let block = json!({"header": self.header(height)});
                let body = json!({"jsonrpc": "2.0", "id": -1, "result": {"block": block}});
                ApiResponse::ok(&body)
            }
            _ => ApiResponse::error(404, "Not Found"),
        }
    }

    pub(in crate::world) fn header(&self, height: u64) -> Value {
        json!({"chain_id": "gonka-mainnet", "height": height.to_string(),
            "time": rfc3339(self.block_time(height))})
    }
}

fn stages(epoch: u64, validation: u64) -> Value {
    let start = World::poc_start(epoch);
    let next = start + EPOCH_LENGTH;
    let validation_start = start + VALIDATION_START;
    let validation_end = validation_start + validation;
    let set_new_validators = validation_end + NEW_VALIDATORS_DELAY;
    json!({"epoch_index": epoch, "poc_start": start, "poc_generation_wind_down": start + 48, "poc_generation_end": start + GENERATION,
        "poc_validation_start": validation_start, "poc_validation_wind_down": validation_end - validation / 5, "poc_validation_end": validation_end,
        "set_new_validators": set_new_validators, "claim_money": set_new_validators + 1, "inference_validation_cutoff": next - CUTOFF,
        "next_poc_start": next, "poc_exchange_window": {"start": start + 1, "end": validation_start},
        "poc_validation_exchange_window": {"start": validation_start + 1, "end": validation_end}})
}

fn rfc3339(time: Time) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
}
