//! The chain's JSON, parsed leniently: zeros are often absent, numbers are sometimes strings, fields
//! come and go between versions. `epochs/latest` has two shapes: with numbers and the epoch's
//! parameters alone (up to v0.2.14 and again from v0.2.16, gonka v0.2.14
//! decentralized-api/internal/server/public/get_epoch.go), or with strings, names of enums and the whole
//! parameter set (v0.2.15, gonka d72c3b7 common/queryapi/epoch.go). A reply is judged by its shape.

use serde_json::Value;

use super::epoch::{confirmation_phase_at, confirmation_stages};
use crate::domain::{
    BlockHeader, Blocks, ChallengeRule, ConfirmationEvent, ConfirmationParams, ConfirmationPhase,
    EpochIndex, EpochParams, EpochStages, EpochView, GovernanceModel, Height, NodeId, ParamsOrigin,
    Participant, SyncState, UpgradePlan, Weight,
};
use crate::http::json::Fields;
use crate::ports::{ConfirmedWeight, WeightReading};

/// The error names the field that is missing or malformed.
pub(super) type Parsed<T> = Result<T, String>;

/// `GET /v1/epochs/latest`.
pub(super) fn epoch_view(reply: Fields<'_>) -> Parsed<EpochView> {
    let height = Height(reply.count("block_height")?);
    let current = stages(reply, "epoch_stages")?;
    let (params, params_origin) = match params(epoch_params(reply)?)? {
        Some(params) => (params, ParamsOrigin::Told),
        None => (params_of(&current, exchange(reply)?), ParamsOrigin::Stages),
    };
    let event = reply.maybe_object("active_confirmation_poc_event")?;
    let event = event.map(|event| confirmation(event, height, &params));
    Ok(EpochView {
        height,
        epoch: EpochIndex(reply.object("latest_epoch")?.count("index")?),
        phase: reply.required("phase")?,
        current,
        next: stages(reply, "next_epoch_stages")?,
        params,
        params_origin,
        confirmation: event.transpose()?,
    })
}

/// The epoch's parameters, which one shape nests in the whole set.
fn epoch_params(reply: Fields<'_>) -> Parsed<Fields<'_>> {
    let params = reply.section("epoch_params")?;
    Ok(params.maybe_object("epoch_params")?.unwrap_or(params))
}

/// `None` when the reply has none: one in an unknown shape reads as zeros.
fn params(params: Fields<'_>) -> Parsed<Option<EpochParams>> {
    let blocks = |name| params.count(name).map(Blocks);
    let read = EpochParams {
        epoch_length: blocks("epoch_length")?,
        poc_stage_duration: blocks("poc_stage_duration")?,
        poc_exchange_duration: blocks("poc_exchange_duration")?,
        poc_validation_delay: blocks("poc_validation_delay")?,
        poc_validation_duration: blocks("poc_validation_duration")?,
        set_new_validators_delay: blocks("set_new_validators_delay")?,
        inference_validation_cutoff: blocks("inference_validation_cutoff")?,
        confirmation_poc_safety_window: blocks("confirmation_poc_safety_window")?,
    };
    Ok((read.epoch_length > Blocks(0)).then_some(read))
}

/// What the stages say about the parameters; they do not show the safety window.
fn params_of(stages: &EpochStages, exchange: Option<Height>) -> EpochParams {
    let generated = stages.poc_generation_end;
    EpochParams {
        epoch_length: stages.poc_start.until(stages.next_poc_start),
        poc_stage_duration: stages.poc_start.until(generated),
        poc_exchange_duration: exchange.map_or(Blocks(0), |end| generated.until(end)),
        poc_validation_delay: generated.until(stages.poc_validation_start),
        poc_validation_duration: stages.poc_validation_start.until(stages.poc_validation_end),
        set_new_validators_delay: stages.poc_validation_end.until(stages.set_new_validators),
        inference_validation_cutoff: stages
            .inference_validation_cutoff
            .until(stages.next_poc_start),
        confirmation_poc_safety_window: Blocks(0),
    }
}

/// The last height at which what was generated counts.
fn exchange(reply: Fields<'_>) -> Parsed<Option<Height>> {
    let window = reply.object("epoch_stages")?;
    let window = window.maybe_object("poc_exchange_window")?;
    let end = window.map(|window| window.maybe_count("end")).transpose()?;
    Ok(end.flatten().map(Height))
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

fn confirmation(
    event: Fields<'_>,
    height: Height,
    params: &EpochParams,
) -> Parsed<ConfirmationEvent> {
    let read = ConfirmationEvent {
        epoch: EpochIndex(event.count("epoch_index")?),
        sequence: event.count("event_sequence")?,
        trigger_height: Height(event.count("trigger_height")?),
        generation_start: Height(event.count("generation_start_height")?),
        phase: ConfirmationPhase::Inactive,
    };
    // An unknown word must not make the whole reply unreadable.
    let by_height = || confirmation_phase_at(&confirmation_stages(&read, params), height);
    let phase = match event.get("phase") {
        None => ConfirmationPhase::Inactive,
        Some(phase) => confirmation_phase(phase).unwrap_or_else(by_height),
    };
    Ok(ConfirmationEvent { phase, ..read })
}

/// By number or by name (gonka v0.2.14 inference-chain/x/inference/types/confirmation_poc_event.go).
fn confirmation_phase(phase: &Value) -> Option<ConfirmationPhase> {
    let name = phase.as_str().map(str::trim);
    let number = phase.as_u64().or_else(|| name?.parse().ok());
    match (number, name) {
        (Some(0), _) | (None, Some("CONFIRMATION_POC_INACTIVE")) => {
            Some(ConfirmationPhase::Inactive)
        }
        (Some(1), _) | (None, Some("CONFIRMATION_POC_GRACE_PERIOD")) => {
            Some(ConfirmationPhase::GracePeriod)
        }
        (Some(2), _) | (None, Some("CONFIRMATION_POC_GENERATION")) => {
            Some(ConfirmationPhase::Generation)
        }
        (Some(3), _) | (None, Some("CONFIRMATION_POC_VALIDATION")) => {
            Some(ConfirmationPhase::Validation)
        }
        (Some(4), _) | (None, Some("CONFIRMATION_POC_COMPLETED")) => {
            Some(ConfirmationPhase::Completed)
        }
        _ => None,
    }
}

/// CometBFT `GET /status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NodeStatus {
    pub latest: BlockHeader,
    /// The first block that it has: a pruned or state-synced node lacks earlier ones.
    pub earliest: Option<Height>,
    pub sync: SyncState,
}

pub(super) fn status(reply: Fields<'_>) -> Parsed<NodeStatus> {
    let sync = reply.object("result")?.object("sync_info")?;
    let latest = BlockHeader {
        height: required_height(sync, "latest_block_height")?,
        time: sync.required("latest_block_time")?,
    };
    let earliest = sync.maybe_count("earliest_block_height")?;
    let state = match sync.given("catching_up")? {
        Some(true) => SyncState::CatchingUp,
        Some(false) | None => SyncState::Synced,
    };
    Ok(NodeStatus {
        latest,
        earliest: earliest.map(Height),
        sync: state,
    })
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
    let rows = group.rows("validation_weights")?;
    if rows.is_empty() {
        return Err("`validation_weights` is empty: an epoch has members".into());
    }
    for row in rows {
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

/// `GET /cosmos/upgrade/v1beta1/applied_plan/v0.2.16`: its height is 0 or absent until it is applied.
pub(super) fn challenge_rule(reply: Fields<'_>) -> Parsed<ChallengeRule> {
    Ok(match reply.count("height")? {
        0 => ChallengeRule::NotYet,
        _ => ChallengeRule::InForce,
    })
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
pub(super) fn decimal(decimal: Fields<'_>) -> Parsed<f64> {
    let exponent: Option<i32> = decimal.optional("exponent")?;
    let digits = match decimal.get("value") {
        Some(_) => decimal.number("value").ok_or("`value` is not a number")?,
        None => 0.0,
    };
    Ok(digits * 10f64.powi(exponent.unwrap_or(0)))
}

#[cfg(test)]
pub(super) mod tests;
