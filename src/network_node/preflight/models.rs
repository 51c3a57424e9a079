//! Which model earns: what governance approves, what `PoC` runs for, what the epoch counts.

use super::facts::{PreflightFacts, PreflightTarget};
use super::judged::{Judged, READ_REST, READ_RULES, met, unknown, unmet, unsure, warning};
use crate::domain::{GovernanceModel, Reading, RewardRules};

pub(super) fn approved(target: &PreflightTarget, facts: &PreflightFacts) -> Judged {
    let model = &target.model;
    match &facts.approved_models {
        Ok(approved) if approved.iter().any(|one| one.id == *model) => met(""),
        Ok(approved) => unmet(
            format!(
                "governance does not approve the model {model}; approved: {}",
                listed(approved.iter().map(|one| one.id.as_str()))
            ),
            "set mlnode.model to an approved model: the Network Node drops any other",
        ),
        Err(error) => unknown(
            &format!("unknown whether governance approves {model}"),
            error,
            "check chain.public_api",
        ),
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
