//! What the chain says about epochs. Everything is in heights.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Blocks, CallError, EpochIndex, Height, Time};

/// The heights of one epoch's stages, as the chain's public API gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct EpochStages {
    pub epoch: EpochIndex,
    /// Where its `PoC` starts.
    pub poc_start: Height,
    pub poc_generation_wind_down: Height,
    pub poc_generation_end: Height,
    pub poc_validation_start: Height,
    pub poc_validation_wind_down: Height,
    pub poc_validation_end: Height,
    /// Where the new weights take effect.
    pub set_new_validators: Height,
    /// From where rewards can be claimed.
    pub claim_money: Height,
    /// Where the validation of inferences ends.
    pub inference_validation_cutoff: Height,
    /// Where the `PoC` of the next epoch starts.
    pub next_poc_start: Height,
}

/// What begins at a height of an epoch's stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each name is the chain's own")]
pub enum Milestone {
    PocStart,
    PocGenerationEnd,
    PocValidationStart,
    PocValidationEnd,
    SetNewValidators,
    ClaimMoney,
    InferenceValidationCutoff,
}

impl EpochStages {
    /// Every milestone with its height, in order.
    pub fn milestones(&self) -> [(Milestone, Height); 7] {
        [
            (Milestone::PocStart, self.poc_start),
            (Milestone::PocGenerationEnd, self.poc_generation_end),
            (Milestone::PocValidationStart, self.poc_validation_start),
            (Milestone::PocValidationEnd, self.poc_validation_end),
            (Milestone::SetNewValidators, self.set_new_validators),
            (Milestone::ClaimMoney, self.claim_money),
            (
                Milestone::InferenceValidationCutoff,
                self.inference_validation_cutoff,
            ),
        ]
    }
}

/// The phase the chain is in. `Inference` also covers the gap between the end of validation and
/// the next `PoC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "each name is the chain's own")]
pub enum ChainPhase {
    PoCGenerate,
    PoCGenerateWindDown,
    PoCValidate,
    PoCValidateWindDown,
    Inference,
}

impl ChainPhase {
    /// Every one, in the order of an epoch.
    pub const ALL: [ChainPhase; 5] = [
        ChainPhase::PoCGenerate,
        ChainPhase::PoCGenerateWindDown,
        ChainPhase::PoCValidate,
        ChainPhase::PoCValidateWindDown,
        ChainPhase::Inference,
    ];

    /// The chain's own name of it.
    pub fn name(self) -> &'static str {
        match self {
            ChainPhase::PoCGenerate => "PoCGenerate",
            ChainPhase::PoCGenerateWindDown => "PoCGenerateWindDown",
            ChainPhase::PoCValidate => "PoCValidate",
            ChainPhase::PoCValidateWindDown => "PoCValidateWindDown",
            ChainPhase::Inference => "Inference",
        }
    }
}

/// Parameters of an epoch, in blocks. Governance can change each between epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct EpochParams {
    /// From the start of one `PoC` to the start of the next.
    pub epoch_length: Blocks,
    pub poc_stage_duration: Blocks,
    /// From the end of generation to the start of validation.
    pub poc_validation_delay: Blocks,
    pub poc_validation_duration: Blocks,
    /// From the end of validation to the new weights.
    pub set_new_validators_delay: Blocks,
    /// How long before the next `PoC` the validation of inferences ends.
    pub inference_validation_cutoff: Blocks,
    /// How long before and after a `PoC` no confirmation `PoC` is triggered.
    pub confirmation_poc_safety_window: Blocks,
}

/// A confirmation `PoC` that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfirmationEvent {
    pub epoch: EpochIndex,
    /// Which event of that epoch, from 0.
    pub sequence: u64,
    /// Where the chain decided on it.
    pub trigger_height: Height,
    /// Where hosts must start to generate.
    pub generation_start: Height,
    pub phase: ConfirmationPhase,
}

/// The heights of a confirmation `PoC`, as they follow from its event and the parameters in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmationStages {
    pub epoch: EpochIndex,
    /// Where the chain decided on it; the grace period begins.
    pub trigger: Height,
    /// Where hosts must start to generate.
    pub generation_start: Height,
    pub generation_end: Height,
    /// Where hosts start to validate each other.
    pub validation_start: Height,
    /// Where it is over: a node that was there until then has passed it.
    pub validation_end: Height,
}

/// How often and how strictly the chain confirms (`confirmation_poc_params`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ConfirmationParams {
    /// Confirmation `PoC`s in an epoch, on average.
    pub expected_per_epoch: f64,
    /// At or below this part of its weight a participant fails.
    pub alpha_threshold: f64,
}

/// An upgrade that governance has decided on: the chain halts at its height until the nodes run the
/// new version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradePlan {
    pub name: String,
    pub height: Height,
}

/// What governance has decided, as the chain's REST API tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Governance {
    pub upgrade: Option<UpgradePlan>,
    /// Confirmation `PoC`s.
    pub confirmation: ConfirmationParams,
}

/// The phase of a confirmation `PoC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConfirmationPhase {
    /// 0 on the wire.
    Inactive,
    /// 1 on the wire: triggered, generation has not begun.
    GracePeriod,
    /// 2 on the wire.
    Generation,
    /// 3 on the wire.
    Validation,
    /// 4 on the wire.
    Completed,
}

/// One reading of `GET /v1/epochs/latest`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EpochView {
    /// The chain's height when it answered. It can lag and differ between sources.
    pub height: Height,
    /// The latest epoch; it rises exactly at `poc_start`.
    pub epoch: EpochIndex,
    /// The phase by the chain's own word.
    pub phase: ChainPhase,
    /// Stages of the latest epoch.
    pub current: EpochStages,
    /// Stages of the epoch after it.
    pub next: EpochStages,
    pub params: EpochParams,
    /// The confirmation `PoC` under way, if any.
    pub confirmation: Option<ConfirmationEvent>,
}

/// An expected time. On a slow or jittery chain about one in ten falls outside on each side; on a
/// regular one, fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeBand {
    pub p10: Time,
    pub p50: Time,
    pub p90: Time,
}

impl TimeBand {
    pub fn exactly(time: Time) -> TimeBand {
        TimeBand {
            p10: time,
            p50: time,
            p90: time,
        }
    }
}

/// Height and time of one block, from the chain node's RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockHeader {
    pub height: Height,
    pub time: Time,
}

/// What kind of source tells of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A Network Node's public API: heights, epochs, stages.
    PublicApi,
    /// A chain node's RPC: heights and block times.
    Rpc,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct ChainSource {
    pub kind: SourceKind,
    /// Host and port.
    pub name: String,
}

impl fmt::Display for ChainSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            SourceKind::PublicApi => "public API",
            SourceKind::Rpc => "RPC",
        };
        write!(f, "{kind} {}", self.name)
    }
}

/// Whether a chain node has every block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncState {
    /// By its own word, or it does not say.
    Synced,
    /// `catching_up`: its height is old.
    CatchingUp,
}

/// The chain's head, as one source reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedHead {
    pub height: Height,
    /// The block's own time; only from an RPC.
    pub block_time: Option<Time>,
    /// Whether it has every block.
    pub sync: SyncState,
    /// The epoch; only from a public API.
    pub view: Option<EpochView>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceReport {
    pub source: ChainSource,
    pub head: Result<ReportedHead, CallError>,
}

/// How far a source can be relied on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceHealth {
    /// It answers, and its height is the chain's.
    Good,
    /// `catching_up`: it says itself that its height is old.
    CatchingUp,
    /// It answers with a height further behind than sources differ.
    Behind,
    /// It tells a height that the chain cannot have.
    Ahead,
    /// Its height fell, and is not back where it was.
    WentBack { from: Height },
    /// It contradicts itself or what is known.
    Contradicts(String),
    /// It does not answer.
    Silent(String),
}

/// A source as it was seen last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceStatus {
    /// The source.
    pub source: ChainSource,
    /// The last height that it reported; null if it never answered.
    pub height: Option<Height>,
    /// Blocks behind the best source; null if it never answered.
    pub lag: Option<Blocks>,
    /// How far it can be relied on.
    pub health: SourceHealth,
    /// Since when its health is this.
    pub since: Time,
}
