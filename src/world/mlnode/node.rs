//! The state of a workload: its process, and within an `MLNode` what its managers do.

use std::collections::BTreeMap;

use crate::domain::Time;

use super::log::Log;
use super::poc::{Generation, Validation};
use super::settings::Settings;
use super::weights::WeightCache;
use crate::world::faults::WorkloadFault;
use crate::world::scenario::{EnvironmentRule, MlNodeRelease, PocVersion};

/// Longer than any test runs, in seconds.
pub(super) const NEVER: f64 = 1e8;
/// Share of a download at which it stalls.
pub(super) const STALLS_AT: f64 = 0.4;
/// The image on the rented disk, in GB.
pub(in crate::world) const IMAGE_GB: f64 = 15.0;

/// How a rental's workload will behave.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::world) struct NodeSpec {
    pub seed: u64,
    pub id: u64,
    pub release: MlNodeRelease,
    pub environment: EnvironmentRule,
    pub poc_version: PocVersion,
    pub settings: Settings,
    pub gpus: u64,
    pub disk_gb: f64,
    /// Of a download, in GB per second.
    pub bandwidth: f64,
    /// Of a load from disk, in seconds.
    pub load: f64,
    pub load_outcome: ModelLoad,
    pub fault: Option<WorkloadFault>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::world) enum ModelLoad {
    Works,
    /// Its download stops in the middle.
    Stalls,
    /// With this line.
    Fails(String),
}

/// A machine's workload.
#[derive(Debug, Clone)]
pub(in crate::world) struct SimMlNode {
    pub(super) spec: NodeSpec,
    pub(super) process: Process,
    pub(super) log: Log,
    pub(super) cache: WeightCache,
    pub(super) run: Run,
    /// vLLM processes of an earlier run: they hold the GPUs and the port.
    pub(super) orphans: Orphans,
    /// Starts of a model so far, over all runs.
    pub(super) starts: u64,
    /// When the spec's fault happened.
    pub(super) broke_at: Option<Time>,
}

/// A fault that stops a workload, for good or for so many seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::world) enum Breakdown {
    Lasting,
    Passing { at: Time, recovery: f64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Orphans {
    None,
    Present,
    /// They ignore all signals for a minute.
    Stubborn,
}

/// Which run of the workload this is, as the start script's loop counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Run {
    pub began_at: Time,
    pub restarts: u64,
    /// Of the run before.
    pub last_status: Option<u32>,
    /// Seconds until the next start.
    pub pause: f64,
}

/// The workload's main process.
#[derive(Debug, Clone)]
pub(in crate::world) enum Process {
    /// Python imports; then the API answers.
    Importing {
        api_at: Time,
    },
    Serving(Service),
    /// The API accepts connections and does not answer: a stop blocks its only thread.
    Frozen {
        exits_at: Time,
    },
    Ended {
        since: Time,
        again_at: Option<Time>,
    },
    /// vLLM without an `MLNode`.
    Vllm {
        server: VllmServer,
        loads_at: Time,
        api_at: Time,
    },
}

impl Process {
    pub(super) fn serving_mut(&mut self) -> Option<&mut Serving> {
        match self {
            Process::Serving(service) => match &mut service.inference {
                Inference::Serving(serving) => Some(serving),
                _ => None,
            },
            _ => None,
        }
    }
}

/// An `MLNode` that answers.
#[derive(Debug, Clone, Default)]
pub(in crate::world) struct Service {
    pub(super) downloads: BTreeMap<Revision, Download>,
    pub(super) inference: Inference,
    /// The latest start.
    pub(super) startup: Option<Startup>,
    /// Until when its only thread is busy.
    pub(super) busy_until: Option<Time>,
}

/// Key of a download: repository and commit. Without a commit, the newest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Revision {
    pub repo: String,
    pub commit: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Download {
    pub started: Time,
    /// Present before the download, in GB.
    pub base_gb: f64,
    pub state: DownloadState,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum DownloadState {
    Running { ends_at: Time, end: DownloadEnd },
    Over(DownloadEnd),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DownloadEnd {
    Whole,
    Partial(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Startup {
    pub since: Time,
    pub outcome: StartOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StartOutcome {
    InProgress,
    Completed,
    Failed(String),
}

/// State of the inference manager.
#[derive(Debug, Clone, Default)]
pub(super) enum Inference {
    #[default]
    Idle,
    Loading(Load),
    Serving(Box<Serving>),
    Broken(Broken),
}

/// A model that is being loaded into the GPUs.
#[derive(Debug, Clone)]
pub(super) struct Load {
    pub model: String,
    pub instances: Instances,
    /// A download inside the load.
    pub fetch: Option<Fetch>,
    pub ends_at: Time,
    pub end: LoadEnd,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Fetch {
    pub from: Time,
    pub base_gb: f64,
    /// Where it ends, in GB.
    pub up_to_gb: f64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LoadEnd {
    Healthy,
    /// vLLM ends.
    Exits,
    /// The node gives up; vLLM goes on.
    TimesOut,
}

#[derive(Debug, Clone)]
pub(super) struct Serving {
    pub model: String,
    pub instances: Instances,
    /// When the spec's fault happens, if it has not yet, or is over.
    pub doom: Option<Time>,
    pub health: EngineHealth,
    pub generation: Option<Generation>,
    pub validations: Vec<Validation>,
}

/// Whether vLLM answers health checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EngineHealth {
    Answers,
    Silent,
}

/// A manager that is unhealthy for good.
#[derive(Debug, Clone, Copy)]
pub(super) struct Broken {
    /// When the watcher stops it, and with it the API.
    pub freezes_at: Time,
    pub remains: Remains,
}

/// What is left of vLLM after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remains {
    Nothing,
    Processes,
}

/// vLLM instances, by their ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instances {
    pub first_port: u16,
    pub count: u16,
    pub tensor_parallel: u64,
    pub pipeline_parallel: u64,
}

impl Instances {
    pub(super) fn ports(self) -> impl Iterator<Item = u16> {
        (0..self.count).map(move |index| self.first_port.saturating_add(index))
    }

    /// As Python prints a list.
    pub(super) fn list(self) -> String {
        let ports: Vec<String> = self.ports().map(|port| port.to_string()).collect();
        format!("[{}]", ports.join(", "))
    }
}

/// vLLM's own server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::world) struct VllmServer {
    pub port: u16,
    pub model: String,
    /// Name of the model in its API.
    pub name: String,
}

impl SimMlNode {
    pub(super) fn service(&self) -> Option<&Service> {
        match &self.process {
            Process::Serving(service) => Some(service),
            _ => None,
        }
    }

    pub(super) fn service_mut(&mut self) -> Option<&mut Service> {
        match &mut self.process {
            Process::Serving(service) => Some(service),
            _ => None,
        }
    }

    pub(super) fn serving(&self) -> Option<&Serving> {
        match &self.service()?.inference {
            Inference::Serving(serving) => Some(serving),
            _ => None,
        }
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.serving()
            .is_some_and(|serving| serving.health == EngineHealth::Answers)
    }

    pub(super) fn generates(&self) -> bool {
        self.serving().is_some_and(|s| s.generation.is_some())
    }

    /// Whether its API accepts connections.
    pub(super) fn accepts(&self) -> bool {
        matches!(self.process, Process::Serving(_) | Process::Frozen { .. })
    }

    /// Part of the log up to `now`; `None` before its first line.
    pub fn log_part(&self, now: Time, offset: u64, max: usize) -> Option<Vec<u8>> {
        self.log.part(now, offset, max)
    }
}
