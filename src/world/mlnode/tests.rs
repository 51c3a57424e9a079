//! The simulated `MLNode` in virtual time: its states, downloads, limits, ends and `PoC` bodies, each
//! as the guide has it (section 3).

use chrono::TimeZone;
use serde_json::{Value, json};

use super::api::MlNodeReply;
use crate::world::account::API_KEY;
use crate::world::clock::seconds;
use crate::world::exchange::{ApiRequest, ApiResponse, Outgoing};
use crate::world::faults::WorkloadFault;
use crate::world::models::MODEL;
use crate::world::scenario::{EnvironmentRule, MlNodeRelease, Scenario};
use crate::world::state::World;

const API: u16 = 8080;
const INFERENCE: u16 = 5000;

/// A world with one rental of ours whose API answers.
struct Rental {
    world: World,
    id: u64,
}

fn real() -> Scenario {
    Scenario {
        rate_limits: false,
        credit: 1e9,
        // These orders have no environment; the tests of its consequences say so.
        environment: EnvironmentRule::Ignored,
        ..Scenario::default()
    }
}

/// With a start script that has the loop.
fn supervised() -> Value {
    json!({"env": {}, "onstart": "while :; do run; done >mlnode.status"})
}

impl Rental {
    fn new(scenario: Scenario) -> Rental {
        Rental::with(scenario, &supervised())
    }

    fn with(scenario: Scenario, order: &Value) -> Rental {
        let start = chrono::Utc.with_ymd_and_hms(2026, 11, 24, 6, 0, 0).unwrap();
        let mut world = World::new(7, scenario, start);
        let vast = |method: &str, path: &str, body: Value| ApiRequest {
            method: method.into(),
            path: path.into(),
            body,
            bearer: Some(API_KEY.into()),
            ..ApiRequest::default()
        };
        let search = vast("POST", "/api/v0/bundles/", json!({"num_gpus": {"eq": 4}}));
        let offers: Value = serde_json::from_str(&world.vast(&search).body).unwrap();
        let path = format!("/api/v0/asks/{}/", offers["offers"][0]["id"]);
        let mut body = json!({"image": "mlnode", "disk": 400, "label": "pocpit/x/1/1-a"});
        for (name, value) in order.as_object().unwrap() {
            body[name.as_str()] = value.clone();
        }
        let rented = world.vast(&vast("PUT", &path, body));
        let rented: Value = serde_json::from_str(&rented.body).unwrap();
        let id = rented["new_contract"].as_u64().unwrap();
        let mut rental = Rental { world, id };
        rental.wait_for(900.0, "its API", |rental| {
            rental.get("/api/v1/state").is_some()
        });
        rental
    }

    fn pass(&mut self, time: f64) {
        let to = self.world.now() + seconds(time);
        self.world.advance(to);
    }

    /// Seconds until it is so.
    fn wait_for(&mut self, most: f64, what: &str, is_so: impl Fn(&mut Rental) -> bool) -> f64 {
        let mut waited = 0.0;
        while !is_so(self) {
            assert!(waited < most, "{what} does not come");
            self.pass(1.0);
            waited += 1.0;
        }
        waited
    }

    fn call(&mut self, port: u16, method: &str, path: &str, body: Value) -> Option<ApiResponse> {
        self.reply(port, method, path, body).answer()
    }

    fn reply(&mut self, port: u16, method: &str, path: &str, body: Value) -> MlNodeReply {
        if !self.world.listens(self.id, port) {
            return MlNodeReply::Nobody;
        }
        let request = ApiRequest {
            method: method.into(),
            path: path.into(),
            body,
            content_type: Some("application/json".into()),
            ..ApiRequest::default()
        };
        self.world.mlnode(self.id, port, &request)
    }

    /// A start whose call waits for the model.
    fn start_and_wait(&mut self) -> MlNodeReply {
        self.reply(API, "POST", "/api/v1/inference/up", start_order())
    }

    fn get(&mut self, path: &str) -> Option<Value> {
        let response = self.call(API, "GET", path, Value::Null)?;
        serde_json::from_str(&response.body).ok()
    }

    fn post(&mut self, path: &str, body: Value) -> (u16, Value) {
        let response = self.call(API, "POST", path, body).expect("an answer");
        let body = serde_json::from_str(&response.body).unwrap_or(Value::Null);
        (response.status, body)
    }

    fn start(&mut self) -> u16 {
        self.post("/api/v1/inference/up/async", start_order()).0
    }

    fn download(&mut self) {
        let order = json!({"hf_repo": MODEL, "hf_commit": null});
        assert_eq!(self.post("/api/v1/models/download", order).0, 202);
        self.wait_for(3_000.0, "the download's end", |rental| {
            rental.weights() == "DOWNLOADED"
        });
    }

    fn weights(&mut self) -> String {
        let order = json!({"hf_repo": MODEL, "hf_commit": null});
        let (_, status) = self.post("/api/v1/models/status", order);
        status["status"].as_str().unwrap().to_owned()
    }

    fn serve(&mut self) {
        self.download();
        assert_eq!(self.start(), 200);
        self.wait_for(600.0, "the model", Rental::is_healthy);
    }

    fn is_healthy(&mut self) -> bool {
        let state = self.get("/api/v1/state");
        state.is_some_and(|state| state["inference_healthy"] == json!(true))
    }

    fn startup(&mut self) -> Option<Value> {
        self.get("/api/v1/inference/up/status")
    }

    fn file(&self, path: &str) -> String {
        let bytes = self.world.read_file(self.id, path, 0, 1 << 22);
        String::from_utf8(bytes.unwrap_or_default()).unwrap()
    }

    fn log(&self) -> String {
        self.file("/var/log/pocpit/mlnode.log")
    }

    fn record(&self) -> String {
        self.file("/var/lib/pocpit/mlnode.status")
    }

    /// `state`, `poc_status`, `inference_healthy`, `loaded_model` and the start-up's word.
    fn row(&mut self) -> Value {
        let state = self.get("/api/v1/state").expect("a state");
        let startup = self.startup().expect("a start-up");
        json!([
            state["state"],
            state["poc_status"],
            state["inference_healthy"],
            state["loaded_model"],
            startup["status"]
        ])
    }
}

fn start_order() -> Value {
    let args = ["--tensor-parallel-size", "4"];
    json!({"model": MODEL, "dtype": "auto", "additional_args": args})
}

fn poc_order() -> Value {
    json!({"block_hash": "3F2A", "block_height": 5_521_333, "public_key": "02ab", "node_id": 1, "node_count": 3,
        "params": {"model": MODEL, "seq_len": 1024}, "url": "http://api:9100/v2/poc-batches/MiniMaxAI%252FMiniMax-M2.7"})
}

const INIT: &str = "/api/v1/inference/pow/init/generate";

#[test]
fn states_of_a_start_are_the_real_ones() {
    for release in [MlNodeRelease::V3_0_14, MlNodeRelease::V3_0_16] {
        let mut rental = Rental::new(Scenario {
            mlnode_release: release,
            ..real()
        });
        let nothing = json!(["STOPPED", null, null, null, "not_started"]);
        assert_eq!(rental.row(), nothing, "nothing started");
        let order = json!({"hf_repo": MODEL, "hf_commit": null});
        rental.post("/api/v1/models/download", order);
        rental.pass(60.0);
        assert_eq!(rental.row(), nothing, "downloading");
        rental.wait_for(3_000.0, "the weights", |rental| {
            rental.weights() == "DOWNLOADED"
        });
        assert_eq!(rental.start(), 200);
        // From the first second of the load.
        let loading = json!(["INFERENCE", "NO_BACKENDS", false, null, "in_progress"]);
        assert_eq!(rental.row(), loading, "loading");
        assert!(
            rental
                .call(INFERENCE, "GET", "/health", Value::Null)
                .is_none()
        );
        assert_eq!(rental.start(), 409, "a second start");
        rental.wait_for(600.0, "the model", Rental::is_healthy);
        let serving = json!(["INFERENCE", "IDLE", true, MODEL, "completed"]);
        assert_eq!(rental.row(), serving, "serving");
        let health = rental.call(INFERENCE, "GET", "/health", Value::Null);
        assert_eq!(health.unwrap().status, 200);
        assert_eq!(rental.start(), 409, "a start of what serves");
        assert_eq!(rental.post(INIT, poc_order()).0, 200);
        assert_eq!(
            rental.row(),
            serving,
            "its status comes up to two seconds later"
        );
        rental.pass(2.0);
        let generating = json!(["INFERENCE", "GENERATING", true, MODEL, "completed"]);
        assert_eq!(rental.row(), generating, "generating");
        rental.post("/api/v1/stop", Value::Null);
        let stopped = json!(["STOPPED", null, null, null, "not_started"]);
        assert_eq!(rental.row(), stopped, "stopped");
        assert_eq!(rental.startup().unwrap()["is_running"], json!(false));
    }
}

#[test]
fn download_is_known_by_repository_and_commit() {
    let mut rental = Rental::new(real());
    let pinned = json!({"hf_repo": MODEL, "hf_commit": "0".repeat(40)});
    let newest = json!({"hf_repo": MODEL, "hf_commit": null});
    let of = |rental: &mut Rental, order: &Value| {
        rental.post("/api/v1/models/status", order.clone()).1["status"].clone()
    };
    assert_eq!(of(&mut rental, &pinned), "NOT_FOUND");
    let (status, body) = rental.post("/api/v1/models/download", pinned.clone());
    assert_eq!((status, &body["status"]), (202, &json!("DOWNLOADING")));
    assert_eq!(
        body["task_id"],
        json!(format!("{MODEL}:{}", "0".repeat(40)))
    );
    assert_eq!(
        rental.post("/api/v1/models/download", pinned.clone()).0,
        409
    );
    rental.pass(100.0);
    assert_eq!(of(&mut rental, &pinned), "DOWNLOADING");
    assert_eq!(of(&mut rental, &newest), "NOT_FOUND");
    let (_, body) = rental.post("/api/v1/models/status", pinned.clone());
    assert!(body["progress"]["elapsed_seconds"].as_f64().unwrap() >= 100.0);
    let space = rental.get("/api/v1/models/space").unwrap();
    assert!(space["cache_size_gb"].as_f64().unwrap() > 5.0, "{space}");
    for name in ["org/a", "org/b"] {
        let order = json!({"hf_repo": name, "hf_commit": null});
        assert_eq!(rental.post("/api/v1/models/download", order).0, 202);
    }
    let order = json!({"hf_repo": "org/c", "hf_commit": null});
    assert_eq!(rental.post("/api/v1/models/download", order).0, 429);
    assert!(!rental.log().contains("Fetching"));
}

#[test]
fn refused_download_ends_partial_with_its_cause() {
    let mut rental = Rental::new(Scenario {
        workload_fault: Some(WorkloadFault::DownloadRefused),
        ..real()
    });
    let order = json!({"hf_repo": MODEL, "hf_commit": null});
    rental.post("/api/v1/models/download", order.clone());
    rental.pass(10.0);
    let (_, body) = rental.post("/api/v1/models/status", order);
    assert_eq!(body["status"], "PARTIAL");
    let why = format!("Repository not found: {MODEL}");
    assert_eq!(body["error_message"], json!(why));
}

#[test]
fn stalled_download_ends_after_its_retries() {
    let mut rental = Rental::new(Scenario {
        first_boots_stall: 1,
        ..real()
    });
    let order = json!({"hf_repo": MODEL, "hf_commit": null});
    rental.post("/api/v1/models/download", order.clone());
    rental.pass(2_300.0);
    assert_eq!(rental.weights(), "DOWNLOADING");
    rental.pass(200.0);
    let (_, body) = rental.post("/api/v1/models/status", order);
    let told = (&body["status"], &body["error_message"]);
    let stalled = (
        &json!("PARTIAL"),
        &json!("Download stalled after 3 retries"),
    );
    assert_eq!(told, stalled);
}

#[test]
fn load_without_weights_is_killed_at_the_limit() {
    // 230 GB do not fit into 1,200 s on a slow host.
    let mut rental = Rental::new(Scenario {
        mlnode_release: MlNodeRelease::V3_0_14,
        ..real()
    });
    rental.start();
    let waited = rental.wait_for(1_300.0, "the end", |rental| {
        rental.startup().is_some_and(|s| s["status"] == "failed")
    });
    assert!((1_198.0..1_204.0).contains(&waited), "{waited}");
    let row = json!(["INFERENCE", "NO_BACKENDS", false, null, "failed"]);
    assert_eq!(rental.row(), row);
    let log = rental.log();
    assert!(!log.contains("Fetching"), "silent");
    assert!(log.contains("vLLM server did not become available within timeout."));
    let error = &rental.startup().unwrap()["error"];
    assert_eq!(
        error,
        "vLLM failed to start within the expected timeout: None"
    );
}

#[test]
fn newer_release_waits_as_long_as_told() {
    let order = |timeout: &str| json!({"onstart": "loop mlnode.status", "env": {"HF_HOME": "/root/.cache", "VLLM_RUNNER_TIMEOUT": timeout, "POCPIT_COMMAND": "exec /app/entrypoint.sh uvicorn"}});
    let scenario = Scenario {
        environment: EnvironmentRule::Applied,
        ..real()
    };
    let mut patient = Rental::with(scenario.clone(), &order("3600"));
    patient.start();
    patient.wait_for(3_000.0, "the model", Rental::is_healthy);
    let mut hasty = Rental::with(scenario, &order("300"));
    hasty.start();
    hasty.pass(303.0);
    assert_eq!(hasty.startup().unwrap()["status"], "failed");
    let line = "vLLM server did not become available within 300 seconds";
    assert!(hasty.log().contains(line));
}

#[test]
fn failed_start_ends_the_process_and_the_loop_restarts_it() {
    let mut rental = Rental::new(Scenario {
        workload_fault: Some(WorkloadFault::FirstStartFails),
        ..real()
    });
    assert!(rental.record().starts_with("state=running restarts=0 at="));
    rental.download();
    rental.start();
    rental.wait_for(400.0, "the failure", |rental| {
        rental.startup().is_some_and(|s| s["status"] == "failed")
    });
    assert_eq!(rental.row()[0], "STOPPED");
    // Silent after 6 s, gone after 41 s.
    let silent = rental.wait_for(20.0, "silence", |rental| {
        rental.get("/api/v1/state").is_none()
    });
    assert!((5.0..8.0).contains(&silent), "{silent}");
    assert!(rental.world.listens(rental.id, API));
    let gone = rental.wait_for(60.0, "the end", |rental| {
        !rental.world.listens(rental.id, API)
    });
    assert!((33.0..37.0).contains(&gone), "{gone}");
    let record = rental.record();
    assert!(
        record.starts_with("state=ended restarts=0 status=1 at="),
        "{record}"
    );
    let line = "pocpit: the workload ended with status 1; restart 1 in 5 s";
    assert!(rental.log().contains(line));
    rental.wait_for(60.0, "the API", |rental| {
        rental.get("/api/v1/state").is_some()
    });
    let record = rental.record();
    assert!(
        record.starts_with("state=running restarts=1 status=1 at="),
        "{record}"
    );
    // The weights are still there, and the second start works.
    assert_eq!(rental.weights(), "DOWNLOADED");
    rental.start();
    rental.wait_for(600.0, "the model", Rental::is_healthy);
    assert!(
        rental
            .log()
            .contains("vLLM process exited prematurely: None")
    );
}

#[test]
fn workload_without_loop_stays_gone() {
    let scenario = Scenario {
        workload_fault: Some(WorkloadFault::VllmCrashes { after: 60.0 }),
        ..real()
    };
    let order = json!({"onstart": "exec sh -c \"$POCPIT_COMMAND\"", "env": {}});
    let mut rental = Rental::with(scenario, &order);
    rental.serve();
    rental.pass(62.0);
    let row = rental.row();
    assert_eq!((&row[0], &row[4]), (&json!("STOPPED"), &json!("completed")));
    rental.pass(3_600.0);
    assert!(rental.get("/api/v1/state").is_none());
    assert_eq!(rental.record(), "");
}

#[test]
fn orphan_delays_the_restart_until_it_is_gone() {
    for (fault, least) in [
        (WorkloadFault::Exits { after: 30.0 }, 28.0),
        (WorkloadFault::LeavesStubbornOrphan { after: 30.0 }, 85.0),
    ] {
        let mut rental = Rental::new(Scenario {
            workload_fault: Some(fault),
            ..real()
        });
        rental.serve();
        rental.pass(32.0);
        assert!(!rental.world.listens(rental.id, API));
        assert!(rental.record().contains("status=137"));
        let down = rental.wait_for(200.0, "the API", |rental| {
            rental.get("/api/v1/state").is_some()
        });
        assert!((least..least + 25.0).contains(&down), "{fault:?}: {down}");
    }
}

#[test]
fn frozen_vllm_ends_the_process() {
    let mut rental = Rental::new(Scenario {
        workload_fault: Some(WorkloadFault::VllmFreezes { after: 60.0 }),
        ..real()
    });
    rental.serve();
    rental.pass(62.0);
    let log = rental.log();
    assert!(log.contains("scheduler heartbeat frozen >120s"));
    assert!(!rental.world.listens(rental.id, INFERENCE));
    rental.pass(50.0);
    let log = rental.log();
    assert!(log.contains("unhealthy 3 times in a row. Shutting down the application."));
    assert!(rental.record().contains("status=1 "));
}

#[test]
fn unresponsive_vllm_recovers_on_newer_images() {
    for (release, status) in [
        (MlNodeRelease::V3_0_14, "status=1 "),
        (MlNodeRelease::V3_0_16, "state=running"),
    ] {
        let mut rental = Rental::new(Scenario {
            mlnode_release: release,
            workload_fault: Some(WorkloadFault::Unresponsive { after: 60.0 }),
            ..real()
        });
        rental.serve();
        rental.pass(62.0);
        assert!(!rental.is_healthy(), "{release}");
        let health = rental.call(INFERENCE, "GET", "/health", Value::Null);
        assert!(health.is_none_or(|health| health.status == 503));
        rental.pass(100.0);
        assert!(rental.record().contains(status), "{}", rental.record());
        assert_eq!(rental.is_healthy(), release == MlNodeRelease::V3_0_16);
    }
}

#[test]
fn alarming_prompt_harms_nothing() {
    let mut rental = Rental::new(Scenario {
        workload_fault: Some(WorkloadFault::AlarmingPrompt { after: 60.0 }),
        ..real()
    });
    rental.serve();
    rental.pass(3_600.0);
    assert!(rental.log().contains("CUDA out of memory"));
    assert!(rental.is_healthy());
}

#[test]
fn missing_environment_has_its_consequences() {
    let scenario = Scenario {
        environment: EnvironmentRule::Applied,
        ..real()
    };
    let command = "exec /app/entrypoint.sh uvicorn";
    let order = json!({"onstart": "loop mlnode.status", "env": {"VLLM_RUNNER_TIMEOUT": "3600", "INFERENCE_PORT": "7000", "POCPIT_COMMAND": command}});
    let mut rental = Rental::with(scenario, &order);
    rental.download();
    rental.start();
    // Without HF_HOME vLLM downloads once more, into its own folder.
    rental.pass(400.0);
    assert!(!rental.is_healthy());
    rental.wait_for(3_000.0, "the model", Rental::is_healthy);
    // INFERENCE_PORT shifts the instances, and without its module vLLM knows no PoC.
    assert!(rental.log().contains("backend ports: [7001]"));
    let (status, body) = rental.post(INIT, poc_order());
    assert_eq!(
        (status, &body["detail"]["errors"][0]["port"]),
        (502, &json!(7001))
    );
}

#[test]
fn newer_release_wants_a_content_type() {
    for (release, status) in [(MlNodeRelease::V3_0_14, 200), (MlNodeRelease::V3_0_16, 422)] {
        let mut rental = Rental::new(Scenario {
            mlnode_release: release,
            ..real()
        });
        let request = ApiRequest {
            method: "POST".into(),
            path: "/api/v1/inference/up/async".into(),
            body: json!({"model": MODEL, "dtype": "auto", "additional_args": []}),
            ..ApiRequest::default()
        };
        let answer = rental.world.mlnode(rental.id, API, &request);
        let answer = answer.answer().unwrap();
        assert_eq!(answer.status, status, "{release}");
    }
}

#[test]
fn synchronous_start_answers_after_the_load() {
    let mut rental = Rental::new(real());
    rental.download();
    let MlNodeReply::AfterStart(start) = rental.start_and_wait() else {
        panic!("answered at once");
    };
    let again = rental.start_and_wait().answer().unwrap();
    assert_eq!(again.status, 409);
    rental.pass(60.0);
    let waits = MlNodeReply::AfterStart(start);
    assert_eq!(rental.world.start_reply(rental.id, start), waits);
    rental.wait_for(600.0, "the model", Rental::is_healthy);
    let answer = rental.world.start_reply(rental.id, start).answer().unwrap();
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, r#"{"status":"OK"}"#)
    );
    // A stop cuts the connection, and forgets the start.
    rental.post("/api/v1/stop", json!({}));
    let cut = rental.world.start_reply(rental.id, start);
    assert_eq!(cut, MlNodeReply::Nobody);
    rental.pass(10.0);
    assert_eq!(rental.startup().unwrap()["status"], "not_started");
}

#[test]
fn failed_synchronous_start_says_why() {
    let mut rental = Rental::new(Scenario {
        boot_failure: "torch.OutOfMemoryError: CUDA out of memory.".into(),
        ..real()
    });
    rental.download();
    let MlNodeReply::AfterStart(start) = rental.start_and_wait() else {
        panic!("answered at once");
    };
    rental.wait_for(600.0, "the end", |rental| {
        rental
            .world
            .start_reply(rental.id, start)
            .answer()
            .is_some()
    });
    let answer = rental.world.start_reply(rental.id, start).answer().unwrap();
    assert_eq!(answer.status, 500);
    assert!(
        answer.body.contains("vLLM process exited prematurely"),
        "{}",
        answer.body
    );
    // Its log has the levels and loggers of the real one.
    rental.pass(6.0);
    let log = rental.log();
    for line in [
        "api.inference.manager - ERROR - Async startup failed: vLLM process exited",
        "common.manager - ERROR - Manager InferenceManager has failed with exception: vLLM process",
        "api.watcher - ERROR - Manager InferenceManager is unhealthy (count: 1/3)",
        "api.watcher - CRITICAL - Manager InferenceManager has been unhealthy 3 times in a row.",
    ] {
        assert!(log.contains(line), "{line}");
    }
}

#[test]
fn stopped_node_is_ready() {
    let mut rental = Rental::new(real());
    let ready = |rental: &mut Rental| {
        rental
            .call(API, "GET", "/readyz", Value::Null)
            .unwrap()
            .status
    };
    assert_eq!(ready(&mut rental), 200);
    rental.download();
    rental.start();
    rental.pass(30.0);
    assert_eq!(ready(&mut rental), 503, "while it loads");
}

#[test]
fn poc_calls_check_their_bodies() {
    let mut rental = Rental::new(real());
    assert_eq!(rental.post(INIT, poc_order()).0, 503);
    rental.serve();
    for (field, value) in [
        ("node_id", json!("pocpit-1")),
        (
            "params",
            json!({"model": MODEL, "seq_len": 1024, "extra": 1}),
        ),
        ("public_key", Value::Null),
    ] {
        let mut order = poc_order();
        order[field] = value;
        assert_eq!(rental.post(INIT, order).0, 422, "{field}");
    }
    let mut other = poc_order();
    other["params"]["model"] = json!("org/other");
    assert_eq!(rental.post(INIT, other).0, 502);
    let (status, body) = rental.post(INIT, poc_order());
    assert_eq!(status, 200);
    assert_eq!(
        body,
        json!({"status": "OK", "backends": 1, "n_groups": 1, "results": [{"port": 5001, "status": "OK"}], "errors": null})
    );
    assert_eq!(rental.post(INIT, poc_order()).0, 502, "already generating");
    let status = rental.get("/api/v1/inference/pow/status").unwrap();
    assert_eq!(status["status"], "GENERATING");
    assert_eq!(status["backends"][0]["config"]["node_id"], 1);
    let question = json!({"model": MODEL, "messages": []});
    let chat = |rental: &mut Rental| {
        let question = question.clone();
        let answer = rental.call(INFERENCE, "POST", "/v1/chat/completions", question);
        answer.unwrap().status
    };
    assert_eq!(chat(&mut rental), 503, "while it generates");
    let (_, body) = rental.post("/api/v1/inference/pow/stop", json!({}));
    assert_eq!(
        body["results"],
        json!([{"port": 5001, "status": "stopped"}])
    );
    assert_eq!(chat(&mut rental), 200);
}

#[test]
fn generation_sends_batches_until_stopped() {
    let mut rental = Rental::new(real());
    rental.serve();
    rental.world.poll_outgoing();
    rental.post(INIT, poc_order());
    let mut nonces = Vec::new();
    let mut deliver = |rental: &mut Rental| {
        let id = rental.id;
        for call in rental.world.poll_outgoing() {
            if let Outgoing::Batch {
                number, path, body, ..
            } = call
            {
                assert_eq!(path, "/v2/poc-batches/MiniMaxAI%252FMiniMax-M2.7/generated");
                let artifacts = body["artifacts"].as_array().unwrap();
                nonces.extend(artifacts.iter().map(|a| a["nonce"].as_u64().unwrap()));
                rental.world.batch_sent(id, number, &Ok(200));
            }
        }
    };
    for _ in 0..60 {
        rental.pass(1.0);
        deliver(&mut rental);
    }
    assert_eq!(nonces.len(), 12 * 32);
    assert!(nonces.iter().all(|nonce| nonce % 3 == 1), "of node 1 of 3");
    assert!(rental.log().contains("Generated: 32 nonces"));
    rental.post("/api/v1/inference/pow/stop", json!({}));
    rental.world.poll_outgoing();
    rental.pass(60.0);
    let sent = rental.world.poll_outgoing();
    let sent = sent
        .iter()
        .filter(|call| matches!(call, Outgoing::Batch { .. }));
    assert_eq!(sent.count(), 0);
    assert!(rental.log().contains("PoC stopped: 384 nonces in 1.00min"));
}

#[test]
fn validation_is_queued_and_reported() {
    let mut rental = Rental::new(real());
    rental.serve();
    rental.world.poll_outgoing();
    let mut order = poc_order();
    order["nonces"] = json!([7, 19]);
    let artifact = |nonce: u64| json!({"nonce": nonce, "vector_b64": "AAAA"});
    order["validation"] = json!({"artifacts": [artifact(7), artifact(8)]});
    let path = "/api/v1/inference/pow/generate";
    assert_eq!(rental.post(path, order.clone()).0, 400);
    order["validation"] = json!({"artifacts": [artifact(7), artifact(19)]});
    let (status, body) = rental.post(path, order);
    assert_eq!((status, &body["status"]), (200, &json!("queued")));
    assert_eq!(body["queued_count"], 2);
    assert!(body["request_id"].as_str().unwrap().starts_with("5001:"));
    rental.pass(10.0);
    let sent = rental.world.poll_outgoing();
    let validated = sent.iter().find_map(|call| match call {
        Outgoing::Batch { path, body, .. } if path.ends_with("/validated") => Some(body),
        _ => None,
    });
    let body = validated.expect("a result");
    assert_eq!(
        (&body["n_total"], &body["fraud_detected"]),
        (&json!(2), &json!(false))
    );
}

#[test]
fn boot_log_follows_the_real_order() {
    let mut rental = Rental::new(real());
    rental.download();
    rental.start();
    rental.pass(60.0);
    rental.call(API, "GET", "/v1/models", Value::Null);
    rental.wait_for(600.0, "the model", Rental::is_healthy);
    rental.post(INIT, poc_order());
    rental.pass(20.0);
    rental.post("/api/v1/inference/pow/stop", json!({}));
    rental.pass(5.0);
    let log = rental.log();
    let mut rest = log.as_str();
    for line in [
        "ModelManager initialized with cache_dir: /root/.cache/hub, stall_timeout: 600.0s (10.0 min)",
        "Uvicorn running on http://0.0.0.0:8080 (Press CTRL+C to quit)",
        "Starting download for MiniMaxAI/MiniMax-M2.7 (commit: latest)",
        "Download subprocess started with PID",
        "Starting stall monitor for",
        "Download completed for MiniMaxAI/MiniMax-M2.7, verifying...",
        "Successfully downloaded and verified model",
        "gpus per instance: 4 (tp_size: 4, pp_size: 1)",
        "total available gpus: 4",
        "instances to start: 1",
        "Starting vLLM instance 0 on port 5001 with GPUs 0,1,2,3 (sleep: 0s)",
        "Setting up proxy with backend ports: [5001]",
        "Starting to load model MiniMaxAI/MiniMax-M2.7...",
        "\rLoading safetensors checkpoint shards:",
        "No vLLM backend available. Ports: [5001], Healthy: {5001: False}",
        "100% Completed |",
        "Loading weights took",
        "Model loading took 53.55 GiB memory and",
        "for vLLM's torch.compile",
        "Dynamo bytecode transform time: 8.00 s",
        "Compiling a graph for compile range (1, 8192) takes",
        "torch.compile took 21.40 s in total",
        "Available KV cache memory:",
        "GPU KV cache size:",
        "\rCapturing CUDA graphs (mixed prefill-decode, PIECEWISE): 100%|",
        "Graph capturing finished in 31 secs",
        "init engine (profile, create kv cache, warmup model) took",
        "Starting vLLM API server 0",
        "Application startup complete.",
        "127.0.0.1:5001 is UP",
        "Starting backward compatibility server on port 5000",
        "Uvicorn running on http://0.0.0.0:5000",
        "vLLM is up and running with 1 instance(s).",
        "VLLMRunner started",
        "Async startup completed successfully",
        "PoC /init/generate: block_hash=3F2A block_height=5521333 node=1/3 group=0/1 batch_size=32 url=True poc_stronger_rng=False",
        "PoC generation started (node 1/3, group 0/1)",
        "Generated: 32 nonces (384/min)",
        "PoC stopped:",
    ] {
        let at = rest.find(line);
        let at = at.unwrap_or_else(|| panic!("not there or not in order: {line}"));
        rest = &rest[at + line.len()..];
    }
    assert!(log.lines().any(|line| line.len() > 10_000), "a long line");
    assert!(!log.contains("Fetching"));
    let stamp = log
        .lines()
        .find(|line| line.contains(" - api.inference.vllm.runner - INFO - "));
    assert!(
        stamp.is_some_and(|line| line.starts_with("2026-11-24 06:")),
        "{stamp:?}"
    );
}

/// The image's own command logs every request of ours.
#[test]
fn requests_are_logged_unless_that_is_off() {
    let with = |command: &str| {
        let mut order = supervised();
        order["env"]["POCPIT_COMMAND"] = json!(command);
        Rental::with(real(), &order).log()
    };
    let line = "\"GET /api/v1/state HTTP/1.1\" 200 OK";
    let plain = "exec /app/entrypoint.sh uvicorn api.app:app --host=0.0.0.0 --port=8080";
    assert!(with(plain).contains(line));
    assert!(!with(&format!("{plain} --no-access-log")).contains(line));
}
