//! Tracks a boot by the market's status, the log, the SSH link and the node's own status. Pure.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::faults::{self, Fault};
use super::pull::ImagePull;
use crate::domain::{
    ActualStatus, Blame, BootFault, BootStage, Duration, GpuDevice, GpuDriver, Instance,
    MlNodeStatus, OrderedMachine, ServiceState, StageTimes, StartupState, Time, TimeLeft, Workload,
    excerpt,
};

/// One boot. Its stage never goes back.
#[derive(Debug, Clone, PartialEq)]
pub struct BootTracker {
    workload: Workload,
    ordered: OrderedMachine,
    model: String,
    usual: StageTimes,
    stage: BootStage,
    started: Vec<(BootStage, Time)>,
    progress: Option<f64>,
    detail: String,
    pull: ImagePull,
    fault: Option<BootFault>,
    ready: bool,
    alive: bool,
    /// Since when SSH has rejected our key, without one success.
    denied_since: Option<Time>,
}

/// A key usually propagates to a rental within two minutes.
const MAX_KEY_DELAY: Duration = Duration::minutes(10);

/// Share of the ordered memory that must be usable: drivers reserve some.
const MEMORY_SLACK_PERCENT: u64 = 90;

/// Versions are floats: 12.8 may come as 12.800000001.
const CUDA_SLACK: f64 = 0.001;

impl BootTracker {
    /// A boot of `workload` on the `ordered` machine, ready when `model` is loaded. `usual` are the
    /// predicted times of its stages.
    pub fn new(
        workload: Workload,
        rented_at: Time,
        ordered: OrderedMachine,
        model: String,
        usual: StageTimes,
    ) -> BootTracker {
        BootTracker {
            workload,
            ordered,
            model,
            usual,
            stage: BootStage::Placed,
            started: vec![(BootStage::Placed, rented_at)],
            progress: None,
            detail: String::new(),
            pull: ImagePull::default(),
            fault: None,
            ready: false,
            alive: false,
            denied_since: None,
        }
    }

    /// Updates from the market. Only `actual_status` counts: the contract's state is "running" from
    /// the first second (acceptance case D43).
    pub fn observe_instance(&mut self, now: Time, instance: &Instance) {
        if self.alive {
            // The market's status lags behind the node's own.
            return;
        }
        let message = instance.status_message.as_deref().unwrap_or_default();
        let message = message.trim();
        if instance.actual != ActualStatus::Running {
            let image = faults::find(faults::IMAGE, message);
            if let Some(known) = image.or_else(|| faults::find(faults::HOST, message)) {
                return self.fail_by(now, known, message);
            }
        }
        match &instance.actual {
            ActualStatus::Loading => self.reach(now, BootStage::PullingImage),
            ActualStatus::Running => self.reach(now, BootStage::Container),
            ActualStatus::Exited
            | ActualStatus::Stopped
            | ActualStatus::Frozen
            | ActualStatus::Offline => {
                let evidence = format!("status {}: {message}", instance.actual);
                self.fail(
                    now,
                    "the container exited during the boot",
                    evidence,
                    "retrying on another machine",
                    Blame::Host,
                );
            }
            _ => {}
        }
        if self.stage == BootStage::PullingImage {
            self.pull.observe(now, message);
            self.detail = self.pull.describe(now);
        } else if self.stage <= BootStage::Container && !message.is_empty() {
            message.clone_into(&mut self.detail);
        }
    }

    pub fn observe_link(&mut self, now: Time, up: bool) {
        if up {
            self.denied_since = None;
            self.reach(now, BootStage::Ssh);
        } else {
            self.observe_silence();
        }
    }

    /// The workload did not answer. The Network Node polls an `MLNode` itself and a `PoC` continues
    /// without us, but vLLM serves only through our tunnel.
    pub fn observe_silence(&mut self) {
        if self.workload == Workload::Vllm {
            self.ready = false;
        }
    }

    /// SSH rejected our key. Keys take minutes to propagate; one that is rejected for long is not on the
    /// account.
    pub fn observe_denial(&mut self, now: Time, evidence: &str) {
        let since = *self.denied_since.get_or_insert(now);
        if now - since >= MAX_KEY_DELAY {
            self.fail(
                now,
                "SSH rejects our key",
                excerpt(evidence),
                "check that ssh.key_file matches its .pub file and the key on the Vast account",
                Blame::Ours,
            );
        }
    }

    /// Updates from a line of the workload's log, progress lines included.
    pub fn observe_line(&mut self, now: Time, line: &str) {
        let Some(kind) = classify(line) else {
            return;
        };
        if let LineKind::FailureSign = kind
            && let Some(known) = faults::find(faults::LOG, line)
        {
            return self.fail_by(now, known, line);
        }
        if let Some(stage) = stage_of(self.workload, line) {
            self.reach(now, stage);
            if stage == self.stage {
                self.progress = percent(line).or(self.progress);
                self.detail = excerpt(line);
            }
        }
    }

    /// Updates from the node's own status. Only this makes a boot ready (acceptance case D55).
    pub fn observe_status(&mut self, now: Time, status: &MlNodeStatus) {
        self.alive = true;
        self.reach(now, BootStage::Api);
        if let StartupState::Failed(why) = &status.startup {
            let text = format!("vLLM failed to start: {why}");
            match faults::find(faults::LOG, why) {
                Some(known) => self.fail_by(now, known, &text),
                None => self.fail(
                    now,
                    "vLLM did not start",
                    text,
                    "see the boot log",
                    Blame::Host,
                ),
            }
            return;
        }
        if status.startup == StartupState::Starting {
            self.reach(now, BootStage::Downloading);
        }
        // Checked before the model is downloaded: a replacement has to download it again.
        let as_ordered = self.matches_order(now, status);
        self.ready = as_ordered && self.serves_model(status);
        if self.ready {
            self.reach(now, BootStage::Ready);
            "the model is loaded".clone_into(&mut self.detail);
        }
    }

    fn serves_model(&self, status: &MlNodeStatus) -> bool {
        let right_model = status
            .loaded_model
            .as_ref()
            .is_none_or(|loaded| *loaded == self.model);
        let serving = matches!(status.state, ServiceState::Inference | ServiceState::Pow);
        serving && right_model && status.inference_healthy != Some(false)
    }

    /// A GPU that fell off the bus, or a driver older than advertised, shows only here.
    fn matches_order(&mut self, now: Time, status: &MlNodeStatus) -> bool {
        let gpus = self.missing_gpus(status);
        let driver = status
            .driver
            .as_ref()
            .and_then(|driver| self.old_driver(driver));
        let missing = gpus
            .map(|evidence| ("GPUs are missing", evidence))
            .or(driver.map(|evidence| ("the host's driver is older than ordered", evidence)));
        let Some((name, evidence)) = missing else {
            return true;
        };
        self.fail(
            now,
            name,
            evidence,
            "retrying on another machine",
            Blame::Host,
        );
        false
    }

    fn missing_gpus(&self, status: &MlNodeStatus) -> Option<String> {
        let least = self.ordered.gpu_memory_mb * MEMORY_SLACK_PERCENT / 100;
        let usable = |gpu: &&GpuDevice| gpu.available && gpu.total_memory_mb >= least;
        let count = status.gpus.iter().filter(usable).count();
        let ordered = self.ordered.gpus;
        let missing = !status.gpus.is_empty() && count < ordered as usize;
        missing.then(|| format!("{count} of {ordered} ordered GPUs have {least} MB usable"))
    }

    fn old_driver(&self, driver: &GpuDriver) -> Option<String> {
        let (ordered, supported) = (self.ordered.cuda?, driver.cuda?);
        let version = &driver.version;
        (supported < ordered - CUDA_SLACK)
            .then(|| format!("driver {version} supports CUDA {supported}, {ordered} was ordered"))
    }

    fn reach(&mut self, now: Time, stage: BootStage) {
        if stage > self.stage {
            self.stage = stage;
            self.started.push((stage, now));
            self.progress = None;
        }
    }

    fn fail_by(&mut self, now: Time, known: &Fault, evidence: &str) {
        let advice = match self.workload {
            Workload::MlNode => known.advice.to_owned(),
            Workload::Vllm => known.advice.replace("vast.image", "vllm.image"),
        };
        self.fail(now, known.name, excerpt(evidence), &advice, known.blame);
    }

    fn fail(&mut self, now: Time, name: &str, evidence: String, advice: &str, blame: Blame) {
        self.fault.get_or_insert(BootFault {
            name: name.to_owned(),
            evidence,
            advice: advice.to_owned(),
            blame,
            seen_at: now,
        });
    }

    pub fn stage(&self) -> BootStage {
        self.stage
    }

    /// Progress of the stage, 0 to 1, if the log shows it.
    pub fn progress(&self) -> Option<f64> {
        self.progress
    }

    /// The latest message for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    pub fn started(&self) -> &[(BootStage, Time)] {
        &self.started
    }

    pub fn fault(&self) -> Option<&BootFault> {
        self.fault.as_ref()
    }

    /// The node reports that it serves the model on the ordered GPUs.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Whether 90% of boots have left this stage sooner.
    pub fn is_behind(&self, now: Time) -> bool {
        let Some((_, rented_at)) = self.started.first() else {
            return false;
        };
        !self.ready && now - *rented_at > self.usual.through(self.stage).p90()
    }

    /// Time left, by the predicted stage times.
    pub fn expected_left(&self, now: Time) -> TimeLeft {
        let since = self.started.last().map_or(now, |(_, since)| *since);
        self.usual.left(self.stage, now - since)
    }
}

/// Log texts that mark a stage, for every workload.
const MARKS: &[(&str, BootStage)] = &[
    ("Uvicorn running on", BootStage::Api),
    ("Fetching", BootStage::Downloading),
    ("Starting vLLM instance", BootStage::Loading),
    ("Loading safetensors checkpoint shards", BootStage::Loading),
    ("Model loading took", BootStage::Graphs),
    ("Dynamo bytecode transform time", BootStage::Graphs),
    ("torch.compile takes", BootStage::Graphs),
    ("torch.compile took", BootStage::Graphs),
    ("Capturing CUDA graph", BootStage::Graphs),
];

/// The `MLNode` downloads the model before it starts vLLM.
const MLNODE_MARKS: &[(&str, BootStage)] = &[("Starting to load model", BootStage::Loading)];

/// vLLM alone prints a banner, downloads the model silently during its load, and then prints the time
/// that took. Its server listens only after that; until then there is nothing but the log.
/// Sources of the texts: `log_version_and_model` and `log_non_default_args` in
/// `vllm/entrypoints/serve/utils/api_utils.py` (before: "vLLM API server version" in `api_server.py`),
/// `vllm/v1/worker/gpu_model_runner.py`, `vllm/model_executor/model_loader/weight_utils.py`.
const VLLM_MARKS: &[(&str, BootStage)] = &[
    ("vLLM API server version", BootStage::Api),
    ("vLLM server version", BootStage::Api),
    ("non-default args:", BootStage::Api),
    ("Starting to load model", BootStage::Downloading),
    ("Time spent downloading weights", BootStage::Loading),
];

enum LineKind {
    /// Possibly a failure: [`faults::find`] decides.
    FailureSign,
    /// A stage: see [`stage_of`].
    StageMark,
}

/// One search for all texts: hardly a line in a thousand has any, and the exact matching that follows
/// is slow.
fn classify(line: &str) -> Option<LineKind> {
    static WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
        let marks = [MARKS, MLNODE_MARKS, VLLM_MARKS].concat();
        let marks = marks.iter().map(|(mark, _)| *mark);
        AhoCorasick::builder()
            // This kind allows a vectorized search.
            .match_kind(MatchKind::LeftmostFirst)
            .build(faults::SIGNS.iter().copied().chain(marks))
            .ok()
    });
    let Some(words) = &*WORDS else {
        return Some(LineKind::FailureSign);
    };
    let is_sign = |found: aho_corasick::Match| found.pattern().as_usize() < faults::SIGNS.len();
    let mut found = words.find_iter(line).map(is_sign).peekable();
    found.peek()?;
    Some(if found.any(|is_sign| is_sign) {
        LineKind::FailureSign
    } else {
        LineKind::StageMark
    })
}

/// The stage that a log line belongs to.
fn stage_of(workload: Workload, line: &str) -> Option<BootStage> {
    let own = match workload {
        Workload::MlNode => MLNODE_MARKS,
        Workload::Vllm => VLLM_MARKS,
    };
    own.iter()
        .chain(MARKS)
        .find(|(mark, _)| line.contains(mark))
        .map(|(_, stage)| *stage)
}

/// The first `NN%` of a line, as 0 to 1.
fn percent(line: &str) -> Option<f64> {
    let end = line.find('%')?;
    let digits = line[..end]
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |before| before + 1);
    let digits = line.get(digits..end)?;
    let percent: u8 = digits.parse().ok()?;
    (percent <= 100).then(|| f64::from(percent) / 100.0)
}

#[cfg(test)]
mod tests;
