//! What runs on a rental: the `MLNode`, its GPUs and its boot.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Duration, HostId, InstanceId, MachineId, PocStatus, RentalLabel, Time};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Workload {
    /// The `MLNode`: it proves, and serves through the Network Node.
    #[default]
    MlNode,
    /// vLLM's own image: inference alone.
    Vllm,
}

/// The model that a node must serve, with the arguments vLLM gets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadModel {
    /// Hugging Face id, approved by governance.
    pub id: String,
    /// Revision, when pinned.
    pub revision: Option<String>,
    pub args: Vec<String>,
}

/// State of the `MLNode` service (`GET /api/v1/state`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// State of a start of vLLM under way.
    pub startup: StartupState,
    /// GPUs as the container sees them; empty until asked successfully.
    pub gpus: Vec<GpuDevice>,
    /// The host's driver; absent until asked successfully, and on old images.
    #[serde(default)]
    pub driver: Option<GpuDriver>,
}

/// State of `inference/up/async` (`GET /api/v1/inference/up/status`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartupState {
    /// Not told: an old image, or the call failed.
    Unknown,
    NotStarted,
    Starting,
    Completed,
    /// Failed, with the node's own words.
    Failed(String),
    Cancelled,
}

/// The GPU driver of a rental's host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GpuDriver {
    /// Its version: `570.124.06`.
    pub version: String,
    /// Highest CUDA version that it supports, as an offer's is told.
    pub cuda: Option<f64>,
}

/// What was ordered of a rental's machine.
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
    /// Memory in megabytes.
    pub total_memory_mb: u64,
    /// Memory in use in megabytes.
    pub used_memory_mb: u64,
    /// 0 to 100.
    pub utilization_percent: f64,
    /// Degrees Celsius, if reported.
    pub temperature_c: Option<f64>,
    /// Usable.
    pub available: bool,
}

/// Stages of a boot, in order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum BootStage {
    Placed,
    PullingImage,
    Container,
    Ssh,
    /// The `MLNode` API answers through the tunnel.
    Api,
    Downloading,
    Loading,
    /// CUDA graphs are captured, the last minute.
    Graphs,
    /// The model is loaded and healthy.
    Ready,
}

/// Why a boot will never succeed, with the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootFault {
    /// What it is, in a few words: `CUDA out of memory`.
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
    /// When each stage that was seen began, in order.
    pub started: Vec<(BootStage, Time)>,
    /// When the boot ended.
    pub ended: Time,
    /// Why it did not succeed; absent when it did, or was ended before it could tell.
    pub fault: Option<String>,
}

/// Whose fault a failure is: hosts at fault are avoided for a time, our own faults blame nobody.
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

impl BootTimes {
    /// What each stage took that was seen to its end. A stage that was skipped or not seen has no
    /// entry, and its time is in the one before it.
    pub fn durations(&self) -> Vec<(BootStage, Duration)> {
        let stages = self.started.windows(2);
        stages
            .filter_map(|pair| match pair {
                [(stage, from), (_, to)] => Some((*stage, *to - *from)),
                _ => None,
            })
            .collect()
    }

    /// From renting to a loaded model; absent when it never was.
    pub fn total(&self) -> Option<Duration> {
        let (_, rented) = self.started.first()?;
        let (_, ready) = self
            .started
            .iter()
            .find(|(stage, _)| *stage == BootStage::Ready)?;
        Some(*ready - *rented)
    }
}

impl BootStage {
    /// Every stage in order.
    pub const ALL: [BootStage; 9] = [
        BootStage::Placed,
        BootStage::PullingImage,
        BootStage::Container,
        BootStage::Ssh,
        BootStage::Api,
        BootStage::Downloading,
        BootStage::Loading,
        BootStage::Graphs,
        BootStage::Ready,
    ];
}

impl fmt::Display for BootStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            BootStage::Placed => "placed",
            BootStage::PullingImage => "image pull",
            BootStage::Container => "container",
            BootStage::Ssh => "ssh",
            BootStage::Api => "api",
            BootStage::Downloading => "download",
            BootStage::Loading => "loading",
            BootStage::Graphs => "graphs",
            BootStage::Ready => "ready",
        })
    }
}

impl fmt::Display for ServiceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ServiceState::Stopped => "STOPPED",
            ServiceState::Inference => "INFERENCE",
            ServiceState::Pow => "POW",
            ServiceState::Train => "TRAIN",
            ServiceState::Unknown => "UNKNOWN",
        })
    }
}
