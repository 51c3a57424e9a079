//! The part of the `MLNode` API that the Network Node uses on an inference node. Shapes: gonka v0.2.14
//! `mlnode/packages/api/src/api/{routes,health}.py`, `inference/routes.py`, `models/routes.py`,
//! `gpu/routes.py`.

use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::forward::read_body;
use super::reply::{self, Reply};
use super::route::Route;
use super::shared::Proxy;
use crate::domain::Serving;

/// Largest body in bytes. Real ones name a model and its arguments.
const MAX_BODY: usize = 64 * 1024;
/// For a caller to send its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A model of the Hugging Face hub, as callers name it.
#[derive(Deserialize, Serialize)]
struct HubModel {
    hf_repo: String,
    hf_commit: Option<String>,
}

#[derive(Deserialize)]
struct Start {
    model: String,
}

pub(super) async fn reply(proxy: &Proxy, route: Route, request: Request<Incoming>) -> Reply {
    match route {
        Route::Stop => {
            proxy.counters.set_serving(Serving::Stopped);
            reply::json(StatusCode::OK, &json!({"status": "OK"}))
        }
        Route::Up => start(proxy, request, json!({"status": "OK"})).await,
        Route::UpAsync => {
            let started = json!({"status": "starting",
                "message": "Inference startup initiated in background"});
            start(proxy, request, started).await
        }
        Route::ModelStatus => hub_reply(request, StatusCode::OK, status_of).await,
        Route::ModelDownload => hub_reply(request, StatusCode::ACCEPTED, download_of).await,
        Route::GpuDriver => failure(
            StatusCode::SERVICE_UNAVAILABLE,
            "NVML is not initialized: this node has no GPU",
        ),
        // The vLLM of a stopped `MLNode` answers with 503, too.
        Route::Models if is_stopped(proxy) => {
            reply::error(StatusCode::SERVICE_UNAVAILABLE, "inference is stopped")
        }
        Route::Poc => reply::error(
            StatusCode::NOT_IMPLEMENTED,
            "this node serves inference only and computes no PoC",
        ),
        Route::WrongMethod => reply::error(
            StatusCode::METHOD_NOT_ALLOWED,
            "this path does not accept this method",
        ),
        Route::Unknown | Route::Forward(_) | Route::Metrics | Route::Status => {
            reply::error(StatusCode::NOT_FOUND, "no such path on this node")
        }
        route => reply::json(StatusCode::OK, &read(proxy, route)),
    }
}

fn is_stopped(proxy: &Proxy) -> bool {
    proxy.counters.serving() == Serving::Stopped
}

/// An error in `FastAPI`'s shape, as the `MLNode` reports its own.
fn failure(status: StatusCode, why: &str) -> Reply {
    reply::json(status, &json!({"detail": why}))
}

/// Starts inference, unless it runs or another model is wanted: this node has only its upstream's.
async fn start(proxy: &Proxy, request: Request<Incoming>, started: Value) -> Reply {
    let model = match body_of(request).await {
        Ok(Start { model }) => model,
        Err(why) => return failure(StatusCode::UNPROCESSABLE_ENTITY, &why),
    };
    if model != proxy.config.model {
        let why = format!("this node serves only {}", proxy.config.model);
        return failure(StatusCode::INTERNAL_SERVER_ERROR, &why);
    }
    if !is_stopped(proxy) {
        let why = "VLLM is already running. Use /inference/down to stop it first.";
        return failure(StatusCode::CONFLICT, why);
    }
    proxy.counters.set_serving(Serving::Up);
    reply::json(StatusCode::OK, &started)
}

/// Answers for any model of the hub: the upstream's model needs no download here.
async fn hub_reply(
    request: Request<Incoming>,
    status: StatusCode,
    answer: fn(&HubModel) -> Value,
) -> Reply {
    match body_of(request).await {
        Ok(model) => reply::json(status, &answer(&model)),
        Err(why) => failure(StatusCode::UNPROCESSABLE_ENTITY, &why),
    }
}

fn status_of(model: &HubModel) -> Value {
    json!({"model": model, "status": "DOWNLOADED", "progress": null, "error_message": null})
}

fn download_of(model: &HubModel) -> Value {
    let commit = model.hf_commit.as_deref().unwrap_or("latest");
    let task = format!("{}:{commit}", model.hf_repo);
    json!({"task_id": task, "status": "DOWNLOADED", "model": model})
}

/// The body, whatever its `Content-Type`: the Network Node sends none. The error is for the caller.
async fn body_of<T: for<'a> Deserialize<'a>>(request: Request<Incoming>) -> Result<T, String> {
    let deadline = Instant::now() + BODY_TIMEOUT;
    let body = read_body(request.into_body(), MAX_BODY, deadline).await;
    let body = body.map_err(|(_, why)| why)?;
    // Without serde's text: that may quote the body.
    serde_json::from_slice(&body).map_err(|_| "the body is not what this path expects".to_owned())
}

fn read(proxy: &Proxy, route: Route) -> Value {
    let up = !is_stopped(proxy);
    let model = &proxy.config.model;
    let state = if up { "INFERENCE" } else { "STOPPED" };
    match route {
        // A stopped `MLNode` reports no PoC status; a running one without PoC backends says so.
        Route::State => json!({"state": state, "version": env!("CARGO_PKG_VERSION"),
            "poc_status": up.then_some("NO_BACKENDS"), "inference_healthy": up.then_some(true),
            "loaded_model": up.then_some(model), "poc_validation_inference": false}),
        Route::Health => json!({"status": "healthy", "service_state": state,
            "gpu": {"available": false, "count": 0, "devices": []},
            "managers": {"pow": {"running": false, "healthy": false},
                "inference": {"running": up, "healthy": up},
                "train": {"running": false, "healthy": false}}}),
        // A stopped `MLNode` is ready, too: it would take a start.
        Route::Ready => json!({"ready": true}),
        Route::UpStatus => {
            let status = if up { "completed" } else { "not_started" };
            json!({"status": status, "is_starting": false, "is_running": up,
                "elapsed_seconds": up.then_some(0), "error": null})
        }
        Route::Models => json!({"object": "list",
            "data": [{"id": model, "object": "model", "owned_by": "pocpit"}]}),
        Route::ModelList => json!({"models": [{"model": {"hf_repo": model, "hf_commit": null},
            "status": "DOWNLOADED"}]}),
        Route::ModelSpace => json!({"cache_size_gb": 0.0, "available_gb": 0.0, "cache_path": ""}),
        // No local GPU takes part: to invent one would mislead the network.
        Route::GpuDevices => json!({"devices": [], "count": 0}),
        Route::PocStatus => json!({"status": "NO_BACKENDS", "backends": []}),
        _ => Value::Object(serde_json::Map::new()),
    }
}
