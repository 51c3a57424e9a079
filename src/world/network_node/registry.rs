//! Registering, updating, enabling and removing nodes.

use serde_json::{Value, json};

use super::AdminReply;
use super::node::Node;
use super::others::OtherNode;
use crate::world::exchange::ApiResponse;
use crate::world::host::HostId;
use crate::world::scenario::NetworkRelease;
use crate::world::state::{COLLEAGUE, PROXY_NODE, World};

/// Why dapi rejects a node; creation and update word it differently.
struct Rejection(String);

impl World {
    pub(in crate::world) fn register_initial_nodes(&mut self, host: HostId) {
        let epoch = self.epoch() - 1;
        let model = self.main_model().to_owned();
        let mut nodes = vec![
            (PROXY_NODE.to_owned(), "10.0.0.2".to_owned()),
            (COLLEAGUE.to_owned(), "10.0.0.9".to_owned()),
        ];
        for (number, release) in (1..).zip(self.scenario.other_nodes.clone()) {
            let id = format!("rack-{number}");
            let node = OtherNode::serving(release, &model);
            self.hosts[host].others.insert(id.clone(), node);
            nodes.push((id, format!("10.0.1.{number}")));
        }
        for (id, address) in nodes {
            let config = json!({"id": id, "host": address, "inference_port": 5050, "inference_segment": "", "poc_port": 8080, "poc_segment": "",
                "max_concurrent": 500, "models": {model.as_str(): {"args": []}}, "hardware": [{"type": "NVIDIA H100 80GB HBM3", "count": 4}]});
            self.insert_node(host, config, epoch);
        }
    }

    pub(super) fn insert_node(&mut self, host: HostId, config: Value, epoch: u64) {
        self.hosts[host].dapi.registrations += 1;
        let node = Node::new(config, self.hosts[host].dapi.registrations, epoch, self.now);
        self.hosts[host].dapi.removed.remove(node.id());
        self.hosts[host].nodes.insert(node.id().to_owned(), node);
        self.save_nodes(host);
    }

    /// `POST` and `PUT`: the body's id decides, and a known one is updated (gonka v0.2.14
    /// decentralized-api/internal/server/admin/node_handlers.go).
    pub(super) fn upsert(&mut self, host: HostId, body: &Value) -> ApiResponse {
        let id = body["id"].as_str().unwrap_or_default().to_owned();
        if self.hosts[host].nodes.contains_key(&id) {
            return self.update(host, &id, body);
        }
        match self.create(host, body) {
            Ok(config) => ApiResponse::ok(&config),
            Err(Rejection(why)) => {
                ApiResponse::error(400, &format!("failed to create node: {why}"))
            }
        }
    }

    pub(super) fn create_batch(&mut self, host: HostId, body: &Value) -> ApiResponse {
        let Some(rows) = body.as_array() else {
            return ApiResponse::error(400, "invalid request body: not a list");
        };
        let (mut created, mut errors) = (Vec::new(), Vec::new());
        for (index, row) in rows.iter().enumerate() {
            match self.create(host, row) {
                Ok(config) => created.push(config),
                Err(Rejection(why)) => errors.push(format!(
                    "node[{index}] (id: {}): {why}",
                    row["id"].as_str().unwrap_or_default()
                )),
            }
        }
        match (created.is_empty(), errors.is_empty()) {
            (_, true) => ApiResponse::new(201, &Value::Array(created)),
            (true, false) => ApiResponse::new(
                400,
                &json!({"error": "all nodes failed validation", "errors": errors}),
            ),
            (false, false) => ApiResponse::new(206, &json!({"nodes": created, "errors": errors})),
        }
    }

    /// Models outside governance are dropped.
    fn create(&mut self, host: HostId, body: &Value) -> Result<Value, Rejection> {
        let id = body["id"].as_str().unwrap_or_default();
        self.check_config(host, id, body)?;
        let mut models = body["models"].as_object().cloned().unwrap_or_default();
        models.retain(|model, _| self.approves(model));
        if models.is_empty() {
            return Err(Rejection(format!(
                "node {id} has no governance-valid models"
            )));
        }
        let mut config = body.clone();
        config["models"] = Value::Object(models);
        self.keep_node_file(host);
        self.insert_node(host, config.clone(), self.epoch());
        Ok(config)
    }

    fn update(&mut self, host: HostId, id: &str, body: &Value) -> ApiResponse {
        let checked = self.check_config(host, id, body).and_then(|()| {
            let models = body["models"].as_object();
            let mut models = models.into_iter().flat_map(|models| models.keys());
            match models.find(|model| !self.approves(model)) {
                Some(model) => Err(Rejection(format!(
                    "model {model} is not a valid governance model"
                ))),
                None => Ok(()),
            }
        });
        if let Err(Rejection(why)) = checked {
            return ApiResponse::error(500, &format!("failed to update node: {why}"));
        }
        // v0.2.15-post5 and later compare with what they deployed.
        let redeploys = self.scenario.network_release >= NetworkRelease::V0_2_15;
        let now = self.now;
        let mut changed = false;
        if let Some(node) = self.hosts[host].nodes.get_mut(id) {
            changed = node.config["models"] != body["models"];
            node.config = body.clone();
            node.next_poll = now;
        }
        self.save_nodes(host);
        if changed && redeploys {
            self.redeploy(host, id);
        }
        ApiResponse::ok(body)
    }

    fn check_config(&self, host: HostId, id: &str, body: &Value) -> Result<(), Rejection> {
        let invalid = |why: &str| Rejection(format!("validation failed: {why}"));
        let port = |name: &str| {
            let port = body[name].as_u64().filter(|p| (1..=65_535).contains(p));
            port.ok_or_else(|| invalid(&format!("{name} must be 1-65535")))
        };
        let (inference, poc) = (port("inference_port")?, port("poc_port")?);
        let address = body["host"].as_str().unwrap_or_default();
        if id.is_empty() || address.is_empty() {
            return Err(invalid("node id and host are required"));
        }
        if body["max_concurrent"].as_u64().unwrap_or(0) == 0 {
            return Err(invalid("max_concurrent must be greater than 0"));
        }
        if body["models"]
            .as_object()
            .is_none_or(serde_json::Map::is_empty)
        {
            return Err(invalid("at least one model must be specified"));
        }
        let mut others = self.hosts[host]
            .nodes
            .values()
            .filter(|other| other.id() != id);
        let clash = others.find(|other| {
            other.config["host"] == json!(address)
                && (other.config["inference_port"] == json!(inference)
                    || other.config["poc_port"] == json!(poc))
        });
        match clash {
            Some(other) => Err(invalid(&format!(
                "duplicate host+port combination: {address} (already used by node '{}')",
                other.id()
            ))),
            None => Ok(()),
        }
    }

    pub(super) fn enable(&mut self, host: HostId, id: &str, enabled: bool) -> ApiResponse {
        let epoch = self.epoch();
        let Some(node) = self.hosts[host].nodes.get_mut(id) else {
            return ApiResponse::error(404, &format!("node not found: {id}"));
        };
        node.enabled = enabled;
        node.admin_epoch = epoch;
        let word = if enabled { "enabled" } else { "disabled" };
        ApiResponse::ok(&json!({"message": format!("node {word} successfully"), "node_id": id}))
    }

    /// Up to v0.2.15 a removal waits for the node's running command and blocks dapi's command loop
    /// meanwhile; v0.2.16 cancels the command.
    pub(super) fn delete(&mut self, host: HostId, id: &str) -> AdminReply {
        let answer = |existed: bool| AdminReply::Answer(ApiResponse::ok(&json!(existed)));
        if self.hosts[host].dapi.removed.remove(id) {
            return answer(true);
        }
        if self.runs_command(host, id) && self.scenario.network_release < NetworkRelease::V0_2_16 {
            self.hosts[host].dapi.removing = Some(id.to_owned());
            return AdminReply::Waiting;
        }
        self.keep_node_file(host);
        answer(self.remove_node(host, id))
    }

    /// Removes a node, and cancels its worker's calls. True if there was one.
    pub(super) fn remove_node(&mut self, host: HostId, id: &str) -> bool {
        self.drop_calls(host, id, |_| true);
        let existed = self.hosts[host].nodes.remove(id).is_some();
        self.save_nodes(host);
        existed
    }

    fn runs_command(&self, host: HostId, id: &str) -> bool {
        let node = self.hosts[host].nodes.get(id);
        node.is_some_and(|node| node.command.is_some())
    }

    /// Completes the removal that blocks the command loop, once the node's worker is done.
    pub(super) fn finish_removal(&mut self, host: HostId) {
        let Some(id) = self.hosts[host].dapi.removing.clone() else {
            return;
        };
        if self.runs_command(host, &id) {
            return;
        }
        self.hosts[host].dapi.removing = None;
        self.keep_node_file(host);
        self.remove_node(host, &id);
        self.hosts[host].dapi.removed.insert(id);
    }
}
