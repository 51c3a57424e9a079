//! The chain's REST API (port 1317): governance's decisions, and the chain's records of a host. Sources:
//! gonka v0.2.14 `inference-chain/proto/inference/inference/{params,query}.proto`. 64-bit integers are
//! strings, decimals have a value and an exponent.

use serde_json::{Value, json};

use crate::world::chain::confirmation::scaled;
use crate::world::exchange::ApiResponse;
use crate::world::numbers::number;
use crate::world::outages::Outage;
use crate::world::scenario::{HostDefect, NetworkRelease};
use crate::world::state::{MODEL, PARTICIPANT, World};

/// Another model of the `PoC` set, which our host does not serve.
const OTHER_MODEL: &str = "deepseek-ai/DeepSeek-V4-Flash-0731";
pub(super) const OTHER_HOST: &str = "gonka1someoneelse";
pub(super) const OTHER_WEIGHT: u64 = 48_213;
/// In ngonka: enough for any weight of these worlds.
const COLLATERAL: u64 = 1_000_000_000;
const MODULE: &str = "productscience/inference/inference/";
const GRACE_PERIOD_END: u64 = 180;
/// Share of the weight that needs no collateral, and ngonka for each unit of the rest.
const BASE_WEIGHT_RATIO: f64 = 0.2;
const COLLATERAL_PER_UNIT: f64 = 4.2;

impl World {
    pub(in crate::world) fn has(&self, defect: HostDefect) -> bool {
        self.scenario.defects.contains(&defect)
    }

    /// Answers a path of the REST API; `None` for any other path.
    pub(in crate::world) fn chain_rest_api(&self, path: &str) -> Option<ApiResponse> {
        let path = path.trim_matches('/');
        if !path.starts_with("cosmos/") && !path.starts_with("productscience/") {
            return None;
        }
        // The proxy of the host's compose has it off by default.
        if self.has(HostDefect::RestNotServed) {
            return Some(ApiResponse::text(
                404,
                "<html><head><title>404 Not Found</title></head></html>",
            ));
        }
        if self.is_out(Outage::ChainRest) {
            return Some(self.proxy_page());
        }
        let rest = path.strip_prefix(MODULE);
        let reply = rest.map_or_else(
            || self.other_module(path),
            |path| self.inference_module(path),
        );
        Some(reply.unwrap_or_else(not_implemented))
    }

    fn other_module(&self, path: &str) -> Option<ApiResponse> {
        let below = |prefix: &str| path.strip_prefix(prefix);
        if let Some(name) = below("cosmos/upgrade/v1beta1/applied_plan/v") {
            let applied = name <= self.scenario.network_release.to_string().as_str();
            let height = if applied { "5500000" } else { "0" };
            return Some(ApiResponse::ok(&json!({ "height": height })));
        }
        if path == "cosmos/upgrade/v1beta1/current_plan" {
            return Some(self.planned_upgrade());
        }
        if below("cosmos/bank/v1beta1/balances/").is_some() {
            let balance = if self.has(HostDefect::NoBalance) {
                json!([])
            } else {
                json!([{"denom": "ngonka", "amount": "25000000000"}])
            };
            return Some(ApiResponse::ok(
                &json!({"balances": balance, "pagination": {"next_key": null, "total": "1"}}),
            ));
        }
        let address = below("productscience/inference/collateral/collateral/")?;
        let amount = self.collateral_of(address);
        Some(amount.map_or_else(
            || not_found(&format!("collateral not found for participant {address}")),
            |amount| {
                let amount = amount.to_string();
                ApiResponse::ok(&json!({"amount": {"denom": "ngonka", "amount": amount}}))
            },
        ))
    }

    fn collateral_of(&self, address: &str) -> Option<u64> {
        let is_there = address == PARTICIPANT && !self.has(HostDefect::CollateralMissing);
        is_there.then_some(COLLATERAL)
    }

    fn inference_module(&self, path: &str) -> Option<ApiResponse> {
        let (call, argument) = path.split_once('/').unwrap_or((path, ""));
        let ours = argument == PARTICIPANT;
        Some(match call {
            "params" => ApiResponse::ok(&json!({ "params": self.params() })),
            "participant" => self.participant(argument),
            "current_epoch_group_data" => {
                ApiResponse::ok(&json!({"epoch_group_data": self.epoch_group()}))
            }
            "epoch_group_data" if argument.parse() == Ok(self.public_epoch(self.active_epoch)) => {
                ApiResponse::ok(&json!({"epoch_group_data": self.epoch_group()}))
            }
            "epoch_group_data" => not_found("epoch group data not found"),
            "excluded_participants" => ApiResponse::ok(&json!({"items": self.excluded(argument)})),
            "participant_allow_list" => {
                ApiResponse::ok(&json!({"addresses": [OTHER_HOST], "pagination": null}))
            }
            "poc_delegation" => ApiResponse::ok(&self.delegation(ours)),
            "preserved_nodes_snapshot" => ApiResponse::ok(&self.preserved_snapshot()),
            "all_poc_v2_store_commits" => ApiResponse::ok(&self.commits(argument)),
            "get_participant_current_stats" if ours => {
                let weight = self.active.values().sum::<u64>().to_string();
                ApiResponse::ok(&json!({"weight": weight, "reputation": 90}))
            }
            "epoch_performance_summary" => ApiResponse::ok(
                &json!({"epochPerformanceSummary": {"epoch_index": (self.epoch() - 1).to_string(),
                "participant_id": PARTICIPANT, "inference_count": "120", "missed_requests": "1", "earned_coins": "0",
                "rewarded_coins": "4200000000", "burned_coins": "0", "validated_inferences": "12", "invalidated_inferences": "0",
                "claimed": !self.has(HostDefect::RewardUnclaimed)}}),
            ),
            // A record that the claim removes.
            "settle_amount" if ours && self.has(HostDefect::RewardUnclaimed) => ApiResponse::ok(
                &json!({"settle_amount": {"participant": PARTICIPANT, "reward_coins": "4200000000", "work_coins": "0",
                "epoch_index": (self.epoch() - 1).to_string(), "seed_signature": "", "last_claim_attempt": "0"}}),
            ),
            "settle_amount" | "get_participant_current_stats" => not_found("not found"),
            _ => return None,
        })
    }

    fn params(&self) -> Value {
        let decimal = |value: &str, exponent: i32| json!({"value": value, "exponent": exponent});
        let fees = if self.has_fees() {
            json!({"enabled_fee_groups": ["epoch", "cosmos"], "groups": [
                {"name": "epoch", "min_gas_price": "1"}, {"name": "cosmos", "min_gas_price": "1"}]})
        } else {
            json!({"min_gas_price_ngonka": "0", "base_validation_gas": "0", "gas_per_poc_count": "0"})
        };
        let blocked = if self.has(HostDefect::Blocked) {
            json!([PARTICIPANT])
        } else {
            json!([])
        };
        json!({
            "epoch_params": {"epoch_length": "15391", "poc_stage_duration": "60"},
            "poc_params": {"validation_slots": 0, "poc_v2_enabled": true, "poc_stronger_rng_enabled": true, "models": self.poc_models()},
            "collateral_params": {"slash_fraction_invalid": decimal("2", -1), "slash_fraction_downtime": decimal("1", -1),
                "grace_period_end_epoch": GRACE_PERIOD_END.to_string(), "base_weight_ratio": decimal("2", -1),
                "collateral_per_weight_unit": decimal("42", -1)},
            "confirmation_poc_params": {"expected_confirmations_per_epoch": self.scenario.expected_confirmations.to_string(),
                "alpha_threshold": decimal("5", -1), "slash_fraction": decimal("1", -1), "upgrade_protection_window": "500"},
            "participant_access_params": {"new_participant_registration_start_height": "0", "blocked_participant_addresses": blocked,
                "use_participant_allowlist": self.has(HostDefect::NotAllowListed), "participant_allowlist_until_block_height": "0"},
            "devshard_escrow_params": {"allowed_creator_addresses": []},
            "fee_params": fees,
            "delegation_params": {"deploy_window": "500", "refusal_penalty": decimal("1", -1), "no_participation_penalty": decimal("15", -2),
                "delegation_share": decimal("5", -2)},
            "maintenance_params": {"maintenance_enabled": false}})
    }

    /// Transactions have fees since v0.2.16.
    fn has_fees(&self) -> bool {
        self.scenario.network_release >= NetworkRelease::V0_2_16
    }

    fn poc_models(&self) -> Value {
        if self.has(HostDefect::NothingGoverned) {
            return json!([]);
        }
        let model = |id: &str| {
            let mut model = json!({"model_id": id, "seq_len": "1024", "stat_test": {"dist_threshold": {"value": "4", "exponent": -1},
                "p_mismatch": {"value": "1", "exponent": -1}, "p_value_threshold": {"value": "5", "exponent": -2}},
                "penalty_start_epoch": "300"});
            if self.scenario.network_release < NetworkRelease::V0_2_16 {
                model["weight_scale_factor"] = json!({"value": "1", "exponent": 0});
            }
            model
        };
        if self.has(HostDefect::ModelOutsidePoc) {
            return json!([model(OTHER_MODEL)]);
        }
        json!([model(MODEL), model(OTHER_MODEL)])
    }

    fn participant(&self, address: &str) -> ApiResponse {
        match self.participant_record(address) {
            Some(mut record) => {
                let is_out = self.is_excluded(self.epoch());
                record["status"] = json!(if is_out { "INACTIVE" } else { "ACTIVE" });
                ApiResponse::ok(&json!({ "participant": record }))
            }
            None => not_found("not found"),
        }
    }

    /// The chain's record of a host, without its status, which has several forms.
    pub(super) fn participant_record(&self, address: &str) -> Option<Value> {
        let is_one = address == OTHER_HOST
            || address == PARTICIPANT && !self.has(HostDefect::NotAParticipant);
        is_one.then(|| {
            json!({"index": address, "address": address, "join_time": "1764000000000", "join_height": "5000000",
            "inference_url": "http://203.0.113.7:8000", "validator_key": "Vk1=", "worker_public_key": "Wk1=", "epochs_completed": 30})
        })
    }

    /// Whether our host failed in this epoch. It is back in the next one.
    pub(super) fn is_excluded(&self, epoch: u64) -> bool {
        let failed = self.has(HostDefect::Inactive) && epoch == World::FIRST_EPOCH;
        failed || self.inactive.contains(&epoch)
    }

    fn epoch_group(&self) -> Value {
        let epoch = self.active_epoch;
        let total: u64 = self.active.values().sum();
        let result = self.confirmations.get(&epoch);
        let confirmed = result.map_or(self.expected_confirmation(), |result| result.confirmed);
        let member = |address: &str, weight: u64, confirmed: u64| {
            json!({"member_address": address, "weight": weight.to_string(), "reputation": 90,
                "confirmation_weight": confirmed.to_string(), "voting_power": weight.to_string()})
        };
        let mut members = vec![member(OTHER_HOST, OTHER_WEIGHT, scaled(OTHER_WEIGHT))];
        // A host that failed is no longer a member.
        if !self.inactive.contains(&epoch) {
            members.insert(0, member(PARTICIPANT, total, confirmed));
        }
        let mut active = vec![OTHER_MODEL];
        if !self.has(HostDefect::ModelBootstrapping) {
            active.push(MODEL);
        }
        let scale = |id: &&str| json!({"model_id": id, "weight_scale_factor": {"value": "375", "exponent": -3}});
        let scales: Value = active.iter().map(scale).collect();
        json!({"epoch_index": epoch.to_string(), "poc_start_block_height": World::poc_start(epoch).to_string(),
            "sub_group_models": active, "confirmation_weight_scales": scales, "validation_weights": members})
    }

    fn excluded(&self, epoch: &str) -> Value {
        // 0 is the current epoch.
        let given = epoch.parse::<u64>().ok().filter(|epoch| *epoch > 0);
        let epoch = given.unwrap_or_else(|| self.epoch());
        if !self.is_excluded(epoch) {
            return json!([]);
        }
        let epoch = epoch.to_string();
        json!([{"address": PARTICIPANT, "epoch_index": epoch, "reason": "failed confirmation PoC", "exclusion_block_height": "5521900"}])
    }

    fn delegation(&self, ours: bool) -> Value {
        let chosen = ours && !self.has(HostDefect::DelegationMissing);
        let delegations = if chosen {
            json!([{"model_id": OTHER_MODEL, "delegator": PARTICIPANT, "delegate_to": OTHER_HOST}])
        } else {
            json!([])
        };
        json!({"delegations": delegations, "refusals": [], "intents": []})
    }

    /// Commits of a `PoC`: present as soon as there is work.
    fn commits(&self, poc_start: &str) -> Value {
        let mut epochs = self.batches.iter();
        let wanted = epochs.find(|(epoch, _)| poc_start.parse() == Ok(World::poc_start(**epoch)));
        let count: u64 = wanted.map_or(0, |(_, nodes)| nodes.values().sum());
        if count == 0 || self.commits_fail() {
            return json!({"commits": []});
        }
        json!({"commits": [{"participant_address": PARTICIPANT, "count": count, "root_hash": "q83v",
            "hex_pub_key": "02ab", "model_id": MODEL}]})
    }

    /// Whether the host's commits never reach the chain.
    fn commits_fail(&self) -> bool {
        let unpaid = self.has(HostDefect::FeegrantMissing) || self.has(HostDefect::NoBalance);
        let refused = [
            HostDefect::NotAParticipant,
            HostDefect::Blocked,
            HostDefect::PermissionsMissing,
            HostDefect::WarmKeyWrong,
            HostDefect::BlockSyncBehind,
        ];
        unpaid && self.has_fees() || refused.into_iter().any(|defect| self.has(defect))
    }

    /// Whether no work of this host becomes weight.
    pub(in crate::world) fn earns_nothing(&self) -> bool {
        let unweighted = [
            HostDefect::NothingGoverned,
            HostDefect::ModelOutsidePoc,
            HostDefect::ModelBootstrapping,
            HostDefect::NotAllowListed,
        ];
        self.commits_fail() || unweighted.into_iter().any(|defect| self.has(defect))
    }

    /// The share of its weight that a host's collateral covers (`AdjustWeightsByCollateral`).
    pub(in crate::world) fn weight_share(&self, epoch: u64, potential: u64) -> f64 {
        if epoch <= GRACE_PERIOD_END || potential == 0 {
            return 1.0;
        }
        let collateral = self.collateral_of(PARTICIPANT).unwrap_or(0);
        let covered = number(collateral) / COLLATERAL_PER_UNIT / number(potential);
        BASE_WEIGHT_RATIO + covered.min(1.0 - BASE_WEIGHT_RATIO)
    }
}

/// As the gRPC gateway answers.
fn not_found(message: &str) -> ApiResponse {
    ApiResponse::new(404, &json!({"code": 5, "message": message, "details": []}))
}

pub(super) fn not_implemented() -> ApiResponse {
    let body = json!({"code": 12, "message": "Not Implemented", "details": []});
    ApiResponse::new(501, &body)
}
