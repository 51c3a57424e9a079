//! The chain's REST API (port 1317): governance's decisions, and where the chain's records of a host are.
//! Sources: gonka v0.2.14 `inference-chain/proto/inference/inference/{params,query}.proto`. 64-bit integers
//! are strings, decimals have a value and an exponent.

use serde_json::{Value, json};

use crate::world::chain::records::{GRACE_PERIOD_END, OTHER_HOST, not_found};
use crate::world::exchange::ApiResponse;
use crate::world::outages::Outage;
use crate::world::scenario::{HostDefect, NetworkRelease};
use crate::world::state::World;

const MODULE: &str = "productscience/inference/inference/";

impl World {
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
        if let Some(address) = below("cosmos/bank/v1beta1/balances/") {
            let host = self.host_of(address);
            let balance = if host.is_some_and(|host| self.host_has(host, HostDefect::NoBalance)) {
                json!([])
            } else {
                json!([{"denom": "ngonka", "amount": "25000000000"}])
            };
            return Some(ApiResponse::ok(
                &json!({"balances": balance, "pagination": {"next_key": null, "total": "1"}}),
            ));
        }
        let address = below("productscience/inference/collateral/collateral/")?;
        let host = self.host_of(address);
        let amount = host.and_then(|host| self.collateral_of(host));
        Some(amount.map_or_else(
            || not_found(&format!("collateral not found for participant {address}")),
            |amount| {
                let amount = amount.to_string();
                ApiResponse::ok(&json!({"amount": {"denom": "ngonka", "amount": amount}}))
            },
        ))
    }

    fn inference_module(&self, path: &str) -> Option<ApiResponse> {
        let (call, argument) = path.split_once('/').unwrap_or((path, ""));
        // The address is the last part.
        let address = argument.rsplit('/').next().unwrap_or_default();
        let host = self.host_of(address);
        Some(match call {
            "params" => ApiResponse::ok(&json!({ "params": self.params() })),
            "participant" => self.participant(address),
            "current_epoch_group_data" => {
                ApiResponse::ok(&json!({"epoch_group_data": self.epoch_group()}))
            }
            "epoch_group_data" if argument.parse() == Ok(self.public_epoch(self.active_epoch)) => {
                ApiResponse::ok(&json!({"epoch_group_data": self.epoch_group()}))
            }
            "epoch_group_data" => not_found("epoch group data not found"),
            "excluded_participants" => ApiResponse::ok(&json!({"items": self.excluded(argument)})),
            "participant_allow_list" => {
                ApiResponse::ok(&json!({"addresses": self.allow_list(), "pagination": null}))
            }
            "poc_delegation" => ApiResponse::ok(&self.delegation(host, OTHER_HOST)),
            "preserved_nodes_snapshot" => ApiResponse::ok(&self.preserved_snapshot()),
            "all_poc_v2_store_commits" => ApiResponse::ok(&self.commits(argument)),
            _ => return self.record_of(host?, call),
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
        let blocked = self.participants_with(HostDefect::Blocked);
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
    pub(super) fn has_fees(&self) -> bool {
        self.scenario.network_release >= NetworkRelease::V0_2_16
    }
}

pub(super) fn not_implemented() -> ApiResponse {
    let body = json!({"code": 12, "message": "Not Implemented", "details": []});
    ApiResponse::new(501, &body)
}
