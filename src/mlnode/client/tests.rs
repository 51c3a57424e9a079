use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;

use super::*;
use crate::domain::{GpuDriver, NonceCount, PocStatus};

async fn listen(router: Router) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn client(api: Router, inference: Router) -> Box<dyn MlNode> {
    let ends = TunnelEnds {
        api: listen(api).await,
        inference: listen(inference).await,
    };
    MlNodeFactory::new(HttpClient::new()).at(Workload::MlNode, ends)
}

fn model() -> WorkloadModel {
    WorkloadModel {
        id: "org/model".into(),
        revision: Some("0123456789abcdef0123456789abcdef01234567".into()),
        args: vec!["--tensor-parallel-size".into(), "4".into()],
    }
}

fn files() -> Value {
    json!({ "hf_repo": "org/model", "hf_commit": "0123456789abcdef0123456789abcdef01234567" })
}

fn reply(body: Value) -> axum::routing::MethodRouter {
    get(move || async move { Json(body) })
}

/// A node that gives these answers, one after the other, and keeps what it was asked.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Script {
    fn of(answers: &[(u16, Value)]) -> Script {
        let script = Script::default();
        script.answers.lock().unwrap().extend(answers.to_vec());
        script
    }

    fn calls(&self) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        let names = calls.iter().map(|(path, _)| path.clone());
        names.collect()
    }
}

async fn play(State(script): State<Script>, request: Request) -> impl IntoResponse {
    let path = request.uri().path().trim_start_matches("/api/v1/");
    let path = path.to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20)
        .await
        .unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    script.calls.lock().unwrap().push((path, body));
    let answer = script.answers.lock().unwrap().pop_front();
    let (status, body) = answer.unwrap_or((404, json!({ "detail": "Not Found" })));
    (StatusCode::from_u16(status).unwrap(), Json(body))
}

/// What a start of the model leads to when the node answers like this, and which calls it makes.
async fn start(answers: &[(u16, Value)]) -> (Result<StartStep, CallError>, Vec<String>, Script) {
    let script = Script::of(answers);
    let router = Router::new()
        .fallback(post(play))
        .with_state(script.clone());
    let step = client(router, Router::new())
        .await
        .start_model(&model())
        .await;
    (step, script.calls(), script)
}

fn weights(status: &str) -> (u16, Value) {
    let progress = json!({ "start_time": 1_764_384_000.1, "elapsed_seconds": 125.5 });
    let body =
        json!({ "model": files(), "status": status, "progress": progress, "error_message": null });
    (200, body)
}

fn download(status: &str) -> (u16, Value) {
    let body = json!({ "task_id": "org/model:0123", "status": status, "model": files() });
    (202, body)
}

fn refused(status: u16) -> (u16, Value) {
    (status, json!({ "detail": "no" }))
}

fn started() -> (u16, Value) {
    (200, json!({ "status": "starting", "message": "…" }))
}

#[tokio::test]
async fn weights_are_downloaded_before_the_load() {
    const FILES: &str = "models/status";
    const GET: &str = "models/download";
    const LOAD: &str = "inference/up/async";
    type Case<'a> = (&'a [(u16, Value)], StartStep, &'a [&'a str]);
    let cases: [Case<'_>; 10] = [
        (
            &[weights("NOT_FOUND"), download("DOWNLOADING")],
            StartStep::DownloadOrdered,
            &[FILES, GET],
        ),
        // After a restart of the node its download is forgotten; it continues where it was.
        (
            &[weights("PARTIAL"), download("DOWNLOADING")],
            StartStep::DownloadOrdered,
            &[FILES, GET],
        ),
        (
            &[weights("PARTIAL"), refused(409)],
            StartStep::DownloadOrdered,
            &[FILES, GET],
        ),
        (
            &[weights("NOT_FOUND"), refused(429)],
            StartStep::DownloadWaits,
            &[FILES, GET],
        ),
        (
            &[weights("DOWNLOADING")],
            StartStep::DownloadUnderWay,
            &[FILES],
        ),
        (
            &[weights("DOWNLOADED"), started()],
            StartStep::LoadOrdered,
            &[FILES, LOAD],
        ),
        (
            &[weights("NOT_FOUND"), download("DOWNLOADED"), started()],
            StartStep::LoadOrdered,
            &[FILES, GET, LOAD],
        ),
        // HF_HUB_OFFLINE.
        (
            &[weights("NOT_FOUND"), download("IGNORED"), started()],
            StartStep::LoadOrdered,
            &[FILES, GET, LOAD],
        ),
        // Older images know nothing of files.
        (
            &[refused(404), started()],
            StartStep::LoadOrdered,
            &[FILES, LOAD],
        ),
        (
            &[weights("DOWNLOADED"), refused(409)],
            StartStep::LoadUnderWay,
            &[FILES, LOAD],
        ),
    ];
    for (answers, step, calls) in cases {
        let (found, made, script) = start(answers).await;
        assert_eq!((found, made), (Ok(step), strings(calls)), "{answers:?}");
        for (path, body) in script.calls.lock().unwrap().iter() {
            if path == LOAD {
                let args = ["--tensor-parallel-size", "4"];
                let up = json!({ "model": "org/model", "dtype": "auto", "additional_args": args });
                assert_eq!(*body, up);
            } else {
                // The node knows a download by the body of its order.
                assert_eq!(*body, files());
            }
        }
    }
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test]
async fn failed_call_starts_nothing() {
    for answers in [&[refused(500)][..], &[weights("NOT_FOUND"), refused(500)]] {
        let (step, made, _) = start(answers).await;
        assert!(step.is_err(), "{step:?}");
        assert!(made.iter().all(|path| path.starts_with("models/")));
    }
}

fn state(word: &str, healthy: Option<bool>) -> Value {
    json!({ "state": word, "version": "3.0.16", "poc_status": "IDLE", "inference_healthy": healthy,
        "loaded_model": healthy.filter(|is| *is).map(|_| "org/model") })
}

#[tokio::test]
async fn new_image_reports_full_status() {
    let mut serving = state("INFERENCE", Some(true));
    serving["poc_status"] = json!("GENERATING");
    let api = Router::new()
        .route("/api/v1/state", reply(serving))
        .route(
            "/api/v1/inference/up/status",
            reply(json!({ "status": "completed", "is_running": true })),
        )
        .route(
            "/api/v1/inference/pow/status",
            reply(json!({ "status": "GENERATING", "backends": [{ "port": 5001, "status": "GENERATING", "config": {}, "stats": { "total_processed": 640, "nonces_per_second": 20.1 } }, { "port": 5002, "status": "ERROR", "detail": "…" }] })),
        )
        .route(
            "/api/v1/gpu/devices",
            reply(json!({ "devices": [{ "index": 0, "name": "NVIDIA H100", "total_memory_mb": 81_559, "is_available": true }], "count": 1 })),
        )
        .route(
            "/api/v1/gpu/driver",
            reply(json!({ "driver_version": "535.104.05", "cuda_driver_version": "12.2", "nvml_version": "12.535.104" })),
        );
    let inference = Router::new().route("/health", get(|| async {})).route(
        "/v1/models",
        reply(json!({ "object": "list", "data": [{ "id": "org/model", "object": "model" }] })),
    );
    let status = client(api, inference).await.status(&model()).await.unwrap();
    assert_eq!(
        (status.state, status.poc),
        (ServiceState::Inference, Some(PocStatus::Generating))
    );
    assert_eq!(status.startup, StartupState::Completed);
    assert_eq!(status.gpus.map(|gpus| gpus.len()), Some(1));
    let nonces = NonceCount {
        total: 640,
        per_minute: 1_206,
    };
    let backends = Backends {
        healthy: 1,
        all: 2,
        nonces: Some(nonces),
    };
    assert_eq!(status.backends, Some(backends));
    let models = vec!["org/model".to_owned()];
    assert_eq!(status.port, InferencePort::Healthy { models });
    let driver = GpuDriver {
        version: "535.104.05".into(),
        cuda: Some(12.2),
    };
    assert_eq!(status.driver, Some(driver));
}

#[tokio::test]
async fn old_image_reports_only_state() {
    let api = Router::new().route("/api/v1/state", reply(json!({ "state": "STOPPED" })));
    let status = client(api, Router::new()).await;
    let status = status.status(&model()).await.unwrap();
    assert_eq!(
        (status.state, status.startup, status.loaded_model),
        (ServiceState::Stopped, StartupState::Unknown, None)
    );
    // Unknown is not empty.
    assert_eq!((status.gpus, status.weights), (None, Weights::Unknown));
}

#[tokio::test]
async fn both_words_mean_that_it_starts() {
    for word in ["in_progress", "starting"] {
        let api = Router::new()
            .route("/api/v1/state", reply(state("INFERENCE", Some(false))))
            .route(
                "/api/v1/inference/up/status",
                reply(json!({ "status": word })),
            );
        let status = client(api, Router::new()).await;
        let status = status.status(&model()).await.unwrap();
        assert_eq!(status.startup, StartupState::Starting, "{word}");
        assert_eq!(status.port, InferencePort::Silent);
    }
}

#[tokio::test]
async fn download_is_measured_by_the_cache() {
    let (_, downloading) = weights("DOWNLOADING");
    let api = Router::new()
        .route("/api/v1/state", reply(state("STOPPED", None)))
        .route(
            "/api/v1/models/status",
            post(move |Json(asked): Json<Value>| async move {
                assert_eq!(asked, files());
                Json(downloading)
            }),
        )
        .route(
            "/api/v1/models/space",
            reply(json!({ "cache_size_gb": 131.02, "available_gb": 465.66, "cache_path": "/root/.cache/hub" })),
        )
        .route("/api/v1/gpu/devices", reply(json!({ "devices": [], "count": 0 })));
    let status = client(api, Router::new()).await;
    let status = status.status(&model()).await.unwrap();
    let downloading = Weights::Downloading {
        elapsed_seconds: Some(125.5),
        cached_gb: Some(131.02),
    };
    assert_eq!(status.weights, downloading);
    assert_eq!(status.gpus, Some(Vec::new()), "an empty list is an answer");
}

#[tokio::test]
async fn unhealthy_port_is_no_silent_one() {
    let api = || Router::new().route("/api/v1/state", reply(json!({ "state": "INFERENCE" })));
    let sick = Router::new().route(
        "/health",
        get(|| async { (StatusCode::SERVICE_UNAVAILABLE, "No vLLM backend available") }),
    );
    let status = client(api(), sick).await;
    let status = status.status(&model()).await.unwrap();
    assert_eq!(status.port, InferencePort::Unhealthy);
}
