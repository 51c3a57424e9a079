//! The operator's Network Node: its admin API, and what it does on its own.

mod config;

use serde_json::{Value, json};

use super::clock::seconds;
use super::exchange::{ApiRequest, ApiResponse, NodePoll, Outgoing};
use super::model::{Node, PocPhase};
use super::state::{COLLEAGUE, MODEL, PROXY_NODE, World};

pub use config::WORKER_PRIVATE_KEY;

impl World {
    pub(super) fn register_initial_nodes(&mut self) {
        let epoch = self.epoch() - 1;
        for (id, host) in [(PROXY_NODE, "10.0.0.2"), (COLLEAGUE, "10.0.0.9")] {
            let config = json!({"id": id, "host": host, "inference_port": 5050, "inference_segment": "", "poc_port": 8080, "poc_segment": "",
                "max_concurrent": 500, "models": {MODEL: {"args": []}}, "hardware": [{"type": "NVIDIA H100 80GB HBM3", "count": 4}]});
            self.insert_node(id, config, epoch);
        }
    }

    fn insert_node(&mut self, id: &str, config: Value, epoch: u64) {
        let current = if is_unmanaged(id) {
            "INFERENCE"
        } else {
            "UNKNOWN"
        };
        let node = Node {
            config,
            enabled: true,
            admin_epoch: epoch,
            current: current.into(),
            failure: String::new(),
            polled_at: self.now,
            next_poll: self.now,
            in_poc: 0,
        };
        self.nodes.insert(id.into(), node);
    }

    /// Answers a call to the Network Node's admin API.
    pub fn admin(&mut self, request: &ApiRequest) -> ApiResponse {
        let path = request.path.trim_end_matches('/');
        let parts: Vec<&str> = path.trim_start_matches("/admin/v1/").split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["nodes"]) => {
                let rows = self.nodes.values().map(|node| self.node_row(node));
                ApiResponse::ok(&rows.collect())
            }
            ("POST", ["nodes"]) | ("PUT", ["nodes", _]) => self.upsert(&request.body),
            ("DELETE", ["nodes", id]) => {
                ApiResponse::ok(&Value::Bool(self.nodes.remove(*id).is_some()))
            }
            ("POST", ["nodes", id, word @ ("enable" | "disable")]) => {
                self.enable(id, *word == "enable")
            }
            ("GET", ["config"]) => self.whole_config(),
            ("GET", ["setup", "report"]) => {
                ApiResponse::ok(&json!({"overall_status": "PASS", "checks": [], "summary": {}}))
            }
            _ => ApiResponse::error(404, "Not Found"),
        }
    }

    fn upsert(&mut self, body: &Value) -> ApiResponse {
        let id = body["id"].as_str().unwrap_or_default().to_owned();
        let exists = self.nodes.contains_key(&id);
        match self.validated(&id, body, exists) {
            Err(why) if exists => ApiResponse::error(500, &format!("failed to update node: {why}")),
            Err(why) => ApiResponse::error(400, &format!("failed to create node: {why}")),
            Ok(config) => {
                if let Some(node) = self.nodes.get_mut(&id) {
                    node.config = config.clone();
                } else {
                    self.insert_node(&id, config.clone(), self.epoch());
                }
                ApiResponse::ok(&config)
            }
        }
    }

    fn validated(&self, id: &str, body: &Value, exists: bool) -> Result<Value, String> {
        let port = |name: &str| {
            body[name]
                .as_u64()
                .filter(|p| (1..=65_535).contains(p))
                .ok_or(format!("validation failed: {name} must be 1-65535"))
        };
        let (inference, poc) = (port("inference_port")?, port("poc_port")?);
        let host = body["host"].as_str().unwrap_or_default();
        if id.is_empty() || host.is_empty() {
            return Err("validation failed: node id and host are required".into());
        }
        if body["max_concurrent"].as_u64().unwrap_or(0) == 0 {
            return Err("validation failed: max_concurrent must be greater than 0".into());
        }
        let mut models = body["models"].as_object().cloned().unwrap_or_default();
        let ordered = models.len();
        models.retain(|model, _| model == MODEL);
        if models.is_empty() || (exists && models.len() < ordered) {
            return Err(format!("node {id} has no governance-valid models"));
        }
        let clash = |n: &Node| {
            n.config["id"] != json!(id)
                && n.config["host"] == json!(host)
                && (n.config["inference_port"] == json!(inference)
                    || n.config["poc_port"] == json!(poc))
        };
        if self.nodes.values().any(clash) {
            return Err("validation failed: duplicate host and port".into());
        }
        let mut config = body.clone();
        config["models"] = Value::Object(models);
        Ok(config)
    }

    fn enable(&mut self, id: &str, enabled: bool) -> ApiResponse {
        let epoch = self.epoch();
        let Some(node) = self.nodes.get_mut(id) else {
            return ApiResponse::error(404, &format!("node not found: {id}"));
        };
        node.enabled = enabled;
        node.admin_epoch = epoch;
        let word = if enabled { "enabled" } else { "disabled" };
        ApiResponse::ok(&json!({"message": format!("node {word} successfully"), "node_id": id}))
    }

    fn node_row(&self, node: &Node) -> Value {
        let id = node.config["id"].as_str().unwrap_or_default();
        let poc = if node.in_poc == self.epoch() && node.in_poc > 0 {
            self.round()
        } else {
            PocPhase::Inference
        };
        let (status, poc) = match poc {
            PocPhase::Generate | PocPhase::Exchange => ("POC", "GENERATING"),
            PocPhase::Validate => ("POC", "VALIDATING"),
            PocPhase::Inference => (node.current.as_str(), "IDLE"),
        };
        let intended = if status == "POC" { "POC" } else { "INFERENCE" };
        let weight = self.active.get(id);
        let weight = weight.map(|weight| json!({MODEL: {"node_id": id, "poc_weight": weight}}));
        let weight = weight.unwrap_or_else(|| json!({}));
        json!({"node": node.config, "state": {"intended_status": intended, "current_status": if node.current == "FAILED" { "FAILED" } else { status },
            "poc_intended_status": poc, "poc_current_status": poc, "lock_count": 0, "failure_reason": node.failure,
            "status_timestamp": node.polled_at.to_rfc3339(), "admin_state": {"enabled": node.enabled, "epoch": node.admin_epoch},
            "ml_node_version": self.scenario.node_version.trim_start_matches('v'), "epoch_models": {}, "epoch_ml_nodes": weight, "preserved_models": {}}})
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

    pub(super) fn poll_nodes(&mut self) {
        let now = self.now;
        let is_due = |id: &str, node: &Node| !is_unmanaged(id) && node.next_poll <= now;
        let due = self.nodes.iter().filter(|(id, node)| is_due(id, node));
        let polls: Vec<Outgoing> = due
            .map(|(id, node)| Outgoing::Poll {
                node: id.clone(),
                api: self.base(&node.config, "poc_port", "poc_segment"),
                inference: self.base(&node.config, "inference_port", "inference_segment"),
            })
            .collect();
        self.outgoing.extend(polls);
        for (id, node) in &mut self.nodes {
            if is_due(id, node) {
                node.next_poll = now + seconds(60.0);
            }
        }
    }

    /// Records the result of a poll.
    pub fn polled(&mut self, id: &str, result: Result<NodePoll, String>) {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(id) else {
            return;
        };
        node.polled_at = now;
        node.failure.clear();
        let config = node.config.clone();
        match result {
            Err(why) => (node.current, node.failure) = ("FAILED".into(), why),
            Ok(polled) => {
                let models = config["models"].as_object();
                let wanted = models.and_then(|models| models.keys().next().cloned());
                node.current = match polled.state.as_str() {
                    // API version 1.
                    "POW" => "POC".into(),
                    state => state.into(),
                };
                if polled.state == "INFERENCE" && polled.model != wanted {
                    (node.current, node.failure) = ("FAILED".into(), "model is not loaded".into());
                }
                if polled.state == "STOPPED" {
                    let base = self.base(&config, "poc_port", "poc_segment");
                    let url = format!("{base}/api/v1/inference/up");
                    let body = json!({"model": wanted, "dtype": "auto", "additional_args": []});
                    self.outgoing.push(Outgoing::Post { url, body });
                }
            }
        }
    }

    /// The Network Node reconciles every 30 s: during generation a node that is reachable again joins,
    /// and one that does not generate yet is requested again.
    pub(super) fn reconcile_generation(&mut self) {
        let epoch = self.epoch();
        if self.phase() == PocPhase::Generate && self.now >= self.next_reconcile {
            self.start_generation(epoch);
        }
    }

    fn has_batches(&self, epoch: u64, node: &str) -> bool {
        let batches = self.batches.get(&epoch);
        batches.is_some_and(|nodes| nodes.contains_key(node))
    }

    /// The decisive rule: only nodes registered or enabled in an earlier epoch take part.
    pub(super) fn start_generation(&mut self, epoch: u64) {
        self.next_reconcile = self.now + seconds(30.0);
        let eligible: Vec<String> = self
            .nodes
            .iter()
            .filter(|(id, n)| {
                let works = n.current == "INFERENCE" || n.in_poc == epoch;
                let may = n.enabled && epoch > n.admin_epoch && works;
                may && !is_unmanaged(id) && !self.has_batches(epoch, id)
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in eligible {
            if let Some(node) = self.nodes.get_mut(&id) {
                node.in_poc = epoch;
            }
            self.request_generation(epoch, &id);
        }
    }

    pub(super) fn request_generation(&mut self, epoch: u64, id: &str) {
        let Some(node) = self.nodes.get(id) else {
            return;
        };
        let base = self.base(&node.config, "poc_port", "poc_segment");
        let url = format!("{base}/api/v1/inference/pow/init/generate");
        let body = json!({"node_id": id, "block_height": World::poc_start(epoch), "url": format!("{}/v2/poc-batches", self.callback_url), "model": MODEL});
        self.outgoing.push(Outgoing::Post { url, body });
    }
}

/// Nodes that the world does not poll: the inference proxy and the colleague's.
pub(super) fn is_unmanaged(id: &str) -> bool {
    id == PROXY_NODE || id == COLLEAGUE
}
