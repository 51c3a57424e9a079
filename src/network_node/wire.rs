//! JSON of the admin API.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::domain::{
    ApiRelease, CallError, CallbackAddress, EpochIndex, Hardware, NodeConfig, NodeId, NodeStatus,
    PocStatus, RegisteredNode, Weight,
};
use crate::http::json::Fields;
use crate::ports::RegisterError;

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
pub(super) fn row(row: Fields<'_>) -> Option<RegisteredNode> {
    let state = row.child("state");
    let admin = state.child("admin_state");
    Some(RegisteredNode {
        config: config(row.child("node"))?,
        intended: node_status(&text(state, "intended_status")),
        current: node_status(&text(state, "current_status")),
        poc_intended: poc_status(&text(state, "poc_intended_status")),
        poc_current: poc_status(&text(state, "poc_current_status")),
        failure_reason: text(state, "failure_reason"),
        enabled: admin.get("enabled") == Some(&Value::Bool(true)),
        admin_epoch: EpochIndex(whole(admin, "epoch")),
        version: state.text("ml_node_version"),
        weights: by_name(state, "epoch_ml_nodes", |node| {
            Weight(whole(node, "poc_weight"))
        }),
        preserved_models: preserved_models(state),
    })
}

/// `{"<model>": true}`, from v0.2.14 on: dapi reads it from the chain's snapshot of preserved nodes, for nodes
/// that take part (gonka v0.2.14 decentralized-api/broker/broker.go `EnsurePreservedMembershipCached`).
fn preserved_models(state: Fields<'_>) -> Option<Vec<String>> {
    let models = state.get("preserved_models")?.as_object()?.iter();
    let preserved = models.filter(|(_, value)| **value == Value::Bool(true));
    Some(preserved.map(|(model, _)| model.clone()).collect())
}

/// What a refused registration means. dapi always answers 400, with the reason in words (gonka v0.2.14
/// decentralized-api/internal/server/admin/node_handlers.go; v0.2.16 for the second).
pub(super) fn register_error(error: CallError) -> Result<(), RegisterError> {
    match error.status {
        Some(400) if error.detail.contains("no governance-valid models") => {
            Err(RegisterError::NoGovernedModel(error))
        }
        // Two creates raced: the other one was ours as well.
        Some(400) if error.detail.contains("node already exists") => Ok(()),
        _ => Err(RegisterError::Failed(error)),
    }
}

/// `GET /v1/versions` of the public API: `{"api_version": {"version": "0.2.15-post5"}, …}`.
pub(super) fn release(reply: Fields<'_>) -> Result<ApiRelease, String> {
    let version: String = reply.object("api_version")?.required("version")?;
    version.parse()
}

/// `api.poc_callback_url` of `GET /admin/v1/config`: nothing else of it is read or quoted (gonka v0.2.14
/// decentralized-api/apiconfig/config.go).
pub(super) fn callback_address(config: Fields<'_>) -> Result<CallbackAddress, String> {
    let text = config.child("api").text("poc_callback_url");
    CallbackAddress::parse(&text.unwrap_or_default()).map_err(|error| error.to_string())
}

fn config(node: Fields<'_>) -> Option<NodeConfig> {
    let port = |name: &str| u16::try_from(whole(node, name)).unwrap_or(0);
    let hardware = |row| Hardware {
        name: text(row, "type"),
        count: whole_u32(row, "count"),
    };
    Some(NodeConfig {
        id: NodeId(node.text("id")?),
        host: text(node, "host"),
        inference_port: port("inference_port"),
        inference_segment: text(node, "inference_segment"),
        poc_port: port("poc_port"),
        poc_segment: text(node, "poc_segment"),
        max_concurrent: whole_u32(node, "max_concurrent"),
        models: by_name(node, "models", |model| {
            let texts = rows(model, "args").filter_map(|arg| arg.0.as_str());
            texts.map(str::to_owned).collect()
        }),
        hardware: rows(node, "hardware").map(hardware).collect(),
    })
}

/// The fields of an object whose names are models.
fn by_name<T>(
    parent: Fields<'_>,
    name: &str,
    parse: impl Fn(Fields<'_>) -> T,
) -> BTreeMap<String, T> {
    let members = parent.child(name).0.as_object().into_iter().flatten();
    let parsed = members.map(|(model, value)| (model.clone(), parse(Fields(value))));
    parsed.collect()
}

fn rows<'a>(parent: Fields<'a>, name: &str) -> impl Iterator<Item = Fields<'a>> {
    parent.list(name).unwrap_or_default().iter().map(Fields)
}

fn text(fields: Fields<'_>, name: &str) -> String {
    fields.text(name).unwrap_or_default()
}

/// The API omits zeros.
fn whole(fields: Fields<'_>, name: &str) -> u64 {
    fields.whole(name).unwrap_or(0)
}

fn whole_u32(fields: Fields<'_>, name: &str) -> u32 {
    u32::try_from(whole(fields, name)).unwrap_or(u32::MAX)
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

    pub(in crate::network_node) fn a_node() -> RegisteredNode {
        row(Fields(&a_row())).expect("a row")
    }

    fn a_row() -> Value {
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
        let node = a_node();
        assert_eq!(node.current, NodeStatus::Failed);
        assert_eq!(node.poc_current, PocStatus::Generating);
        assert_eq!(node.admin_epoch, EpochIndex(358));
        assert!(node.enabled);
        assert_eq!(node.weights["MiniMaxAI/MiniMax-M2.7"], Weight(1234));
        assert_eq!(node.preserved_models, Some(Vec::new()));
        assert_eq!(body(&node.config), a_row()["node"]);
    }

    #[test]
    fn release_is_that_of_the_api_service() {
        let read = |value: &Value| release(Fields(value));
        let reply = json!({"timestamp": "2026-09-15T00:00:00Z",
            "api_version": {"application_name": "api", "version": "0.2.15-post5", "commit": "34bc015"},
            "node_version": {"application_name": "inferenced", "version": "0.2.16"}});
        assert_eq!(read(&reply).unwrap().to_string(), "0.2.15-post5");
        for other in [json!({}), json!({"api_version": {"version": ""}})] {
            assert!(read(&other).is_err(), "{other}");
        }
    }

    #[test]
    fn callback_address_is_the_only_field_read() {
        let read = |value: &Value| callback_address(Fields(value));
        let whole = json!({"api": {"port": 8080, "poc_callback_url": "http://api:9100"},
            "ml_node_key_config": {"worker_private": "canary-secret"}});
        assert_eq!(read(&whole).unwrap().to_string(), "http://api:9100");
        for value in [
            json!({"canary-secret": true}),
            json!({"api": {"poc_callback_url": ""}}),
            json!({"api": {"poc_callback_url": "http://me:canary-secret@api:9100"}}),
        ] {
            let why = read(&value).unwrap_err();
            assert!(
                why.contains("api.poc_callback_url") && !why.contains("canary"),
                "{why}"
            );
        }
    }

    #[test]
    fn refusals_of_a_registration_differ() {
        let refused = |status, detail: &str| {
            let error = CallError::new("register", crate::domain::CallErrorKind::Refused, detail);
            register_error(CallError {
                status: Some(status),
                ..error
            })
        };
        let words = "failed to create node: node a has no governance-valid models";
        let lasting = refused(400, words);
        assert!(
            matches!(lasting, Err(RegisterError::NoGovernedModel(_))),
            "{lasting:?}"
        );
        assert_eq!(
            refused(400, "failed to create node: node already exists: a"),
            Ok(())
        );
        // A proxy that repeats the words is not dapi.
        for (status, detail) in [(502, words), (400, "validation failed: …"), (500, words)] {
            let failed = refused(status, detail);
            assert!(
                matches!(failed, Err(RegisterError::Failed(_))),
                "{failed:?}"
            );
        }
    }

    #[test]
    fn absent_fields_have_defaults() {
        let value = json!({"node": {"id": "a"}, "state": {"current_status": "DANCING"}});
        let node = row(Fields(&value)).expect("a row");
        assert_eq!(node.current, NodeStatus::Unknown);
        assert_eq!(node.poc_current, PocStatus::Unknown);
        assert!(!node.enabled);
        assert_eq!(node.version, None);
    }

    #[test]
    fn only_true_enables() {
        for (enabled, expected) in [
            (json!(true), true),
            (json!(1), false),
            (json!("true"), false),
        ] {
            let state = json!({"admin_state": {"enabled": enabled}});
            let value = json!({"node": {"id": "a"}, "state": state});
            let node = row(Fields(&value)).expect("a row");
            assert_eq!(node.enabled, expected, "{value}");
        }
    }

    #[test]
    fn preserved_models_are_those_that_are_true() {
        let read = |state: Value| {
            let value = json!({"node": {"id": "a"}, "state": state});
            row(Fields(&value)).expect("a row").preserved_models
        };
        let kept = json!({"preserved_models": {"a": true, "b": false, "c": "true"}});
        assert_eq!(read(kept), Some(vec!["a".into()]));
        // An older dapi, and one that says it in another way, do not tell.
        for state in [
            json!({}),
            json!({"preserved_models": null}),
            json!({"preserved_models": [1]}),
        ] {
            assert_eq!(read(state), None);
        }
    }

    #[test]
    fn row_without_id_is_none() {
        for value in [
            json!({}),
            json!({"node": {}}),
            json!({"node": {"id": ""}}),
            json!(null),
        ] {
            assert_eq!(row(Fields(&value)), None, "{value}");
        }
    }
}
