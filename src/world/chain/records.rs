//! The chain's records of its hosts: who they are, what they weigh, and what costs them weight. Sources:
//! gonka v0.2.14 `inference-chain/proto/inference/inference/query.proto`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::world::chain::confirmation::scaled;
use crate::world::exchange::ApiResponse;
use crate::world::host::HostId;
use crate::world::numbers::number;
use crate::world::scenario::HostDefect;
use crate::world::state::World;

pub(super) const OTHER_HOST: &str = "gonka1someoneelse";
pub(super) const OTHER_WEIGHT: u64 = 48_213;
pub(super) const GRACE_PERIOD_END: u64 = 180;
/// In ngonka: enough for any weight of these worlds.
const COLLATERAL: u64 = 1_000_000_000;
/// Share of the weight that needs no collateral, and ngonka for each unit of the rest.
const BASE_WEIGHT_RATIO: f64 = 0.2;
const COLLATERAL_PER_UNIT: f64 = 4.2;

impl World {
    /// Whether the chain, or the first host, has this defect.
    pub(in crate::world) fn has(&self, defect: HostDefect) -> bool {
        self.scenario.defects.contains(&defect)
    }

    /// Whether this host has it: only the first can.
    pub(in crate::world) fn host_has(&self, host: HostId, defect: HostDefect) -> bool {
        host == HostId::FIRST && self.has(defect)
    }

    /// The host of the operator at this address.
    pub(super) fn host_of(&self, address: &str) -> Option<HostId> {
        self.hosts().find(|host| host.participant() == address)
    }

    /// Addresses of the hosts with this defect.
    pub(super) fn participants_with(&self, defect: HostDefect) -> Vec<String> {
        let hosts = self.hosts().filter(|host| self.host_has(*host, defect));
        hosts.map(HostId::participant).collect()
    }

    pub(super) fn allow_list(&self) -> Vec<String> {
        let ours = self.hosts();
        let ours = ours.filter(|host| !self.host_has(*host, HostDefect::NotAllowListed));
        let ours = ours.map(HostId::participant);
        [OTHER_HOST.to_owned()].into_iter().chain(ours).collect()
    }

    /// What is asked about one host by its address.
    pub(super) fn record_of(&self, host: HostId, call: &str) -> Option<ApiResponse> {
        let address = host.participant();
        let last_epoch = (self.epoch() - 1).to_string();
        let is_unclaimed = self.host_has(host, HostDefect::RewardUnclaimed);
        Some(match call {
            "get_participant_current_stats" => {
                let weight = self.hosts[host].active.values().sum::<u64>().to_string();
                ApiResponse::ok(&json!({"weight": weight, "reputation": 90}))
            }
            "epoch_performance_summary" => ApiResponse::ok(
                &json!({"epochPerformanceSummary": {"epoch_index": last_epoch,
                "participant_id": address, "inference_count": "120", "missed_requests": "1", "earned_coins": "0",
                "rewarded_coins": "4200000000", "burned_coins": "0", "validated_inferences": "12", "invalidated_inferences": "0",
                "claimed": !is_unclaimed}}),
            ),
            // A record that the claim removes.
            "settle_amount" if is_unclaimed => ApiResponse::ok(
                &json!({"settle_amount": {"participant": address, "reward_coins": "4200000000", "work_coins": "0",
                "epoch_index": last_epoch, "seed_signature": "", "last_claim_attempt": "0"}}),
            ),
            "settle_amount" => not_found("not found"),
            _ => return None,
        })
    }

    pub(super) fn collateral_of(&self, host: HostId) -> Option<u64> {
        (!self.host_has(host, HostDefect::CollateralMissing)).then_some(COLLATERAL)
    }

    pub(super) fn participant(&self, address: &str) -> ApiResponse {
        match self.participant_record(address) {
            Some(mut record) => {
                let is_out = self.is_excluded_now(address);
                record["status"] = json!(if is_out { "INACTIVE" } else { "ACTIVE" });
                ApiResponse::ok(&json!({ "participant": record }))
            }
            None => not_found("not found"),
        }
    }

    /// The chain's record of a host, without its status, which has several forms.
    pub(super) fn participant_record(&self, address: &str) -> Option<Value> {
        let is_ours = |host| !self.host_has(host, HostDefect::NotAParticipant);
        let is_one = address == OTHER_HOST || self.host_of(address).is_some_and(is_ours);
        is_one.then(|| {
            json!({"index": address, "address": address, "join_time": "1764000000000", "join_height": "5000000",
            "inference_url": "http://203.0.113.7:8000", "validator_key": "Vk1=", "worker_public_key": "Wk1=", "epochs_completed": 30})
        })
    }

    pub(super) fn is_excluded_now(&self, address: &str) -> bool {
        let host = self.host_of(address);
        host.is_some_and(|host| self.is_excluded(host, self.epoch()))
    }

    /// Whether a host failed in this epoch. It is back in the next one.
    fn is_excluded(&self, host: HostId, epoch: u64) -> bool {
        let failed = self.host_has(host, HostDefect::Inactive) && epoch == World::FIRST_EPOCH;
        failed || self.hosts[host].inactive.contains(&epoch)
    }

    pub(super) fn epoch_group(&self) -> Value {
        let epoch = self.active_epoch;
        let member = |address: &str, weight: u64, confirmed: u64| {
            json!({"member_address": address, "weight": weight.to_string(), "reputation": 90,
                "confirmation_weight": confirmed.to_string(), "voting_power": weight.to_string()})
        };
        let of_host = |host: HostId| {
            let total: u64 = self.hosts[host].active.values().sum();
            let result = self.hosts[host].confirmations.get(&epoch);
            let confirmed = result.map(|result| result.confirmed);
            let confirmed = confirmed.unwrap_or_else(|| self.expected_confirmation(host));
            member(&host.participant(), total, confirmed)
        };
        // A host that failed is no longer a member.
        let ours = self.hosts();
        let ours = ours.filter(|host| !self.hosts[*host].inactive.contains(&epoch));
        let other = member(OTHER_HOST, OTHER_WEIGHT, scaled(OTHER_WEIGHT));
        let members: Value = ours.map(of_host).chain([other]).collect();
        let active = self.active_models();
        let scale = |id: &&str| json!({"model_id": id, "weight_scale_factor": {"value": "375", "exponent": -3}});
        let scales: Value = active.iter().map(scale).collect();
        json!({"epoch_index": epoch.to_string(), "poc_start_block_height": World::poc_start(epoch).to_string(),
            "sub_group_models": active, "confirmation_weight_scales": scales, "validation_weights": members})
    }

    pub(super) fn excluded(&self, epoch: &str) -> Value {
        // 0 is the current epoch.
        let given = epoch.parse::<u64>().ok().filter(|epoch| *epoch > 0);
        let epoch = given.unwrap_or_else(|| self.epoch());
        let hosts = self.hosts().filter(|host| self.is_excluded(*host, epoch));
        let row = |host: HostId| {
            json!({"address": host.participant(), "epoch_index": epoch.to_string(),
                "reason": "failed confirmation PoC", "exclusion_block_height": "5521900"})
        };
        hosts.map(row).collect()
    }

    /// Commits of a `PoC`: present as soon as there is work.
    pub(super) fn commits(&self, poc_start: &str) -> Value {
        let hosts = self.hosts().filter(|host| !self.commits_fail(*host));
        let commits: Value = hosts
            .flat_map(|host| self.commits_of(host, poc_start))
            .collect();
        json!({"commits": commits})
    }

    /// One for each model that there is work for.
    fn commits_of(&self, host: HostId, poc_start: &str) -> Vec<Value> {
        let mut epochs = self.hosts[host].batches.iter();
        let wanted = epochs.find(|(epoch, _)| poc_start.parse() == Ok(World::poc_start(**epoch)));
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for (node, batches) in wanted.into_iter().flat_map(|(_, nodes)| nodes) {
            *counts.entry(self.served_model(host, node)).or_default() += batches;
        }
        let row = |(model, count): (&str, u64)| {
            json!({"participant_address": host.participant(), "count": count, "root_hash": "q83v",
                "hex_pub_key": "02ab", "model_id": model})
        };
        counts
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(row)
            .collect()
    }

    /// Whether the host's commits never reach the chain.
    fn commits_fail(&self, host: HostId) -> bool {
        let unpaid = self.host_has(host, HostDefect::FeegrantMissing)
            || self.host_has(host, HostDefect::NoBalance);
        let refused = [
            HostDefect::NotAParticipant,
            HostDefect::Blocked,
            HostDefect::PermissionsMissing,
            HostDefect::WarmKeyWrong,
            HostDefect::BlockSyncBehind,
        ];
        unpaid && self.has_fees()
            || refused
                .into_iter()
                .any(|defect| self.host_has(host, defect))
    }

    /// Whether no work of this host becomes weight.
    pub(in crate::world) fn earns_nothing(&self, host: HostId) -> bool {
        let unweighted = [
            HostDefect::NothingGoverned,
            HostDefect::ModelOutsidePoc,
            HostDefect::ModelBootstrapping,
        ];
        let unweighted = unweighted.into_iter().any(|defect| self.has(defect));
        self.commits_fail(host) || unweighted || self.host_has(host, HostDefect::NotAllowListed)
    }

    /// The share of its weight that a host's collateral covers (`AdjustWeightsByCollateral`).
    pub(in crate::world) fn weight_share(&self, host: HostId, epoch: u64, potential: u64) -> f64 {
        if epoch <= GRACE_PERIOD_END || potential == 0 {
            return 1.0;
        }
        let collateral = self.collateral_of(host).unwrap_or(0);
        let covered = number(collateral) / COLLATERAL_PER_UNIT / number(potential);
        BASE_WEIGHT_RATIO + covered.min(1.0 - BASE_WEIGHT_RATIO)
    }
}

/// As the gRPC gateway answers.
pub(super) fn not_found(message: &str) -> ApiResponse {
    ApiResponse::new(404, &json!({"code": 5, "message": message, "details": []}))
}
