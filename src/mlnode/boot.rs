//! Tracks a boot by the market's status, the log, the SSH link and the node's own status. Pure.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::faults::{self, Pattern};
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
        let message = instance
            .status_message
            .as_deref()
            .unwrap_or_default()
            .trim();
        if self.alive {
            // The market's status lags behind the node's own.
            return;
        }
        if instance.actual != ActualStatus::Running {
            if let Some(known) = faults::find(faults::IMAGE, message) {
                return self.fail_by(now, known, message);
            }
            if let Some(known) = faults::find(faults::HOST, message) {
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

    fn fail_by(&mut self, now: Time, known: &Pattern, evidence: &str) {
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::BootTime;

    fn at(second: i64) -> Time {
        Time::from_timestamp(1_790_000_000 + second, 0).unwrap()
    }

    fn usual() -> StageTimes {
        let time = BootTime {
            median: Duration::minutes(2),
            spread: 0.5,
        };
        let stages = BootStage::ALL.iter().copied();
        let stages = stages.filter(|stage| *stage != BootStage::Ready);
        StageTimes(stages.map(|stage| (stage, time)).collect())
    }

    fn tracker() -> BootTracker {
        let ordered = OrderedMachine {
            gpus: 4,
            gpu_memory_mb: 80_000,
            cuda: Some(12.8),
        };
        BootTracker::new(
            Workload::MlNode,
            at(0),
            ordered,
            "org/model".into(),
            usual(),
        )
    }

    fn vllm() -> BootTracker {
        BootTracker {
            workload: Workload::Vllm,
            ..tracker()
        }
    }

    fn instance(actual: ActualStatus, message: &str) -> Instance {
        Instance {
            actual,
            intended: Some("running".into()),
            status_message: Some(message.into()),
            ..crate::domain::samples::instance(1)
        }
    }

    fn gpus(count: u32) -> Vec<GpuDevice> {
        let gpu = |index| GpuDevice {
            index,
            name: "NVIDIA H100 80GB HBM3".into(),
            total_memory_mb: 81_559,
            used_memory_mb: 70_000,
            utilization_percent: 0.0,
            temperature_c: None,
            available: true,
        };
        (0..count).map(gpu).collect()
    }

    fn serving() -> MlNodeStatus {
        MlNodeStatus {
            state: ServiceState::Inference,
            poc: None,
            inference_healthy: Some(true),
            loaded_model: Some("org/model".into()),
            version: None,
            startup: StartupState::Completed,
            gpus: gpus(4),
            driver: Some(driver(12.8)),
        }
    }

    fn driver(cuda: f64) -> GpuDriver {
        GpuDriver {
            version: "570.124.06".into(),
            cuda: Some(cuda),
        }
    }

    #[test]
    fn boot_advances_through_stages() {
        let mut boot = tracker();
        boot.observe_instance(
            at(10),
            &instance(ActualStatus::Loading, "a1b2: Pulling fs layer"),
        );
        assert_eq!(boot.stage(), BootStage::PullingImage);
        boot.observe_instance(
            at(200),
            &instance(ActualStatus::Running, "success, running image/ssh"),
        );
        boot.observe_link(at(240), true);
        boot.observe_line(at(250), "INFO: Uvicorn running on http://0.0.0.0:8080");
        boot.observe_line(at(300), "Fetching 30 files:  42%|####2     | 13/30");
        assert_eq!(
            (boot.stage(), boot.progress()),
            (BootStage::Downloading, Some(0.42))
        );
        boot.observe_line(
            at(900),
            "Loading safetensors checkpoint shards:  50% Completed | 4/8 [00:12<00:12,  3.1s/it]",
        );
        assert_eq!(
            (boot.stage(), boot.progress()),
            (BootStage::Loading, Some(0.5))
        );
        boot.observe_line(
            at(1_000),
            "Capturing CUDA graph shapes: 100%|##########| 35/35",
        );
        boot.observe_status(at(1_060), &serving());
        assert!(boot.is_ready());
        assert_eq!(boot.expected_left(at(1_060)).p50, Duration::zero());
    }

    /// Lines of `vllm serve`, as vLLM's users show them: 0.11 in vllm-project/vllm#29335, the download in
    /// a log of 0.20, the banner of older ones in vllm-project/vllm#24162.
    #[test]
    fn vllm_boot_advances_through_stages() {
        let mut boot = vllm();
        boot.observe_instance(
            at(100),
            &instance(
                ActualStatus::Running,
                "success, running vllm/vllm-openai/ssh",
            ),
        );
        boot.observe_link(at(110), true);
        for (second, line, stage) in [
            (
                115,
                "(APIServer pid=1) INFO 11-24 11:42:50 [api_server.py:1912] vLLM API server version 0.11.2",
                BootStage::Api,
            ),
            (
                116,
                "(APIServer pid=1) INFO 11-24 11:42:50 [utils.py:253] non-default args: {'model_tag': 'org/model'}",
                BootStage::Api,
            ),
            (
                140,
                "(EngineCore_DP0 pid=441) INFO 11-24 11:43:10 [core.py:93] Initializing a V1 LLM engine (v0.11.2) with config: model='org/model'",
                BootStage::Api,
            ),
            (
                150,
                "(Worker_TP0 pid=512) INFO 11-24 11:43:12 [gpu_model_runner.py:3259] Starting to load model org/model...",
                BootStage::Downloading,
            ),
            (
                700,
                "(Worker_TP0 pid=512) INFO 11-24 11:52:30 [weight_utils.py:440] Time spent downloading weights for org/model: 551.511670 seconds",
                BootStage::Loading,
            ),
            (
                760,
                "Loading safetensors checkpoint shards:  50% Completed | 4/8 [00:12<00:12,  3.1s/it]",
                BootStage::Loading,
            ),
            (
                800,
                "(Worker_TP0 pid=512) INFO 11-24 11:54:10 [default_loader.py:314] Loading weights took 95.50 seconds",
                BootStage::Loading,
            ),
            (
                801,
                "(Worker_TP0 pid=512) INFO 11-24 11:54:11 [gpu_model_runner.py:3338] Model loading took 54.1377 GiB memory and 97.200487 seconds",
                BootStage::Graphs,
            ),
            (
                830,
                "Capturing CUDA graphs (mixed prefill-decode, PIECEWISE): 100%|##########| 51/51 [00:01<00:00, 33.44it/s]",
                BootStage::Graphs,
            ),
            (
                850,
                "(APIServer pid=1) INFO:     Application startup complete.",
                BootStage::Graphs,
            ),
        ] {
            boot.observe_line(at(second), line);
            assert_eq!(boot.stage(), stage, "{line}");
            assert_eq!(boot.fault(), None, "{line}");
        }
        assert_eq!(boot.progress(), Some(1.0));
        assert!(!boot.is_ready(), "only the node's status makes it ready");
        boot.observe_status(
            at(860),
            &MlNodeStatus {
                gpus: Vec::new(),
                driver: None,
                ..serving()
            },
        );
        assert!(boot.is_ready());
        boot.observe_silence();
        assert!(!boot.is_ready());
    }

    #[test]
    fn loading_line_depends_on_workload() {
        let line = "INFO Starting to load model org/model...";
        for (mut boot, stage) in [
            (tracker(), BootStage::Loading),
            (vllm(), BootStage::Downloading),
        ] {
            boot.observe_line(at(1), line);
            assert_eq!(boot.stage(), stage);
        }
    }

    #[test]
    fn vllm_start_failures_are_recognized() {
        for (line, blame) in [
            ("sh: 1: exec: vllm: not found", Blame::Ours),
            (
                "vllm: error: unrecognized arguments: --tensor-paralel-size 4",
                Blame::Ours,
            ),
        ] {
            let mut boot = vllm();
            boot.observe_line(at(1), line);
            assert_eq!(boot.fault().map(|fault| fault.blame), Some(blame), "{line}");
        }
    }

    #[test]
    fn stalled_pull_is_reported() {
        let mut boot = tracker();
        let loading = instance(ActualStatus::Loading, "a1b2c3d4e5f6: Downloading");
        boot.observe_instance(at(10), &loading);
        assert!(
            boot.detail().contains("0 of 1 known layers"),
            "{}",
            boot.detail()
        );
        assert_eq!(boot.progress(), None);
        boot.observe_instance(at(310), &loading);
        assert!(
            boot.detail().contains("no news from the host for 5 min"),
            "{}",
            boot.detail()
        );
    }

    #[test]
    fn api_without_model_is_not_ready() {
        let mut boot = tracker();
        boot.observe_status(
            at(1),
            &MlNodeStatus {
                state: ServiceState::Stopped,
                loaded_model: None,
                ..serving()
            },
        );
        assert!(!boot.is_ready());
        boot.observe_status(
            at(2),
            &MlNodeStatus {
                loaded_model: Some("another".into()),
                ..serving()
            },
        );
        assert!(!boot.is_ready());
        boot.observe_status(
            at(3),
            &MlNodeStatus {
                inference_healthy: Some(false),
                ..serving()
            },
        );
        assert!(!boot.is_ready());
    }

    #[test]
    fn boot_is_behind_after_p90() {
        let mut boot = tracker();
        boot.observe_instance(at(20), &instance(ActualStatus::Loading, "pulling"));
        // Two stages of two minutes: the p90 is 6 min 45 s.
        assert!(!boot.is_behind(at(400)));
        assert!(boot.is_behind(at(410)));
        // In the next stage the same delay is within the p90 again.
        boot.observe_link(at(410), true);
        assert!(!boot.is_behind(at(420)));
        assert!(boot.is_behind(at(3_000)));
        boot.observe_status(at(3_010), &serving());
        assert!(!boot.is_behind(at(9_000)), "it is over");
    }

    #[test]
    fn missing_gpus_are_host_fault() {
        let mut boot = tracker();
        boot.observe_status(
            at(1),
            &MlNodeStatus {
                gpus: gpus(3),
                ..serving()
            },
        );
        assert!(!boot.is_ready());
        assert_eq!(boot.fault().map(|fault| fault.blame), Some(Blame::Host));
    }

    #[test]
    fn wrong_machine_fails_before_download() {
        for (gpus, driver, evidence) in [
            (gpus(3), driver(12.8), "3 of 4 ordered GPUs"),
            (
                gpus(4),
                driver(12.2),
                "supports CUDA 12.2, 12.8 was ordered",
            ),
        ] {
            let mut boot = tracker();
            boot.observe_status(
                at(1),
                &MlNodeStatus {
                    state: ServiceState::Stopped,
                    loaded_model: None,
                    startup: StartupState::NotStarted,
                    gpus,
                    driver: Some(driver),
                    ..serving()
                },
            );
            let fault = boot.fault().unwrap();
            assert_eq!(fault.blame, Blame::Host);
            assert!(fault.evidence.contains(evidence), "{}", fault.evidence);
        }
    }

    #[test]
    fn unknown_hardware_is_no_fault() {
        let mut boot = tracker();
        boot.observe_status(
            at(1),
            &MlNodeStatus {
                gpus: Vec::new(),
                driver: None,
                ..serving()
            },
        );
        assert!(boot.is_ready());
        boot.observe_status(
            at(2),
            &MlNodeStatus {
                driver: Some(driver(13.0)),
                ..serving()
            },
        );
        assert_eq!(boot.fault(), None);
    }

    #[test]
    fn image_name_is_no_fault() {
        let mut boot = tracker();
        boot.observe_instance(
            at(1),
            &instance(
                ActualStatus::Running,
                "success, running my/image-pull:1/ssh",
            ),
        );
        assert_eq!((boot.stage(), boot.fault()), (BootStage::Container, None));
    }

    #[test]
    fn fatal_statuses_are_recognized() {
        for (actual, message, blame) in [
            (
                ActualStatus::Loading,
                "Error: pull access denied for x",
                Blame::Ours,
            ),
            (ActualStatus::Loading, "manifest unknown", Blame::Ours),
            (
                ActualStatus::Created,
                "Error response from daemon: failed to create task: OCI runtime create failed",
                Blame::Host,
            ),
            (ActualStatus::Exited, "", Blame::Host),
            (ActualStatus::Offline, "", Blame::Host),
        ] {
            let mut boot = tracker();
            boot.observe_instance(at(1), &instance(actual, message));
            assert_eq!(
                boot.fault().map(|fault| fault.blame),
                Some(blame),
                "{message}"
            );
        }
    }

    #[test]
    fn fatal_log_lines_are_recognized() {
        for (line, blame) in [
            (
                "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
                Blame::Ours,
            ),
            ("OSError: [Errno 28] No space left on device", Blame::Ours),
            (
                "huggingface_hub.errors: 401 Client Error: Unauthorized for url",
                Blame::Ours,
            ),
            (
                "RuntimeError: CUDA error: no kernel image is available for execution on the device",
                Blame::Host,
            ),
            (
                "torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp",
                Blame::Host,
            ),
            (
                "RuntimeError: Engine core initialization failed. See root cause above.",
                Blame::Host,
            ),
        ] {
            let mut boot = tracker();
            boot.observe_line(at(1), line);
            assert_eq!(boot.fault().map(|fault| fault.blame), Some(blame), "{line}");
        }
    }

    #[test]
    fn long_denied_key_is_our_fault() {
        let mut late = tracker();
        late.observe_denial(at(100), "Permission denied (publickey)");
        late.observe_denial(at(690), "Permission denied (publickey)");
        late.observe_link(at(695), true);
        late.observe_denial(at(1_200), "Permission denied (publickey)");
        assert_eq!(late.fault(), None);
        let mut wrong = tracker();
        wrong.observe_denial(at(100), "Permission denied (publickey)");
        wrong.observe_denial(at(700), "Permission denied (publickey)");
        assert_eq!(wrong.fault().map(|fault| fault.blame), Some(Blame::Ours));
    }

    #[test]
    fn retried_download_is_no_fault() {
        let mut boot = tracker();
        boot.observe_line(at(1), "Download stalled for 60s, will retry");
        assert_eq!(boot.fault(), None);
    }

    proptest! {
        #[test]
        fn no_line_panics_or_reverts_stage(lines in prop::collection::vec(".{0,80}", 0..40)) {
            let mut boot = tracker();
            let mut last = boot.stage();
            for (second, line) in (0..).zip(lines) {
                boot.observe_line(at(second), &line);
                boot.observe_line(at(second), &format!("Fetching {line}%"));
                prop_assert!(boot.stage() >= last);
                last = boot.stage();
            }
        }
    }
}
