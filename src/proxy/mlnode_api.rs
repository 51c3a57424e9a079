//! The part of an `MLNode` that the Network Node asks of a node for inference.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::reply::{self, Reply};
use super::{Proxy, figures};
use crate::domain::{Serving, behind_version};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Forward(Endpoint),
    Metrics,
    Figures,
    State,
    Stop,
    Up,
    UpAsync,
    UpStatus,
    Health,
    Ready,
    Models,
    ModelStatus,
    ModelDownload,
    ModelList,
    ModelSpace,
    GpuDevices,
    GpuDriver,
    PocStatus,
    NoPoc,
    WrongMethod,
    Unknown,
}

/// What upstreams are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    ChatCompletions,
    Completions,
}

impl Endpoint {
    /// Below `/v1`; also its name in metrics.
    pub fn path(self) -> &'static str {
        match self {
            Endpoint::ChatCompletions => "chat/completions",
            Endpoint::Completions => "completions",
        }
    }
}

impl Route {
    /// It only tells whether the proxy lives.
    pub(super) fn is_health(self) -> bool {
        matches!(self, Route::Health | Route::Ready)
    }

    /// It is for whoever runs the proxy, not for the network.
    pub(super) fn is_ours(self) -> bool {
        matches!(self, Route::Metrics | Route::Figures)
    }
}

pub(super) fn route(method: &Method, path: &str) -> Route {
    let path = behind_version(path).unwrap_or(path);
    let (wanted, route) = match path {
        "/v1/chat/completions" => (Method::POST, Route::Forward(Endpoint::ChatCompletions)),
        "/v1/completions" => (Method::POST, Route::Forward(Endpoint::Completions)),
        "/metrics" => (Method::GET, Route::Metrics),
        figures::PATH => (Method::GET, Route::Figures),
        "/v1/models" => (Method::GET, Route::Models),
        "/health" | "/livez" => (Method::GET, Route::Health),
        "/readyz" => (Method::GET, Route::Ready),
        "/api/v1/state" => (Method::GET, Route::State),
        "/api/v1/stop" | "/api/v1/inference/down" => (Method::POST, Route::Stop),
        "/api/v1/inference/up" => (Method::POST, Route::Up),
        "/api/v1/inference/up/async" => (Method::POST, Route::UpAsync),
        "/api/v1/inference/up/status" => (Method::GET, Route::UpStatus),
        "/api/v1/models/status" => (Method::POST, Route::ModelStatus),
        "/api/v1/models/download" => (Method::POST, Route::ModelDownload),
        "/api/v1/models/list" => (Method::GET, Route::ModelList),
        "/api/v1/models/space" => (Method::GET, Route::ModelSpace),
        "/api/v1/gpu/devices" => (Method::GET, Route::GpuDevices),
        "/api/v1/gpu/driver" => (Method::GET, Route::GpuDriver),
        "/api/v1/inference/pow/status" => (Method::GET, Route::PocStatus),
        _ if is_poc(path) => return Route::NoPoc,
        _ => return Route::Unknown,
    };
    if *method == wanted {
        route
    } else {
        Route::WrongMethod
    }
}

fn is_poc(path: &str) -> bool {
    ["/api/v1/pow/", "/api/v1/inference/pow/"]
        .iter()
        .any(|prefix| path.starts_with(prefix))
}

pub(super) fn answer(proxy: &Proxy, route: Route) -> Reply {
    match route {
        Route::Stop => {
            proxy.memory.set_service(Serving::Stopped);
            ok()
        }
        Route::Up => {
            proxy.memory.set_service(Serving::Up);
            ok()
        }
        Route::UpAsync => {
            proxy.memory.set_service(Serving::Up);
            reply::json(StatusCode::OK, &json!({"status": "starting"}))
        }
        Route::ModelDownload => {
            let body = json!({"task_id": "none", "status": "DOWNLOADED",
                "model": {"hf_repo": proxy.config.model, "hf_commit": null}});
            reply::json(StatusCode::ACCEPTED, &body)
        }
        // As an `MLNode`'s, its word is in the status too.
        Route::Ready if proxy.memory.service() == Serving::Stopped => {
            reply::json(StatusCode::SERVICE_UNAVAILABLE, &json!({"ready": false}))
        }
        Route::NoPoc => reply::error(
            StatusCode::NOT_IMPLEMENTED,
            "this node serves inference only: it computes no PoC",
        ),
        Route::WrongMethod => reply::error(StatusCode::METHOD_NOT_ALLOWED, "not with this method"),
        Route::Unknown | Route::Forward(_) | Route::Metrics | Route::Figures => {
            reply::error(StatusCode::NOT_FOUND, "this node has nothing here")
        }
        route => reply::json(StatusCode::OK, &reading(proxy, route)),
    }
}

fn ok() -> Reply {
    reply::json(StatusCode::OK, &json!({"status": "OK"}))
}

fn reading(proxy: &Proxy, route: Route) -> Value {
    let up = proxy.memory.service() == Serving::Up;
    let model = &proxy.config.model;
    let state = if up { "INFERENCE" } else { "STOPPED" };
    match route {
        Route::State => json!({"state": state, "version": env!("CARGO_PKG_VERSION"),
            "poc_status": "NO_BACKENDS", "inference_healthy": up,
            "loaded_model": up.then_some(model)}),
        Route::Health => json!({"status": "healthy", "service_state": state,
            "gpu": {"available": false, "count": 0, "devices": []},
            "managers": {"pow": {"running": false, "healthy": false},
                "inference": {"running": up, "healthy": up},
                "train": {"running": false, "healthy": false}}}),
        Route::Ready => json!({"ready": up}),
        Route::UpStatus => {
            let status = if up { "completed" } else { "not_started" };
            json!({"status": status, "is_starting": false, "is_running": up,
                "elapsed_seconds": 0, "error": null})
        }
        Route::Models => json!({"object": "list",
            "data": [{"id": model, "object": "model", "owned_by": "pocpit"}]}),
        Route::ModelStatus => json!({"model": {"hf_repo": model, "hf_commit": null},
            "status": "DOWNLOADED", "progress": null, "error_message": null}),
        Route::ModelList => json!({"models": [{"model": {"hf_repo": model, "hf_commit": null},
            "status": "DOWNLOADED"}]}),
        Route::ModelSpace => json!({"cache_size_gb": 0.0, "available_gb": 0.0, "cache_path": ""}),
        // No GPU of this machine takes part: an invented one would be a lie to the network.
        Route::GpuDevices => json!({"devices": [], "count": 0}),
        Route::PocStatus => json!({"status": "NO_BACKENDS", "backends": []}),
        _ => Value::Object(serde_json::Map::new()),
    }
}
