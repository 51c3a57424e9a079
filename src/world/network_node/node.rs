//! A registered node in dapi's records.

use serde::Serialize;
use serde_json::{Value, json};

use crate::domain::Time;
use crate::world::host::HostId;
use crate::world::state::{COLLEAGUE, PROXY_NODE, World};

/// What a node is, or is meant to be (gonka v0.2.14 inference-chain, `HardwareNodeStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(in crate::world) enum Status {
    #[default]
    Unknown,
    Inference,
    Poc,
    Stopped,
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(in crate::world) enum PocWork {
    #[default]
    Idle,
    Generating,
    Validating,
}

/// A status with the `PoC` work; dapi compares the pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::world) struct Standing {
    pub status: Status,
    pub poc: PocWork,
}

impl Standing {
    pub const INFERENCE: Standing = Standing {
        status: Status::Inference,
        poc: PocWork::Idle,
    };
    pub const GENERATING: Standing = Standing {
        status: Status::Poc,
        poc: PocWork::Generating,
    };
    pub const VALIDATING: Standing = Standing {
        status: Status::Poc,
        poc: PocWork::Validating,
    };
}

#[derive(Debug, Clone)]
pub(in crate::world) struct Node {
    pub config: Value,
    /// One more with each registration, from 1; identifies the node in a `PoC`.
    pub number: u64,
    pub enabled: bool,
    pub admin_epoch: u64,
    pub intended: Standing,
    pub current: Standing,
    /// Set and cleared by commands alone.
    pub failure: String,
    pub status_at: Time,
    pub next_poll: Time,
    /// The command that its worker runs; no other command starts meanwhile.
    pub command: Option<Command>,
    /// Since when `inference/up` has been in flight.
    pub loading_since: Option<Time>,
    /// Height of the round that it was last ordered to validate.
    pub validated: Option<u64>,
}

/// What a node's worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::world) enum Command {
    InferenceUp,
    StartPoc,
}

impl Command {
    pub fn target(self) -> Standing {
        match self {
            Command::InferenceUp => Standing::INFERENCE,
            Command::StartPoc => Standing::GENERATING,
        }
    }
}

impl Node {
    pub fn is_failed(&self) -> bool {
        self.current.status == Status::Failed
    }

    /// A node that was registered just now.
    pub fn new(config: Value, number: u64, epoch: u64, now: Time) -> Node {
        let standing = if is_unmanaged(config["id"].as_str().unwrap_or_default()) {
            Standing::INFERENCE
        } else {
            Standing::default()
        };
        Node {
            config,
            number,
            enabled: true,
            admin_epoch: epoch,
            intended: standing,
            current: standing,
            failure: String::new(),
            status_at: now,
            next_poll: now,
            command: None,
            loading_since: None,
            validated: None,
        }
    }

    pub fn id(&self) -> &str {
        self.config["id"].as_str().unwrap_or_default()
    }

    /// The one model that it runs: the first by id.
    pub fn model(&self) -> Option<&str> {
        let models = self.config["models"].as_object()?;
        models.keys().min().map(String::as_str)
    }

    pub fn local_args(&self, model: &str) -> Vec<String> {
        let args = self.config["models"][model]["args"].as_array();
        let texts = args.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }
}

/// Nodes that the world does not poll and that are always healthy: the inference proxy and the
/// colleague's.
pub(in crate::world) fn is_unmanaged(id: &str) -> bool {
    id == PROXY_NODE || id == COLLEAGUE
}

impl World {
    /// A row of `GET /admin/v1/nodes`.
    pub(super) fn node_row(&self, host: HostId, node: &Node) -> Value {
        let id = node.id();
        let weight = self.hosts[host].active.get(id);
        let proved = self.proved_model(host, id);
        let weights = weight.map(|weight| json!({proved: {"node_id": id, "poc_weight": weight}}));
        let is_preserved = self.is_preserved(host, id, self.round_height(host));
        let preserved = is_preserved.then(|| json!({proved: true}));
        let preserved = preserved.unwrap_or_else(|| json!({}));
        let version = match self.hosts[host].others.get(id) {
            Some(other) => other.release.to_string(),
            None => self
                .scenario
                .node_version
                .trim_start_matches('v')
                .to_owned(),
        };
        let mut state = json!({"intended_status": node.intended.status, "current_status": node.current.status,
            "poc_intended_status": node.intended.poc, "poc_current_status": node.current.poc,
            "lock_count": 0, "failure_reason": node.failure, "status_timestamp": node.status_at.to_rfc3339(),
            "admin_state": {"enabled": node.enabled, "epoch": self.public_epoch(node.admin_epoch)},
            "ml_node_version": version, "poc_validation_inference": false,
            "epoch_models": {}, "epoch_ml_nodes": weights.unwrap_or_else(|| json!({})), "preserved_models": preserved});
        if let Some(command) = node.command {
            let target = command.target();
            state["reconcile_info"] = json!({"status": target.status, "poc_status": target.poc});
        }
        json!({"node": node.config, "state": state})
    }
}
