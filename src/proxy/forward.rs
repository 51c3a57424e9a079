//! One request to the upstream and its answer back, unbuffered.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::Response;
use futures_util::StreamExt;
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use url::Url;

use super::{Proxy, reply};
use crate::config::ProxyConfig;
use crate::http::join;

/// Largest request that is read.
pub(super) const MAX_BODY: usize = 8 * 1024 * 1024;
/// A caller that does not send its request in this time does not hold memory any longer.
const SLOWEST_BODY: Duration = Duration::from_secs(30);

pub(super) async fn forward(proxy: &Proxy, path: &str, request: Request) -> Response {
    sent(proxy, path, request).await.unwrap_or_else(|no| no)
}

async fn sent(proxy: &Proxy, path: &str, request: Request) -> Result<Response, Response> {
    if !proxy.is_up() {
        let why = "inference is stopped; the Network Node starts it with inference/up";
        return Err(reply::error(StatusCode::SERVICE_UNAVAILABLE, why));
    }
    let permit = Arc::clone(&proxy.places).try_acquire_owned();
    let permit = permit.map_err(|_| {
        reply::error(
            StatusCode::TOO_MANY_REQUESTS,
            "as many requests as allowed are under way; try again soon",
        )
    })?;
    let body = mapped(&proxy.config, &read(request).await?)
        .map_err(|why| reply::error(StatusCode::BAD_REQUEST, &why))?;
    let call = proxy
        .client
        .post(upstream(&proxy.config.upstream, path))
        .bearer_auth(proxy.config.upstream_key.expose_secret())
        .json(&body)
        .send();
    let answer = match timeout(proxy.config.request_timeout, call).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) if error.is_timeout() => return Err(too_slow()),
        Ok(Err(error)) => {
            // Without the address: it may hold credentials.
            let error = error.without_url();
            tracing::warn!(%error, "the upstream cannot be reached");
            let why = "the upstream cannot be reached";
            return Err(reply::error(StatusCode::BAD_GATEWAY, why));
        }
        Err(_) => return Err(too_slow()),
    };
    let status = answer.status();
    if !status.is_success() {
        return Err(refused(status));
    }
    Ok(streamed(answer, permit))
}

fn too_slow() -> Response {
    let why = "the upstream did not answer in time";
    reply::error(StatusCode::GATEWAY_TIMEOUT, why)
}

async fn read(request: Request) -> Result<Bytes, Response> {
    match timeout(SLOWEST_BODY, to_bytes(request.into_body(), MAX_BODY)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(reply::error(
            StatusCode::BAD_REQUEST,
            "the request's body is longer than 8 MiB, or broke off",
        )),
        Err(_) => Err(reply::error(
            StatusCode::REQUEST_TIMEOUT,
            "the request's body came too slowly",
        )),
    }
}

/// The request with the upstream's name for the model.
fn mapped(config: &ProxyConfig, body: &[u8]) -> Result<Value, String> {
    let mut body: Value =
        serde_json::from_slice(body).map_err(|_| "the request's body is not JSON")?;
    let fields = body
        .as_object_mut()
        .ok_or("the request's body is not a JSON object")?;
    match fields.get("model").and_then(Value::as_str) {
        Some(model) if model == config.model => {}
        Some(_) => return Err(format!("this node serves only {}", config.model)),
        None => return Err("the request names no model".into()),
    }
    fields.insert("model".into(), config.upstream_model.clone().into());
    Ok(body)
}

/// An upstream is given with or without its `/v1`.
pub(super) fn upstream(base: &Url, path: &str) -> Url {
    if base.path().trim_end_matches('/').ends_with("/v1") {
        join(base, path)
    } else {
        join(base, &format!("v1/{path}"))
    }
}

/// The upstream's words are kept back: they can quote our key.
fn refused(status: reqwest::StatusCode) -> Response {
    tracing::warn!(%status, "the upstream refused a request");
    match status.as_u16() {
        429 => reply::error(
            StatusCode::TOO_MANY_REQUESTS,
            "the upstream asks us to slow down",
        ),
        408 | 504 => too_slow(),
        400 | 413 | 422 => reply::error(
            StatusCode::BAD_REQUEST,
            &format!("the upstream does not accept this request (HTTP {status})"),
        ),
        _ => reply::error(
            StatusCode::BAD_GATEWAY,
            &format!("the upstream failed (HTTP {status})"),
        ),
    }
}

/// The place is given back when the last byte is sent or the caller is gone.
fn streamed(answer: reqwest::Response, permit: OwnedSemaphorePermit) -> Response {
    let status = answer.status();
    let kind = answer.headers().get(header::CONTENT_TYPE).cloned();
    let bytes = answer.bytes_stream().map(move |chunk| {
        let _held = &permit;
        chunk.map_err(reqwest::Error::without_url)
    });
    let mut response = Response::new(Body::from_stream(bytes));
    *response.status_mut() = status;
    if let Some(kind) = kind {
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}
