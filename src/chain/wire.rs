//! The chain's JSON, parsed leniently: zeros are often absent, numbers are sometimes strings, fields
//! come and go between versions. Source: the host documentation and the chain's public API.

use serde::{Deserialize, Deserializer};

use crate::domain::{
    BlockHeader, Blocks, ChainPhase, ConfirmationEvent, ConfirmationParams, ConfirmationPhase,
    EpochIndex, EpochParams, EpochStages, EpochView, Height, Participant, Time, UpgradePlan,
    Weight,
};
use crate::ports::ConfirmedWeight;

/// `GET /v1/epochs/latest`.
#[derive(Debug, Deserialize)]
pub(super) struct Latest {
    #[serde(default, deserialize_with = "number")]
    block_height: u64,
    latest_epoch: LatestEpoch,
    phase: ChainPhase,
    epoch_stages: Stages,
    next_epoch_stages: Stages,
    #[serde(default)]
    epoch_params: Params,
    #[serde(default)]
    active_confirmation_poc_event: Option<ConfirmationRow>,
}

#[derive(Debug, Deserialize)]
struct LatestEpoch {
    #[serde(default, deserialize_with = "number")]
    index: u64,
}

/// Message of a `NewBlockHeader` subscription: first an empty result, then one per block. Source:
/// the events of `CometBFT`.
#[derive(Debug, Deserialize)]
pub(super) struct Announcement {
    result: AnnouncementResult,
}

#[derive(Debug, Deserialize)]
struct AnnouncementResult {
    #[serde(default)]
    data: Option<AnnouncementData>,
}

#[derive(Debug, Deserialize)]
struct AnnouncementData {
    value: AnnouncementValue,
}

#[derive(Debug, Deserialize)]
struct AnnouncementValue {
    header: AnnouncedHeader,
}

#[derive(Debug, Deserialize)]
struct AnnouncedHeader {
    #[serde(deserialize_with = "number")]
    height: u64,
    time: Time,
}

impl Announcement {
    /// Absent in the reply to the subscription itself.
    pub(super) fn header(self) -> Option<BlockHeader> {
        let header = self.result.data?.value.header;
        Some(BlockHeader {
            height: Height(header.height),
            time: header.time,
        })
    }
}

/// Required heights have no default: a missing one must not mean "now".
#[derive(Debug, Deserialize)]
struct Stages {
    #[serde(default, deserialize_with = "number")]
    epoch_index: u64,
    #[serde(deserialize_with = "number")]
    poc_start: u64,
    #[serde(default, deserialize_with = "number")]
    poc_generation_wind_down: u64,
    #[serde(deserialize_with = "number")]
    poc_generation_end: u64,
    #[serde(deserialize_with = "number")]
    poc_validation_start: u64,
    #[serde(default, deserialize_with = "number")]
    poc_validation_wind_down: u64,
    #[serde(deserialize_with = "number")]
    poc_validation_end: u64,
    #[serde(deserialize_with = "number")]
    set_new_validators: u64,
    #[serde(default, deserialize_with = "number")]
    claim_money: u64,
    #[serde(default, deserialize_with = "number")]
    inference_validation_cutoff: u64,
    #[serde(deserialize_with = "number")]
    next_poc_start: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Params {
    #[serde(deserialize_with = "number")]
    epoch_length: u64,
    #[serde(deserialize_with = "number")]
    poc_stage_duration: u64,
    #[serde(deserialize_with = "number")]
    poc_validation_delay: u64,
    #[serde(deserialize_with = "number")]
    poc_validation_duration: u64,
    #[serde(deserialize_with = "number")]
    set_new_validators_delay: u64,
    #[serde(deserialize_with = "number")]
    inference_validation_cutoff: u64,
    #[serde(deserialize_with = "number")]
    confirmation_poc_safety_window: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ConfirmationRow {
    #[serde(deserialize_with = "number")]
    epoch_index: u64,
    #[serde(deserialize_with = "number")]
    event_sequence: u64,
    #[serde(deserialize_with = "number")]
    trigger_height: u64,
    #[serde(deserialize_with = "number")]
    generation_start_height: u64,
    #[serde(deserialize_with = "number")]
    phase: u64,
}

impl From<Latest> for EpochView {
    fn from(latest: Latest) -> EpochView {
        EpochView {
            height: Height(latest.block_height),
            epoch: EpochIndex(latest.latest_epoch.index),
            phase: latest.phase,
            current: latest.epoch_stages.into(),
            next: latest.next_epoch_stages.into(),
            params: latest.epoch_params.into(),
            confirmation: latest.active_confirmation_poc_event.map(Into::into),
        }
    }
}

impl From<Stages> for EpochStages {
    fn from(stages: Stages) -> EpochStages {
        EpochStages {
            epoch: EpochIndex(stages.epoch_index),
            poc_start: Height(stages.poc_start),
            poc_generation_wind_down: Height(stages.poc_generation_wind_down),
            poc_generation_end: Height(stages.poc_generation_end),
            poc_validation_start: Height(stages.poc_validation_start),
            poc_validation_wind_down: Height(stages.poc_validation_wind_down),
            poc_validation_end: Height(stages.poc_validation_end),
            set_new_validators: Height(stages.set_new_validators),
            claim_money: Height(stages.claim_money),
            inference_validation_cutoff: Height(stages.inference_validation_cutoff),
            next_poc_start: Height(stages.next_poc_start),
        }
    }
}

impl From<Params> for EpochParams {
    fn from(params: Params) -> EpochParams {
        EpochParams {
            epoch_length: Blocks(params.epoch_length),
            poc_stage_duration: Blocks(params.poc_stage_duration),
            poc_validation_delay: Blocks(params.poc_validation_delay),
            poc_validation_duration: Blocks(params.poc_validation_duration),
            set_new_validators_delay: Blocks(params.set_new_validators_delay),
            inference_validation_cutoff: Blocks(params.inference_validation_cutoff),
            confirmation_poc_safety_window: Blocks(params.confirmation_poc_safety_window),
        }
    }
}

impl From<ConfirmationRow> for ConfirmationEvent {
    fn from(event: ConfirmationRow) -> ConfirmationEvent {
        ConfirmationEvent {
            epoch: EpochIndex(event.epoch_index),
            sequence: event.event_sequence,
            trigger_height: Height(event.trigger_height),
            generation_start: Height(event.generation_start_height),
            phase: match event.phase {
                1 => ConfirmationPhase::GracePeriod,
                2 => ConfirmationPhase::Generation,
                3 => ConfirmationPhase::Validation,
                4 => ConfirmationPhase::Completed,
                _ => ConfirmationPhase::Inactive,
            },
        }
    }
}

/// CometBFT `GET /status`.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) result: StatusResult,
}

#[derive(Debug, Deserialize)]
pub(super) struct StatusResult {
    pub(super) sync_info: SyncInfo,
}

#[derive(Debug, Deserialize)]
pub(super) struct SyncInfo {
    #[serde(deserialize_with = "number")]
    pub(super) latest_block_height: u64,
    pub(super) latest_block_time: Time,
    #[serde(default)]
    pub(super) catching_up: bool,
}

/// CometBFT `GET /block?height=`.
#[derive(Debug, Deserialize)]
pub(super) struct Block {
    pub(super) result: BlockResult,
}

#[derive(Debug, Deserialize)]
pub(super) struct BlockResult {
    pub(super) block: BlockBody,
}

#[derive(Debug, Deserialize)]
pub(super) struct BlockBody {
    pub(super) header: Header,
}

#[derive(Debug, Deserialize)]
pub(super) struct Header {
    #[serde(deserialize_with = "number")]
    pub(super) height: u64,
    pub(super) time: Time,
}

/// `GET /v1/epochs/current/participants`.
#[derive(Debug, Deserialize)]
pub(super) struct Participants {
    pub(super) active_participants: ActiveParticipants,
}

#[derive(Debug, Deserialize)]
pub(super) struct ActiveParticipants {
    #[serde(default, deserialize_with = "maybe_number")]
    pub(super) epoch_id: Option<u64>,
    #[serde(default, deserialize_with = "maybe_number")]
    pub(super) epoch_group_id: Option<u64>,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(super) participants: Vec<ActiveParticipant>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ActiveParticipant {
    pub(super) index: String,
    #[serde(default, deserialize_with = "number")]
    weight: u64,
    #[serde(default, deserialize_with = "null_is_empty")]
    ml_nodes: Vec<ModelNodes>,
}

#[derive(Debug, Deserialize)]
struct ModelNodes {
    #[serde(default, deserialize_with = "null_is_empty")]
    ml_nodes: Vec<NodeWeight>,
}

#[derive(Debug, Deserialize)]
struct NodeWeight {
    #[serde(default)]
    node_id: String,
    #[serde(default, deserialize_with = "number")]
    poc_weight: u64,
}

impl ActiveParticipant {
    pub(super) fn weight(&self) -> Weight {
        Weight(self.weight)
    }

    /// Sum over the node's models; absent when it is not listed.
    pub(super) fn node_weight(&self, node: &str) -> Option<Weight> {
        let all = self.ml_nodes.iter().flat_map(|model| &model.ml_nodes);
        let ours = all
            .filter(|listed| listed.node_id == node)
            .map(|listed| listed.poc_weight);
        ours.reduce(u64::saturating_add).map(Weight)
    }
}

/// `GET /v1/governance/models`.
#[derive(Debug, Deserialize)]
pub(super) struct ApprovedModels {
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(super) models: Vec<ApprovedModel>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ApprovedModel {
    pub(super) id: String,
}

/// `GET /productscience/inference/inference/epoch_group_data/{epoch}`, the fields that are used.
#[derive(Debug, Deserialize)]
pub(super) struct EpochGroup {
    pub(super) epoch_group_data: EpochGroupData,
}

#[derive(Debug, Deserialize)]
pub(super) struct EpochGroupData {
    #[serde(default, deserialize_with = "null_is_empty")]
    validation_weights: Vec<ValidationWeight>,
}

#[derive(Debug, Deserialize)]
struct ValidationWeight {
    #[serde(default)]
    member_address: String,
    #[serde(default, deserialize_with = "number")]
    weight: u64,
    #[serde(default, deserialize_with = "number")]
    confirmation_weight: u64,
}

impl EpochGroupData {
    /// Absent when the participant has no part in the epoch.
    pub(super) fn of(&self, participant: &Participant) -> Option<ConfirmedWeight> {
        let ours = self
            .validation_weights
            .iter()
            .find(|row| row.member_address == participant.0)?;
        Some(ConfirmedWeight {
            weight: Weight(ours.weight),
            confirmed: Weight(ours.confirmation_weight),
        })
    }
}

/// `GET /cosmos/upgrade/v1beta1/current_plan`.
#[derive(Debug, Deserialize)]
pub(super) struct CurrentPlan {
    #[serde(default)]
    pub(super) plan: Option<Upgrade>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Upgrade {
    #[serde(default)]
    name: String,
    #[serde(deserialize_with = "number")]
    height: u64,
}

impl From<Upgrade> for UpgradePlan {
    fn from(upgrade: Upgrade) -> UpgradePlan {
        UpgradePlan {
            name: upgrade.name,
            height: Height(upgrade.height),
        }
    }
}

/// `GET /productscience/inference/inference/params`, the fields that are used.
#[derive(Debug, Deserialize)]
pub(super) struct ModuleParams {
    pub(super) params: ModuleParamsBody,
}

#[derive(Debug, Deserialize)]
pub(super) struct ModuleParamsBody {
    #[serde(default)]
    pub(super) confirmation_poc_params: ConfirmationPocParams,
}

/// Without the section there is no confirmation `PoC`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ConfirmationPocParams {
    #[serde(deserialize_with = "number")]
    expected_confirmations_per_epoch: u64,
    alpha_threshold: Decimal,
}

/// A number as digits and a power of ten: 0.5 is 5 and -1.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Decimal {
    #[serde(deserialize_with = "signed")]
    value: i64,
    exponent: i32,
}

impl From<ConfirmationPocParams> for ConfirmationParams {
    fn from(params: ConfirmationPocParams) -> ConfirmationParams {
        let expected = params.expected_confirmations_per_epoch;
        let alpha = params.alpha_threshold;
        let digits = i32::try_from(alpha.value).map_or(f64::MAX, f64::from);
        ConfirmationParams {
            expected_per_epoch: u32::try_from(expected).map_or(f64::MAX, f64::from),
            alpha_threshold: digits * 10f64.powi(alpha.exponent),
        }
    }
}

fn signed<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Signed {
        Plain(i64),
        Text(String),
    }
    match Signed::deserialize(from)? {
        Signed::Plain(number) => Ok(number),
        Signed::Text(text) => text.trim().parse().map_err(serde::de::Error::custom),
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Plain(u64),
    Text(String),
    Nothing,
}

fn maybe_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    match Number::deserialize(from)? {
        Number::Plain(number) => Ok(Some(number)),
        Number::Text(text) => text
            .trim()
            .parse()
            .map(Some)
            .map_err(serde::de::Error::custom),
        Number::Nothing => Ok(None),
    }
}

fn number<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    Ok(maybe_number(from)?.unwrap_or(0))
}

fn null_is_empty<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(from)?.unwrap_or_default())
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
        serde_json::from_value::<Latest>(mainnet_json())
            .unwrap()
            .into()
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
        let view: EpochView = serde_json::from_value::<Latest>(reply).unwrap().into();
        assert_eq!(view.params.epoch_length, Blocks(15_391));
        assert_eq!(view.params.poc_stage_duration, Blocks(0));
    }

    #[test]
    fn absent_stage_is_an_error() {
        let mut reply = mainnet_json();
        reply["next_epoch_stages"]
            .as_object_mut()
            .unwrap()
            .remove("poc_start");
        assert!(serde_json::from_value::<Latest>(reply).is_err());
    }

    #[test]
    fn confirmation_phase_is_parsed_from_number() {
        let mut reply = mainnet_json();
        reply["active_confirmation_poc_event"] = json!({
            "epoch_index": 358, "trigger_height": 5_530_000,
            "generation_start_height": 5_530_080, "phase": 1, "poc_seed_block_hash": ""
        });
        let view: EpochView = serde_json::from_value::<Latest>(reply).unwrap().into();
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
        let group: EpochGroup = serde_json::from_value(group).unwrap();
        let of = |address: &str| group.epoch_group_data.of(&Participant(address.into()));
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
        let params: ModuleParams = serde_json::from_value(params).unwrap();
        let params: ConfirmationParams = params.params.confirmation_poc_params.into();
        assert!((params.expected_per_epoch - 1.0).abs() < 1e-9);
        assert!((params.alpha_threshold - 0.7).abs() < 1e-9);
        let none: CurrentPlan = serde_json::from_value(json!({ "plan": null })).unwrap();
        assert!(none.plan.is_none());
        let plan = json!({ "plan": { "name": "v0.2.14", "height": "5540000", "info": "" } });
        let plan: CurrentPlan = serde_json::from_value(plan).unwrap();
        let upgrade: UpgradePlan = plan.plan.unwrap().into();
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
        let list: Participants = serde_json::from_value(list).unwrap();
        let ours = &list.active_participants.participants[0];
        assert_eq!(ours.weight(), Weight(1_234));
        assert_eq!(ours.node_weight("vast-1"), Some(Weight(1_034)));
        assert_eq!(ours.node_weight("other"), Some(Weight(0)));
        assert_eq!(ours.node_weight("absent"), None);
    }
}
