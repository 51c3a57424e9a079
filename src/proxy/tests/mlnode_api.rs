//! The requests of a Network Node to an inference-only node (field guide, section 4).

use axum::http::Method;

use super::*;

/// A method, a path, and the status and keys, separated by blanks, that the reply must have.
type Case = (Method, &'static str, u16, &'static str);

fn get(path: &'static str, status: u16, keys: &'static str) -> Case {
    (Method::GET, path, status, keys)
}

fn post(path: &'static str, status: u16, keys: &'static str) -> Case {
    (Method::POST, path, status, keys)
}

/// All requests without side effects. `ready` is the expected status of what depends on serving.
fn read_only_cases(ready: u16) -> Vec<Case> {
    vec![
        get(
            "/api/v1/state",
            200,
            "state version poc_status inference_healthy loaded_model poc_validation_inference",
        ),
        get("/health", 200, "status service_state gpu managers"),
        get("/livez", 200, "status managers"),
        get("/readyz", 200, "ready"),
        get(
            "/api/v1/inference/up/status",
            200,
            "status is_starting is_running elapsed_seconds error",
        ),
        post(
            "/api/v1/models/status",
            200,
            "model status progress error_message",
        ),
        post("/api/v1/models/download", 202, "task_id status model"),
        get("/api/v1/models/list", 200, "models"),
        get(
            "/api/v1/models/space",
            200,
            "cache_size_gb available_gb cache_path",
        ),
        get("/api/v1/gpu/devices", 200, "devices count"),
        get("/api/v1/gpu/driver", 503, "detail"),
        get("/api/v1/inference/pow/status", 200, "status backends"),
        get("/v1/models", ready, ""),
        post("/api/v1/inference/pow/init/generate", 501, "error"),
        post("/api/v1/inference/pow/generate", 501, "error"),
        post("/api/v1/inference/pow/stop", 501, "error"),
        get("/api/v1/pow/status", 501, "error"),
        post("/api/v1/pow/validate", 501, "error"),
        get("/api/v1/inference/up", 405, "error"),
        get("/api/v1/nothing", 404, "error"),
    ]
}

/// Asks as the Network Node does: without a `Content-Type`.
async fn check(served: &Served, prefix: &str, case: &Case) -> Value {
    let (method, path, status, keys) = case;
    let url = format!("{}{prefix}{path}", served.base);
    let mut call = caller().request(method.clone(), &url);
    if *method == Method::POST {
        let body = json!({"hf_repo": MODEL, "hf_commit": null, "model": MODEL, "dtype": "auto",
            "additional_args": []});
        call = call.body(body.to_string());
    }
    let reply = call.send().await.unwrap();
    assert_eq!(reply.status().as_u16(), *status, "{url}");
    let kind = reply.headers()["content-type"].to_str().unwrap().to_owned();
    assert_eq!(kind, "application/json", "{url}");
    let answer: Value = reply.json().await.unwrap();
    for key in keys.split_whitespace() {
        assert!(answer.get(key).is_some(), "{url} has no {key}: {answer}");
    }
    answer
}

/// Its state as it says everywhere.
async fn state(served: &Served, prefix: &str) -> Value {
    let state = check(served, prefix, &get("/api/v1/state", 200, "")).await;
    let health = check(served, prefix, &get("/health", 200, "")).await;
    assert_eq!(health["service_state"], state["state"]);
    let status = check(served, prefix, &get("/api/v1/inference/up/status", 200, "")).await;
    assert_eq!(status["is_running"], state["state"] == "INFERENCE");
    state
}

async fn assert_serving(served: &Served, prefix: &str) {
    let state = state(served, prefix).await;
    assert_eq!(state["state"], "INFERENCE");
    assert_eq!(state["inference_healthy"], true);
    assert_eq!(state["loaded_model"], MODEL);
    let models = check(served, prefix, &get("/v1/models", 200, "")).await;
    assert_eq!(models["data"][0]["id"], MODEL);
}

async fn assert_stopped(served: &Served, prefix: &str) {
    let state = state(served, prefix).await;
    assert_eq!(state["state"], "STOPPED");
    for unknown in ["poc_status", "inference_healthy", "loaded_model"] {
        assert!(state[unknown].is_null(), "{unknown}");
    }
}

#[tokio::test]
async fn proxy_answers_like_an_inference_only_node() {
    let served = proxy(&echoing().await, 1, LONG).await;
    for prefix in ["", "/v3.0.8", "/v3.0.11-post1"] {
        // Given a node that serves, then it answers every request of a Network Node;
        for case in read_only_cases(200) {
            check(&served, prefix, &case).await;
        }
        assert_serving(&served, prefix).await;
        for up in ["/api/v1/inference/up", "/api/v1/inference/up/async"] {
            check(&served, prefix, &post(up, 409, "detail")).await;
        }
        assert_eq!(
            served.status(&format!("{prefix}/v1/completions")).await,
            200
        );
        // stopped either way, it says so and refuses inference,
        for stop in ["/api/v1/stop", "/api/v1/inference/down"] {
            check(&served, prefix, &post(stop, 200, "status")).await;
            for case in read_only_cases(503) {
                check(&served, prefix, &case).await;
            }
            assert_stopped(&served, prefix).await;
            assert_eq!(served.status("/v1/completions").await, 503);
            // and started either way, it serves again.
            let up = match stop {
                "/api/v1/stop" => "/api/v1/inference/up",
                _ => "/api/v1/inference/up/async",
            };
            check(&served, prefix, &post(up, 200, "status")).await;
            assert_serving(&served, prefix).await;
        }
    }
}

#[tokio::test]
async fn models_are_named_as_they_were_asked_for() {
    let served = proxy(&echoing().await, 1, LONG).await;
    let ask = |path: &'static str, body: Value| served.post(path).body(body.to_string()).send();
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let model = json!({"hf_repo": "org/Other", "hf_commit": commit});
    let reply = ask("/api/v1/models/status", model.clone()).await.unwrap();
    let status: Value = reply.json().await.unwrap();
    let known = json!({"model": model, "status": "DOWNLOADED", "progress": null,
        "error_message": null});
    assert_eq!(status, known);
    let reply = ask("/api/v1/models/download", model).await.unwrap();
    let download: Value = reply.json().await.unwrap();
    assert_eq!(download["task_id"], format!("org/Other:{commit}"));
    let reply = ask("/api/v1/models/status", json!({"repo": 1})).await;
    assert_eq!(reply.unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn malformed_start_is_refused() {
    let served = proxy(&echoing().await, 1, LONG).await;
    served.post("/api/v1/stop").send().await.unwrap();
    for path in ["/api/v1/inference/up", "/api/v1/inference/up/async"] {
        for body in ["", "no json", r#"{"dtype": "auto"}"#, r#"{"model": 1}"#] {
            let reply = served.post(path).body(body).send().await.unwrap();
            let status = reply.status();
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{path} {body}");
        }
    }
    assert_stopped(&served, "").await;
}

#[tokio::test]
async fn another_model_is_never_started() {
    let served = proxy(&echoing().await, 1, LONG).await;
    let stop = served.post("/api/v1/stop").send().await.unwrap();
    assert_eq!(stop.status(), StatusCode::OK);
    for path in ["/api/v1/inference/up", "/api/v1/inference/up/async"] {
        let call = served
            .post(path)
            .body(json!({"model": "org/Other"}).to_string());
        let reply = call.send().await.unwrap();
        assert_eq!(reply.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let why: Value = reply.json().await.unwrap();
        assert!(why["detail"].as_str().unwrap().contains(MODEL), "{why}");
    }
    assert_stopped(&served, "").await;
}
