//! What happens to a workload as time passes: its API comes up, loads and downloads end, it fails, and
//! the start script's loop starts it again.

use crate::domain::Time;

use super::lines::{self, RUNNER};
use super::load::SkippedEntrypoint;
use super::log::{API_SERVER, Log, Writer};
use super::node::{
    Breakdown, Broken, EngineHealth, Inference, Load, LoadEnd, NodeSpec, Orphans, Process, Remains,
    Run, Service, Serving, SimMlNode, StartOutcome,
};
use super::settings::Supervision;
use super::weights::WeightCache;
use crate::world::clock::{as_seconds, seconds};
use crate::world::faults::WorkloadFault;
use crate::world::numbers::uniform;
use crate::world::scenario::MlNodeRelease;

/// Seconds from a failure to the watcher's third check.
const WATCHED: f64 = 6.0;
/// Seconds that the stop after it blocks.
const BLOCKED: f64 = 35.0;
/// First and longest pause of the start script's loop, in seconds.
const PAUSE: f64 = 5.0;
const LONGEST_PAUSE: f64 = 60.0;
/// After a run of so many seconds the pause is short again.
const GOOD_RUN: f64 = 600.0;
/// Seconds until a workload with too few descriptors runs out of them.
const FILES_LAST: f64 = 900.0;

/// Seconds for which an unresponsive vLLM answers no health check: less than `MLNODE_HANG_GRACE_SEC`.
const SILENCE: f64 = 100.0;
/// Seconds in which a workload that ended is noticed, starts again and is ordered to load its model.
const RESTART: f64 = 300.0;

/// Exit status after the watcher's `os._exit(1)`.
const WATCHER_STATUS: u32 = 1;
/// Exit status of a killed process.
const KILLED_STATUS: u32 = 137;

impl Run {
    fn new(began_at: Time) -> Run {
        Run {
            began_at,
            restarts: 0,
            last_status: None,
            pause: PAUSE,
        }
    }
}

impl SimMlNode {
    /// No workload at all.
    pub(in crate::world) fn absent(spec: NodeSpec, running_at: Time) -> SimMlNode {
        SimMlNode {
            spec,
            process: Process::Ended {
                since: running_at,
                again_at: None,
            },
            log: Log::default(),
            cache: WeightCache::default(),
            run: Run::new(running_at),
            orphans: Orphans::None,
            starts: 0,
            broke_at: None,
        }
    }

    /// The end of the container: processes are gone, log and weights stay on its disk.
    pub(in crate::world) fn halt(&mut self, now: Time) {
        self.log.end(now);
        self.process = Process::Ended {
            since: now,
            again_at: None,
        };
        self.orphans = Orphans::None;
        self.run = Run::new(now);
    }

    /// The start script starts an `MLNode`.
    pub(in crate::world) fn import(&mut self, at: Time) {
        self.run.began_at = at;
        let (seed, id) = (self.spec.seed, self.spec.id);
        let api_at = at + seconds(20.0 + 20.0 * uniform(seed, 20, id));
        lines::importing(&mut self.log, at, api_at);
        self.process = Process::Importing { api_at };
    }

    /// Brings the workload to `now`.
    pub(in crate::world) fn advance(&mut self, now: Time) {
        while let Some(at) = self.next_event().filter(|at| *at <= now) {
            self.happen(at);
        }
    }

    /// Whether nothing changes by itself.
    pub(in crate::world) fn is_idle(&self) -> bool {
        self.next_event().is_none() && self.serving().is_none()
    }

    fn next_event(&self) -> Option<Time> {
        match &self.process {
            Process::Importing { api_at } => Some(*api_at),
            Process::Serving(service) => service.next_event(),
            Process::Frozen { exits_at } => Some(*exits_at),
            Process::Ended { again_at, .. } => *again_at,
            Process::Vllm { .. } => None,
        }
    }

    fn happen(&mut self, at: Time) {
        if self.end_downloads(at) {
            return;
        }
        match &mut self.process {
            Process::Importing { .. } => self.process = Process::Serving(Service::default()),
            Process::Frozen { .. } => self.exit(at, WATCHER_STATUS),
            Process::Ended { .. } => self.restart(at),
            Process::Serving(service) => match std::mem::take(&mut service.inference) {
                Inference::Loading(load) => self.end_load(at, load),
                Inference::Serving(serving) => self.meet_doom(at, serving),
                Inference::Broken(broken) => self.freeze(at, broken),
                Inference::Idle => {}
            },
            Process::Vllm { .. } => {}
        }
    }

    fn set_inference(&mut self, inference: Inference) {
        if let Some(service) = self.service_mut() {
            service.inference = inference;
        }
    }

    fn end_startup(&mut self, outcome: StartOutcome) {
        let startup = self.service_mut().and_then(|s| s.startup.as_mut());
        if let Some(startup) = startup {
            startup.outcome = outcome;
        }
    }

    fn end_load(&mut self, at: Time, load: Load) {
        self.keep_fetched(&load, at);
        match load.end {
            LoadEnd::Healthy => {
                self.end_startup(StartOutcome::Completed);
                let doom = self.doom(at);
                self.set_inference(Inference::Serving(Box::new(Serving {
                    model: load.model,
                    instances: load.instances,
                    doom,
                    health: EngineHealth::Answers,
                    generation: None,
                    validations: Vec::new(),
                })));
            }
            LoadEnd::Exits => {
                let text = "vLLM process exited prematurely: None";
                lines::failed(&mut self.log, at, text);
                self.end_startup(StartOutcome::Failed(text.to_owned()));
                self.break_down(at, Remains::Nothing, Some(text));
            }
            LoadEnd::TimesOut => {
                let text = match self.spec.release {
                    MlNodeRelease::V3_0_14 => {
                        "vLLM server did not become available within timeout.".to_owned()
                    }
                    MlNodeRelease::V3_0_16 => format!(
                        "vLLM server did not become available within {} seconds",
                        self.spec.limit()
                    ),
                };
                self.log.node(at, RUNNER, "ERROR", &text);
                let text = "vLLM failed to start within the expected timeout: None";
                lines::failed(&mut self.log, at, text);
                self.end_startup(StartOutcome::Failed(text.to_owned()));
                self.break_down(at, Remains::Processes, Some(text));
            }
        }
    }

    /// The manager is unhealthy for good: the watcher stops it, and the application with it.
    fn break_down(&mut self, at: Time, remains: Remains, failure: Option<&str>) {
        lines::unhealthy(&mut self.log, at, failure);
        self.set_inference(Inference::Broken(Broken {
            freezes_at: at + seconds(WATCHED),
            remains,
        }));
    }

    fn freeze(&mut self, at: Time, broken: Broken) {
        self.abandon_downloads(at);
        if broken.remains == Remains::Processes {
            self.orphans = Orphans::Present;
        }
        self.process = Process::Frozen {
            exits_at: at + seconds(BLOCKED),
        };
    }

    /// When the spec's fault comes, for a model that serves from `at` on.
    fn doom(&self, at: Time) -> Option<Time> {
        if self.spec.skipped_entrypoint() == Some(SkippedEntrypoint::FewFiles) {
            return Some(at + seconds(FILES_LAST));
        }
        let after = match self.spec.fault? {
            WorkloadFault::Exits { after }
            | WorkloadFault::LeavesStubbornOrphan { after }
            | WorkloadFault::VllmCrashes { after }
            | WorkloadFault::VllmFreezes { after }
            | WorkloadFault::Unresponsive { after }
            | WorkloadFault::AlarmingPrompt { after } => after,
            WorkloadFault::GenerationCrashes { .. }
            | WorkloadFault::FirstStartFails
            | WorkloadFault::LoadTakesTooLong
            | WorkloadFault::DownloadRefused
            | WorkloadFault::StartRefused => return None,
        };
        self.broke_at
            .is_none()
            .then(|| at + seconds(after.max(0.0)))
    }

    fn meet_doom(&mut self, at: Time, mut serving: Box<Serving>) {
        serving.doom = None;
        if serving.health == EngineHealth::Silent {
            serving.health = EngineHealth::Answers;
            return self.set_inference(Inference::Serving(serving));
        }
        self.broke_at = Some(at);
        if self.spec.skipped_entrypoint() == Some(SkippedEntrypoint::FewFiles) {
            let text = "OSError: [Errno 24] Too many open files";
            self.log.raw(at, Writer::MlNode, &format!("{text}\n"));
            self.orphans = Orphans::Present;
            return self.exit(at, WATCHER_STATUS);
        }
        let instances = serving.instances;
        match self.spec.fault {
            Some(WorkloadFault::LeavesStubbornOrphan { .. }) => {
                self.orphans = Orphans::Stubborn;
                self.exit(at, KILLED_STATUS);
            }
            Some(WorkloadFault::VllmCrashes { .. }) => {
                let text = "torch.AcceleratorError: CUDA error: unspecified launch failure";
                lines::ended(&mut self.log, at, text);
                lines::down(&mut self.log, at, instances);
                self.break_down(at, Remains::Nothing, None);
            }
            // Only the newer image waits for its scheduler's heartbeat.
            Some(WorkloadFault::Unresponsive { .. })
                if self.spec.release >= MlNodeRelease::V3_0_16 =>
            {
                serving.health = EngineHealth::Silent;
                serving.doom = Some(at + seconds(SILENCE));
                self.set_inference(Inference::Serving(serving));
            }
            Some(WorkloadFault::VllmFreezes { .. } | WorkloadFault::Unresponsive { .. }) => {
                lines::frozen(&mut self.log, at, instances, self.spec.release);
                self.break_down(at, Remains::Processes, None);
            }
            Some(WorkloadFault::AlarmingPrompt { .. }) => {
                let text = "Received request chatcmpl-7c1e: prompt: 'My training says torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.32 GiB. Why?'";
                self.log.vllm(at, API_SERVER, "INFO", "logger.py:40", text);
                self.set_inference(Inference::Serving(serving));
            }
            _ => {
                self.orphans = Orphans::Present;
                self.exit(at, KILLED_STATUS);
            }
        }
    }

    /// The `MLNode`'s process ends, and with it its downloads. Its vLLM has a session of its own, and
    /// lives on under a shell.
    fn exit(&mut self, at: Time, status: u32) {
        self.abandon_downloads(at);
        self.log.cut(at, &[Writer::MlNode]);
        self.run.last_status = Some(status);
        let again_at = match self.spec.settings.supervision {
            Supervision::Nobody => None,
            Supervision::Loop => Some(self.end_orphans(at, status)),
        };
        self.process = Process::Ended {
            since: at,
            again_at,
        };
    }

    /// Writes what the start script does after an end. Returns when it starts the workload again.
    fn end_orphans(&mut self, at: Time, status: u32) -> Time {
        let ran = as_seconds(at - self.run.began_at);
        if ran >= GOOD_RUN {
            self.run.pause = PAUSE;
        }
        let pause = self.run.pause;
        self.run.pause = (2.0 * pause).min(LONGEST_PAUSE);
        let next = self.run.restarts + 1;
        self.log.cut(at, &[Writer::Vllm]);
        let text =
            format!("pocpit: the workload ended with status {status}; restart {next} in {pause} s");
        self.log.onstart(at, &text);
        if self.orphans != Orphans::None {
            let text = "pocpit: ending what is left of vLLM: 871 1102 1188";
            self.log.onstart(at + seconds(pause), text);
        }
        let ending = match self.orphans {
            Orphans::None => 0.0,
            Orphans::Present => 3.0,
            Orphans::Stubborn => 60.0,
        };
        at + seconds(pause + ending)
    }

    fn restart(&mut self, at: Time) {
        self.orphans = Orphans::None;
        self.run.restarts += 1;
        self.run.began_at = at;
        self.import(at);
    }

    /// The fault that stopped it, if one did.
    pub(in crate::world) fn breakdown(&self) -> Option<Breakdown> {
        match self.spec.fault? {
            WorkloadFault::LoadTakesTooLong
            | WorkloadFault::DownloadRefused
            | WorkloadFault::StartRefused => Some(Breakdown::Lasting),
            WorkloadFault::FirstStartFails
            | WorkloadFault::GenerationCrashes { .. }
            | WorkloadFault::AlarmingPrompt { .. } => None,
            WorkloadFault::Exits { .. }
            | WorkloadFault::LeavesStubbornOrphan { .. }
            | WorkloadFault::VllmCrashes { .. }
            | WorkloadFault::VllmFreezes { .. }
            | WorkloadFault::Unresponsive { .. } => self.broke_at.map(|at| Breakdown::Passing {
                at,
                recovery: RESTART + self.spec.load,
            }),
        }
    }

    /// The record of the start script's loop, one line.
    pub(in crate::world) fn record(&self, now: Time) -> Option<String> {
        if self.spec.settings.supervision == Supervision::Nobody || now < self.run.began_at {
            return None;
        }
        let (state, at) = match &self.process {
            Process::Ended { since, .. } => ("ended", *since),
            _ => ("running", self.run.began_at),
        };
        let restarts = self.run.restarts;
        let status = self.run.last_status;
        let status = status.map_or_else(String::new, |status| format!(" status={status}"));
        Some(format!(
            "state={state} restarts={restarts}{status} at={}\n",
            at.timestamp()
        ))
    }
}

impl Service {
    fn next_event(&self) -> Option<Time> {
        let inference = match &self.inference {
            Inference::Idle => None,
            Inference::Loading(load) => Some(load.ends_at),
            Inference::Serving(serving) => serving.doom,
            Inference::Broken(broken) => Some(broken.freezes_at),
        };
        self.next_download_end().into_iter().chain(inference).min()
    }
}
