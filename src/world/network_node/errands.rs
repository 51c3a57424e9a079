//! dapi's calls to a node, one after the other, and what each answer means to it (gonka v0.2.14
//! `decentralized-api/broker/broker.go` `queryNodeStatus`, `broker/node_worker_commands.go`).

use serde_json::{Value, json};

use super::node::{Node, Status};
use crate::world::chain::governance_args;
use crate::world::exchange::{CallAnswer, NodeRequest};
use crate::world::host::HostId;
use crate::world::state::World;

const POLL_TIMEOUT: f64 = 5.0;
/// The client's time-out of every command.
pub(super) const COMMAND_TIMEOUT: f64 = 900.0;

/// A call, named after the poll or command that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Errand {
    PollState,
    PollPocStatus,
    PollHealth,
    PollModels,
    UpState,
    UpHealth,
    UpModels,
    UpPocStatus,
    UpPocStop,
    UpStop,
    UpStart,
    StartPocStatus,
    StartPocInit,
    ValidateStop,
    ValidateGenerate,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finished {
    Done,
    Failed(String),
}

pub(super) enum Next {
    Errand(Errand),
    Polled(Status),
    Ended(Finished),
    Nothing,
}

/// Which of a node's two ports.
#[derive(Clone, Copy)]
enum Port {
    Api,
    Inference,
}

impl Errand {
    pub(super) fn is_of_a_poll(self) -> bool {
        matches!(
            self,
            Errand::PollState | Errand::PollPocStatus | Errand::PollHealth | Errand::PollModels
        )
    }

    pub(super) fn is_of_a_command(self) -> bool {
        !self.is_of_a_poll() && !matches!(self, Errand::ValidateStop | Errand::ValidateGenerate)
    }

    fn target(self) -> (&'static str, Port, &'static str) {
        match self {
            Errand::PollState | Errand::UpState => ("GET", Port::Api, "/api/v1/state"),
            Errand::PollPocStatus | Errand::UpPocStatus | Errand::StartPocStatus => {
                ("GET", Port::Api, "/api/v1/inference/pow/status")
            }
            Errand::PollHealth | Errand::UpHealth => ("GET", Port::Inference, "/health"),
            Errand::PollModels | Errand::UpModels => ("GET", Port::Inference, "/v1/models"),
            Errand::UpPocStop | Errand::ValidateStop => {
                ("POST", Port::Api, "/api/v1/inference/pow/stop")
            }
            Errand::UpStop => ("POST", Port::Api, "/api/v1/stop"),
            Errand::UpStart => ("POST", Port::Api, "/api/v1/inference/up"),
            Errand::StartPocInit => ("POST", Port::Api, "/api/v1/inference/pow/init/generate"),
            Errand::ValidateGenerate => ("POST", Port::Api, "/api/v1/inference/pow/generate"),
        }
    }

    /// What dapi does after the answer.
    pub(super) fn next(self, node: &Node, answer: &Result<CallAnswer, String>) -> Next {
        let body = |name: &str| answer.as_ref().ok().and_then(|answer| answer.text(name));
        let generates = matches!(body("status"), Some("GENERATING" | "VALIDATING"));
        let is_ok = answer.as_ref().is_ok_and(CallAnswer::is_ok);
        let has_other_model = || {
            let loaded = answer.as_ref().ok().and_then(CallAnswer::first_model);
            loaded.is_some_and(|loaded| Some(loaded) != node.model())
        };
        match self {
            Errand::PollState => match body("state") {
                None => Next::Polled(Status::Failed),
                Some("INFERENCE") => Next::Errand(Errand::PollPocStatus),
                Some("POW") => Next::Polled(Status::Poc),
                Some("STOPPED") => Next::Polled(Status::Stopped),
                Some(_) => Next::Polled(Status::Unknown),
            },
            Errand::PollPocStatus if generates => Next::Polled(Status::Poc),
            Errand::PollPocStatus => Next::Errand(Errand::PollHealth),
            Errand::PollHealth if is_ok => Next::Errand(Errand::PollModels),
            Errand::PollHealth => Next::Polled(Status::Failed),
            Errand::PollModels if has_other_model() => Next::Polled(Status::Failed),
            Errand::PollModels => Next::Polled(Status::Inference),
            Errand::UpState if body("state") == Some("INFERENCE") => Next::Errand(Errand::UpHealth),
            Errand::UpHealth if is_ok => Next::Errand(Errand::UpModels),
            Errand::UpModels if !has_other_model() => Next::Errand(Errand::UpPocStatus),
            Errand::UpState | Errand::UpHealth | Errand::UpModels => Next::Errand(Errand::UpStop),
            Errand::UpPocStatus if generates => Next::Errand(Errand::UpPocStop),
            Errand::UpPocStatus | Errand::UpPocStop => Next::Ended(Finished::Done),
            // dapi does not check the HTTP status of the next two. The second is answered after the load.
            Errand::UpStop => match answer {
                Ok(_) => Next::Errand(Errand::UpStart),
                Err(why) => Next::Ended(Finished::Failed(why.clone())),
            },
            Errand::UpStart => match answer {
                Ok(_) => Next::Ended(Finished::Done),
                Err(why) => Next::Ended(Finished::Failed(why.clone())),
            },
            Errand::StartPocStatus if body("status") == Some("GENERATING") => {
                Next::Ended(Finished::Done)
            }
            Errand::StartPocStatus => Next::Errand(Errand::StartPocInit),
            Errand::StartPocInit => match answer {
                Ok(answer) if answer.is_ok() => Next::Ended(Finished::Done),
                Ok(answer) => Next::Ended(Finished::Failed(format!(
                    "InitGenerateV2 failed with status {}",
                    answer.status
                ))),
                Err(why) => Next::Ended(Finished::Failed(why.clone())),
            },
            Errand::ValidateStop => Next::Errand(Errand::ValidateGenerate),
            Errand::ValidateGenerate => Next::Nothing,
        }
    }
}

impl World {
    pub(super) fn request_of(&self, host: HostId, node: &Node, errand: Errand) -> NodeRequest {
        let (method, port, path) = errand.target();
        let base = match port {
            Port::Api => self.base(&node.config, "poc_port", "poc_segment"),
            Port::Inference => self.base(&node.config, "inference_port", "inference_segment"),
        };
        let body = match errand {
            Errand::UpStart => Some(up_body(node)),
            Errand::StartPocInit => Some(self.generation_body(host, node)),
            Errand::ValidateGenerate => Some(self.validation_body(host, node)),
            Errand::UpPocStop | Errand::ValidateStop => Some(json!({})),
            _ => None,
        };
        NodeRequest {
            method,
            url: format!("{base}{path}"),
            body,
            timeout: if errand.is_of_a_poll() {
                POLL_TIMEOUT
            } else {
                COMMAND_TIMEOUT
            },
        }
    }

    fn base(&self, config: &Value, port: &str, segment: &str) -> String {
        let version = match self.scenario.node_version.as_str() {
            "" => String::new(),
            version => format!("/{version}"),
        };
        let text = |name: &str| config[name].as_str().unwrap_or_default();
        let (host, segment) = (text("host"), text(segment));
        format!("http://{host}:{}{version}{segment}", config[port])
    }
}

fn up_body(node: &Node) -> Value {
    let model = node.model().unwrap_or_default();
    let args = merged(governance_args(model), node.local_args(model));
    json!({"model": model, "dtype": "auto", "additional_args": args})
}

/// Governance's arguments, then the node's own whose key is not among them: keys are compared as whole
/// tokens (gonka v0.2.14 decentralized-api/broker/broker.go `MergeModelArgs`).
fn merged(governance: Vec<String>, local: Vec<String>) -> Vec<String> {
    let taken: Vec<String> = governance
        .iter()
        .filter(|token| token.starts_with("--"))
        .cloned()
        .collect();
    let mut merged = governance;
    let mut local = local.into_iter().peekable();
    while let Some(key) = local.next() {
        // A value without a key is dropped.
        if !key.starts_with("--") {
            continue;
        }
        let value = local.next_if(|next| !next.starts_with("--"));
        if !taken.contains(&key) {
            merged.push(key);
            merged.extend(value);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn governance_arguments_win_by_whole_tokens() {
        let governance = words("--max-model-len 180000 --enable-auto-tool-choice");
        let local = words("stray --tensor-parallel-size 4 --max-model-len 8192 --max-model-len=99");
        assert_eq!(
            merged(governance, local),
            words(
                "--max-model-len 180000 --enable-auto-tool-choice --tensor-parallel-size 4 --max-model-len=99"
            )
        );
    }
}
