//! Governance's decisions about models: which are approved, for which of them `PoC` runs, and what it costs
//! a host that it serves one of them not.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::domain::{GpuFamily, KnownModel, known_model};
use crate::world::host::HostId;
use crate::world::models::{MODEL, SECOND_MODEL};
use crate::world::scenario::{HostDefect, NetworkRelease, PocChoice};
use crate::world::state::World;

/// `penalty_start_epoch` of every model.
const PENALTY_START: u64 = 300;
/// Per model (`DelegationParams` since v0.2.12, field guide, section 5).
const NO_PARTICIPATION_PENALTY: f64 = 0.15;
const REFUSAL_PENALTY: f64 = 0.1;

/// As the catalogue has it. `MiniMax`: as the upgrade to v0.2.13 wrote it. It says nothing about GPUs or
/// parallelism: those are up to the node (gonka v0.2.13 inference-chain/app/upgrades/v0_2_13/upgrades.go).
fn catalogue_row(id: &str) -> Value {
    let (commit, args) = match known_model(id) {
        Some(model) if id != MODEL => common_args(model),
        _ => (MINIMAX_COMMIT, MINIMAX_ARGS.to_vec()),
    };
    let v_ram = known_model(id)
        .and_then(|model| model.vram_gb)
        .unwrap_or(320);
    json!({
        "proposed_by": "gonka10d07y265gmmuvt4z0w9aw880jnsr700j2h5m33", "id": id, "units_of_compute_per_token": "10000",
        "hf_repo": id, "hf_commit": commit, "model_args": args, "v_ram": v_ram.to_string(), "throughput_per_nonce": "5000",
        "validation_threshold": {"value": "922", "exponent": -3},
    })
}

const MINIMAX_COMMIT: &str = "d494266a4affc0d2995ba1fa35c8481cbd84294b";
const MINIMAX_ARGS: [&str; 9] = [
    "--enable-auto-tool-choice",
    "--max-model-len",
    "180000",
    "--kv-cache-dtype",
    "fp8",
    "--tool-call-parser",
    "minimax_m2",
    "--reasoning-parser",
    "minimax_m2_append_think",
];

/// The commit of a model, and the arguments that all its official deployments have: which of them governance
/// names is not published.
fn common_args(model: &KnownModel) -> (&'static str, Vec<&'static str>) {
    let words = |profile: &[&'static str]| -> Vec<Vec<&'static str>> {
        profile
            .chunk_by(|_, next| !next.starts_with("--"))
            .map(<[&str]>::to_vec)
            .collect()
    };
    let Some(first) = model.profile(GpuFamily::H100) else {
        return ("main", Vec::new());
    };
    let mut commit = "main";
    let mut common = words(first.args);
    for profile in model.profiles {
        let its = words(profile.args);
        common.retain(|word| its.contains(word));
    }
    common.retain(|word| match word.as_slice() {
        ["--revision", revision] => {
            commit = revision;
            false
        }
        // A node's own affair.
        [
            "--scheduling-policy" | "--trust-remote-code" | "--max-num-batched-tokens",
            ..,
        ] => false,
        _ => true,
    });
    (commit, common.concat())
}

/// Governance's arguments for a model.
pub(in crate::world) fn governance_args(model: &str) -> Vec<String> {
    let row = catalogue_row(model);
    let args = row["model_args"].as_array().into_iter().flatten();
    args.filter_map(Value::as_str).map(str::to_owned).collect()
}

impl World {
    pub(super) fn catalogue(&self) -> Value {
        let models = self.scenario.models.iter();
        models.map(|model| catalogue_row(model)).collect()
    }

    pub(in crate::world) fn approves(&self, model: &str) -> bool {
        self.scenario
            .models
            .iter()
            .any(|approved| approved == model)
    }

    /// What nodes of the operator serve that were there before.
    pub(in crate::world) fn main_model(&self) -> &str {
        self.scenario.models.first().map_or(MODEL, String::as_str)
    }

    /// The models that `PoC` runs for.
    fn proven_models(&self) -> Vec<&str> {
        if self.has(HostDefect::NothingGoverned) {
            return Vec::new();
        }
        if self.has(HostDefect::ModelOutsidePoc) {
            return vec![SECOND_MODEL];
        }
        let approved = self.scenario.models.iter().map(String::as_str);
        let other = [SECOND_MODEL]
            .into_iter()
            .filter(|other| !self.approves(other));
        approved.chain(other).collect()
    }

    /// Those that are part of an epoch.
    pub(super) fn active_models(&self) -> Vec<&str> {
        let mut active = vec![SECOND_MODEL];
        if !self.has(HostDefect::ModelBootstrapping) {
            let approved = self.scenario.models.iter().map(String::as_str);
            active.extend(approved.filter(|model| *model != SECOND_MODEL));
        }
        active
    }

    /// `params.poc_params.models`.
    pub(super) fn poc_models(&self) -> Value {
        let model = |id: &str| {
            let mut model = json!({"model_id": id, "seq_len": "1024", "stat_test": {"dist_threshold": {"value": "4", "exponent": -1},
                "p_mismatch": {"value": "1", "exponent": -1}, "p_value_threshold": {"value": "5", "exponent": -2}},
                "penalty_start_epoch": PENALTY_START.to_string()});
            if self.scenario.network_release < NetworkRelease::V0_2_16 {
                model["weight_scale_factor"] = json!({"value": "1", "exponent": 0});
            }
            model
        };
        self.proven_models().into_iter().map(model).collect()
    }

    /// What a host chose for models that it does not serve.
    fn choice_of(&self, host: HostId) -> PocChoice {
        if self.host_has(host, HostDefect::DelegationMissing) {
            return PocChoice::Missing;
        }
        self.scenario.unserved_models
    }

    /// `GET …/poc_delegation/{participant}`: the choices of a host, which hold while it does not serve the
    /// model.
    pub(super) fn delegation(&self, host: Option<HostId>, delegate: &str) -> Value {
        let choice = host.map_or(PocChoice::Missing, |host| self.choice_of(host));
        let address = host.map(HostId::participant);
        let models = self.proven_models().into_iter();
        let models: Vec<&str> = models.filter(|model| *model != self.main_model()).collect();
        let rows = |of: PocChoice, row: &dyn Fn(&str) -> Value| -> Value {
            let chosen = models.iter().filter(|_| choice == of);
            chosen.map(|model| row(model)).collect()
        };
        let delegations = rows(
            PocChoice::Delegated,
            &|model| json!({"model_id": model, "delegator": address, "delegate_to": delegate}),
        );
        let refusals = rows(
            PocChoice::Refused,
            &|model| json!({"model_id": model, "participant": address}),
        );
        json!({"delegations": delegations, "refusals": refusals, "intents": []})
    }

    /// The share of its weight that a host loses for `PoC` models that it does not serve: penalties add up to
    /// all of it at most (gonka-ai/gonka@063eef1
    /// inference-chain/x/inference/module/delegation_weight_adjustment.go). What a delegation moves to the
    /// delegate (`delegation_share`) is not simulated.
    pub(in crate::world) fn penalty(
        &self,
        host: HostId,
        epoch: u64,
        served: &BTreeSet<String>,
    ) -> f64 {
        if self.public_epoch(epoch) < PENALTY_START {
            return 0.0;
        }
        let each = match self.choice_of(host) {
            PocChoice::Delegated => 0.0,
            PocChoice::Refused => REFUSAL_PENALTY,
            PocChoice::Missing => NO_PARTICIPATION_PENALTY,
        };
        let unserved = self.proven_models().into_iter();
        let unserved = unserved.filter(|model| !served.contains(*model));
        unserved.map(|_| each).sum::<f64>().min(1.0)
    }

    /// The model that a node had its latest weight for.
    pub(in crate::world) fn proved_model(&self, host: HostId, node: &str) -> &str {
        let proved = self.hosts[host].proved.get(node);
        proved.map_or_else(|| self.main_model(), String::as_str)
    }

    /// The model that a registered node is for.
    pub(in crate::world) fn served_model(&self, host: HostId, node: &str) -> &str {
        let registered = self.hosts[host].nodes.get(node);
        let registered = registered.and_then(|node| node.model());
        registered.unwrap_or_else(|| self.proved_model(host, node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn catalogue_has_what_official_deployments_share() {
        let row = catalogue_row(SECOND_MODEL);
        assert_eq!(row["hf_commit"], "7872f01b1d1fe23eabc4c98b48bffcef5a386062");
        assert_eq!(row["v_ram"], "280");
        let args = governance_args(SECOND_MODEL).join(" ");
        assert_eq!(
            args,
            "--max-model-len 400000 --kv-cache-dtype fp8 --tokenizer-mode deepseek_v4 --enable-auto-tool-choice --tool-call-parser deepseek_v4 --reasoning-parser deepseek_v4"
        );
    }
}
