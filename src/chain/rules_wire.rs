//! The JSON of the chain's reward rules. Source: gonka v0.2.14
//! `inference-chain/proto/inference/inference/{params,query}.proto`; fee groups: the notes of v0.2.16.

use super::wire::{Parsed, decimal};
use crate::domain::{
    AccessRule, CollateralRule, ConfirmationRule, DelegationPenalties, EpochGroup, EpochIndex,
    Height, Ngonka, NodeId, Participant, ParticipantStatus, PocModel, UnclaimedReward, Weight,
};
use crate::http::json::Fields;

const DENOM: &str = "ngonka";

/// Sections of `params`: one that cannot be read does not hide the others.
pub(super) struct Params {
    pub models: Parsed<Vec<PocModel>>,
    pub gas_price: Parsed<f64>,
    pub collateral: Parsed<CollateralRule>,
    pub penalties: Parsed<DelegationPenalties>,
    pub access: Parsed<ListUse>,
    pub confirmation: Parsed<ConfirmationRule>,
}

/// Lists of participants, as far as they concern one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ListUse {
    Unused,
    Blocked,
    /// Epochs are formed by a list until this height.
    Until(Height),
    Always,
}

/// `GET …/params`.
pub(super) fn params(reply: Fields<'_>, ours: &Participant) -> Parsed<Params> {
    let params = reply.object("params")?;
    let section = |name: &str| params.object(name);
    Ok(Params {
        models: section("poc_params").and_then(models),
        gas_price: params.maybe_object("fee_params").and_then(gas_price),
        collateral: section("collateral_params").and_then(collateral_rule),
        penalties: section("delegation_params").and_then(penalties),
        access: section("participant_access_params").and_then(|it| list_use(it, ours)),
        confirmation: section("confirmation_poc_params").and_then(confirmation),
    })
}

/// Without the list nothing is known; an empty one means that `PoC` runs for no model.
fn models(params: Fields<'_>) -> Parsed<Vec<PocModel>> {
    if params.get("models").is_none() {
        return Err("`models` is missing".into());
    }
    let rows = params.rows("models")?;
    rows.into_iter().map(model).collect()
}

fn model(row: Fields<'_>) -> Parsed<PocModel> {
    Ok(PocModel {
        id: row.required("model_id")?,
        penalty_from: EpochIndex(row.count("penalty_start_epoch")?),
    })
}

/// One price up to v0.2.15, groups since v0.2.16: the highest price of those that are enabled.
fn gas_price(params: Option<Fields<'_>>) -> Parsed<f64> {
    let Some(params) = params else {
        return Ok(0.0);
    };
    if params.get("groups").is_none() && params.get("enabled_fee_groups").is_none() {
        return amount(params, "min_gas_price_ngonka");
    }
    let enabled = params.list("enabled_fee_groups")?;
    let mut highest = 0.0_f64;
    for group in params.rows("groups")? {
        let name: &str = group.required("name")?;
        if enabled.iter().any(|one| one.as_str() == Some(name)) {
            highest = highest.max(amount(group, "min_gas_price")?);
        }
    }
    Ok(highest)
}

fn collateral_rule(params: Fields<'_>) -> Parsed<CollateralRule> {
    Ok(CollateralRule {
        grace_until: EpochIndex(params.count("grace_period_end_epoch")?),
        free_share: amount(params, "base_weight_ratio")?,
        per_unit: amount(params, "collateral_per_weight_unit")?,
    })
}

fn penalties(params: Fields<'_>) -> Parsed<DelegationPenalties> {
    Ok(DelegationPenalties {
        no_choice: amount(params, "no_participation_penalty")?,
        refusal: amount(params, "refusal_penalty")?,
    })
}

fn list_use(params: Fields<'_>, ours: &Participant) -> Parsed<ListUse> {
    let blocked = params.list("blocked_participant_addresses")?;
    if blocked.iter().any(|one| one.as_str() == Some(&ours.0)) {
        return Ok(ListUse::Blocked);
    }
    if params.optional("use_participant_allowlist")? != Some(true) {
        return Ok(ListUse::Unused);
    }
    Ok(
        match params.count("participant_allowlist_until_block_height")? {
            0 => ListUse::Always,
            end => ListUse::Until(Height(end)),
        },
    )
}

fn confirmation(params: Fields<'_>) -> Parsed<ConfirmationRule> {
    Ok(ConfirmationRule {
        expected: amount(params, "expected_confirmations_per_epoch")?,
        slash: amount(params, "slash_fraction")?,
    })
}

/// `GET …/participant_allow_list`.
pub(super) fn allow_list(reply: Fields<'_>, ours: &Participant) -> Parsed<AccessRule> {
    let listed = reply.list("addresses")?.iter();
    let mut listed = listed.map(serde_json::Value::as_str);
    Ok(if listed.any(|one| one == Some(&ours.0)) {
        AccessRule::Listed
    } else {
        AccessRule::NotListed
    })
}

/// `GET …/participant/{address}`. The REST API gives the status by name, Go's own JSON by number.
pub(super) fn participant(reply: Fields<'_>) -> Parsed<ParticipantStatus> {
    let record = reply.object("participant")?;
    let by_name = record.get("status").and_then(serde_json::Value::as_str);
    Ok(match by_name {
        Some("ACTIVE") => ParticipantStatus::Active,
        Some("INACTIVE") => ParticipantStatus::Inactive,
        Some("INVALID") => ParticipantStatus::Invalid,
        Some(_) => ParticipantStatus::Other,
        None => match record.count("status")? {
            1 => ParticipantStatus::Active,
            2 => ParticipantStatus::Inactive,
            3 => ParticipantStatus::Invalid,
            _ => ParticipantStatus::Other,
        },
    })
}

/// `GET …/current_epoch_group_data`. The models that have scales; older chains list groups only.
pub(super) fn group(reply: Fields<'_>, ours: &Participant) -> Parsed<EpochGroup> {
    let group = reply.object("epoch_group_data")?;
    let scales = group.rows("confirmation_weight_scales")?.into_iter();
    let mut models: Vec<String> = scales
        .map(|scale| scale.required("model_id"))
        .collect::<Parsed<_>>()?;
    if models.is_empty() {
        let listed = group.list("sub_group_models")?.iter();
        models = listed
            .filter_map(|id| id.as_str().map(str::to_owned))
            .collect();
    }
    let mut weight = None;
    for row in group.rows("validation_weights")? {
        if row.given("member_address")? == Some(ours.0.as_str()) {
            weight = Some(Weight(row.count("weight")?));
        }
    }
    Ok(EpochGroup { models, weight })
}

/// `GET …/excluded_participants/{epoch}`.
pub(super) fn exclusion(reply: Fields<'_>, ours: &Participant) -> Parsed<Option<String>> {
    for row in reply.rows("items")? {
        if row.given("address")? == Some(ours.0.as_str()) {
            let reason = row.text("reason");
            return Ok(Some(reason.unwrap_or_else(|| "no reason given".into())));
        }
    }
    Ok(None)
}

/// `GET …/poc_delegation/{participant}`.
pub(super) fn chosen(reply: Fields<'_>) -> Parsed<Vec<String>> {
    let mut models = Vec::new();
    for list in ["delegations", "refusals", "intents"] {
        for row in reply.rows(list)? {
            models.push(row.required("model_id")?);
        }
    }
    Ok(models)
}

/// `GET /productscience/inference/collateral/collateral/{participant}`.
pub(super) fn collateral(reply: Fields<'_>) -> Parsed<Ngonka> {
    reply.maybe_object("amount")?.map_or(Ok(Ngonka::ZERO), coin)
}

/// `GET /cosmos/bank/v1beta1/balances/{address}`.
pub(super) fn balance(reply: Fields<'_>) -> Parsed<Ngonka> {
    let coins = reply.rows("balances")?.into_iter();
    let ours = coins.filter(|coin| coin.text("denom").as_deref() == Some(DENOM));
    ours.map(coin)
        .try_fold(Ngonka::ZERO, |sum, coin| Ok(sum + coin?))
}

/// `GET …/settle_amount/{participant}`.
pub(super) fn unclaimed(reply: Fields<'_>) -> Parsed<Option<UnclaimedReward>> {
    let record = reply.object("settle_amount")?;
    let coins = u128::from(record.count("reward_coins")?) + u128::from(record.count("work_coins")?);
    Ok((coins > 0).then_some(UnclaimedReward {
        epoch: EpochIndex(record.count("epoch_index")?),
        amount: Ngonka(coins),
    }))
}

/// `GET …/preserved_nodes_snapshot`.
pub(super) fn preserved(reply: Fields<'_>, ours: &Participant) -> Parsed<Vec<NodeId>> {
    let Some(snapshot) = reply.maybe_object("snapshot")? else {
        return Ok(Vec::new());
    };
    let mut nodes = Vec::new();
    for model in snapshot.rows("model_preserved_nodes")? {
        for row in model.rows("participants")? {
            if row.given("participant_id")? != Some(ours.0.as_str()) {
                continue;
            }
            let ids = row.list("node_ids")?.iter();
            nodes.extend(ids.filter_map(|id| Some(NodeId(id.as_str()?.to_owned()))));
        }
    }
    Ok(nodes)
}

fn coin(coin: Fields<'_>) -> Parsed<Ngonka> {
    let amount: &str = coin.required("amount")?;
    let amount = amount.parse();
    amount
        .map(Ngonka)
        .map_err(|_| "`amount` is not a number".into())
}

/// A number, a numeric text, or digits with a power of ten: 0.5 is 5 and -1. 0 when absent.
fn amount(fields: Fields<'_>, name: &str) -> Parsed<f64> {
    let Some(value) = fields.get(name) else {
        return Ok(0.0);
    };
    if value.is_object() {
        return decimal(Fields(value)).map_err(|why| format!("{name}: {why}"));
    }
    let number = fields.number(name);
    number.ok_or_else(|| format!("`{name}` is not a number"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn ours() -> Participant {
        Participant("gonka1abc".into())
    }

    fn of(params: &Value) -> Params {
        super::params(Fields(&json!({ "params": params })), &ours()).unwrap()
    }

    #[test]
    fn missing_models_differ_from_none() {
        let models = |poc: Value| of(&json!({ "poc_params": poc })).models;
        assert_eq!(models(json!({ "models": [] })), Ok(Vec::new()));
        assert!(models(json!({})).is_err());
        assert!(of(&json!({})).models.is_err());
        let row = json!({ "model_id": "m", "seq_len": "1024", "penalty_start_epoch": "300" });
        let expected = PocModel {
            id: "m".into(),
            penalty_from: EpochIndex(300),
        };
        assert_eq!(models(json!({ "models": [row] })), Ok(vec![expected]));
    }

    #[test]
    fn fees_are_read_in_both_shapes() {
        let group = |name: &str, price: &str| json!({ "name": name, "min_gas_price": price });
        for (fees, expected) in [
            (json!(null), 0.0),
            (json!({ "min_gas_price_ngonka": "10" }), 10.0),
            (json!({ "min_gas_price_ngonka": "0" }), 0.0),
            (
                json!({ "enabled_fee_groups": ["epoch"], "groups": [group("epoch", "1"), group("other", "9")] }),
                1.0,
            ),
            (
                json!({ "enabled_fee_groups": [], "groups": [group("epoch", "1")] }),
                0.0,
            ),
        ] {
            let price = of(&json!({ "fee_params": fees })).gas_price.unwrap();
            assert!((price - expected).abs() < 1e-9, "{fees}: {price}");
        }
    }

    #[test]
    fn one_broken_section_hides_no_other() {
        let params = of(&json!({
            "poc_params": "none",
            "collateral_params": { "grace_period_end_epoch": "180",
                "base_weight_ratio": { "value": "2", "exponent": -1 },
                "collateral_per_weight_unit": { "value": "42", "exponent": -1 } }
        }));
        assert!(params.models.is_err() && params.penalties.is_err());
        let rule = params.collateral.unwrap();
        assert_eq!(rule.grace_until, EpochIndex(180));
        assert!((rule.free_share - 0.2).abs() < 1e-9 && (rule.per_unit - 4.2).abs() < 1e-9);
    }

    #[test]
    fn participant_lists_are_read() {
        let access = |params: Value| of(&json!({ "participant_access_params": params })).access;
        for (params, expected) in [
            (json!({}), ListUse::Unused),
            (
                json!({ "blocked_participant_addresses": ["gonka1abc"] }),
                ListUse::Blocked,
            ),
            (
                json!({ "use_participant_allowlist": true }),
                ListUse::Always,
            ),
            (
                json!({ "use_participant_allowlist": true, "participant_allowlist_until_block_height": "77" }),
                ListUse::Until(Height(77)),
            ),
        ] {
            assert_eq!(access(params), Ok(expected));
        }
    }

    #[test]
    fn status_is_a_name_or_a_number() {
        for (status, expected) in [
            (json!("ACTIVE"), ParticipantStatus::Active),
            (json!(2), ParticipantStatus::Inactive),
            (json!("INVALID"), ParticipantStatus::Invalid),
            (json!("UNCONFIRMED"), ParticipantStatus::Other),
        ] {
            let reply = json!({ "participant": { "index": "gonka1abc", "status": status } });
            assert_eq!(participant(Fields(&reply)), Ok(expected));
        }
        assert!(participant(Fields(&json!({}))).is_err());
    }

    #[test]
    fn records_of_a_host_are_read() {
        let group = json!({ "epoch_group_data": { "sub_group_models": ["a", "b"],
            "confirmation_weight_scales": [{ "model_id": "a" }],
            "validation_weights": [{ "member_address": "gonka1abc", "weight": "1234" }] } });
        let group = super::group(Fields(&group), &ours()).unwrap();
        assert_eq!(
            (group.models, group.weight),
            (vec!["a".into()], Some(Weight(1_234)))
        );
        let items = json!({ "items": [{ "address": "gonka1abc", "reason": "failed" }] });
        assert_eq!(
            exclusion(Fields(&items), &ours()),
            Ok(Some("failed".into()))
        );
        let choices = json!({ "delegations": [{ "model_id": "a" }], "refusals": [{ "model_id": "b" }], "intents": [] });
        assert_eq!(chosen(Fields(&choices)), Ok(vec!["a".into(), "b".into()]));
        let coins = json!({ "balances": [{ "denom": "ngonka", "amount": "25" }, { "denom": "x", "amount": "9" }] });
        assert_eq!(balance(Fields(&coins)), Ok(Ngonka(25)));
        let reward = json!({ "settle_amount": { "reward_coins": "7", "epoch_index": "357" } });
        let reward = unclaimed(Fields(&reward)).unwrap().unwrap();
        assert_eq!((reward.epoch, reward.amount), (EpochIndex(357), Ngonka(7)));
        let nodes = json!({ "snapshot": { "model_preserved_nodes": [{ "participants": [
            { "participant_id": "gonka1abc", "node_ids": ["vast-1"] }] }] }, "found": true });
        assert_eq!(
            preserved(Fields(&nodes), &ours()),
            Ok(vec![NodeId("vast-1".into())])
        );
    }
}
