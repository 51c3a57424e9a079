//! Tracks a workload from renting to its release, by the market's status, the log, the SSH link, the
//! onstart script's record and the node's own status. Pure.
//!
//! Once a workload has answered, no log line ends it: its exit status and its API show that it ended.
//! Lines only name the cause.

mod hardware;
mod marks;
mod readiness;
pub mod record;
mod runs;
mod verdict;

use super::faults::{self, Weight};
use super::pull::ImagePull;
use super::suspects::{self, LogLine, Suspects};
use crate::domain::{
    ActualStatus, Blame, BootFault, BootStage, DownloadLeft, Duration, Instance, MlNodeStatus,
    ModelState, OrderedMachine, RunRecord, StageTimes, StartupState, Time, TimeLeft, Weights,
    Workload, WorkloadModel, excerpt,
};
use marks::Mark;
use readiness::Readiness;
use runs::{Before, Runs};

/// A rental's workload. Within a run its stage only goes back when the model is no longer served.
#[derive(Debug, Clone, PartialEq)]
pub struct BootTracker {
    order: BootOrder,
    stage: BootStage,
    started: Vec<(BootStage, Time)>,
    progress: Option<f64>,
    detail: String,
    pull: ImagePull,
    runs: Runs,
    suspects: Suspects,
    api: Api,
    files: Files,
    readiness: Readiness,
    model: ModelState,
    fault: Option<BootFault>,
    /// Why the model is not served, until it is again.
    setback: Option<BootFault>,
    /// Failures since the model was last served, by name.
    failures: Vec<String>,
    /// How much is known about the last failure, while the log may say more.
    last_failure: Option<Weight>,
    /// When the model was lost, while the log may still say why.
    unexplained_loss: Option<Time>,
    /// What is wrong although the model is served.
    warning: Option<String>,
    /// The last loss of work in the log of a node that keeps running.
    lost_work: Option<BootFault>,
    /// Since when SSH has rejected our key, without one success.
    denied_since: Option<Time>,
}

/// What was ordered.
#[derive(Debug, Clone, PartialEq)]
pub struct BootOrder {
    pub workload: Workload,
    pub rented_at: Time,
    /// From then on its stage counts as known even without the node's answer, which alone shows how far a
    /// boot is that began under an earlier run of the program.
    pub stage_known_from: Time,
    pub machine: OrderedMachine,
    /// It is ready when it serves this.
    pub model: WorkloadModel,
    /// Size of the model's files.
    pub model_gb: f64,
    /// Predicted times of its stages.
    pub usual: StageTimes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Api {
    /// It has not answered yet.
    Unanswered,
    Answering,
    Silent {
        since: Time,
    },
    /// There is no link: it may answer.
    OutOfReach,
}

/// The model's files on the rental's disk.
#[derive(Debug, Clone, PartialEq)]
enum Files {
    Unknown,
    Downloading(DownloadLeft),
    /// The last download failed with this.
    Failed(String),
    OnDisk,
}

/// Lost work is shown for this long.
const LOST_WORK_IS_SHOWN_FOR: Duration = Duration::minutes(10);

/// A key usually propagates to a rental within two minutes.
const MAX_KEY_DELAY: Duration = Duration::minutes(10);

impl BootTracker {
    pub fn new(order: BootOrder) -> BootTracker {
        BootTracker {
            stage: BootStage::Placed,
            started: vec![(BootStage::Placed, order.rented_at)],
            progress: None,
            detail: String::new(),
            pull: ImagePull::default(),
            runs: Runs::new(),
            suspects: Suspects::new(order.workload),
            api: Api::Unanswered,
            files: Files::Unknown,
            readiness: Readiness::Never,
            model: ModelState::Unknown,
            fault: None,
            setback: None,
            failures: Vec::new(),
            last_failure: None,
            unexplained_loss: None,
            warning: None,
            lost_work: None,
            denied_since: None,
            order,
        }
    }

    /// Updates from the market. Only `actual_status` counts: the contract's state is "running" from
    /// the first second (acceptance case D43).
    pub fn observe_instance(&mut self, now: Time, instance: &Instance) {
        if matches!(self.api, Api::Answering) || self.has_just_answered(now) {
            // The market's status lags behind the node's own.
            return;
        }
        let message = instance.status_message.as_deref().unwrap_or_default();
        let message = message.trim();
        if instance.actual != ActualStatus::Running {
            let image = faults::find(faults::IMAGE, message);
            if let Some(known) = image.or_else(|| faults::find(faults::HOST, message)) {
                let workload = self.order.workload;
                let evidence = excerpt(message);
                return self.fail(suspects::boot_fault(now, workload, known, evidence));
            }
        }
        // Only the market or we stop it: it was started without its GPUs, or the credit ran out.
        if instance.intended.as_deref() == Some("stopped") {
            return self.contract_stopped(now, message);
        }
        match &instance.actual {
            ActualStatus::Loading => self.reach(now, BootStage::PullingImage),
            ActualStatus::Running => self.reach(now, BootStage::Container),
            ActualStatus::Exited
            | ActualStatus::Stopped
            | ActualStatus::Frozen
            | ActualStatus::Offline => self.container_exited(now, instance, message),
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
            return self.reach(now, BootStage::Ssh);
        }
        if self.api != Api::Unanswered {
            self.api = Api::OutOfReach;
        }
        self.lose_vllm();
    }

    /// The workload did not answer, although there is a link.
    pub fn observe_silence(&mut self, now: Time) {
        self.lose_vllm();
        match self.api {
            Api::Unanswered => self.weigh_last_words(now),
            Api::Answering | Api::OutOfReach => self.api = Api::Silent { since: now },
            Api::Silent { .. } if self.silence(now).is_some() => {
                self.model = ModelState::Unknown;
                self.lose_model();
            }
            Api::Silent { .. } => {}
        }
    }

    /// SSH rejected our key. Keys take minutes to propagate; one that is rejected for long is not on the
    /// account.
    pub fn observe_denial(&mut self, now: Time, evidence: &str) {
        let since = *self.denied_since.get_or_insert(now);
        if now - since >= MAX_KEY_DELAY {
            self.fail(BootFault {
                name: "SSH rejects our key".to_owned(),
                evidence: excerpt(evidence),
                advice:
                    "check that ssh.key_file matches its .pub file and the key on the Vast account"
                        .to_owned(),
                blame: Blame::Ours,
                seen_at: now,
            });
        }
    }

    /// Updates from a line of the workload's log, progress lines included.
    pub fn observe_line(&mut self, now: Time, line: &str) {
        if !marks::matters(line) {
            return;
        }
        match self.suspects.observe(now, line) {
            LogLine::RunBoundary => {
                self.last_failure = None;
                self.unexplained_loss = None;
            }
            LogLine::Other => {
                self.revise_failure();
                self.explain_loss(now);
            }
        }
        if let Some(lost) = suspects::work_trouble(now, self.order.workload, line) {
            self.lost_work = Some(lost);
        }
        let stage = match marks::mark(self.order.workload, line) {
            None => return,
            Some(Mark::Work) => {
                if self.is_ready() {
                    self.detail = excerpt(line);
                }
                return;
            }
            Some(Mark::Stage(stage)) => stage,
            Some(Mark::Launch) => self.launch_stage(),
        };
        if stage >= BootStage::Loading {
            self.files = Files::OnDisk;
        }
        self.reach(now, stage);
        if stage == self.stage {
            self.progress = marks::percent(line).or(self.progress);
            self.detail = excerpt(line);
        }
    }

    /// vLLM downloads what is not on the disk without logging it.
    fn launch_stage(&self) -> BootStage {
        match self.files {
            Files::OnDisk => BootStage::Loading,
            _ => BootStage::Downloading,
        }
    }

    /// Updates from the onstart script's record.
    pub fn observe_record(&mut self, now: Time, record: RunRecord) {
        for change in self.runs.on_record(record) {
            self.on_run(now, change);
        }
    }

    /// Updates from the node's own status. Only this makes a boot ready (acceptance case D55).
    pub fn observe_status(&mut self, now: Time, status: &MlNodeStatus) {
        let before = match std::mem::replace(&mut self.api, Api::Answering) {
            Api::Silent { .. } | Api::OutOfReach => Before::Silent,
            Api::Unanswered | Api::Answering => Before::Answering,
        };
        self.reach(now, BootStage::Api);
        for change in self.runs.on_status(before, status) {
            self.on_run(now, change);
        }
        self.model = self.model_of(now, status);
        if self.runs.is_over() {
            return;
        }
        self.observe_files(now, &status.weights);
        if status.startup == StartupState::Starting {
            self.reach(now, self.launch_stage());
        }
        // Checked before the model is downloaded: a replacement has to download it again. Once the model
        // has been served it is only a warning.
        let shortcoming = hardware::shortcoming(&self.order.machine, status);
        if let (Some((name, evidence)), Readiness::Never) = (&shortcoming, self.readiness) {
            return self.blame_host(now, name, evidence.clone());
        }
        self.judge_readiness(now, status);
        self.warning = shortcoming
            .map(|(name, evidence)| format!("{name}: {evidence}"))
            .or_else(|| self.missing_instances(status));
    }

    fn observe_files(&mut self, now: Time, weights: &Weights) {
        let before = std::mem::replace(&mut self.files, Files::Unknown);
        self.files = match weights {
            Weights::Unknown => before,
            Weights::Absent | Weights::Partial { error: None } => Files::Unknown,
            Weights::Downloaded => Files::OnDisk,
            Weights::Downloading {
                elapsed_seconds,
                cached_gb,
            } => {
                self.reach(now, BootStage::Downloading);
                self.progress = cached_gb.map(|gb| (gb / self.order.model_gb).clamp(0.0, 1.0));
                self.detail = describe_download(*cached_gb, self.order.model_gb);
                Files::Downloading(DownloadLeft::of(self.progress, *elapsed_seconds))
            }
            Weights::Partial { error: Some(why) } => {
                if before != Files::Failed(why.clone()) {
                    self.on_failed_download(now, why);
                }
                Files::Failed(why.clone())
            }
        };
    }

    fn reach(&mut self, now: Time, stage: BootStage) {
        if stage > self.stage {
            self.stage = stage;
            self.started.push((stage, now));
            self.progress = None;
        }
    }

    /// Goes back to before `to`, so that it can be reached again.
    fn step_back(&mut self, to: BootStage) {
        if self.stage < to {
            return;
        }
        self.started.retain(|(stage, _)| *stage < to);
        let last = self.started.last().map(|(stage, _)| *stage);
        self.stage = last.unwrap_or_default();
        self.progress = None;
    }

    fn fail(&mut self, fault: BootFault) {
        self.fault.get_or_insert(fault);
    }

    pub fn stage(&self) -> BootStage {
        self.stage
    }

    /// Progress of the stage, 0 to 1, if known.
    pub fn progress(&self) -> Option<f64> {
        self.progress
    }

    /// The latest message for people.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// When the stages of this run began. Stages before the run are those of the first.
    pub fn started(&self) -> &[(BootStage, Time)] {
        &self.started
    }

    /// Why it will never succeed.
    pub fn fault(&self) -> Option<&BootFault> {
        self.fault.as_ref()
    }

    /// What keeps the model from being served now, but may pass.
    pub fn setback(&self, now: Time) -> Option<BootFault> {
        self.setback.clone().or_else(|| self.silence_setback(now))
    }

    /// A silence proves no end, but the log may already say what comes.
    fn silence_setback(&self, now: Time) -> Option<BootFault> {
        let since = self.silence(now)?;
        let seconds = (now - since).num_seconds();
        let suspect = self.suspects.cause().map(|fault| fault.evidence.as_str());
        let suspect = suspect.map(|evidence| format!("; its log says: {evidence}"));
        Some(BootFault {
            name: "the node does not answer".to_owned(),
            evidence: format!(
                "its API has been silent for {seconds} s{}",
                suspect.unwrap_or_default()
            ),
            advice: "waiting for it; see the boot log".to_owned(),
            blame: Blame::Nobody,
            seen_at: since,
        })
    }

    /// What is missing although the model is served: hardware or instances.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref().filter(|_| self.is_ready())
    }

    /// Work of a `PoC` that was lost a short time ago.
    pub fn lost_work(&self, now: Time) -> Option<&BootFault> {
        let lost = self.lost_work.as_ref();
        lost.filter(|lost| now - lost.seen_at < LOST_WORK_IS_SHOWN_FOR)
    }

    /// Which run of the workload this is, from 1.
    pub fn run(&self) -> u32 {
        self.runs.number()
    }

    /// Whether its API answered the last poll.
    pub fn answers(&self) -> bool {
        self.api == Api::Answering
    }

    pub fn model(&self) -> ModelState {
        self.model
    }

    /// Whether 90% of boots have left this stage sooner.
    pub fn is_behind(&self, now: Time) -> bool {
        let usual = self.order.usual.through(self.stage).p90();
        !self.is_ready() && now - self.order.rented_at > usual
    }

    /// Whether the observations so far show how far the boot is.
    pub fn knows_stage(&self, now: Time) -> bool {
        let knows_files = !matches!(
            self.files,
            Files::Unknown | Files::Downloading(DownloadLeft::Unknown)
        );
        now >= self.order.stage_known_from || self.answers() && knows_files
    }

    /// How long each stage usually takes.
    pub fn usual(&self) -> &StageTimes {
        &self.order.usual
    }

    /// Time left, by the predicted stage times and the progress of the download.
    pub fn expected_left(&self, now: Time) -> TimeLeft {
        let since = self.started.last().map_or(now, |(_, since)| *since);
        let download = match self.files {
            Files::Unknown | Files::Failed(_) => DownloadLeft::Unknown,
            Files::Downloading(left) => left,
            Files::OnDisk => DownloadLeft::Nothing,
        };
        self.order.usual.left(self.stage, now - since, download)
    }
}

fn describe_download(cached_gb: Option<f64>, model_gb: f64) -> String {
    match cached_gb {
        Some(gb) => {
            format!("downloading the model: {gb:.0} of about {model_gb:.0} GB, whole files")
        }
        None => "downloading the model".to_owned(),
    }
}

#[cfg(test)]
mod tests;
