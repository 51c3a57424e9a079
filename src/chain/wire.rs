//! The chain's JSON, parsed leniently: zeros are often absent, numbers are sometimes strings, fields
//! come and go between versions. Source: the host documentation and the chain's public API.

use crate::domain::{
    BlockHeader, Blocks, ConfirmationEvent, ConfirmationParams, ConfirmationPhase, EpochIndex,
    EpochParams, EpochStages, EpochView, GovernanceModel, Height, NodeId, Participant, SyncState,
    UpgradePlan, Weight,
};
use crate::http::json::Fields;
use crate::ports::{ConfirmedWeight, WeightReading};

/// The error names the field that is missing or malformed.
type Parsed<T> = Result<T, String>;

/// `GET /v1/epochs/latest`.
pub(super) fn epoch_view(reply: Fields<'_>) -> Parsed<EpochView> {
    let event = reply.maybe_object("active_confirmation_poc_event")?;
    Ok(EpochView {
        height: Height(reply.count("block_height")?),
        epoch: EpochIndex(reply.object("latest_epoch")?.count("index")?),
        phase: reply.required("phase")?,
        current: stages(reply, "epoch_stages")?,
        next: stages(reply, "next_epoch_stages")?,
        params: params(reply.section("epoch_params")?)?,
        confirmation: event.map(confirmation).transpose()?,
    })
}

fn stages(reply: Fields<'_>, name: &str) -> Parsed<EpochStages> {
    epoch_stages(reply.object(name)?).map_err(|why| format!("{name}: {why}"))
}

fn epoch_stages(stages: Fields<'_>) -> Parsed<EpochStages> {
    let height = |name| stages.count(name).map(Height);
    Ok(EpochStages {
        epoch: EpochIndex(stages.count("epoch_index")?),
        poc_start: required_height(stages, "poc_start")?,
        poc_generation_wind_down: height("poc_generation_wind_down")?,
        poc_generation_end: required_height(stages, "poc_generation_end")?,
        poc_validation_start: required_height(stages, "poc_validation_start")?,
        poc_validation_wind_down: height("poc_validation_wind_down")?,
        poc_validation_end: required_height(stages, "poc_validation_end")?,
        set_new_validators: required_height(stages, "set_new_validators")?,
        claim_money: height("claim_money")?,
        inference_validation_cutoff: height("inference_validation_cutoff")?,
        next_poc_start: required_height(stages, "next_poc_start")?,
    })
}

/// Without a default: a missing height must not mean "now".
fn required_height(fields: Fields<'_>, name: &str) -> Parsed<Height> {
    let height = fields.maybe_count(name)?.map(Height);
    height.ok_or_else(|| format!("`{name}` is missing"))
}

fn params(params: Fields<'_>) -> Parsed<EpochParams> {
    let blocks = |name| params.count(name).map(Blocks);
    Ok(EpochParams {
        epoch_length: blocks("epoch_length")?,
        poc_stage_duration: blocks("poc_stage_duration")?,
        poc_validation_delay: blocks("poc_validation_delay")?,
        poc_validation_duration: blocks("poc_validation_duration")?,
        set_new_validators_delay: blocks("set_new_validators_delay")?,
        inference_validation_cutoff: blocks("inference_validation_cutoff")?,
        confirmation_poc_safety_window: blocks("confirmation_poc_safety_window")?,
    })
}

fn confirmation(event: Fields<'_>) -> Parsed<ConfirmationEvent> {
    Ok(ConfirmationEvent {
        epoch: EpochIndex(event.count("epoch_index")?),
        sequence: event.count("event_sequence")?,
        trigger_height: Height(event.count("trigger_height")?),
        generation_start: Height(event.count("generation_start_height")?),
        phase: match event.count("phase")? {
            1 => ConfirmationPhase::GracePeriod,
            2 => ConfirmationPhase::Generation,
            3 => ConfirmationPhase::Validation,
            4 => ConfirmationPhase::Completed,
            _ => ConfirmationPhase::Inactive,
        },
    })
}

/// CometBFT `GET /status`.
pub(super) fn status(reply: Fields<'_>) -> Parsed<(BlockHeader, SyncState)> {
    let sync = reply.object("result")?.object("sync_info")?;
    let header = BlockHeader {
        height: required_height(sync, "latest_block_height")?,
        time: sync.required("latest_block_time")?,
    };
    let state = match sync.given("catching_up")? {
        Some(true) => SyncState::CatchingUp,
        Some(false) | None => SyncState::Synced,
    };
    Ok((header, state))
}

/// CometBFT `GET /block?height=`.
pub(super) fn block(reply: Fields<'_>) -> Parsed<BlockHeader> {
    header(reply.object("result")?.object("block")?)
}

/// Message of a `NewBlockHeader` subscription: first an empty result, then one per block. Source:
/// the events of `CometBFT`.
pub(super) fn announcement(message: Fields<'_>) -> Parsed<Option<BlockHeader>> {
    let Some(data) = message.object("result")?.maybe_object("data")? else {
        return Ok(None);
    };
    header(data.object("value")?).map(Some)
}

fn header(parent: Fields<'_>) -> Parsed<BlockHeader> {
    let header = parent.object("header")?;
    Ok(BlockHeader {
        height: required_height(header, "height")?,
        time: header.required("time")?,
    })
}

/// `GET /v1/epochs/current/participants`.
pub(super) fn weight(
    reply: Fields<'_>,
    participant: &Participant,
    node: &NodeId,
) -> Parsed<WeightReading> {
    let active = reply.object("active_participants")?;
    let (id, group) = ("epoch_id", "epoch_group_id");
    let epoch = active.maybe_count(id)?.or(active.maybe_count(group)?);
    let mut reading = WeightReading {
        epoch: epoch.map(EpochIndex),
        participant: None,
        node: None,
    };
    for row in active.rows("participants")? {
        // A row without a name may be ours.
        let address: &str = row.required("index")?;
        if address == participant.0 && reading.participant.is_none() {
            reading.participant = Some(Weight(row.count("weight")?));
            reading.node = node_weight(row, node)?;
        }
    }
    Ok(reading)
}

/// Sum over the node's models; absent when it is not listed.
fn node_weight(participant: Fields<'_>, node: &NodeId) -> Parsed<Option<Weight>> {
    let mut sum: Option<u64> = None;
    for model in participant.rows("ml_nodes")? {
        for row in model.rows("ml_nodes")? {
            if row.given("node_id")? == Some(node.0.as_str()) {
                let weight = row.count("poc_weight")?;
                sum = Some(sum.unwrap_or(0).saturating_add(weight));
            }
        }
    }
    Ok(sum.map(Weight))
}

/// `GET /v1/governance/models`. Zero and empty fields are absent.
pub(super) fn approved_models(reply: Fields<'_>) -> Parsed<Vec<GovernanceModel>> {
    let models = reply.list("models")?.iter();
    models
        .map(|model| governance_model(Fields(model)))
        .collect()
}

fn governance_model(model: Fields<'_>) -> Parsed<GovernanceModel> {
    Ok(GovernanceModel {
        id: model.required("id")?,
        hf_repo: model.text("hf_repo"),
        hf_commit: model.text("hf_commit"),
        args: model.optional("model_args")?.unwrap_or_default(),
        v_ram_gb: model.maybe_count("v_ram")?.filter(|gb| *gb > 0),
    })
}

/// `GET /productscience/inference/inference/epoch_group_data/{epoch}`. Absent when the participant has
/// no part in the epoch.
pub(super) fn confirmed_weight(
    reply: Fields<'_>,
    participant: &Participant,
) -> Parsed<Option<ConfirmedWeight>> {
    let group = reply.object("epoch_group_data")?;
    let mut ours = None;
    for row in group.rows("validation_weights")? {
        let is_ours = row.given("member_address")? == Some(participant.0.as_str());
        if is_ours && ours.is_none() {
            ours = Some(ConfirmedWeight {
                weight: Weight(row.count("weight")?),
                confirmed: Weight(row.count("confirmation_weight")?),
            });
        }
    }
    Ok(ours)
}

/// `GET /cosmos/upgrade/v1beta1/current_plan`.
pub(super) fn upgrade(reply: Fields<'_>) -> Parsed<Option<UpgradePlan>> {
    let Some(plan) = reply.maybe_object("plan")? else {
        return Ok(None);
    };
    Ok(Some(UpgradePlan {
        name: plan.optional("name")?.unwrap_or_default(),
        height: required_height(plan, "height")?,
    }))
}

/// `GET /productscience/inference/inference/params`. Without the section there is no confirmation
/// `PoC`.
pub(super) fn confirmation_params(reply: Fields<'_>) -> Parsed<ConfirmationParams> {
    let params = reply.object("params")?.section("confirmation_poc_params")?;
    let expected = params.count("expected_confirmations_per_epoch")?;
    Ok(ConfirmationParams {
        expected_per_epoch: u32::try_from(expected).map_or(f64::MAX, f64::from),
        alpha_threshold: decimal(params.section("alpha_threshold")?)?,
    })
}

/// A number as digits and a power of ten: 0.5 is 5 and -1.
fn decimal(decimal: Fields<'_>) -> Parsed<f64> {
    let exponent: Option<i32> = decimal.optional("exponent")?;
    let digits = match decimal.get("value") {
        Some(_) => decimal.number("value").ok_or("`value` is no number")?,
        None => 0.0,
    };
    Ok(digits * 10f64.powi(exponent.unwrap_or(0)))
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn mainnet_json() -> serde_json::Value {
        let stages = |epoch: u64, start: u64| {
            json!({
                "epoch_index": epoch, "poc_start": start, "poc_generation_wind_down": start + 48,
                "poc_generation_end": start + 60, "poc_validation_start": start + 65,
                "poc_validation_wind_down": start + 161, "poc_validation_end": start + 185,
                "set_new_validators": start + 305, "claim_money": start + 306,
                "inference_validation_cutoff": start + 15_311, "next_poc_start": start + 15_391,
                "poc_exchange_window": { "start": start + 1, "end": start + 65 }
            })
        };
        json!({
            "block_height": 5_536_201,
            "latest_epoch": { "index": 358, "poc_start_block_height": 5_521_333 },
            "phase": "Inference",
            "epoch_stages": stages(358, 5_521_333),
            "next_epoch_stages": stages(359, 5_536_724),
            "epoch_params": {
                "epoch_length": 15_391, "epoch_multiplier": 1, "poc_stage_duration": 60,
                "poc_validation_delay": 5, "poc_validation_duration": 120,
                "set_new_validators_delay": 120, "inference_validation_cutoff": 80,
                "poc_slot_allocation": { "value": 5, "exponent": -1 },
                "confirmation_poc_safety_window": 500
            },
            "is_confirmation_poc_active": false
        })
    }

    pub(crate) fn mainnet() -> EpochView {
        epoch_view(Fields(&mainnet_json())).unwrap()
    }

    #[test]
    fn mainnet_reply_is_parsed() {
        let view = mainnet();
        assert_eq!(view.height, Height(5_536_201));
        assert_eq!(view.next.poc_validation_end, Height(5_536_909));
        assert_eq!(view.params.confirmation_poc_safety_window, Blocks(500));
        assert_eq!(view.confirmation, None);
    }

    #[test]
    fn absent_parameters_are_zero_strings_are_numbers() {
        let mut reply = mainnet_json();
        reply["epoch_params"] = json!({ "epoch_length": "15391" });
        let view = epoch_view(Fields(&reply)).unwrap();
        assert_eq!(view.params.epoch_length, Blocks(15_391));
        assert_eq!(view.params.poc_stage_duration, Blocks(0));
    }

    #[test]
    fn absent_stage_is_an_error() {
        let mut reply = mainnet_json();
        let stages = reply["next_epoch_stages"].as_object_mut().unwrap();
        stages.remove("poc_start");
        let error = "next_epoch_stages: `poc_start` is missing".to_owned();
        assert_eq!(epoch_view(Fields(&reply)), Err(error));
    }

    #[test]
    fn null_section_is_an_error() {
        let mut reply = mainnet_json();
        reply["epoch_params"] = json!(null);
        assert!(epoch_view(Fields(&reply)).is_err());
        for section in [
            json!({ "confirmation_poc_params": null }),
            json!({ "confirmation_poc_params": { "alpha_threshold": null } }),
        ] {
            let reply = json!({ "params": section });
            assert!(confirmation_params(Fields(&reply)).is_err(), "{reply}");
        }
        let reply = json!({ "params": { "confirmation_poc_params": {} } });
        assert!(confirmation_params(Fields(&reply)).is_ok());
        assert!(confirmation_params(Fields(&json!({ "params": {} }))).is_ok());
    }

    #[test]
    fn text_instead_of_an_object_is_an_error() {
        let mut reply = mainnet_json();
        reply["active_confirmation_poc_event"] = json!("none");
        assert!(epoch_view(Fields(&reply)).is_err());
        assert!(upgrade(Fields(&json!({ "plan": "none" }))).is_err());
        let message = json!({ "result": { "data": "none" } });
        assert!(announcement(Fields(&message)).is_err());
    }

    #[test]
    fn node_without_sync_state_is_synced() {
        let state = |reply: &serde_json::Value| status(Fields(reply)).map(|(_, state)| state);
        let mut reply = json!({ "result": { "sync_info": {
            "latest_block_height": "5", "latest_block_time": "2026-08-12T20:24:11Z"
        } } });
        assert_eq!(state(&reply), Ok(SyncState::Synced));
        reply["result"]["sync_info"]["catching_up"] = json!(true);
        assert_eq!(state(&reply), Ok(SyncState::CatchingUp));
        reply["result"]["sync_info"]["catching_up"] = json!(null);
        assert!(state(&reply).is_err());
    }

    #[test]
    fn malformed_rows_are_errors() {
        let (ours, node) = (Participant("gonka1abc".into()), NodeId("vast-1".into()));
        for row in [json!(null), json!("x"), json!({ "member_address": null })] {
            let weights = json!([{ "member_address": "gonka1abc" }, row]);
            let group = json!({ "epoch_group_data": { "validation_weights": weights } });
            assert!(confirmed_weight(Fields(&group), &ours).is_err(), "{row}");
        }
        let with = |nodes: serde_json::Value| {
            let row = json!({ "index": "gonka1abc", "ml_nodes": nodes });
            json!({ "active_participants": { "participants": [row] } })
        };
        for list in [
            json!({ "active_participants": { "participants": [null] } }),
            with(json!([null])),
            with(json!([{ "ml_nodes": ["x"] }])),
            with(json!([{ "ml_nodes": [{ "node_id": null }] }])),
        ] {
            assert!(weight(Fields(&list), &ours, &node).is_err(), "{list}");
        }
        let nameless = with(json!([{ "ml_nodes": [{ "poc_weight": 5 }] }]));
        let reading = weight(Fields(&nameless), &ours, &node).unwrap();
        assert_eq!(reading.node, None);
    }

    #[test]
    fn confirmation_phase_is_parsed_from_number() {
        let mut reply = mainnet_json();
        reply["active_confirmation_poc_event"] = json!({
            "epoch_index": 358, "trigger_height": 5_530_000,
            "generation_start_height": 5_530_080, "phase": 1, "poc_seed_block_hash": ""
        });
        let view = epoch_view(Fields(&reply)).unwrap();
        let event = view.confirmation.unwrap();
        assert_eq!(event.phase, ConfirmationPhase::GracePeriod);
        assert_eq!(event.generation_start, Height(5_530_080));
    }

    #[test]
    fn confirmed_weight_is_parsed_from_strings() {
        let group = json!({ "epoch_group_data": { "epoch_index": "358", "validation_weights": [
            { "member_address": "gonka1other", "weight": "5", "confirmation_weight": "5" },
            { "member_address": "gonka1abc", "weight": "1234", "reputation": 90,
              "confirmation_weight": "1111", "voting_power": "1234" }
        ] } });
        let of =
            |address: &str| confirmed_weight(Fields(&group), &Participant(address.into())).unwrap();
        let ours = of("gonka1abc").unwrap();
        assert_eq!(
            (ours.weight, ours.confirmed),
            (Weight(1_234), Weight(1_111))
        );
        assert_eq!(of("gonka1nobody"), None);
    }

    #[test]
    fn governance_is_parsed_from_strings() {
        let params = json!({ "params": { "confirmation_poc_params": {
            "expected_confirmations_per_epoch": "1", "alpha_threshold": { "value": "7", "exponent": -1 },
            "slash_fraction": { "value": "1", "exponent": -1 }, "upgrade_protection_window": "500"
        } } });
        let params = confirmation_params(Fields(&params)).unwrap();
        assert!((params.expected_per_epoch - 1.0).abs() < 1e-9);
        assert!((params.alpha_threshold - 0.7).abs() < 1e-9);
        assert_eq!(upgrade(Fields(&json!({ "plan": null }))), Ok(None));
        let plan = json!({ "plan": { "name": "v0.2.14", "height": "5540000", "info": "" } });
        let upgrade = upgrade(Fields(&plan)).unwrap().unwrap();
        assert_eq!(
            (upgrade.name.as_str(), upgrade.height),
            ("v0.2.14", Height(5_540_000))
        );
    }

    #[test]
    fn node_weight_sums_its_models() {
        let list = json!({ "active_participants": { "participants": [{
            "index": "gonka1abc", "weight": 1_234, "models": ["m"],
            "ml_nodes": [
                { "ml_nodes": [{ "node_id": "vast-1", "poc_weight": 1_000 }, { "node_id": "other" }] },
                { "ml_nodes": [{ "node_id": "vast-1", "poc_weight": "34" }] }
            ]
        }] } });
        let ours = Participant("gonka1abc".into());
        for (node, expected) in [
            ("vast-1", Some(1_034)),
            ("other", Some(0)),
            ("absent", None),
        ] {
            let reading = weight(Fields(&list), &ours, &NodeId(node.into())).unwrap();
            assert_eq!(reading.participant, Some(Weight(1_234)));
            assert_eq!(reading.node, expected.map(Weight), "{node}");
        }
    }
}
