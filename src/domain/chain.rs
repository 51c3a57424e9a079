//! What the chain says about epochs. Everything is in heights.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

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
#[derive(
    Serialize,
    Deserialize,
    JsonSchema,
    Debug,
    IntoStaticStr,
    VariantArray,
    Clone,
    Copy,
    PartialEq,
    Eq,
)]
pub enum ChainPhase {
    PoCGenerate,
    PoCGenerateWindDown,
    PoCValidate,
    PoCValidateWindDown,
    Inference,
}

impl ChainPhase {
    /// In the order of an epoch.
    pub const ALL: &'static [ChainPhase] = ChainPhase::VARIANTS;

    /// Its name on the chain.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Parameters of an epoch, in blocks. Governance can change each between epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct EpochParams {
    /// From the start of one `PoC` to the start of the next.
    pub epoch_length: Blocks,
    /// Length of generation.
    pub poc_stage_duration: Blocks,
    /// How long after generation its results still count. The chain marks this as deprecated but still
    /// uses it.
    #[serde(default)]
    pub poc_exchange_duration: Blocks,
    /// From the end of generation to the start of validation.
    pub poc_validation_delay: Blocks,
    /// Length of validation.
    pub poc_validation_duration: Blocks,
    /// From the end of validation to the new weights.
    pub set_new_validators_delay: Blocks,
    /// How long before the next `PoC` the validation of inferences ends.
    pub inference_validation_cutoff: Blocks,
    /// How long before the next `PoC` a confirmation `PoC` and what follows it must be over.
    pub confirmation_poc_safety_window: Blocks,
}

/// Where the parameters of a reading come from.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema, strum::Display,
)]
#[serde(rename_all = "snake_case")]
pub enum ParamsOrigin {
    /// The reply has them.
    #[default]
    #[strum(serialize = "as the chain reports them")]
    Told,
    /// The reply has none: they are derived from its stages, except the safety window, which comes from
    /// an earlier reply.
    #[strum(
        serialize = "derived from the epoch's stages, with the safety window of an earlier reply"
    )]
    Earlier,
    /// Neither this nor an earlier reply has any: they are derived from its stages, and the safety window
    /// is assumed to be zero so that no confirmation is missed.
    #[strum(serialize = "derived from the epoch's stages, with a safety window of zero")]
    Stages,
}

/// A confirmation `PoC` in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfirmationEvent {
    pub epoch: EpochIndex,
    /// Which event of that epoch, from 0.
    pub sequence: u64,
    /// Where the chain decided on it.
    pub trigger_height: Height,
    /// Where hosts must start to generate.
    pub generation_start: Height,
    /// Its current phase.
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
    /// From here on the results of generation no longer count.
    #[serde(default)]
    pub exchange_end: Height,
    /// Where hosts start to validate each other.
    pub validation_start: Height,
    /// Where it is over: a node that lasted until then has passed.
    pub validation_end: Height,
}

/// How often and how strictly the chain confirms (`confirmation_poc_params`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ConfirmationParams {
    /// Confirmation `PoC`s in an epoch, on average.
    pub expected_per_epoch: f64,
    /// A participant whose [`ConfirmationParams::ratio`] is below this fails. At 0 none does.
    pub alpha_threshold: f64,
}

impl ConfirmationParams {
    /// The chain's tolerance: this share of the expected weight counts as all of it
    /// (gonka v0.2.14 inference-chain/x/inference/calculations/status.go).
    const ALLOWANCE: f64 = 0.909;

    /// What a share of the expected weight, preserved nodes included, counts as.
    pub fn ratio(shown: f64) -> f64 {
        (shown / Self::ALLOWANCE).min(1.0)
    }

    /// A participant that shows less than this share of its expected weight fails; `None` when none can.
    pub fn fails_below(&self) -> Option<f64> {
        (self.alpha_threshold > 0.0).then(|| self.alpha_threshold.min(1.0) * Self::ALLOWANCE)
    }
}

/// A `PoC` Challenge: every node with weight must generate until its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// The height at which it was first observed.
    pub seen_at: Height,
    /// Where it ends at the latest.
    pub end: Height,
}

/// Whether the network knows the `PoC` Challenge (from v0.2.16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChallengeRule {
    #[default]
    Unknown,
    NotYet,
    InForce,
}

/// An upgrade that governance decided on: the chain halts at its height until the nodes run the new
/// version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradePlan {
    pub name: String,
    pub height: Height,
}

/// What governance has decided, from the chain's REST API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Governance {
    pub upgrade: Option<UpgradePlan>,
    /// Confirmation `PoC`s.
    pub confirmation: ConfirmationParams,
    /// Whether hosts can be challenged.
    #[serde(default)]
    pub challenges: ChallengeRule,
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
    /// As the chain reports it.
    pub phase: ChainPhase,
    /// Stages of the latest epoch.
    pub current: EpochStages,
    /// Stages of the epoch after it.
    pub next: EpochStages,
    pub params: EpochParams,
    /// Where the parameters come from.
    #[serde(default)]
    pub params_origin: ParamsOrigin,
    /// The confirmation `PoC` in progress, or the last completed one, if any.
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

/// A kind of chain source.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[derive(Debug, strum::Display, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceKind {
    /// A Network Node's public API: heights, epochs, stages.
    #[strum(serialize = "public API")]
    PublicApi,
    /// A chain node's RPC: heights and block times.
    #[strum(serialize = "RPC")]
    Rpc,
}

#[derive(
    Serialize, Deserialize, JsonSchema, Debug, derive_more::Display, Clone, PartialEq, Eq, Hash,
)]
#[display("{kind} {name}")]
pub struct ChainSource {
    pub kind: SourceKind,
    /// Host and port.
    pub name: String,
}

/// Whether a chain node has every block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncState {
    /// It says so, or says nothing.
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
    /// It reports a height that the chain cannot have.
    Ahead,
    /// Its height fell and has not recovered.
    WentBack { from: Height },
    /// It contradicts itself or what is known.
    Contradicts(String),
    /// It does not answer.
    Silent(String),
    /// Its address does not serve it, with what to do about it.
    NotServed(String),
}

/// The last known state of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceStatus {
    /// The source.
    pub source: ChainSource,
    /// The last height that it reported; null if it never answered.
    pub height: Option<Height>,
    /// Blocks behind the best source; null if it never answered.
    pub lag: Option<Blocks>,
    /// How reliable it is.
    pub health: SourceHealth,
    /// Since when its health is this.
    pub since: Time,
}
