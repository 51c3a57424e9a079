//! The start of a model: how long it takes, how it ends, and what it writes.

use crate::domain::Time;

use super::lines::{self, Captures, GRAPHS, PRELUDE, SEEN};
use super::log::Writer;
use super::node::{
    Fetch, Inference, Instances, Load, LoadEnd, ModelLoad, NEVER, NodeSpec, Orphans, STALLS_AT,
    SimMlNode, StartOutcome, Startup,
};
use super::settings::{Entry, HubAccess, HubFolder};
use super::weights::size_of;
use crate::world::clock::{as_seconds, seconds};
use crate::world::faults::WorkloadFault;
use crate::world::numbers::{number, uniform};
use crate::world::scenario::{EnvironmentRule, MlNodeRelease};

/// Seconds that a start waits for vLLM (`WAIT_FOR_SERVER_TIMEOUT` in `api/inference/vllm/runner.py`).
const USUAL_LIMIT: f64 = 1_200.0;
/// The value of `VLLM_RUNNER_TIMEOUT` in newer images.
const IMAGE_LIMIT: f64 = 3_600.0;

/// A start's failure.
struct Failure {
    at: Time,
    why: String,
}

/// The times of a start.
struct Course {
    /// A download inside the load.
    fetch: Option<Fetch>,
    weights_at: Time,
    loaded_at: Time,
}

impl MlNodeRelease {
    /// The limit of its official image, in seconds.
    pub(in crate::world) fn limit(self) -> f64 {
        match self {
            MlNodeRelease::V3_0_14 => USUAL_LIMIT,
            MlNodeRelease::V3_0_16 => IMAGE_LIMIT,
        }
    }
}

impl NodeSpec {
    /// Seconds that a start waits for vLLM.
    pub(super) fn limit(&self) -> f64 {
        match (self.release, self.environment) {
            (MlNodeRelease::V3_0_16, EnvironmentRule::Applied) => {
                self.settings.runner_timeout.unwrap_or(USUAL_LIMIT)
            }
            (release, _) => release.limit(),
        }
    }

    pub(super) fn vllm_folder(&self) -> HubFolder {
        match self.environment {
            EnvironmentRule::Ignored => HubFolder::Node,
            EnvironmentRule::Applied => self.settings.vllm_folder,
        }
    }

    /// Neither linked `libcuda.so` nor raised the limit of open files.
    pub(super) fn skipped_entrypoint(&self) -> Option<SkippedEntrypoint> {
        let matters = self.environment == EnvironmentRule::Applied;
        let skipped = matters && self.settings.entry == Entry::Bare;
        skipped.then(|| {
            if uniform(self.seed, 27, self.id) < 0.5 {
                SkippedEntrypoint::NoLibcuda
            } else {
                SkippedEntrypoint::FewFiles
            }
        })
    }

    fn instances(&self, arguments: &[String]) -> Instances {
        let tensor_parallel = numeric(arguments, "--tensor-parallel-size");
        let pipeline_parallel = numeric(arguments, "--pipeline-parallel-size");
        let count = (self.gpus / (tensor_parallel * pipeline_parallel)).max(1);
        let base = match self.environment {
            EnvironmentRule::Ignored => 5000,
            EnvironmentRule::Applied => self.settings.inference_port,
        };
        Instances {
            first_port: base.saturating_add(1),
            count: u16::try_from(count).unwrap_or(1),
            tensor_parallel,
            pipeline_parallel,
        }
    }

    pub(super) fn vllm_version(&self) -> &'static str {
        match self.release {
            MlNodeRelease::V3_0_14 => "0.20.0",
            MlNodeRelease::V3_0_16 => "0.25.1",
        }
    }
}

/// What goes wrong without `/app/entrypoint.sh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SkippedEntrypoint {
    NoLibcuda,
    FewFiles,
}

/// The number after an argument, 1 without it.
fn numeric(arguments: &[String], name: &str) -> u64 {
    let value = arguments.iter().enumerate().find_map(|(at, argument)| {
        let rest = argument.strip_prefix(name)?;
        match rest.strip_prefix('=') {
            Some(value) => Some(value),
            None if rest.is_empty() => arguments.get(at + 1).map(String::as_str),
            None => None,
        }
    });
    let value = value.and_then(|value| value.parse().ok());
    value.filter(|value| *value > 0).unwrap_or(1)
}

/// Arguments as vLLM prints them.
fn non_default(arguments: &[String]) -> String {
    let mut text = String::new();
    let mut words = arguments.iter().peekable();
    while let Some(word) = words.next() {
        let name = word.trim_start_matches('-').replace('-', "_");
        let value = words.next_if(|next| !next.starts_with("--"));
        let value = value.map_or_else(|| "True".to_owned(), |value| format!("'{value}'"));
        text = format!("{text}, '{name}': {value}");
    }
    text
}

impl SimMlNode {
    pub(super) fn start_model(&mut self, now: Time, model: &str, arguments: &[String]) {
        self.starts += 1;
        let instances = self.spec.instances(arguments);
        let course = self.course(now, model);
        let failure = self.failure(now, &course, model);
        self.write_start(now, &course, model, instances, arguments);
        let limit = now + seconds(self.spec.limit());
        let healthy_at = course.loaded_at + seconds(GRAPHS + SEEN);
        let (ends_at, end) = match failure {
            Some(Failure { at, why }) if at <= limit => {
                self.log.cut(at, &[Writer::Vllm]);
                lines::ended(&mut self.log, at, &why);
                (at, LoadEnd::Exits)
            }
            Some(_) => (limit, LoadEnd::TimesOut),
            None if healthy_at <= limit => {
                lines::healthy(&mut self.log, healthy_at, instances);
                (healthy_at, LoadEnd::Healthy)
            }
            None => (limit, LoadEnd::TimesOut),
        };
        let Some(service) = self.service_mut() else {
            return;
        };
        service.inference = Inference::Loading(Load {
            model: model.to_owned(),
            instances,
            fetch: course.fetch,
            ends_at,
            end,
        });
        service.startup = Some(Startup {
            since: now,
            outcome: StartOutcome::InProgress,
        });
    }

    fn course(&self, now: Time, model: &str) -> Course {
        let spec = &self.spec;
        let size = size_of(model);
        let base_gb = self.cache.gb_of(spec.vllm_folder(), model);
        let missing = (size - base_gb).max(0.0);
        let stalls = spec.load_outcome == ModelLoad::Stalls && missing > 0.0;
        let fetch_time = if stalls {
            NEVER
        } else {
            missing / spec.bandwidth
        };
        let up_to_gb = if stalls {
            base_gb.max(size * STALLS_AT)
        } else {
            size
        };
        let fetch = (missing > 0.0).then_some(Fetch {
            from: now + seconds(PRELUDE),
            base_gb,
            up_to_gb,
        });
        let weights_at = now + seconds(PRELUDE + fetch_time);
        let load = match spec.fault {
            Some(WorkloadFault::LoadTakesTooLong) => NEVER,
            _ => spec.load,
        };
        Course {
            fetch,
            weights_at,
            loaded_at: weights_at + seconds(load),
        }
    }

    /// This start's failure, if it fails.
    fn failure(&self, now: Time, course: &Course, model: &str) -> Option<Failure> {
        let spec = &self.spec;
        let soon = now + seconds(PRELUDE + 6.0);
        let fail = |at: Time, why: &str| {
            let why = why.to_owned();
            Some(Failure { at, why })
        };
        if self.orphans != Orphans::None {
            return fail(
                soon,
                "ValueError: Free memory on device cuda:0 (1.42/79.18 GiB) on startup is less than desired GPU memory utilization (0.92, 72.84 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.",
            );
        }
        if course.fetch.is_some() && spec.fault == Some(WorkloadFault::DownloadRefused) {
            let why = format!(
                "huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error. Repository Not Found for url: https://huggingface.co/api/models/{model}/revision/main."
            );
            return fail(soon, &why);
        }
        let offline = spec.settings.hub_access == HubAccess::Offline;
        if course.fetch.is_some() && offline && spec.environment == EnvironmentRule::Applied {
            let why = format!(
                "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find an appropriate cached snapshot folder for {model} and outgoing traffic has been disabled."
            );
            return fail(soon, &why);
        }
        if spec.skipped_entrypoint() == Some(SkippedEntrypoint::NoLibcuda) {
            let why = "subprocess.CalledProcessError: Command '['/usr/bin/gcc', … '-lcuda']' returned non-zero exit status 1. /usr/bin/ld: cannot find -lcuda: No such file or directory";
            return fail(course.loaded_at, why);
        }
        if spec.fault == Some(WorkloadFault::FirstStartFails) && self.starts == 1 {
            let why =
                "torch.AcceleratorError: CUDA error: an illegal memory access was encountered";
            return fail(course.loaded_at, why);
        }
        match &spec.load_outcome {
            ModelLoad::Fails(why) => fail(course.loaded_at, why),
            ModelLoad::Works | ModelLoad::Stalls => None,
        }
    }

    /// Writes the log of a start that goes well.
    fn write_start(
        &mut self,
        now: Time,
        course: &Course,
        model: &str,
        instances: Instances,
        arguments: &[String],
    ) {
        let (spec, log) = (&self.spec, &mut self.log);
        let stalls = spec.load_outcome == ModelLoad::Stalls && course.fetch.is_some();
        lines::starting(log, now, instances, spec.gpus);
        let words = non_default(arguments);
        let version = spec.vllm_version();
        lines::introducing(log, now, model, version, &words);
        if stalls || spec.fault == Some(WorkloadFault::LoadTakesTooLong) {
            return;
        }
        let size = size_of(model);
        lines::shards(log, course.weights_at, spec.load, size);
        let gib = size / 1.073_741_824 / number(instances.tensor_parallel);
        let captures = if arguments
            .iter()
            .any(|argument| argument == "--enforce-eager")
        {
            Captures::Nothing
        } else {
            Captures::Graphs
        };
        lines::compiling(log, course.loaded_at, gib, spec.load, captures);
        lines::listening(log, course.loaded_at + seconds(GRAPHS), instances);
    }

    /// How much a download inside a load has fetched, in GB.
    pub(super) fn fetched_gb(&self, load: &Load, now: Time) -> f64 {
        load.fetch.map_or(0.0, |fetch| {
            let passed = as_seconds(now - fetch.from).max(0.0);
            (fetch.base_gb + passed * self.spec.bandwidth).min(fetch.up_to_gb)
        })
    }

    /// At the end of a load: the weights that it downloaded stay.
    pub(super) fn keep_fetched(&mut self, load: &Load, now: Time) {
        if load.fetch.is_some() {
            let gb = self.fetched_gb(load, now);
            let size = size_of(&load.model);
            let folder = self.spec.vllm_folder();
            self.cache.keep(folder, &load.model, gb, size);
        }
    }

    /// `POST /api/v1/stop`. A manager that is unhealthy stays so.
    pub(super) fn stop_model(&mut self, now: Time) {
        let Some(service) = self.service_mut() else {
            return;
        };
        match std::mem::take(&mut service.inference) {
            Inference::Idle => return,
            broken @ Inference::Broken(_) => {
                service.inference = broken;
                return;
            }
            Inference::Loading(load) => self.keep_fetched(&load, now),
            Inference::Serving(_) => {}
        }
        self.log.cut(now, &[Writer::Vllm, Writer::MlNode]);
        lines::stopping(&mut self.log, now);
        let until = now + seconds(6.0);
        if let Some(service) = self.service_mut() {
            service.startup = None;
            service.busy_until = Some(until);
        }
    }
}
