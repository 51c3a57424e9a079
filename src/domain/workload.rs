//! What runs on a rental: the `MLNode`, its GPUs and its boot.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::VariantArray;

use super::{
    Duration, HostId, InstanceId, MachineId, NonceCount, PocStatus, RentalLabel, ReplicaId, Time,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Workload {
    /// The `MLNode`: it proves, and serves through the Network Node.
    #[default]
    MlNode,
    /// vLLM's own image: inference alone.
    Vllm,
}

/// The model that a node must serve, with vLLM's arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadModel {
    /// Hugging Face id, approved by governance.
    pub id: String,
    /// Revision, when pinned.
    pub revision: Option<String>,
    pub args: Vec<String>,
}

/// State of the `MLNode` service (`GET /api/v1/state`).
#[derive(Debug, strum::Display, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "UPPERCASE")]
pub enum ServiceState {
    /// API up, no model loaded: not ready for anything.
    Stopped,
    /// vLLM runs; `PoC` v2 happens in this state too.
    Inference,
    /// `PoC` v1.
    Pow,
    Train,
    /// A word that this program does not know.
    Unknown,
}

/// One reading of the `MLNode` through the tunnel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MlNodeStatus {
    pub state: ServiceState,
    /// `PoC` status; absent on old images.
    pub poc: Option<PocStatus>,
    /// vLLM's health; absent on old images.
    pub inference_healthy: Option<bool>,
    /// The model in memory; absent on old images.
    pub loaded_model: Option<String>,
    pub version: Option<String>,
    pub startup: StartupState,
    /// The weights on its disk.
    #[serde(default)]
    pub weights: Weights,
    /// The state of its inference port.
    #[serde(default)]
    pub port: InferencePort,
    /// vLLM's instances; absent until read successfully, and on old images.
    #[serde(default)]
    pub backends: Option<Backends>,
    /// GPUs as the container sees them; absent until read successfully, and on old images.
    #[serde(default)]
    pub gpus: Option<Vec<GpuDevice>>,
    /// The host's driver; absent until read successfully, and on old images.
    #[serde(default)]
    pub driver: Option<GpuDriver>,
}

/// State of `inference/up/async` (`GET /api/v1/inference/up/status`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartupState {
    /// An old image, or the call failed.
    Unknown,
    NotStarted,
    /// vLLM's process runs: from now on the service's state is INFERENCE.
    Starting,
    Completed,
    /// Failed, with the node's message.
    Failed(String),
    Cancelled,
}

/// The model's files on a node's disk (`POST /api/v1/models/status`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weights {
    /// Not requested, not readable, or an old image.
    #[default]
    Unknown,
    Absent,
    Downloading {
        /// Seconds since it began.
        elapsed_seconds: Option<f64>,
        /// Whole files in the cache, in GB.
        cached_gb: Option<f64>,
    },
    /// Some files are there, and no download is in progress.
    Partial {
        error: Option<String>,
    },
    Downloaded,
}

/// What answers on the inference port.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InferencePort {
    /// Nothing answers, or it was not requested.
    #[default]
    Silent,
    /// Something whose `GET /health` is not 200.
    Unhealthy,
    Healthy {
        /// By `GET /v1/models`.
        models: Vec<String>,
    },
}

/// vLLM's instances on a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backends {
    pub healthy: u32,
    /// Including those that do not answer.
    pub all: u32,
    /// What they have generated, while they generate.
    #[serde(default)]
    pub nonces: Option<NonceCount>,
}

/// What the node does with its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    /// Not read yet.
    #[default]
    Unknown,
    /// Nothing: it can be started.
    Idle,
    Downloading,
    /// Being loaded, or a start that failed is being cleaned up: a start would be refused.
    Loading,
    /// vLLM serves it.
    Up,
}

/// What a request to start the model led to. Each request takes only the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::Display)]
pub enum StartStep {
    #[strum(serialize = "its download is started")]
    DownloadOrdered,
    #[strum(serialize = "its download is in progress")]
    DownloadUnderWay,
    /// Three other downloads are in progress.
    #[strum(serialize = "its download waits for other downloads")]
    DownloadWaits,
    #[strum(serialize = "its load is started")]
    LoadOrdered,
    #[strum(serialize = "it is already loaded or loading")]
    LoadUnderWay,
}

/// The onstart script's record of the workload's runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    pub state: RunState,
    pub restarts: u32,
    /// Exit status of the last run that ended, 128 + N for signal N.
    pub status: Option<i32>,
    /// When this was written.
    pub at: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Running,
    Ended,
}

/// The GPU driver of a rental's host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GpuDriver {
    /// Its version: `570.124.06`.
    pub version: String,
    /// Highest CUDA version that it supports, as in an offer.
    pub cuda: Option<f64>,
}

/// What a rental's machine was ordered with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderedMachine {
    pub gpus: u32,
    /// Least memory of each, in megabytes.
    pub gpu_memory_mb: u64,
    /// CUDA version that the driver must support; any when absent.
    pub cuda: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GpuDevice {
    pub index: u32,
    pub name: String,
    pub total_memory_mb: u64,
    pub used_memory_mb: u64,
    /// 0 to 100.
    pub utilization_percent: f64,
    /// Degrees Celsius, if reported.
    pub temperature_c: Option<f64>,
    pub available: bool,
}

/// Stages of a boot, in order.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::Display, VariantArray)]
#[strum(serialize_all = "lowercase")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BootStage {
    /// The contract exists.
    #[default]
    Placed,
    /// The host pulls the image.
    #[strum(serialize = "image pull")]
    PullingImage,
    /// The container runs.
    Container,
    /// SSH accepts our key.
    Ssh,
    /// The `MLNode` API answers through the tunnel.
    Api,
    /// The model is downloaded.
    #[strum(serialize = "download")]
    Downloading,
    /// vLLM starts, and weights go to the GPUs.
    Loading,
    /// Kernels are compiled and CUDA graphs captured: the last minutes.
    Graphs,
    /// The model is loaded, healthy and listed.
    Ready,
}

/// Why a boot will never succeed, with the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootFault {
    /// A few words: `CUDA out of memory`.
    pub name: String,
    /// The line or status that says so.
    pub evidence: String,
    pub advice: String,
    pub blame: Blame,
    pub seen_at: Time,
}

/// How long one boot took, stage by stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BootTimes {
    /// The rental's label; it has the epoch and the attempt.
    pub label: RentalLabel,
    /// The replica that rented it; absent without pools.
    #[serde(default, skip_serializing_if = "ReplicaId::is_default")]
    pub replica: ReplicaId,
    /// The contract; absent in what older versions wrote.
    #[serde(default)]
    pub instance: Option<InstanceId>,
    pub machine: MachineId,
    /// Its owner, if reported.
    pub host: Option<HostId>,
    /// Name of its GPUs, as the market writes it.
    pub gpu_name: String,
    /// Number of GPUs.
    pub gpu_count: u32,
    /// When each observed stage began, in order.
    pub started: Vec<(BootStage, Time)>,
    /// When the boot ended.
    pub ended: Time,
    /// Why it failed; absent when it succeeded or was ended before that was known.
    pub fault: Option<String>,
    /// What its stages mean.
    #[serde(default)]
    pub meaning: StageMeaning,
    /// How many times the workload was started.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub runs: u32,
}

fn once() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_once(runs: &u32) -> bool {
    *runs == once()
}

/// Which signs the stages of a boot began at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageMeaning {
    /// A load that had begun counted as a download, and a process of vLLM as a loaded model.
    #[default]
    Former,
    /// By what the node reports about its files, its start and its health.
    Stated,
}

/// Whose fault a failure is: hosts at fault are avoided for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The machine or its host: try another.
    Host,
    /// Our image, key, model or arguments: another machine would fail alike.
    Ours,
    /// The network or a third party: nobody is to blame.
    Nobody,
}

impl MlNodeStatus {
    /// In a `PoC`: the first version's service state, or the second one's status.
    pub fn is_at_work(&self) -> bool {
        use PocStatus::{Generating, Mixed, Validating};
        self.state == ServiceState::Pow || matches!(self.poc, Some(Generating | Validating | Mixed))
    }
}

/// The boot of a sprint that succeeded, else its last one.
pub fn main_boot<'a>(
    mut boots: impl DoubleEndedIterator<Item = &'a BootTimes> + Clone,
) -> Option<&'a BootTimes> {
    let last = boots.clone().next_back();
    boots.find(|boot| boot.total().is_some()).or(last)
}

impl BootTimes {
    /// `4x H100 SXM`.
    pub fn gpus(&self) -> String {
        format!("{}x {}", self.gpu_count, self.gpu_name)
    }

    /// How long a stage took, if that is comparable with a current boot without restarts.
    pub fn comparable(&self, stage: BootStage) -> Option<Duration> {
        let same = match self.meaning {
            StageMeaning::Former => BootStage::Api,
            StageMeaning::Stated if self.runs > 1 => BootStage::Ssh,
            StageMeaning::Stated => BootStage::Ready,
        };
        let durations = self.durations().into_iter();
        let mut durations = durations.filter(|(of, _)| *of < same);
        durations.find(|(of, _)| *of == stage).map(|(_, took)| took)
    }

    /// How long each observed stage took. A stage that was skipped or missed has no entry: its time is
    /// in the one before.
    pub fn durations(&self) -> Vec<(BootStage, Duration)> {
        let pairs = self.started.iter().zip(self.started.iter().skip(1));
        pairs
            .map(|((stage, from), (_, to))| (*stage, *to - *from))
            .collect()
    }

    /// From renting to a loaded model; `None` when it never loaded.
    pub fn total(&self) -> Option<Duration> {
        let (_, rented) = self.started.first()?;
        let mut stages = self.started.iter();
        let (_, ready) = stages.find(|(stage, _)| *stage == BootStage::Ready)?;
        Some(*ready - *rented)
    }
}

impl BootStage {
    /// In order.
    pub const ALL: &'static [BootStage] = BootStage::VARIANTS;
}
