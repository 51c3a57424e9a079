//! Forwards one request to an upstream and streams its reply back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName};
use hyper::{Request, Response, StatusCode};
use tokio::time::{Instant, timeout_at};

use super::reply::{self, Reply, ReplyBody};
use super::request_body::{self, InferenceRequest};
use super::response_body::{InFlight, StreamingBody};
use super::route::InferenceEndpoint;
use super::upstream_client::UpstreamBody;
use super::upstreams::{self, StatusClass};
use super::worker::{Caller, Worker, WorkerUpstream};
use crate::config::{AccessLog, UpstreamFeature};
use crate::domain::{ForeignText, PROXY_REQUESTS, Serving, excerpt};

/// For a caller to send its body, which holds memory meanwhile.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Its seed takes precedence over the one in the body.
const SEED: HeaderName = HeaderName::from_static("x-seed");

/// An upstream's reply, its body still to come.
type UpstreamReply = Response<UpstreamBody>;

/// Forwards a request, and counts and logs the reply.
pub(super) async fn forward(
    caller: &Caller,
    endpoint: InferenceEndpoint,
    request: Request<Incoming>,
) -> Reply {
    let proxy = &caller.worker.proxy;
    let result = try_forward(&caller.worker, endpoint, request).await;
    let reply = result.unwrap_or_else(|error| {
        if proxy.config.access_log != AccessLog::Off {
            let (endpoint, status) = (endpoint.path(), error.status().as_u16());
            tracing::info!(target: PROXY_REQUESTS, endpoint, status, "refused");
        }
        error
    });
    let status = reply.status().as_u16();
    proxy.counters.record_reply(endpoint.path(), status);
    reply
}

/// The error is the reply to the caller.
async fn try_forward(
    worker: &Worker,
    endpoint: InferenceEndpoint,
    request: Request<Incoming>,
) -> Result<Reply, Reply> {
    let (started, proxy) = (Instant::now(), &worker.proxy);
    if proxy.counters.serving() == Serving::Stopped {
        let why = "inference is stopped; the Network Node starts it with inference/up";
        return Err(reply::error(StatusCode::SERVICE_UNAVAILABLE, why));
    }
    let permit = Arc::clone(&proxy.requests).try_acquire_owned();
    let permit = permit.map_err(|_| {
        // Not 429: the network tries another node only after a 5xx (`devshardd/engine.go`).
        reply::error(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many requests in flight; try again soon",
        )
    })?;
    let (head, body) = request.into_parts();
    let body = read_body(body, proxy.config.max_body, started + BODY_TIMEOUT).await;
    let body = body.map_err(|(status, why)| reply::error(status, &why))?;
    if proxy.config.access_log == AccessLog::WithPrompts {
        let text = String::from_utf8_lossy(&body);
        let body = ForeignText(&text).line(usize::MAX);
        tracing::info!(target: PROXY_REQUESTS, endpoint = endpoint.path(), body, "asked");
    }
    // The time that the caller took does not count against the upstream.
    let deadline = Instant::now() + proxy.config.request_timeout;
    let seed = seed(&head.headers).map_err(bad_request)?;
    let request = request_body::parse(&proxy.config, &body, seed).map_err(bad_request)?;
    let (reply, upstream) = try_upstreams(worker, endpoint, &request, deadline).await?;
    let in_flight = InFlight::new(Arc::clone(proxy), permit, endpoint, upstream, started);
    Ok(stream_reply(reply, in_flight))
}

/// The seed in the headers, if any.
fn seed(headers: &HeaderMap) -> Result<Option<i64>, &'static str> {
    let Some(seed) = headers.get(SEED) else {
        return Ok(None);
    };
    let seed = seed.to_str().ok().and_then(|text| text.trim().parse().ok());
    seed.map(Some)
        .ok_or("the header X-Seed is not a whole number")
}

/// A request's body of at most `max` bytes. The error is for the caller.
pub(super) async fn read_body(
    body: Incoming,
    max: usize,
    deadline: Instant,
) -> Result<Bytes, (StatusCode, String)> {
    let unusable = || {
        let why = format!("the request body broke off or is longer than {max} bytes");
        (StatusCode::BAD_REQUEST, why)
    };
    // By its own `Content-Length`: what is too long is not waited for.
    if body.size_hint().lower() > u64::try_from(max).unwrap_or(u64::MAX) {
        return Err(unusable());
    }
    match timeout_at(deadline, Limited::new(body, max).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(_)) => Err(unusable()),
        Err(_) => Err((
            StatusCode::REQUEST_TIMEOUT,
            "the request body arrived too slowly".to_owned(),
        )),
    }
}

/// Tries one upstream after the other until one succeeds, and returns its name. Nothing has reached
/// the caller yet, so another may still be tried.
async fn try_upstreams(
    worker: &Worker,
    endpoint: InferenceEndpoint,
    request: &InferenceRequest<'_>,
    deadline: Instant,
) -> Result<(UpstreamReply, Arc<str>), Reply> {
    let counters = &worker.proxy.counters;
    let now = Instant::now();
    let mut order = upstreams::by_preference(&worker.upstreams, now);
    order.retain(|one| one.upstream.has(&request.needs));
    if order.is_empty() {
        return Err(unanswerable(&request.needs));
    }
    let mut last_error = unreachable();
    let is_healthy = |one: &&&WorkerUpstream| one.upstream.cooldown_until(now).is_none();
    let healthy = order.iter().filter(is_healthy).count();
    for (tried, WorkerUpstream { upstream, client }) in order.into_iter().enumerate() {
        // An upstream that had no time is not at fault.
        if Instant::now() >= deadline {
            break;
        }
        let name = upstream.name();
        let body = request.with_model(&upstream.model);
        let body = body.map_err(|why| bad_request(why.to_string()))?;
        let record_failure = |why: &str| {
            tracing::warn!(upstream = &**name, "the upstream failed: {why}");
            upstream.record_failure(Instant::now());
            counters.record_attempt(name, |attempts| attempts.failed += 1);
        };
        let attempt = client.send(|| upstream.request(endpoint, body.clone()));
        let attempt_deadline = attempt_deadline(deadline, healthy.saturating_sub(tried));
        let reply = match timeout_at(attempt_deadline, attempt).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(error)) => {
                record_failure(&excerpt(&error.to_string()));
                last_error = unreachable();
                continue;
            }
            Err(_) => {
                record_failure("no reply in time");
                last_error = too_slow();
                continue;
            }
        };
        let status = reply.status();
        match StatusClass::of(status) {
            StatusClass::Success => {
                upstream.record_success();
                counters.record_attempt(name, |attempts| attempts.answered += 1);
                return Ok((reply, Arc::clone(name)));
            }
            StatusClass::Rejected => return Err(status_error(status)),
            StatusClass::Busy => {}
            StatusClass::Failed => record_failure(&status.to_string()),
        }
        last_error = status_error(status);
    }
    Err(last_error)
}

/// Splits the remaining time among the healthy upstreams: one that hangs leaves time for the others.
fn attempt_deadline(deadline: Instant, healthy_left: usize) -> Instant {
    let now = Instant::now();
    let shares = u32::try_from(healthy_left).unwrap_or(u32::MAX).max(1);
    now + deadline.saturating_duration_since(now) / shares
}

/// The reply when no upstream has every feature that the request needs.
fn unanswerable(needs: &BTreeSet<UpstreamFeature>) -> Reply {
    // A validation that does not replay the tokens makes this host vote the other invalid; 400 counts as
    // passed (`EvaluateValidationResponse` in `internal/devshard/shared_runtime.go`).
    if needs.contains(&UpstreamFeature::EnforcedTokens) {
        return bad_request(
            "enforced_tokens: no upstream of this node can replay tokens (inference_proxy.upstream_features)",
        );
    }
    // The request is valid: another node may be able to answer it.
    let why = "return_token_ids: no upstream of this node gives token ids (inference_proxy.upstream_features)";
    reply::error(StatusCode::SERVICE_UNAVAILABLE, why)
}

fn bad_request(why: impl AsRef<str>) -> Reply {
    reply::error(StatusCode::BAD_REQUEST, why.as_ref())
}

fn unreachable() -> Reply {
    let why = "cannot reach the upstream";
    reply::error(StatusCode::BAD_GATEWAY, why)
}

fn too_slow() -> Reply {
    let why = "the upstream did not reply in time";
    reply::error(StatusCode::GATEWAY_TIMEOUT, why)
}

/// The upstream's own text is withheld: it may quote our key.
fn status_error(status: StatusCode) -> Reply {
    match status.as_u16() {
        // Another node may have capacity, but the network tries it only after a 5xx.
        429 => {
            let why = "the upstream's rate limit is reached";
            reply::error(StatusCode::SERVICE_UNAVAILABLE, why)
        }
        408 | 504 => too_slow(),
        400 | 413 | 422 => {
            bad_request(format!("the upstream rejected the request (HTTP {status})"))
        }
        _ => {
            let why = format!("the upstream failed (HTTP {status})");
            reply::error(StatusCode::BAD_GATEWAY, &why)
        }
    }
}

fn stream_reply(reply: UpstreamReply, in_flight: InFlight) -> Reply {
    let (mut head, body) = reply.into_parts();
    let kept =
        [CONTENT_TYPE, CONTENT_ENCODING].map(|name| (name.clone(), head.headers.remove(name)));
    let body = StreamingBody::new(body, in_flight);
    let mut reply = Response::new(ReplyBody::Right(body));
    *reply.status_mut() = head.status;
    // The other headers are about the upstream's connection. The map's memory is reused.
    head.headers.clear();
    let kept = kept
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    head.headers.extend(kept);
    *reply.headers_mut() = head.headers;
    reply
}
