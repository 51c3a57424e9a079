//! dapi in virtual time, with nodes that answer as a test says.

use chrono::TimeZone;
use serde_json::{Value, json};

use super::AdminReply;
use crate::world::clock::{as_seconds, seconds};
use crate::world::exchange::{ApiRequest, ApiResponse, CallAnswer, NodeRequest, Outgoing};
use crate::world::host::HostId;
use crate::world::models::MODEL;
use crate::world::scenario::{MlNodeRelease, NetworkRelease, Scenario};
use crate::world::state::{PROXY_NODE, World};
use crate::world::truth::Harm;

/// What the nodes answer.
type Nodes = fn(&NodeRequest) -> Heard;

struct Scene {
    world: World,
    nodes: Nodes,
    /// Method and path of what dapi sent, with the port.
    sent: Vec<(String, Value)>,
}

impl Scene {
    fn new(release: NetworkRelease, nodes: Nodes) -> Scene {
        Scene::beside(release, nodes, &[])
    }

    /// With further nodes of the operator.
    fn beside(release: NetworkRelease, nodes: Nodes, others: &[MlNodeRelease]) -> Scene {
        let start = chrono::Utc.with_ymd_and_hms(2026, 11, 24, 6, 0, 0).unwrap();
        let scenario = Scenario {
            network_release: release,
            node_version: String::new(),
            other_nodes: others.to_vec(),
            ..Scenario::default()
        };
        Scene {
            world: World::new(7, scenario, start),
            nodes,
            sent: Vec::new(),
        }
    }

    /// With a node that was registered an hour before the `PoC`.
    fn registered(release: NetworkRelease, nodes: Nodes) -> Scene {
        let mut scene = Scene::new(release, nodes);
        let start = scene.poc_start();
        scene.world.advance(start - seconds(3_600.0));
        assert_eq!(scene.register("ours", 7_000).status, 200);
        scene
    }

    fn poc_start(&self) -> crate::domain::Time {
        self.world
            .block_time(World::poc_start(self.world.epoch() + 1))
    }

    fn admin(&mut self, method: &str, path: &str, body: Value) -> AdminReply {
        self.world.admin(
            HostId::FIRST,
            &ApiRequest {
                method: method.into(),
                path: path.into(),
                body,
                ..ApiRequest::default()
            },
        )
    }

    fn register(&mut self, id: &str, port: u16) -> ApiResponse {
        answered(self.admin("POST", "/admin/v1/nodes", config(id, port)))
    }

    fn row(&mut self, id: &str) -> Value {
        let listed = answered(self.admin("GET", "/admin/v1/nodes", Value::Null));
        let rows: Vec<Value> = serde_json::from_str(&listed.body).unwrap();
        let row = rows.into_iter().find(|row| row["node"]["id"] == id);
        row.expect("listed")["state"].clone()
    }

    fn pass(&mut self, length: f64) {
        let end = self.world.now() + seconds(length);
        while self.world.now() < end {
            self.world.advance(end.min(self.world.now() + seconds(2.0)));
            self.answer_calls();
        }
    }

    fn answer_calls(&mut self) {
        loop {
            let outgoing = self.world.poll_outgoing();
            if outgoing.is_empty() {
                return;
            }
            for call in outgoing {
                let Outgoing::Call { number, request } = call else {
                    continue;
                };
                let url = request.url.strip_prefix("http://10.1.1.1:").unwrap();
                let line = format!("{} {url}", request.method);
                self.sent
                    .push((line, request.body.clone().unwrap_or_default()));
                let answer = match (self.nodes)(&request) {
                    Heard::Answer(answer) => Ok(answer),
                    Heard::Refused => Err("connection refused".to_owned()),
                    Heard::Nothing => continue,
                };
                self.world.call_ended(number, &answer);
            }
        }
    }

    fn sent(&self, end: &str) -> Vec<&Value> {
        let sent = self.sent.iter().filter(|(line, _)| line.ends_with(end));
        sent.map(|(_, body)| body).collect()
    }

    fn callback(&mut self, path: &str, body: Value) -> ApiResponse {
        self.world.callback(
            HostId::FIRST,
            &ApiRequest {
                method: "POST".into(),
                path: format!("/v2/poc-batches/MiniMaxAI%2FMiniMax-M2.7/{path}"),
                body,
                ..ApiRequest::default()
            },
        )
    }
}

fn answered(reply: AdminReply) -> ApiResponse {
    match reply {
        AdminReply::Answer(response) => response,
        AdminReply::Waiting => panic!("dapi waits"),
    }
}

fn config(id: &str, port: u16) -> Value {
    json!({"id": id, "host": "10.1.1.1", "inference_port": port, "poc_port": port + 1, "max_concurrent": 500,
        "models": {MODEL: {"args": ["--tensor-parallel-size", "4"]}}})
}

/// What dapi hears of a node.
enum Heard {
    Answer(CallAnswer),
    Refused,
    /// The call is not answered.
    Nothing,
}

fn ok(body: Value) -> Heard {
    Heard::Answer(CallAnswer { status: 200, body })
}

/// A node that serves its model.
fn healthy(request: &NodeRequest) -> Heard {
    let path = request.url.splitn(4, '/').nth(3).unwrap_or_default();
    let body = match path {
        "api/v1/state" => json!({"state": "INFERENCE"}),
        "api/v1/inference/pow/status" => json!({"status": "IDLE"}),
        "v1/models" => json!({"data": [{"id": MODEL}]}),
        _ => json!({"status": "OK"}),
    };
    ok(body)
}

/// Nothing comes through.
fn unreachable(_: &NodeRequest) -> Heard {
    Heard::Refused
}

/// The API's end of the tunnel works, the inference end does not. A start takes longer than these tests.
fn half_broken(request: &NodeRequest) -> Heard {
    if request.url.ends_with("/api/v1/inference/up") {
        return Heard::Nothing;
    }
    let is_inference = ["/health", "/v1/models"]
        .iter()
        .any(|path| request.url.ends_with(path));
    if is_inference {
        Heard::Refused
    } else {
        healthy(request)
    }
}

/// A node whose `inference/up` never brings the model.
fn loading(request: &NodeRequest) -> Heard {
    if request.url.ends_with("/api/v1/state") {
        return ok(json!({"state": "STOPPED"}));
    }
    half_broken(request)
}

/// The connection to the API fails where work is given.
fn refusing(request: &NodeRequest) -> Heard {
    if request.url.ends_with("init/generate") {
        return Heard::Answer(CallAnswer {
            status: 503,
            body: json!({"detail": "No vLLM backends available"}),
        });
    }
    half_broken(request)
}

#[test]
fn half_broken_node_is_stopped_and_reloaded() {
    let mut scene = Scene::registered(NetworkRelease::V0_2_14, half_broken);
    scene.pass(90.0);
    assert_eq!(scene.sent("7001/api/v1/stop").len(), 1);
    let up = scene.sent("7001/api/v1/inference/up");
    assert_eq!(up[0]["model"], MODEL);
    let arguments = up[0]["additional_args"].to_string();
    assert!(arguments.contains("--max-model-len") && arguments.contains("--tensor-parallel-size"));
    assert_eq!(scene.world.truth().first_host().reloads["ours"], 1);
}

#[test]
fn unreachable_node_keeps_its_model() {
    // Given a node that serves,
    let mut scene = Scene::registered(NetworkRelease::V0_2_14, healthy);
    scene.pass(120.0);
    assert_eq!(scene.row("ours")["current_status"], "INFERENCE");
    // when neither port answers for a while,
    scene.nodes = unreachable;
    scene.pass(120.0);
    let row = scene.row("ours");
    assert_eq!(row["current_status"], "FAILED");
    assert_eq!(row["failure_reason"], "connection refused");
    // then it is as before once they do.
    scene.nodes = healthy;
    scene.pass(120.0);
    let row = scene.row("ours");
    assert_eq!(row["current_status"], "INFERENCE");
    // A poll does not clear the reason either.
    assert_eq!(row["failure_reason"], "connection refused");
    assert_eq!(scene.sent("/api/v1/inference/up").len(), 0);
}

#[test]
fn endless_load_is_started_again() {
    let mut scene = Scene::registered(NetworkRelease::V0_2_14, loading);
    scene.pass(890.0);
    assert_eq!(scene.sent("/api/v1/inference/up").len(), 1);
    assert!(scene.row("ours")["reconcile_info"].is_object());
    scene.pass(120.0);
    assert_eq!(scene.sent("/api/v1/inference/up").len(), 2);
    let reason = scene.row("ours")["failure_reason"].to_string();
    assert!(reason.contains("deadline exceeded"), "{reason}");
}

#[test]
fn failed_poll_sets_no_reason() {
    let mut scene = Scene::registered(NetworkRelease::V0_2_14, healthy);
    scene.pass(120.0);
    scene.nodes = unreachable;
    while scene.row("ours")["current_status"] == "INFERENCE" {
        scene.pass(2.0);
    }
    let row = scene.row("ours");
    assert_eq!(
        (
            row["current_status"].as_str(),
            row["failure_reason"].as_str()
        ),
        (Some("FAILED"), Some(""))
    );
}

#[test]
fn removal_of_busy_node_blocks_all_until_0_2_15() {
    for release in [NetworkRelease::V0_2_14, NetworkRelease::V0_2_15] {
        // Given two nodes, of which one loads under dapi,
        let mut scene = Scene::new(release, loading);
        let start = scene.poc_start();
        scene.world.advance(start - seconds(120.0));
        scene.register("ours", 7_000);
        scene.register("other", 7_100);
        scene.pass(40.0);
        // when it is removed two minutes before the PoC,
        let reply = scene.admin("DELETE", "/admin/v1/nodes/ours", Value::Null);
        assert_eq!(reply, AdminReply::Waiting);
        scene.pass(280.0);
        // then nobody generates,
        assert_eq!(scene.sent("init/generate").len(), 0, "{release}");
        let reply = scene.admin("POST", "/admin/v1/nodes", config("third", 7_200));
        assert_eq!(reply, AdminReply::Waiting);
        // and it is over only when the load is.
        scene.pass(700.0);
        let gone = answered(scene.admin("DELETE", "/admin/v1/nodes/ours", Value::Null));
        assert_eq!(gone.body, "true");
        let again = answered(scene.admin("DELETE", "/admin/v1/nodes/ours", Value::Null));
        assert_eq!(again.body, "false");
    }
}

#[test]
fn removal_is_immediate_since_0_2_16() {
    let mut scene = Scene::registered(NetworkRelease::V0_2_16, loading);
    scene.pass(40.0);
    assert!(scene.row("ours")["reconcile_info"].is_object());
    let gone = answered(scene.admin("DELETE", "/admin/v1/nodes/ours", Value::Null));
    assert_eq!(gone.body, "true");
}

#[test]
fn changed_arguments_redeploy_since_0_2_15() {
    for (release, reloads) in [
        (NetworkRelease::V0_2_14, 0),
        (NetworkRelease::V0_2_15, 1),
        (NetworkRelease::V0_2_16, 1),
    ] {
        let mut scene = Scene::registered(release, healthy);
        scene.pass(120.0);
        let mut changed = config("ours", 7_000);
        changed["models"][MODEL]["args"] = json!(["--tensor-parallel-size", "8"]);
        assert_eq!(
            answered(scene.admin("POST", "/admin/v1/nodes", changed)).status,
            200
        );
        scene.pass(60.0);
        assert_eq!(scene.sent("/api/v1/stop").len(), reloads, "{release}");
    }
}

#[test]
fn model_outside_governance_is_refused() {
    let mut scene = Scene::new(NetworkRelease::V0_2_14, healthy);
    let mut other = config("ours", 7_000);
    other["models"] = json!({"moonshotai/Kimi-K2.6": {"args": []}});
    let refused = answered(scene.admin("POST", "/admin/v1/nodes", other));
    assert_eq!(refused.status, 400);
    assert!(
        refused
            .body
            .contains("failed to create node: node ours has no governance-valid models")
    );
}

#[test]
fn batch_tells_which_nodes_failed() {
    let mut scene = Scene::new(NetworkRelease::V0_2_14, healthy);
    let mut batch =
        |rows: Value| answered(scene.admin("POST", "/admin/v1/nodes/batch", rows)).status;
    assert_eq!(batch(json!([config("a", 7_000)])), 201);
    assert_eq!(batch(json!([config("b", 7_000), config("c", 7_200)])), 206);
    assert_eq!(batch(json!([config("d", 7_000)])), 400);
}

#[test]
fn only_nodes_registered_before_poc_generate() {
    let mut scene = Scene::new(NetworkRelease::V0_2_14, healthy);
    let start = scene.poc_start();
    scene.world.advance(start - seconds(60.0));
    scene.register("early", 7_000);
    scene.pass(70.0);
    scene.register("late", 7_100);
    scene.pass(40.0);
    assert!(
        !scene
            .sent("7001/api/v1/inference/pow/init/generate")
            .is_empty()
    );
    assert!(
        scene
            .sent("7101/api/v1/inference/pow/init/generate")
            .is_empty()
    );
}

#[test]
fn failed_node_is_asked_to_generate_until_the_end() {
    let mut scene = Scene::registered(NetworkRelease::V0_2_14, refusing);
    scene.pass(3_600.0 + 20.0);
    let first = scene.sent("init/generate").len();
    assert!(first >= 2, "{first}");
    let row = scene.row("ours");
    assert_eq!(row["current_status"], "FAILED");
    assert_eq!(row["poc_intended_status"], "GENERATING");
    // Its model is not loaded again in a PoC.
    let reloads = scene.sent("/api/v1/stop").len();
    let before = scene.sent.len();
    // To block 61.
    scene.pass(325.0);
    assert_eq!(
        scene.sent("/api/v1/stop").len(),
        reloads,
        "{:?}",
        &scene.sent[before..]
    );
    let last = scene.sent("init/generate").len();
    scene.pass(120.0);
    assert_eq!(scene.sent("init/generate").len(), last);
    // A failed node gets nothing to validate.
    assert_eq!(scene.sent("pow/generate").len(), 0);
}

#[test]
fn poc_bodies_are_whole() {
    let mut scene = Scene::registered(NetworkRelease::V0_2_14, healthy);
    scene.pass(3_600.0 + 400.0);
    let number = 3;
    let sent = scene.sent("init/generate");
    let body = sent.first().expect("asked to generate");
    assert_eq!(body["node_id"], number);
    assert_eq!(body["node_count"], number + 1);
    assert_eq!(body["params"], json!({"model": MODEL, "seq_len": 1024}));
    assert_eq!(
        body["url"],
        "http://api:9100/v2/poc-batches/MiniMaxAI%252FMiniMax-M2.7"
    );
    assert_eq!(
        body["block_height"],
        World::poc_start(World::FIRST_EPOCH + 1)
    );
    let validation = scene.sent("pow/generate");
    assert_eq!(validation.len(), 1);
    assert_eq!(validation[0]["nonces"], json!([7, 19]));
    assert_eq!(scene.sent("pow/stop").len(), 1);
}

#[test]
fn only_callback_batches_give_weight() {
    let mut scene = Scene::registered(NetworkRelease::V0_2_14, healthy);
    scene.register("silent", 7_100);
    let epoch = scene.world.epoch() + 1;
    let height = World::poc_start(epoch);
    let batch = |number: u64, height: u64| json!({"node_id": number, "block_height": height, "artifacts": [{"nonce": 1, "vector_b64": "AAAA"}]});
    assert_eq!(scene.callback("generated", batch(3, height)).status, 503);
    scene.pass(3_620.0);
    assert_eq!(scene.callback("generated", batch(3, height)).status, 200);
    for (body, why) in [
        (batch(9, height), "unknown node_num"),
        (
            batch(3, height - 1),
            "block_height is not the active PoC stage",
        ),
        (json!({"node_id": "ours"}), "unknown node_num"),
        (
            json!({"node_id": 3, "artifacts": [{"nonce": 1, "vector_b64": ""}]}),
            "empty artifact vector",
        ),
        (
            json!({"node_id": 3, "artifacts": [{"nonce": 1, "vector_b64": "?"}]}),
            "invalid base64",
        ),
    ] {
        let refused = scene.callback("generated", body);
        assert_eq!(refused.status, 400);
        assert!(refused.body.contains(why), "{}", refused.body);
    }
    // To the last block of the exchange and not later.
    let last = scene.world.block_time(height + 64);
    scene.pass(as_seconds(last - scene.world.now()) + 1.0);
    assert_eq!(scene.callback("generated", batch(3, height)).status, 200);
    scene.pass(8.0);
    assert_eq!(scene.callback("generated", batch(3, height)).status, 503);
    scene.world.advance(scene.world.block_time(height + 306));
    let truth = scene.world.truth();
    let weights = &truth.first_host().weights[&epoch];
    assert!(weights["ours"] > 0 && !weights.contains_key("silent"));
}

#[test]
fn removed_node_can_come_back_after_a_restart() {
    for (removed_after, is_back) in [(4.0, true), (60.0, false)] {
        // Given a node that is removed while the half-hourly job runs, or after it,
        let mut scene = Scene::new(NetworkRelease::V0_2_16, healthy);
        scene.pass(1_700.0);
        scene.register("ours", 7_000);
        scene.pass(102.0 + removed_after);
        let gone = answered(scene.admin("DELETE", "/admin/v1/nodes/ours", Value::Null));
        assert_eq!(gone.body, "true");
        scene.pass(120.0);
        let is_listed = |scene: &Scene| {
            scene
                .world
                .truth()
                .first_host()
                .nodes
                .contains(&"ours".to_owned())
        };
        assert!(!is_listed(&scene));
        // when dapi restarts, then the saved list decides.
        scene.world.restart_network_node(HostId::FIRST);
        assert_eq!(is_listed(&scene), is_back, "{removed_after}");
        assert!(
            scene
                .world
                .truth()
                .first_host()
                .nodes
                .contains(&PROXY_NODE.to_owned())
        );
    }
}

#[test]
fn answer_to_a_removed_node_reaches_no_other() {
    // Given a node whose start is never answered, and that is removed,
    let mut scene = Scene::registered(NetworkRelease::V0_2_16, loading);
    scene.pass(40.0);
    answered(scene.admin("DELETE", "/admin/v1/nodes/ours", Value::Null));
    // when another one is registered under its id, then no answer to the first one concerns it.
    scene.nodes = healthy;
    scene.register("ours", 7_000);
    for number in 1..100 {
        scene.world.call_ended(number, &Err("cut".into()));
    }
    assert_eq!(scene.row("ours")["failure_reason"], "");
}

const BOTH: [MlNodeRelease; 2] = [MlNodeRelease::V3_0_14, MlNodeRelease::V3_0_16];

/// Another node's batches in the latest epoch.
fn batches(world: &World, node: &str) -> u64 {
    let epochs = world.truth().first_host().batches.clone();
    let nodes = epochs.get(&world.epoch());
    nodes
        .and_then(|nodes| nodes.get(node))
        .copied()
        .unwrap_or(0)
}

#[test]
fn other_nodes_work_through_their_poc() {
    let mut scene = Scene::beside(NetworkRelease::V0_2_15, healthy, &BOTH);
    let validated = scene.poc_start() + seconds(1_100.0);
    scene.pass(as_seconds(validated - scene.world.now()));
    for (node, release) in [("rack-1", "3.0.14"), ("rack-2", "3.0.16")] {
        assert!(batches(&scene.world, node) > 60, "{node}");
        assert!(scene.world.weight(scene.world.epoch(), node) > Some(0));
        assert_eq!(scene.row(node)["ml_node_version"], release);
    }
    assert_eq!(scene.world.harm(), []);
}

#[test]
fn blocked_loop_holds_up_other_nodes() {
    for (release, is_held_up) in [
        (NetworkRelease::V0_2_14, true),
        (NetworkRelease::V0_2_15, true),
        (NetworkRelease::V0_2_16, false),
    ] {
        // Given a node of ours whose load dapi awaits, removed shortly before the PoC,
        let mut scene = Scene::beside(release, loading, &BOTH);
        let start = scene.poc_start();
        scene.world.advance(start - seconds(300.0));
        assert_eq!(scene.register("ours", 7_000).status, 200);
        scene.pass(120.0);
        let reply = scene.admin("DELETE", "/admin/v1/nodes/ours", Value::Null);
        assert_eq!(reply == AdminReply::Waiting, is_held_up, "{release}");
        scene.pass(as_seconds(start + seconds(1_100.0) - scene.world.now()));
        // then the others begin late, or not at all.
        let harm = scene.world.harm();
        let held_up = |node: &str| {
            harm.iter()
                .any(|harm| matches!(harm, Harm::HeldUp { node: it, .. } if it == node))
        };
        for node in ["rack-1", "rack-2"] {
            assert_eq!(held_up(node), is_held_up, "{release}: {harm:?}");
            let is_whole = batches(&scene.world, node) > 60;
            assert_eq!(is_whole, !is_held_up, "{release} {node}");
        }
    }
}

#[test]
fn harm_to_other_nodes_is_known() {
    let mut scene = Scene::beside(NetworkRelease::V0_2_16, healthy, &BOTH);
    scene.pass(60.0);
    let mut changed = scene.world.hosts[HostId::FIRST].nodes["rack-1"]
        .config
        .clone();
    changed["models"][MODEL]["args"] = json!(["--max-num-seqs", "8"]);
    scene.admin("PUT", "/admin/v1/nodes/rack-1", changed);
    scene.admin("DELETE", "/admin/v1/nodes/rack-2", Value::Null);
    let expected = [
        Harm::Reloaded {
            node: "rack-1".into(),
        },
        Harm::Removed {
            node: "rack-2".into(),
        },
    ];
    assert_eq!(scene.world.harm(), expected);
    assert!(
        scene.world.hosts[HostId::FIRST].nodes["rack-1"]
            .loading_since
            .is_some()
    );
}
