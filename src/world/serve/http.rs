//! HTTP on one listener or connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use super::shared::{Shared, SimService, TICK, new_headers};
use super::subscription;
use crate::world::exchange::{ApiRequest, ApiResponse};
use crate::world::faults::FaultKind;

/// Serves every connection to a listener.
pub(in crate::world) async fn accept(
    shared: Arc<Shared>,
    service: SimService,
    listener: TcpListener,
) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(serve_stream(shared.clone(), service, stream))),
            Err(_) => tokio::time::sleep(TICK).await,
        }
    }
}

/// Serves HTTP on one connection until it ends.
pub(in crate::world) async fn serve_stream<S>(shared: Arc<Shared>, service: SimService, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handler =
        hyper::service::service_fn(move |request| respond(shared.clone(), service, request));
    // Clients may disconnect at any time; so do planned faults.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), handler)
        .with_upgrades()
        .await;
}

async fn respond(
    shared: Arc<Shared>,
    service: SimService,
    request: Request<Incoming>,
) -> io::Result<Response<Body>> {
    if service == SimService::Rpc && subscription::is_upgrade(&request) {
        return subscription::open(new_headers(shared), request);
    }
    let request = parse(request).await?;
    let fault = shared.fault(service, &request);
    if let Some(response) = fault.as_ref().and_then(FaultKind::response) {
        return to_http(&shared, response);
    }
    if fault == Some(FaultKind::DropBefore) {
        return Err(io::Error::other("planned fault"));
    }
    let response = shared.answer(service, &request).await;
    let mut response = response.ok_or_else(|| io::Error::other("nothing listens"))?;
    match fault {
        Some(FaultKind::DropAfter) => return Err(io::Error::other("planned fault")),
        Some(FaultKind::Delay { seconds }) => {
            let delay = seconds.max(0.0) / shared.clock.speed.max(1e-6);
            tokio::time::sleep(Duration::from_secs_f64(delay)).await;
        }
        Some(FaultKind::Malformed) => {
            let half = response.body.chars().count() / 2;
            response.body = response.body.chars().take(half).collect();
        }
        _ => {}
    }
    to_http(&shared, response)
}

async fn parse(request: Request<Incoming>) -> io::Result<ApiRequest> {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(Body::new(body), 4 << 20)
        .await
        .map_err(io::Error::other)?;
    let bearer = parts.headers.get("authorization");
    let bearer = bearer.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let content_type = parts.headers.get("content-type");
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let query = parts.uri.query().unwrap_or_default();
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    Ok(ApiRequest {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: query.collect(),
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        bearer: bearer.map(str::to_owned),
        content_type: content_type.map(str::to_owned),
    })
}

fn to_http(shared: &Shared, response: ApiResponse) -> io::Result<Response<Body>> {
    let kind = if response.body.starts_with(['{', '[', 't', 'f']) {
        "application/json"
    } else if response.body.starts_with("<html") {
        "text/html"
    } else {
        "text/plain"
    };
    let now = shared.world().now();
    let date = now.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let head = Response::builder()
        .status(response.status)
        .header("content-type", kind)
        // The world's clock: hyper would write this machine's.
        .header("date", date);
    let more = response.headers.into_iter();
    more.fold(head, |head, (name, value)| head.header(name, value))
        .body(Body::from(response.body))
        .map_err(io::Error::other)
}
