//! The chain's public API and RPC.

use crate::domain::Time;
use crate::world::chain::records::{OTHER_HOST, OTHER_WEIGHT};
use crate::world::chain::rest::not_implemented;
use crate::world::chain::schedule::{
    CUTOFF, EPOCH_LENGTH, EXCHANGE, FIRST_POC_START, GENERATION, GENERATION_WIND_DOWN,
    NEW_VALIDATORS_DELAY, SAFETY_WINDOW, VALIDATION_DELAY, VALIDATION_START, epoch_at,
};
use crate::world::chain::shapes;
use crate::world::exchange::{ApiRequest, ApiResponse};
use crate::world::host::HostId;
use crate::world::scenario::{ChainAge, ChainProxy, NetworkRelease};
use crate::world::state::World;
use serde_json::{Value, json};

impl World {
    /// Handles a request to the public API, which is the first host's.
    pub fn public_api(&self, request: &ApiRequest) -> ApiResponse {
        if let Some(below) = ["/chain-rpc", "/chain-api", "/chain-grpc"]
            .iter()
            .find_map(|prefix| request.path.strip_prefix(prefix))
        {
            return self.through_the_proxy(request, below);
        }
        if let Some(response) = self.chain_rest_api(&request.path) {
            return response;
        }
        // dapi itself serves what follows, behind the host's proxy.
        if !self.dapi_is_up(HostId::FIRST) {
            return self.proxy_page();
        }
        let path = request.path.strip_prefix("/api").unwrap_or(&request.path);
        match path.trim_end_matches('/') {
            "/v1/epochs/latest" => ApiResponse::ok(&self.epoch_reply()),
            "/v1/epochs/current/participants" if self.public_epoch(self.epoch()) == 0 => {
                ApiResponse::error(400, "Epoch enumeration starts with 1")
            }
            "/v1/epochs/current/participants" => ApiResponse::ok(&self.participants_reply()),
            "/v1/governance/models" => ApiResponse::ok(&json!({ "models": self.catalogue() })),
            "/v1/versions" => ApiResponse::ok(&self.versions()),
            other => self.public_other(other),
        }
    }

    /// Routes that the official compose file turns off (gonka v0.2.14 deploy/join/docker-compose.yml,
    /// `DISABLE_CHAIN_*`).
    fn through_the_proxy(&self, request: &ApiRequest, below: &str) -> ApiResponse {
        if self.scenario.chain_access.proxy == ChainProxy::Closed {
            return ApiResponse::text(404, "<html><body>404 Not Found</body></html>");
        }
        let inner = ApiRequest {
            path: below.to_owned(),
            ..request.clone()
        };
        if request.path.starts_with("/chain-rpc") {
            return self.rpc(&inner);
        }
        self.chain_rest_api(below).unwrap_or_else(not_implemented)
    }

    /// `GET /v1/versions`; v0.2.15 lacks the nodes (gonka v0.2.14
    /// decentralized-api/internal/server/public/app_info_handlers.go).
    fn versions(&self) -> Value {
        let release = self.scenario.network_release;
        let mut reply = json!({"timestamp": rfc3339(self.now()),
            "api_version": {"version": release.to_string()}, "node_version": {"version": release.to_string()}});
        if release != NetworkRelease::V0_2_15 {
            let version = self.scenario.mlnode_release.to_string();
            let nodes = self.hosts[HostId::FIRST].nodes.keys();
            let nodes = nodes.map(
                |id| json!({"node_id": id, "version": version, "poc_validation_inference": false}),
            );
            reply["mlnodes"] = nodes.collect();
        }
        reply
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
            record["status"] = json!(if self.is_excluded_now(address) { 2 } else { 1 });
            return ApiResponse::ok(&json!({ "participant": record }));
        }
        if path.starts_with("/v1/epochs/") {
            let text = "only getting info about the current epoch is supported at the moment";
            return ApiResponse::error(400, text);
        }
        ApiResponse::error(404, "Not Found")
    }

    /// A height as the chain counts it: a newborn chain begins where this world does.
    fn public_height(&self, height: u64) -> u64 {
        match self.scenario.chain_access.age {
            ChainAge::Grown => height,
            ChainAge::Newborn => height.saturating_sub(FIRST_POC_START - 1),
        }
    }

    /// An epoch as the chain counts it.
    pub(in crate::world) fn public_epoch(&self, epoch: u64) -> u64 {
        match self.scenario.chain_access.age {
            ChainAge::Grown => epoch,
            ChainAge::Newborn => epoch.saturating_sub(World::FIRST_EPOCH),
        }
    }

    fn epoch_reply(&self) -> Value {
        let height = self.reported_height();
        let epoch = epoch_at(height);
        let offset = height - World::poc_start(epoch);
        // The current epoch's parameters; the next epoch's may differ.
        let validation = self.validation(epoch);
        let validation_end = VALIDATION_START + validation;
        let wind_down = validation_wind_down(validation);
        let phase = match offset {
            _ if self.public_epoch(epoch) == 0 => "Inference",
            0..GENERATION_WIND_DOWN => "PoCGenerate",
            GENERATION_WIND_DOWN..VALIDATION_START => "PoCGenerateWindDown",
            offset if offset < wind_down => "PoCValidate",
            offset if offset < validation_end => "PoCValidateWindDown",
            _ => "Inference",
        };
        let stages = |epoch| self.stages(epoch, validation);
        let current = stages(epoch);
        let event = self.confirmation_event(epoch, offset);
        let mut response = json!({
            "block_height": self.public_height(height),
            "latest_epoch": {"index": self.public_epoch(epoch), "poc_start_block_height": current["poc_start"]},
            "phase": phase,
            "epoch_stages": current,
            "next_epoch_stages": stages(epoch + 1),
            "epoch_params": {"epoch_length": EPOCH_LENGTH, "epoch_multiplier": 1, "epoch_shift": 16980, "default_unit_of_compute_price": 100,
                "poc_stage_duration": GENERATION, "poc_exchange_duration": EXCHANGE, "poc_validation_delay": VALIDATION_DELAY, "poc_validation_duration": validation,
                "poc_validation_max_duration": 0, "set_new_validators_delay": NEW_VALIDATORS_DELAY, "inference_validation_cutoff": CUTOFF, "inference_pruning_epoch_threshold": 2,
                "poc_slot_allocation": {"value": 5, "exponent": -1}, "confirmation_poc_safety_window": SAFETY_WINDOW},
            "is_confirmation_poc_active": event.is_some(),
            "active_confirmation_poc_event": event});
        match self.scenario.network_release {
            NetworkRelease::V0_2_15 => shapes::nest(&mut response),
            NetworkRelease::V0_2_14 | NetworkRelease::V0_2_16 => shapes::omit_zeros(&mut response),
        }
        response
    }

    /// Epoch 0 has no `PoC`: nothing but the start of the first one.
    fn stages(&self, epoch: u64, validation: u64) -> Value {
        let (start, next) = (World::poc_start(epoch), World::poc_start(epoch + 1));
        let index = self.public_epoch(epoch);
        let is_first = index == 0;
        let at = |height: u64| {
            if is_first {
                0
            } else {
                self.public_height(height)
            }
        };
        let validation_start = start + VALIDATION_START;
        let validation_end = validation_start + validation;
        let set_new_validators = validation_end + NEW_VALIDATORS_DELAY;
        json!({"epoch_index": index, "poc_start": at(start), "poc_generation_wind_down": at(start + GENERATION_WIND_DOWN), "poc_generation_end": at(start + GENERATION),
            "poc_validation_start": at(validation_start), "poc_validation_wind_down": at(start + validation_wind_down(validation)), "poc_validation_end": at(validation_end),
            "set_new_validators": at(set_new_validators), "claim_money": at(set_new_validators + 1), "inference_validation_cutoff": at(next - CUTOFF),
            "next_poc_start": self.public_height(next), "poc_exchange_window": {"start": at(start + 1), "end": at(start + GENERATION + EXCHANGE)},
            "poc_validation_exchange_window": {"start": at(validation_start + 1), "end": at(validation_end)}})
    }

    fn participants_reply(&self) -> Value {
        let row = |address: &str, total: u64, models: &[(&str, Value)]| {
            let ids: Vec<&str> = models.iter().map(|(id, _)| *id).collect();
            let nodes = models.iter().map(|(_, nodes)| json!({"ml_nodes": nodes}));
            json!({"index": address, "weight": total, "models": ids, "ml_nodes": nodes.collect::<Value>()})
        };
        let of_host = |host: HostId| {
            let total = self.hosts[host].active.values().sum();
            row(&host.participant(), total, &self.active_by_model(host))
        };
        let ours = self.hosts();
        let ours = ours.filter(|host| !self.hosts[*host].inactive.contains(&self.active_epoch));
        let nodes = json!([{"node_id": "other", "poc_weight": OTHER_WEIGHT}]);
        let other = row(OTHER_HOST, OTHER_WEIGHT, &[(self.main_model(), nodes)]);
        let participants: Value = ours.map(of_host).chain([other]).collect();
        let mut reply = json!({"active_participants": {"epoch_id": self.public_epoch(self.active_epoch),
            "poc_start_block_height": self.public_height(World::poc_start(self.active_epoch)), "participants": participants}});
        if self.scenario.network_release == NetworkRelease::V0_2_15 {
            shapes::stringify(&mut reply);
        }
        reply
    }

    /// The nodes with weight of each model that a host serves, as in the list of participants.
    fn active_by_model(&self, host: HostId) -> Vec<(&str, Value)> {
        let active = &self.hosts[host].active;
        let nodes = |model: &str| -> Vec<Value> {
            let its = active
                .iter()
                .filter(|(id, _)| self.proved_model(host, id) == model);
            its.map(|(id, weight)| json!({"node_id": id, "poc_weight": weight}))
                .collect()
        };
        let models = self.scenario.models.iter().map(String::as_str);
        let mut rows: Vec<(&str, Vec<Value>)> = models.map(|model| (model, nodes(model))).collect();
        // Without any weight it still has its models' rows, which are empty.
        if !active.is_empty() {
            rows.retain(|(_, nodes)| !nodes.is_empty());
        }
        rows.into_iter()
            .map(|(model, nodes)| (model, nodes.into()))
            .collect()
    }

    /// Handles a request to the node's RPC.
    pub fn rpc(&self, request: &ApiRequest) -> ApiResponse {
        let latest = self.public_height(self.height());
        let kept = self.scenario.chain_access.blocks_kept;
        let earliest = match kept {
            0 => 1,
            kept => latest.saturating_sub(kept - 1).max(1),
        };
        match request.path.trim_end_matches('/') {
            "/status" => ApiResponse::ok(
                &json!({"jsonrpc": "2.0", "id": -1, "result": {"sync_info": {"latest_block_height": latest.to_string(),
                "latest_block_time": rfc3339(self.block_time(self.height())), "earliest_block_height": earliest.to_string(), "catching_up": false}}}),
            ),
            "/block" => {
                let height = request.query.get("height");
                let height = height.and_then(|height| height.trim_matches('"').parse().ok());
                let height: u64 = height.unwrap_or(latest);
                if let Some(data) = refusal(height, earliest, latest) {
                    let error = json!({"code": -32603, "message": "Internal error", "data": data});
                    let body = json!({"jsonrpc": "2.0", "id": -1, "error": error});
                    return ApiResponse::new(500, &body);
                }
                let block = json!({"header": self.header(self.height() - (latest - height))});
                ApiResponse::ok(&json!({"jsonrpc": "2.0", "id": -1, "result": {"block": block}}))
            }
            _ => ApiResponse::error(404, "Not Found"),
        }
    }

    pub(in crate::world) fn header(&self, height: u64) -> Value {
        json!({"chain_id": "gonka-mainnet", "height": self.public_height(height).to_string(),
            "time": rfc3339(self.block_time(height))})
    }
}

/// Offset from `poc_start`.
fn validation_wind_down(validation: u64) -> u64 {
    VALIDATION_START + validation * 4 / 5
}

/// Why the RPC refuses a block, in `CometBFT`'s words.
fn refusal(height: u64, earliest: u64, latest: u64) -> Option<String> {
    match height {
        0 => Some("height must be greater than 0, but got 0".to_owned()),
        height if height > latest => Some(format!(
            "height {height} must be less than or equal to the current blockchain height {latest}"
        )),
        height if height < earliest => Some(format!(
            "height {height} is not available, lowest height is {earliest}"
        )),
        _ => None,
    }
}

fn rfc3339(time: Time) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
}
