//! What the work costs on the chain, and what reduces its reward: fees, collateral, delegation, claims.
//! The commands in remedies are from the host documentation (gonka-docs).

use super::facts::{PreflightFacts, PreflightTarget};
use super::judged::{
    Judged, READ_REPORT, READ_REST, READ_RULES, met, unknown, unmet, unread, unsure, warning,
};
use crate::domain::{
    Blocks, CheckStatus, CollateralRule, Duration, EpochIndex, Ngonka, Reading, RewardRules,
    SetupCheckId, SetupReport, Time, UnknownEffect, Weight,
};

/// A tenth of what is usually granted (`DefaultMLOpsFeeAllowance`, 10 GNK).
const LOW_FEE_LIMIT: Ngonka = Ngonka::GNK;
const ENDING_SOON: Duration = Duration::days(7);
/// The Network Node claims within this many blocks after it may.
const CLAIM_TAKES: Blocks = Blocks(500);
const GRANT: &str = "create a grant for fees with `inferenced tx inference grant-ml-ops-permissions` and the cold key, and keep GNK on the cold account";

/// Where gas has a price, the transactions that commit the work need fees: unpaid work does not count.
pub(super) fn fees(at: Time, facts: &PreflightFacts) -> Judged {
    let price = &facts.rules.gas_price;
    if price.as_ref().is_ok_and(|price| *price <= 0.0) {
        return met("transactions are free");
    }
    let report = match &facts.report {
        Ok(report) => report,
        Err(error) => return unknown("unknown who pays the fees", error, READ_RULES),
    };
    let grant = report.check(&SetupCheckId::FeegrantAllowance);
    match (grant.map(|grant| grant.status), price) {
        (Some(CheckStatus::Pass), _) => paid(at, report, &facts.rules),
        (Some(CheckStatus::Fail), Ok(_)) => unmet(
            "transactions cost fees and the warm key has no grant for them: the work would not be committed, weight 0",
            GRANT,
        ),
        (Some(CheckStatus::Fail), Err(error)) => unknown(
            "the warm key has no grant for fees, and whether transactions cost any is unknown",
            error,
            READ_RULES,
        ),
        (Some(CheckStatus::Unavailable) | None, _) => unread(
            "transactions may cost fees, and whether they are paid is unknown: the Network Node could not tell".into(),
            READ_REPORT,
            UnknownEffect::Blocks,
        ),
    }
}

/// There is a grant: whether the account behind it has money, how much is left of it, and how long it lasts.
fn paid(at: Time, report: &SetupReport, rules: &RewardRules) -> Judged {
    if rules.balance == Ok(Ngonka::ZERO) && rules.gas_price.is_ok() {
        return unmet(
            "transactions cost fees and the cold account, which pays them, is empty: weight 0",
            "add GNK to the cold account",
        );
    }
    if let Some(limit) = report.fee_limit.filter(|limit| *limit < LOW_FEE_LIMIT) {
        return warning(
            format!("the grant for fees has only {limit} left: once it is used up, no work counts"),
            GRANT,
        );
    }
    if let Some(end) = report.fees_until.filter(|end| *end - at < ENDING_SOON) {
        let end = end.format("%Y-%m-%d %H:%M UTC");
        return warning(format!("the grant for fees ends {end}"), GRANT);
    }
    match &rules.gas_price {
        Ok(price) => met(format!("{price} ngonka per gas, paid by the cold account")),
        Err(_) => met("a grant is there; the price is unknown"),
    }
}

/// Missing collateral costs a proportional part of the weight.
pub(super) fn collateral(rules: &RewardRules) -> Judged {
    let cause = "unknown whether there is enough collateral";
    let read = (|| {
        let rule = rules.collateral_rule.clone()?;
        Ok((
            rule,
            rules.epoch.clone()?.latest.next(),
            rules.collateral.clone()?,
        ))
    })();
    let (rule, epoch, present): (CollateralRule, EpochIndex, Ngonka) = match read {
        Ok(read) => read,
        Err(error) => return unsure(cause, &error, READ_REST),
    };
    if epoch <= rule.grace_until {
        return met(format!("none is needed until epoch {}", rule.grace_until));
    }
    let weight = rules.group.as_ref().ok().and_then(|group| group.weight);
    match weight.filter(|weight| weight.0 > 0) {
        Some(weight) => for_weight(rule, weight, present),
        None => for_any_weight(rule, present),
    }
}

fn for_weight(rule: CollateralRule, weight: Weight, present: Ngonka) -> Judged {
    let needed = needed(rule, weight);
    if present >= needed {
        return met(format!(
            "{present}; {needed} are needed for weight {weight}"
        ));
    }
    let covered = ratio(present, needed);
    let lost = percent((1.0 - rule.free_share) * (1.0 - covered));
    warning(
        format!(
            "the collateral is {present}, and weight {weight} needs {needed}: {lost} of the weight is lost"
        ),
        DEPOSIT,
    )
}

/// Before the first weight: what each 1000 would need.
fn for_any_weight(rule: CollateralRule, present: Ngonka) -> Judged {
    let thousand = needed(rule, Weight(1_000));
    if present == Ngonka::ZERO {
        let lost = percent(1.0 - rule.free_share);
        return warning(
            format!(
                "there is no collateral: {lost} of any weight is lost; each 1000 of weight need {thousand}"
            ),
            DEPOSIT,
        );
    }
    met(format!("{present}; each 1000 of weight need {thousand}"))
}

const DEPOSIT: &str =
    "add collateral before the end of validation (`inferenced tx collateral deposit-collateral`)";

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an amount for people; negative parameters become 0"
)]
fn needed(rule: CollateralRule, weight: Weight) -> Ngonka {
    let amount = weight.0 as f64 * (1.0 - rule.free_share) * rule.per_unit;
    Ngonka(amount.max(0.0).ceil() as u128)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
fn ratio(part: Ngonka, whole: Ngonka) -> f64 {
    part.0 as f64 / (whole.0 as f64).max(1.0)
}

/// `PoC` models that the host neither serves nor made a choice for.
pub(super) fn delegation(target: &PreflightTarget, facts: &PreflightFacts) -> Judged {
    let rules = &facts.rules;
    let read = (|| {
        let models = rules.models.clone()?;
        let (epoch, chosen) = (rules.epoch.clone()?, rules.chosen.clone()?);
        Ok((
            models,
            epoch.latest.next(),
            chosen,
            rules.penalties.clone()?.no_choice,
        ))
    })();
    let (models, epoch, chosen, penalty) = match read {
        Ok(read) => read,
        Err(error) => {
            let cause = "unknown whether models that are not served cost a part of the reward";
            return unsure(cause, &error, READ_REST);
        }
    };
    let served = served(target, facts);
    let undecided = models.into_iter().filter(|model| {
        let is_settled = served.contains(&model.id.as_str()) || chosen.contains(&model.id);
        !is_settled && model.penalty_from <= epoch
    });
    let undecided: Vec<String> = undecided.map(|model| model.id).collect();
    if undecided.is_empty() {
        return met("");
    }
    let penalty = percent(penalty);
    warning(
        format!(
            "the host neither serves nor delegates {}: each costs {penalty} of the weight in every epoch",
            undecided.join(", ")
        ),
        "choose with `inferenced tx inference set-poc-delegation` or refuse-poc-delegation, before the validation of the PoC starts",
    )
}

/// Models that the host generates for. The inference proxy generates nothing.
fn served<'a>(target: &'a PreflightTarget, facts: &'a PreflightFacts) -> Vec<&'a str> {
    let proxy = target.proxy.as_ref().map(|proxy| &proxy.node);
    let nodes = facts.nodes.as_ref().map_or(&[][..], Vec::as_slice);
    let others = nodes
        .iter()
        .filter(|node| node.enabled && Some(&node.config.id) != proxy)
        .flat_map(|node| node.config.models.keys());
    let others = others.map(String::as_str);
    let of_pools = target.other_models.iter().map(String::as_str);
    let own = [target.model.as_str()].into_iter().chain(of_pools);
    others.chain(own).collect()
}

/// A running Network Node claims rewards itself, so an unclaimed one is a sign that it does not.
pub(super) fn claim(rules: &RewardRules) -> Judged {
    let cause = "unknown whether the last reward was claimed";
    let read: Reading<_> = (|| Ok((rules.unclaimed.clone()?, rules.epoch.clone()?)))();
    let (unclaimed, epoch) = match read {
        Ok(read) => read,
        Err(error) => return unsure(cause, &error, READ_REST),
    };
    let Some(reward) = unclaimed else {
        return met("");
    };
    if epoch.height < epoch.claim_money + CLAIM_TAKES {
        return met(format!("{} wait to be claimed", reward.amount));
    }
    let (amount, of) = (reward.amount, reward.epoch);
    warning(
        format!(
            "the reward of epoch {of}, {amount}, is not claimed yet: it is lost at the next PoC"
        ),
        format!(
            "check that the Network Node runs, or make it claim: POST /admin/v1/claim-reward/recover with {{\"force_claim\":true,\"epoch_index\":{of}}}"
        ),
    )
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", share.clamp(0.0, 1.0) * 100.0)
}
