//! The Network Node's report on its own setup. Source: gonka v0.2.14
//! `decentralized-api/internal/server/admin/setup_report.go`.

use serde::Serialize;
use serde_json::{Value, json};

use super::host::HostId;
use super::network_node::Node;
use super::scenario::HostDefect;
use super::state::World;

const WARM_KEY: &str = "gonka1warm";
const MESSAGES: [&str; 20] = [
    "/inference.inference.MsgStartInference",
    "/inference.inference.MsgFinishInference",
    "/inference.inference.MsgClaimRewards",
    "/inference.inference.MsgValidation",
    "/inference.inference.MsgSubmitPocBatch",
    "/inference.inference.MsgSubmitPocValidationsV2",
    "/inference.inference.MsgPoCV2StoreCommit",
    "/inference.inference.MsgMLNodeWeightDistribution",
    "/inference.inference.MsgSubmitSeed",
    "/inference.inference.MsgBridgeExchange",
    "/inference.inference.MsgSubmitNewUnfundedParticipant",
    "/inference.inference.MsgSubmitHardwareDiff",
    "/inference.inference.MsgInvalidateInference",
    "/inference.inference.MsgRevalidateInference",
    "/inference.bls.MsgSubmitDealerPart",
    "/inference.bls.MsgSubmitVerificationVector",
    "/inference.bls.MsgRespondDealerComplaints",
    "/inference.bls.MsgRequestThresholdSignature",
    "/inference.bls.MsgSubmitPartialSignature",
    "/inference.bls.MsgSubmitGroupKeyValidationSignature",
];

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Pass,
    Fail,
    Unavailable,
}

impl Status {
    fn failing_if(fails: bool) -> Status {
        if fails { Status::Fail } else { Status::Pass }
    }
}

fn check(id: &str, status: Status, message: &str, details: &Value) -> Value {
    let mut check = json!({"id": id, "status": status, "message": message});
    if !details.is_null() {
        check["details"] = details.clone();
    }
    check
}

impl World {
    pub(super) fn setup_report(&self, host: HostId) -> Value {
        let mut checks = self.key_checks(host);
        checks.extend([
            self.permissions_check(host),
            self.feegrant_check(host),
            self.consensus_check(host),
        ]);
        checks.extend(self.activity_checks(host));
        checks.push(self.misses_check(host));
        checks.extend(self.node_checks(host));
        checks.push(self.sync_check(host));
        let with = |word: &str| {
            let found = checks.iter().filter(|check| check["status"] == word);
            found.count()
        };
        let (failed, unavailable) = (with("FAIL"), with("UNAVAILABLE"));
        let overall = match (failed, unavailable) {
            (0, 0) => Status::Pass,
            (0, _) => Status::Unavailable,
            _ => Status::Fail,
        };
        json!({"experimental": true, "generated_at": self.now.to_rfc3339(), "cached_until": self.now.to_rfc3339(),
            "overall_status": overall, "summary": {"total_checks": checks.len(), "passed_checks": with("PASS"),
            "failed_checks": failed, "unavailable_checks": unavailable, "issues": [], "recommendations": []}, "checks": checks})
    }

    fn key_checks(&self, host: HostId) -> Vec<Value> {
        let warm = Status::failing_if(self.host_has(host, HostDefect::WarmKeyWrong));
        let stored = Status::failing_if(self.host_has(host, HostDefect::ColdKeyStored));
        let cold = json!({"address": host.participant(), "pubkey": "A1b2"});
        vec![
            check(
                "cold_key_configured",
                Status::Pass,
                "Cold key is configured",
                &cold,
            ),
            check(
                "cold_key_not_in_keyring",
                stored,
                "where the cold key is",
                &Value::Null,
            ),
            check(
                "warm_key_in_keyring",
                Status::Pass,
                "Warm key 'api' found in keyring",
                &Value::Null,
            ),
            check(
                "warm_key_address_match",
                warm,
                "Warm key address and signer address",
                &Value::Null,
            ),
        ]
    }

    fn permissions_check(&self, host: HostId) -> Value {
        let id = "permissions_granted";
        if self.host_has(host, HostDefect::ReportUnavailable) {
            let text = "Unable to check permissions: context deadline exceeded";
            return check(id, Status::Unavailable, text, &Value::Null);
        }
        let mut missing = Vec::new();
        if self.host_has(host, HostDefect::PermissionsMissing) {
            missing.push("/inference.inference.MsgPoCV2StoreCommit");
        }
        if self.host_has(host, HostDefect::SparePermissionMissing) {
            missing.push("/inference.bls.MsgRespondDealerComplaints");
        }
        let granted = MESSAGES.len() - missing.len();
        let mut details = json!({"cold_key_address": host.participant(), "warm_key_address": WARM_KEY,
            "granted": granted, "missing": missing.len()});
        if !missing.is_empty() {
            details["missing_permissions"] = json!(missing);
        }
        if self.host_has(host, HostDefect::PermissionsExpiring) {
            details["expiring_soon"] = json!(["/inference.inference.MsgPoCV2StoreCommit"]);
        }
        let message = format!("{granted} of {} permissions granted", MESSAGES.len());
        check(
            id,
            Status::failing_if(!missing.is_empty()),
            &message,
            &details,
        )
    }

    fn feegrant_check(&self, host: HostId) -> Value {
        let id = "feegrant_allowance";
        let mut details =
            json!({"cold_key_address": host.participant(), "warm_key_address": WARM_KEY});
        if self.host_has(host, HostDefect::ReportUnavailable) {
            let text = "Unable to check feegrant allowance: context deadline exceeded";
            return check(id, Status::Unavailable, text, &details);
        }
        if self.host_has(host, HostDefect::FeegrantMissing) {
            let text = "No fee allowance from cold to warm key. Warm-key txs cannot pay fees from the cold account";
            return check(id, Status::Fail, text, &details);
        }
        let limit = if self.host_has(host, HostDefect::FeegrantLow) {
            "120000ngonka"
        } else {
            "10000000000ngonka"
        };
        details["allowance_type"] = json!("BasicAllowance");
        details["spend_limit"] = json!(limit);
        let text = "Fee allowance from cold to warm key is configured";
        check(id, Status::Pass, text, &details)
    }

    fn consensus_check(&self, host: HostId) -> Value {
        let id = "consensus_key_match";
        if self.host_has(host, HostDefect::ReportUnavailable) {
            return check(
                id,
                Status::Unavailable,
                "Failed to get node status",
                &Value::Null,
            );
        }
        let wrong = self.host_has(host, HostDefect::ConsensusKeyWrong);
        let text = if wrong {
            "Consensus key mismatch: local=Lk1=, registered=Vk1="
        } else {
            "Consensus key matches participant registration"
        };
        check(id, Status::failing_if(wrong), text, &Value::Null)
    }

    /// A just-in-time host is in no epoch before its first `PoC`.
    fn activity_checks(&self, host: HostId) -> Vec<Value> {
        let epoch = self.active_epoch;
        let weight: u64 = self.hosts[host].active.values().sum();
        let status = Status::failing_if(weight == 0);
        let details = json!({"epoch": epoch, "weight": weight});
        let active = format!("Participant in epoch {epoch}, weight {weight}");
        vec![
            check("active_in_epoch", status, &active, &details),
            check(
                "validator_in_set",
                status,
                "Validator in the consensus set",
                &Value::Null,
            ),
        ]
    }

    fn misses_check(&self, host: HostId) -> Value {
        let fails = self.host_has(host, HostDefect::MissedRequests);
        let missed = if fails { 14 } else { 1 };
        let details = json!({"inference_count": 100 - missed, "missed_requests": missed,
            "total_requests": 100, "missed_percentage": missed});
        let text = format!("Missed requests: {missed}.0%");
        check(
            "missed_requests_threshold",
            Status::failing_if(fails),
            &text,
            &details,
        )
    }

    fn node_checks(&self, host: HostId) -> Vec<Value> {
        let row = |(id, node): (&String, &Node)| {
            let status = Status::failing_if(node.is_failed());
            let details = json!({"id": id, "host": node.config["host"], "models": [], "gpus": []});
            check(&format!("mlnode_{id}"), status, "MLNode health", &details)
        };
        self.hosts[host].nodes.iter().map(row).collect()
    }

    fn sync_check(&self, host: HostId) -> Value {
        let behind = self.host_has(host, HostDefect::BlockSyncBehind);
        let height = self.height();
        let text = format!("Latest block: {height}");
        let details = json!({"latest_height": height});
        check("block_sync", Status::failing_if(behind), &text, &details)
    }
}
