//! Which model earns: what governance approves, what `PoC` runs for, what the epoch counts.

use super::facts::{PreflightFacts, PreflightTarget};
use super::judged::{Judged, READ_REST, READ_RULES, met, unknown, unmet, unsure, warning};
use crate::domain::{GovernanceModel, KnownModel, Reading, RewardRules, known_model};

pub(super) fn approved(target: &PreflightTarget, facts: &PreflightFacts) -> Judged {
    let model = &target.model;
    match &facts.approved_models {
        Ok(approved) => match approved.iter().find(|one| one.id == *model) {
            Some(governed) => as_governed(target, governed),
            None => unmet(
                format!(
                    "governance does not approve the model {model}; approved: {}",
                    listed(approved.iter().map(|one| one.id.as_str()))
                ),
                "set mlnode.model to an approved model: the Network Node drops any other",
            ),
        },
        Err(error) => unknown(
            &format!("unknown whether governance approves {model}"),
            error,
            "check chain.public_api",
        ),
    }
}

/// Whether our model is the one that governance means. Nodes load the repository of the model's id and not
/// the one that governance names, and a revision only when their own arguments pin it (gonka v0.2.14
/// decentralized-api/broker/broker.go `MergeModelArgs`).
fn as_governed(target: &PreflightTarget, governed: &GovernanceModel) -> Judged {
    let model = &target.model;
    if let Some(repo) = governed.hf_repo.as_deref().filter(|repo| repo != model) {
        return warning(
            format!(
                "governance names the repository {repo} for {model}, but nodes load {model} itself: its proofs may not validate"
            ),
            "ask what other hosts of this model run before renting for it",
        );
    }
    let pinned = target
        .revision
        .as_deref()
        .zip(governed.hf_commit.as_deref());
    if let Some((ours, theirs)) = pinned.filter(|(ours, theirs)| !theirs.starts_with(ours)) {
        return warning(
            format!(
                "mlnode.revision is {ours}, and governance names {theirs} for {model}: proofs of another revision may not validate"
            ),
            "set mlnode.revision to governance's, or leave it empty for the newest",
        );
    }
    // The memory that official deployments have may be less than what governance says.
    let known = known_model(model).and_then(KnownModel::least_memory_gb);
    let wanted = known.map(u64::from).or(governed.v_ram_gb);
    let present = target.gpu_memory_mb / 1_000;
    match wanted {
        Some(gb) if present < gb => warning(
            format!(
                "{model} needs {gb} GB of GPU memory, and the search also finds machines with {present} GB: its load would fail there"
            ),
            "raise vast.min_total_gpu_memory or vast.min_gpu_memory",
        ),
        _ => met(""),
    }
}

/// The Network Node answers 400 to a node without any approved model. The rental earns all the same.
pub(super) fn approved_for_proxy(model: &str, approved: &Reading<Vec<GovernanceModel>>) -> Judged {
    match approved {
        Ok(approved) if approved.iter().any(|one| one.id == model) => met(""),
        Ok(approved) => warning(
            format!(
                "governance does not approve the inference proxy's model {model}: the Network Node refuses to register it; approved: {}",
                listed(approved.iter().map(|one| one.id.as_str()))
            ),
            "set inference_proxy.model to an approved model",
        ),
        Err(error) => unsure(
            &format!("unknown whether governance approves the inference proxy's model {model}"),
            error,
            "check chain.public_api",
        ),
    }
}

/// Approval is not enough: `PoC` runs only for the models of its own parameters.
pub(super) fn in_poc(model: &str, rules: &RewardRules) -> Judged {
    let models = match &rules.models {
        Ok(models) => models,
        Err(error) => {
            let cause = format!("unknown whether PoC runs for {model}");
            return unknown(&cause, error, READ_RULES);
        }
    };
    if models.is_empty() {
        return unmet(
            "governance runs PoC for no model at all: nothing can earn weight",
            "wait until governance names models in poc_params.models",
        );
    }
    if models.iter().any(|one| one.id == model) {
        return met(format!("PoC runs for {model}"));
    }
    unmet(
        format!(
            "PoC does not run for {model}: its weight would be 0; PoC runs for: {}",
            listed(models.iter().map(|one| one.id.as_str()))
        ),
        "set mlnode.model to one of those",
    )
}

/// Judged only for a model of the `PoC` set.
pub(super) fn active(model: &str, rules: &RewardRules) -> Option<Judged> {
    let models = rules.models.as_ref().ok()?;
    if models.iter().all(|one| one.id != model) {
        return None;
    }
    Some(match &rules.group {
        Ok(group) if group.models.iter().any(|one| one == model) => met(""),
        Ok(group) => warning(
            format!(
                "{model} is not part of the running epoch yet: until it is, its weight can be 0; part of it: {}",
                listed(group.models.iter().map(String::as_str))
            ),
            "choose one of those, or wait until enough hosts serve it",
        ),
        Err(error) => unsure(
            &format!("unknown whether {model} is part of the running epoch"),
            error,
            READ_REST,
        ),
    })
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.as_slice() {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}
