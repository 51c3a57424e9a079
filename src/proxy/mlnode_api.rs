//! The part of the `MLNode` API that the Network Node uses on an inference node.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::reply::{self, Reply};
use super::route::Route;
use super::shared::Proxy;
use crate::domain::Serving;

pub(super) fn reply(proxy: &Proxy, route: Route) -> Reply {
    match route {
        Route::Stop => {
            proxy.counters.set_serving(Serving::Stopped);
            ok()
        }
        Route::Up => {
            proxy.counters.set_serving(Serving::Up);
            ok()
        }
        Route::UpAsync => {
            proxy.counters.set_serving(Serving::Up);
            reply::json(StatusCode::OK, &json!({"status": "starting"}))
        }
        Route::ModelDownload => {
            let body = json!({"task_id": "none", "status": "DOWNLOADED",
                "model": {"hf_repo": proxy.config.model, "hf_commit": null}});
            reply::json(StatusCode::ACCEPTED, &body)
        }
        // An `MLNode` that is not ready answers with 503, too.
        Route::Ready if proxy.counters.serving() == Serving::Stopped => {
            reply::json(StatusCode::SERVICE_UNAVAILABLE, &json!({"ready": false}))
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

fn ok() -> Reply {
    reply::json(StatusCode::OK, &json!({"status": "OK"}))
}

fn read(proxy: &Proxy, route: Route) -> Value {
    let up = proxy.counters.serving() == Serving::Up;
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
        // No local GPU takes part: to invent one would mislead the network.
        Route::GpuDevices => json!({"devices": [], "count": 0}),
        Route::PocStatus => json!({"status": "NO_BACKENDS", "backends": []}),
        _ => Value::Object(serde_json::Map::new()),
    }
}
