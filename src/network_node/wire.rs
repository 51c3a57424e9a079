//! JSON of the admin API.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::domain::{
    EpochIndex, Hardware, NodeConfig, NodeId, NodeStatus, PocStatus, RegisteredNode, Weight,
};

/// Body of `POST /admin/v1/nodes`.
pub(super) fn body(node: &NodeConfig) -> Value {
    let models: Map<String, Value> = node
        .models
        .iter()
        .map(|(id, args)| (id.clone(), json!({"args": args})))
        .collect();
    json!({
        "id": node.id,
        "host": node.host,
        "inference_port": node.inference_port,
        "inference_segment": node.inference_segment,
        "poc_port": node.poc_port,
        "poc_segment": node.poc_segment,
        "max_concurrent": node.max_concurrent,
        "models": models,
        "hardware": node.hardware,
    })
}

/// One row of `GET /admin/v1/nodes`; `None` without an id. The API omits zero fields, so everything
/// else has a default.
pub(super) fn row(value: &Value) -> Option<RegisteredNode> {
    let config = config(value.get("node")?)?;
    let state = value.get("state").unwrap_or(&Value::Null);
    let admin = state.get("admin_state").unwrap_or(&Value::Null);
    let status = |name: &str| node_status(&text(state, name));
    let poc = |name: &str| poc_status(&text(state, name));
    Some(RegisteredNode {
        config,
        intended: status("intended_status"),
        current: status("current_status"),
        poc_intended: poc("poc_intended_status"),
        poc_current: poc("poc_current_status"),
        failure_reason: text(state, "failure_reason"),
        enabled: admin
            .get("enabled")
            .and_then(Value::as_bool)
            .unwrap_or(false),
        admin_epoch: EpochIndex(whole(admin, "epoch")),
        version: Some(text(state, "ml_node_version")).filter(|version| !version.is_empty()),
        weights: weights(state),
    })
}

fn config(node: &Value) -> Option<NodeConfig> {
    let id = Some(text(node, "id")).filter(|id| !id.is_empty())?;
    let port = |name: &str| u16::try_from(whole(node, name)).unwrap_or(0);
    Some(NodeConfig {
        id: NodeId(id),
        host: text(node, "host"),
        inference_port: port("inference_port"),
        inference_segment: text(node, "inference_segment"),
        poc_port: port("poc_port"),
        poc_segment: text(node, "poc_segment"),
        max_concurrent: u32::try_from(whole(node, "max_concurrent")).unwrap_or(u32::MAX),
        models: models(node),
        hardware: hardware(node),
    })
}

fn models(node: &Value) -> BTreeMap<String, Vec<String>> {
    let Some(models) = node.get("models").and_then(Value::as_object) else {
        return BTreeMap::new();
    };
    let args = |model: &Value| -> Vec<String> {
        let args = model.get("args").and_then(Value::as_array);
        let texts = args.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    };
    models
        .iter()
        .map(|(id, model)| (id.clone(), args(model)))
        .collect()
}

fn hardware(node: &Value) -> Vec<Hardware> {
    let rows = node.get("hardware").and_then(Value::as_array);
    rows.into_iter()
        .flatten()
        .map(|row| Hardware {
            name: text(row, "type"),
            count: u32::try_from(whole(row, "count")).unwrap_or(u32::MAX),
        })
        .collect()
}

fn weights(state: &Value) -> BTreeMap<String, Weight> {
    let Some(models) = state.get("epoch_ml_nodes").and_then(Value::as_object) else {
        return BTreeMap::new();
    };
    models
        .iter()
        .map(|(model, node)| (model.clone(), Weight(whole(node, "poc_weight"))))
        .collect()
}

fn text(value: &Value, name: &str) -> String {
    value
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// A whole number, also as text; the API omits zeros.
fn whole(value: &Value, name: &str) -> u64 {
    match value.get(name) {
        Some(Value::Number(number)) => number.as_u64().unwrap_or(0),
        Some(Value::String(text)) => text.trim().parse().unwrap_or(0),
        _ => 0,
    }
}

fn node_status(word: &str) -> NodeStatus {
    match word {
        "INFERENCE" => NodeStatus::Inference,
        "POC" => NodeStatus::Poc,
        "TRAINING" => NodeStatus::Training,
        "STOPPED" => NodeStatus::Stopped,
        "FAILED" => NodeStatus::Failed,
        _ => NodeStatus::Unknown,
    }
}

fn poc_status(word: &str) -> PocStatus {
    match word {
        "IDLE" => PocStatus::Idle,
        "GENERATING" => PocStatus::Generating,
        "VALIDATING" => PocStatus::Validating,
        _ => PocStatus::Unknown,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::network_node) fn a_row() -> Value {
        serde_json::from_str(
            r#"{"node": { "id": "vastai-31415926", "host": "10.0.0.5", "inference_port": 5050,
              "inference_segment": "", "poc_port": 8080, "poc_segment": "", "max_concurrent": 500,
              "models": { "MiniMaxAI/MiniMax-M2.7": { "args": ["--tensor-parallel-size", "4"] } },
              "hardware": [ { "type": "NVIDIA H100 80GB HBM3", "count": 4 } ] },
            "state": { "intended_status": "INFERENCE", "current_status": "FAILED",
              "poc_intended_status": "IDLE", "poc_current_status": "GENERATING", "lock_count": 0,
              "failure_reason": "", "status_timestamp": "2026-08-12T20:24:11.123456789Z",
              "admin_state": { "enabled": true, "epoch": 358 }, "ml_node_version": "3.0.16",
              "epoch_models": {}, "epoch_ml_nodes": { "MiniMaxAI/MiniMax-M2.7":
                { "node_id": "vastai-31415926", "poc_weight": 1234 } }, "preserved_models": {} }}"#,
        )
        .expect("JSON")
    }

    #[test]
    fn documented_row_round_trips() {
        let value = a_row();
        let node = row(&value).expect("a row");
        assert_eq!(node.current, NodeStatus::Failed);
        assert_eq!(node.poc_current, PocStatus::Generating);
        assert_eq!(node.admin_epoch, EpochIndex(358));
        assert!(node.enabled);
        assert_eq!(node.weights["MiniMaxAI/MiniMax-M2.7"], Weight(1234));
        assert_eq!(body(&node.config), value["node"]);
    }

    #[test]
    fn absent_fields_have_defaults() {
        let value = json!({"node": {"id": "a"}, "state": {"current_status": "DANCING"}});
        let node = row(&value).expect("a row");
        assert_eq!(node.current, NodeStatus::Unknown);
        assert_eq!(node.poc_current, PocStatus::Unknown);
        assert!(!node.enabled);
        assert_eq!(node.version, None);
    }

    #[test]
    fn row_without_id_is_none() {
        for value in [
            json!({}),
            json!({"node": {}}),
            json!({"node": {"id": ""}}),
            json!(null),
        ] {
            assert_eq!(row(&value), None, "{value}");
        }
    }
}
