//! One request to an upstream and its answer back, unbuffered.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use super::body::{self, Asked};
use super::memory::End;
use super::upstreams::{Upstream, Verdict};
use super::workers::Worker;
use super::{Proxy, reply, transfer};
use crate::config::{AccessLog, TransferConfig};
use crate::domain::Serving;

/// A caller that does not send its request in this time does not hold memory any longer.
const SLOWEST_BODY: Duration = Duration::from_secs(30);

/// Endpoint of the executor, below its base address.
const EXECUTOR_PATH: &str = "v1/chat/completions";

/// Passes a request on; `endpoint` is below `/v1`.
pub(super) async fn forward(worker: &Worker, endpoint: &'static str, request: Request) -> Response {
    let (started, proxy) = (Instant::now(), &worker.proxy);
    let answer = sent(worker, endpoint, request, started).await;
    let answer = answer.unwrap_or_else(|no| {
        if proxy.config.access_log != AccessLog::Off {
            tracing::info!(endpoint, status = no.status().as_u16(), "refused");
        }
        no
    });
    proxy.memory.answered(endpoint, answer.status().as_u16());
    answer
}

async fn sent(
    worker: &Worker,
    endpoint: &'static str,
    request: Request,
    started: Instant,
) -> Result<Response, Response> {
    let proxy = &worker.proxy;
    if proxy.memory.service() == Serving::Stopped {
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
    let (head, body) = request.into_parts();
    let body = read(proxy, body).await?;
    if proxy.config.access_log == AccessLog::WithPrompts {
        tracing::info!(endpoint, body = %String::from_utf8_lossy(&body), "asked");
    }
    let deadline = started + proxy.config.request_timeout;
    let (answer, from) = match &proxy.config.transfer {
        Some(transfer) if !transfer::is_numbered(&head.headers) => {
            let answer = transferred(worker, transfer, &head.headers, body, deadline).await?;
            (answer, "executor".to_owned())
        }
        _ => {
            let asked = seed(&head.headers)
                .map_err(str::to_owned)
                .and_then(|seed| body::read(&proxy.config, &body, seed))
                .map_err(|why| reply::error(StatusCode::BAD_REQUEST, &why))?;
            let (answer, upstream) = ask_in_turn(worker, endpoint, &asked, deadline).await?;
            (answer, upstream.name().to_owned())
        }
    };
    let first_byte = started.elapsed();
    proxy.first_byte.observe(first_byte.as_secs_f64());
    let under_way = UnderWay {
        proxy: Arc::clone(proxy),
        _place: permit,
        endpoint,
        from,
        started,
        first_byte,
        bytes: 0,
        length: answer.content_length(),
        end: End::Abandoned,
    };
    Ok(streamed(answer, under_way))
}

/// The seed that the Network Node drew, if there is one.
fn seed(headers: &HeaderMap) -> Result<Option<i64>, &'static str> {
    let Some(seed) = headers.get(transfer::SEED) else {
        return Ok(None);
    };
    let seed = seed.to_str().ok().and_then(|text| text.trim().parse().ok());
    seed.map(Some)
        .ok_or("the header X-Seed is not a whole number")
}

async fn read(proxy: &Proxy, body: Body) -> Result<Bytes, Response> {
    let most = proxy.config.max_body;
    match timeout(SLOWEST_BODY, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(reply::error(
            StatusCode::BAD_REQUEST,
            &format!("the request's body is longer than {most} bytes, or broke off"),
        )),
        Err(_) => Err(reply::error(
            StatusCode::REQUEST_TIMEOUT,
            "the request's body came too slowly",
        )),
    }
}

/// Asks one upstream after the other until one answers. Nothing has reached the caller yet, so
/// another may still be asked.
async fn ask_in_turn<'a>(
    worker: &'a Worker,
    endpoint: &str,
    asked: &Asked<'_>,
    deadline: Instant,
) -> Result<(reqwest::Response, &'a Upstream), Response> {
    let proxy = &worker.proxy;
    let mut why_not = unreachable();
    for upstream in proxy.upstreams.in_order(Instant::now()) {
        let body = asked.with_model(&upstream.config.model);
        let body = body.map_err(|why| reply::error(StatusCode::BAD_REQUEST, &why.to_string()))?;
        let call = worker
            .client
            .post(upstream.endpoint(endpoint))
            .headers(upstream.headers())
            .body(body)
            .send();
        let failed = |why: &str| {
            tracing::warn!(upstream = upstream.name(), "the upstream failed: {why}");
            upstream.failed(Instant::now());
            proxy.memory.attempted(upstream.name(), |to| to.failed += 1);
        };
        let answer = match timeout_at(deadline, call).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                // Without the address: it may hold credentials.
                failed(&error.without_url().to_string());
                why_not = unreachable();
                continue;
            }
            Err(_) => {
                failed("it did not answer in time");
                return Err(too_slow());
            }
        };
        match Verdict::of(answer.status()) {
            Verdict::Answered => {
                upstream.succeeded();
                proxy
                    .memory
                    .attempted(upstream.name(), |to| to.answered += 1);
                return Ok((answer, upstream));
            }
            Verdict::NotAcceptable => return Err(refused(answer.status())),
            Verdict::Busy => why_not = refused(answer.status()),
            Verdict::Failed => {
                failed(&answer.status().to_string());
                why_not = refused(answer.status());
            }
        }
    }
    Err(why_not)
}

/// Hands the request to the executor, as it came.
async fn transferred(
    worker: &Worker,
    config: &TransferConfig,
    caller: &HeaderMap,
    body: Bytes,
    deadline: Instant,
) -> Result<reqwest::Response, Response> {
    let now = chrono::Utc::now().timestamp();
    let headers = transfer::headers(config, caller, &body, now)
        .map_err(|why| reply::error(StatusCode::BAD_REQUEST, why))?;
    let call = worker
        .client
        .post(crate::http::join(&config.executor, EXECUTOR_PATH))
        .headers(headers)
        .body(body)
        .send();
    match timeout_at(deadline, call).await {
        Ok(Ok(answer)) if answer.status().is_success() => Ok(answer),
        Ok(Ok(answer)) => Err(refused(answer.status())),
        Ok(Err(error)) => {
            tracing::warn!("the executor cannot be reached: {}", error.without_url());
            Err(unreachable())
        }
        Err(_) => Err(too_slow()),
    }
}

fn unreachable() -> Response {
    let why = "the upstream cannot be reached";
    reply::error(StatusCode::BAD_GATEWAY, why)
}

fn too_slow() -> Response {
    let why = "the upstream did not answer in time";
    reply::error(StatusCode::GATEWAY_TIMEOUT, why)
}

/// The upstream's words are kept back: they can quote our key.
fn refused(status: StatusCode) -> Response {
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

/// An answer on its way; its place is given back when its last byte is sent or the caller is gone.
struct UnderWay {
    proxy: Arc<Proxy>,
    _place: OwnedSemaphorePermit,
    endpoint: &'static str,
    from: String,
    started: Instant,
    first_byte: Duration,
    bytes: u64,
    /// By the upstream's word; absent for a stream.
    length: Option<u64>,
    end: End,
}

impl UnderWay {
    /// After a break the end is the break's.
    fn come_to_an_end(&mut self) {
        if self.end == End::Abandoned {
            self.end = End::Whole;
        }
    }

    /// The caller has everything, although nobody may have looked for the end.
    fn is_complete(&self) -> bool {
        self.end == End::Abandoned && self.length == Some(self.bytes)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.is_complete() {
            self.come_to_an_end();
        }
        self.proxy.memory.sent(self.bytes, self.end);
        if self.proxy.config.access_log == AccessLog::Off {
            return;
        }
        tracing::info!(
            endpoint = self.endpoint,
            from = self.from,
            first_byte_ms = self.first_byte.as_millis(),
            whole_ms = self.started.elapsed().as_millis(),
            bytes = self.bytes,
            end = self.end.name(),
            "answered"
        );
    }
}

fn streamed(answer: reqwest::Response, under_way: UnderWay) -> Response {
    let status = answer.status();
    let passed_on = [header::CONTENT_TYPE, header::CONTENT_LENGTH];
    let headers = passed_on.map(|name| (answer.headers().get(&name).cloned(), name));
    let pieces = (Box::pin(answer.bytes_stream()), under_way);
    let body = stream::unfold(pieces, |(mut pieces, mut under_way)| async move {
        match pieces.next().await {
            Some(Ok(piece)) => {
                under_way.bytes += piece.len() as u64;
                Some((Ok(piece), (pieces, under_way)))
            }
            Some(Err(error)) => {
                under_way.end = End::Broken;
                Some((Err(error.without_url()), (pieces, under_way)))
            }
            None => {
                under_way.come_to_an_end();
                None
            }
        }
    });
    let mut response = Response::new(Body::from_stream(body));
    *response.status_mut() = status;
    for (value, name) in headers {
        response
            .headers_mut()
            .extend(value.map(|value| (name, value)));
    }
    response
}
