//! Whether the model is served, and what the node does about it, by the node's own status. Pure.

use super::{BootTracker, Files, hardware};
use crate::domain::{
    Blame, BootFault, BootStage, Duration, InferencePort, MlNodeStatus, ModelState, ServiceState,
    StartupState, Time, Weights, Workload,
};
use crate::mlnode::faults::Weight;
use crate::mlnode::suspects::OUTLIVED;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    /// It has never served the model.
    Never,
    Ready,
    /// It served, and now its inference port does not answer.
    Doubtful {
        since: Time,
    },
    Lost,
}

/// Whether the model is served, by one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Serves {
    Yes,
    No,
    Unknown,
}

/// How long the inference port may be silent while the API answers.
const PORT_MAY_BE_SILENT: Duration = Duration::seconds(30);
/// How much later than the API the log tells of the same event, at most.
const LOG_LAG: Duration = Duration::seconds(30);
/// After a failed start the node goes silent within 41 seconds, and then ends.
const FAILED_START_ENDS_WITHIN: Duration = Duration::seconds(60);

impl BootTracker {
    pub(super) fn judge_readiness(&mut self, now: Time, status: &MlNodeStatus) {
        let doubtful = match (self.serves(status), self.readiness) {
            (Serves::Yes, _) => return self.become_ready(now),
            (Serves::Unknown, Readiness::Ready) => {
                self.readiness = Readiness::Doubtful { since: now };
                true
            }
            (Serves::Unknown, Readiness::Doubtful { since }) => now - since < PORT_MAY_BE_SILENT,
            _ => false,
        };
        if !doubtful {
            self.lose_model();
            if self.stage == BootStage::Ready {
                // The Network Node may load it again.
                let stopped = status.state == ServiceState::Stopped;
                let back = if stopped {
                    BootStage::Api
                } else {
                    BootStage::Loading
                };
                self.step_back(back);
                self.reach(now, back);
                self.tell_loss(now, status);
            }
        }
    }

    /// This counts as no failure: the end of the run does, once it shows. When the Network Node stops a
    /// model to load it again, the detail says so, and there is no setback.
    fn tell_loss(&mut self, now: Time, status: &MlNodeStatus) {
        const NO_LONGER_SERVED: &str = "the model is no longer served";
        let loss = match self.suspects.cause() {
            Some(cause) => BootFault {
                seen_at: now,
                ..cause.clone()
            },
            None if status.state == ServiceState::Stopped => {
                self.unexplained_loss = Some(now);
                NO_LONGER_SERVED.clone_into(&mut self.detail);
                return;
            }
            None => {
                self.unexplained_loss = Some(now);
                BootFault {
                    name: NO_LONGER_SERVED.to_owned(),
                    evidence: format!("the node is in state {}", status.state),
                    advice: "it is loaded again; see the boot log".to_owned(),
                    blame: Blame::Nobody,
                    seen_at: now,
                }
            }
        };
        self.set_back(loss);
    }

    fn set_back(&mut self, loss: BootFault) {
        self.detail = format!("{}: {}", loss.name, loss.evidence);
        self.setback = Some(loss);
    }

    /// The log arrives separately from the API: a Network Node that finds a model crashed stops it and
    /// loads it again before the log has said why.
    pub(super) fn explain_loss(&mut self, now: Time) {
        let recent = |lost_at: &Time| now - *lost_at < LOG_LAG;
        let Some(lost_at) = self.unexplained_loss.filter(recent) else {
            return;
        };
        let best = self.suspects.best();
        let cause = best.filter(|best| best.weight > Weight::End && best.fault.seen_at >= lost_at);
        if let Some(cause) = cause.map(|best| best.fault.clone()) {
            self.unexplained_loss = None;
            self.set_back(cause);
        }
    }

    fn become_ready(&mut self, now: Time) {
        let first = self.stage != BootStage::Ready;
        self.files = Files::OnDisk;
        self.readiness = Readiness::Ready;
        self.model = ModelState::Up;
        self.setback = None;
        self.unexplained_loss = None;
        self.failures.clear();
        self.last_failure = None;
        let cause = self.suspects.cause();
        if cause.is_some_and(|cause| now - cause.seen_at >= OUTLIVED) {
            self.suspects.restart();
        }
        self.reach(now, BootStage::Ready);
        if first {
            "the model is loaded".clone_into(&mut self.detail);
        }
    }

    pub(super) fn lose_model(&mut self) {
        if self.readiness != Readiness::Never {
            self.readiness = Readiness::Lost;
        }
    }

    /// The state is INFERENCE from the first second of a load: what counts is that its model answers.
    fn serves(&self, status: &MlNodeStatus) -> Serves {
        let model = &self.order.model.id;
        let right = |loaded: &String| loaded == model;
        let serving = matches!(status.state, ServiceState::Inference | ServiceState::Pow);
        if !serving || status.inference_healthy == Some(false) {
            return Serves::No;
        }
        match &status.port {
            InferencePort::Healthy { models } if models.iter().any(right) => Serves::Yes,
            InferencePort::Healthy { .. } | InferencePort::Unhealthy => Serves::No,
            InferencePort::Silent => Serves::Unknown,
        }
    }

    pub(super) fn model_of(&self, now: Time, status: &MlNodeStatus) -> ModelState {
        if self.order.workload == Workload::Vllm {
            // Its model is part of its command.
            return ModelState::Loading;
        }
        match (&status.startup, status.state, &status.weights) {
            (StartupState::Failed(_), ..) if self.has_just_failed(now) => ModelState::Loading,
            (StartupState::Starting, ..) | (_, ServiceState::Train, _) => ModelState::Loading,
            (_, ServiceState::Inference | ServiceState::Pow, _) => ModelState::Loading,
            (.., Weights::Downloading { .. }) => ModelState::Downloading,
            _ => ModelState::Idle,
        }
    }

    fn has_just_failed(&self, now: Time) -> bool {
        let last = self.setback.as_ref().or(self.fault.as_ref());
        last.is_some_and(|last| now - last.seen_at < FAILED_START_ENDS_WITHIN)
    }

    pub(super) fn missing_instances(&self, status: &MlNodeStatus) -> Option<String> {
        let healthy = status.backends.filter(|_| self.is_ready())?.healthy;
        let gpus = u32::try_from(status.gpus.as_ref()?.len()).ok()?;
        let wanted = hardware::instances(gpus, &self.order.model.args)?;
        (healthy < wanted).then(|| {
            format!(
                "{healthy} of {wanted} instances of vLLM answer: the node does only part of its work"
            )
        })
    }

    /// The node reports that it serves the model on the ordered GPUs.
    pub fn is_ready(&self) -> bool {
        matches!(
            self.readiness,
            Readiness::Ready | Readiness::Doubtful { .. }
        )
    }

    /// The Network Node polls an `MLNode` itself and a `PoC` continues without us, but vLLM serves only
    /// through our tunnel.
    pub(super) fn lose_vllm(&mut self) {
        if self.order.workload == Workload::Vllm {
            self.lose_model();
        }
    }
}
