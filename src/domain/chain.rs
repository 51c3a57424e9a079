//! What the chain says about epochs. Everything is in heights.

use serde::{Deserialize, Serialize};

use super::{Blocks, EpochIndex, Height, Time};

/// The heights of one epoch's stages, as the chain's public API gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each name is the chain's own")]
pub struct EpochStages {
    pub epoch: EpochIndex,
    pub poc_start: Height,
    pub poc_generation_wind_down: Height,
    pub poc_generation_end: Height,
    pub poc_validation_start: Height,
    pub poc_validation_wind_down: Height,
    pub poc_validation_end: Height,
    pub set_new_validators: Height,
    pub claim_money: Height,
    pub inference_validation_cutoff: Height,
    pub next_poc_start: Height,
}

/// The phase the chain is in. `Inference` also covers the gap between the end of validation and
/// the next `PoC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each name is the chain's own")]
pub enum ChainPhase {
    PoCGenerate,
    PoCGenerateWindDown,
    PoCValidate,
    PoCValidateWindDown,
    Inference,
}

/// Parameters of an epoch, in blocks. Governance can change each between epochs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each name is the chain's own")]
pub struct EpochParams {
    pub epoch_length: Blocks,
    pub poc_stage_duration: Blocks,
    pub poc_validation_delay: Blocks,
    pub poc_validation_duration: Blocks,
    pub set_new_validators_delay: Blocks,
    pub inference_validation_cutoff: Blocks,
    pub confirmation_poc_safety_window: Blocks,
}

/// A confirmation `PoC` that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmationEvent {
    /// The epoch it belongs to.
    pub epoch: EpochIndex,
    /// Which event of that epoch, from 0.
    pub sequence: u64,
    /// Where the chain decided on it.
    pub trigger_height: Height,
    /// Where hosts must start to generate.
    pub generation_start: Height,
    /// How far it is.
    pub phase: ConfirmationPhase,
}

/// The phase of a confirmation `PoC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Parameters in force.
    pub params: EpochParams,
    /// The confirmation `PoC` under way, if any.
    pub confirmation: Option<ConfirmationEvent>,
}

/// Height and time of one block, from the chain node's RPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockHeader {
    /// The block's height.
    pub height: Height,
    /// The block's own time.
    pub time: Time,
}
