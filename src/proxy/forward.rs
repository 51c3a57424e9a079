//! One request to an upstream and its answer back, unbuffered.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::http::response::Parts;
use hyper::{Request, Response, StatusCode};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::Proxy;
use super::body::{self, Asked};
use super::connections::{self, AskError, Pieces};
use super::memory::End;
use super::patience::Patience;
use super::reply::{self, Reply};
use super::surface::Endpoint;
use super::transfer::{self, Executor};
use super::upstreams::{self, Verdict};
use super::workers::{Caller, Line};
use crate::config::AccessLog;
use crate::domain::Serving;

/// A caller that does not send its request in this time does not hold memory any longer.
const SLOWEST_BODY: Duration = Duration::from_secs(30);

/// In logs.
const EXECUTOR: &str = "executor";

/// The head of an answer, and its body on its way.
type Answer = (Parts, Pieces);

/// Passes a request on.
pub(super) async fn forward(
    caller: &Caller,
    endpoint: Endpoint,
    request: Request<Incoming>,
) -> Reply {
    let (started, proxy) = (Instant::now(), &caller.worker.proxy);
    let answer = sent(caller, endpoint, request, started).await;
    let answer = answer.unwrap_or_else(|no| {
        if proxy.config.access_log != AccessLog::Off {
            tracing::info!(
                endpoint = endpoint.path(),
                status = no.status().as_u16(),
                "refused"
            );
        }
        no
    });
    proxy
        .memory
        .answered(endpoint.path(), answer.status().as_u16());
    answer
}

async fn sent(
    caller: &Caller,
    endpoint: Endpoint,
    request: Request<Incoming>,
    started: Instant,
) -> Result<Reply, Reply> {
    let Caller {
        worker, patience, ..
    } = caller;
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
    let body = read(caller, body, started).await?;
    if proxy.config.access_log == AccessLog::WithPrompts {
        tracing::info!(endpoint = endpoint.path(), body = %String::from_utf8_lossy(&body), "asked");
    }
    // From here on it is the upstream's time.
    let deadline = Instant::now() + proxy.config.request_timeout;
    let (answer, from) = match &worker.executor {
        Some(executor) if !transfer::is_numbered(&head.headers) => {
            let asked = executor
                .request(endpoint, &head.headers, body)
                .map_err(|why| reply::error(StatusCode::BAD_REQUEST, why))?;
            let answer = ask_executor(patience, executor, asked, deadline).await?;
            (answer, EXECUTOR.into())
        }
        _ => {
            let asked = seed(&head.headers)
                .map_err(str::to_owned)
                .and_then(|seed| body::read(&proxy.config, &body, seed))
                .map_err(|why| reply::error(StatusCode::BAD_REQUEST, &why))?;
            ask_in_turn(caller, endpoint, &asked, deadline).await?
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
        length: answer.1.size_hint().exact(),
        end: End::Abandoned,
    };
    Ok(passed_on(answer, under_way, patience.clone()))
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

async fn read(caller: &Caller, body: Incoming, started: Instant) -> Result<Bytes, Reply> {
    let most = caller.worker.proxy.config.max_body;
    let whole = Limited::new(body, most).collect();
    match caller.patience.within(started + SLOWEST_BODY, whole).await {
        Some(Ok(body)) => Ok(body.to_bytes()),
        Some(Err(_)) => Err(reply::error(
            StatusCode::BAD_REQUEST,
            &format!("the request's body is longer than {most} bytes, or broke off"),
        )),
        None => Err(reply::error(
            StatusCode::REQUEST_TIMEOUT,
            "the request's body came too slowly",
        )),
    }
}

/// Asks one upstream after the other until one answers, and says who it was. Nothing has reached the
/// caller yet, so another may still be asked.
async fn ask_in_turn(
    caller: &Caller,
    endpoint: Endpoint,
    asked: &Asked<'_>,
    deadline: Instant,
) -> Result<(Answer, Arc<str>), Reply> {
    let Caller {
        worker, patience, ..
    } = caller;
    let memory = &worker.proxy.memory;
    let mut why_not = unreachable();
    let now = Instant::now();
    let order = upstreams::in_order(&worker.upstreams, now);
    let is_well = |line: &&&Line| line.upstream.rests_until(now).is_none();
    let well = order.iter().filter(is_well).count();
    for (asked_before, line) in order.iter().enumerate() {
        // Nobody is to blame for time that was not his.
        if Instant::now() >= deadline {
            break;
        }
        let upstream = &line.upstream;
        let name = upstream.name();
        let body = asked.with_model(&upstream.model);
        let body = body.map_err(|why| reply::error(StatusCode::BAD_REQUEST, &why.to_string()))?;
        let failed = |why: &str| {
            tracing::warn!(upstream = &**name, "the upstream failed: {why}");
            upstream.failed(Instant::now());
            memory.attempted(name, |to| to.failed += 1);
        };
        let due = share(deadline, well.saturating_sub(asked_before));
        let call = line.connections.ask(upstream.request(endpoint, body));
        let (head, pieces) = match patience.within(due, call).await {
            Some(Ok(answer)) => answer,
            Some(Err(error)) => {
                failed(&error.to_string());
                why_not = unreachable();
                continue;
            }
            None => {
                failed("it did not answer in time");
                why_not = too_slow();
                continue;
            }
        };
        match Verdict::of(head.status) {
            Verdict::Answered => {
                upstream.succeeded();
                memory.attempted(name, |to| to.answered += 1);
                return Ok(((head, pieces), Arc::clone(name)));
            }
            Verdict::NotAcceptable => {
                pieces.forgo();
                return Err(refused(head.status));
            }
            Verdict::Busy => {
                pieces.forgo();
                why_not = refused(head.status);
            }
            Verdict::Failed => {
                failed(&head.status.to_string());
                why_not = refused(head.status);
            }
        }
    }
    Err(why_not)
}

/// When the next of so many that are well must have answered: one that hangs leaves time for the others.
fn share(deadline: Instant, left: usize) -> Instant {
    let now = Instant::now();
    let left = u32::try_from(left).unwrap_or(u32::MAX).max(1);
    now + deadline.saturating_duration_since(now) / left
}

/// Hands the request to the executor, as it came.
async fn ask_executor(
    patience: &Patience,
    executor: &Executor,
    asked: connections::Asked,
    deadline: Instant,
) -> Result<Answer, Reply> {
    let call = executor.connections.ask(asked);
    match patience.within(deadline, call).await {
        Some(Ok((head, pieces))) if head.status.is_success() => Ok((head, pieces)),
        Some(Ok((head, pieces))) => {
            pieces.forgo();
            Err(refused(head.status))
        }
        Some(Err(error)) => {
            tracing::warn!("the executor cannot be reached: {error}");
            Err(unreachable())
        }
        None => Err(too_slow()),
    }
}

fn unreachable() -> Reply {
    let why = "the upstream cannot be reached";
    reply::error(StatusCode::BAD_GATEWAY, why)
}

fn too_slow() -> Reply {
    let why = "the upstream did not answer in time";
    reply::error(StatusCode::GATEWAY_TIMEOUT, why)
}

/// The upstream's words are kept back: they can quote our key.
fn refused(status: StatusCode) -> Reply {
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

/// An answer on its way; its place is given back when its last byte is on its way to the caller, or the
/// caller is gone.
pub(super) struct UnderWay {
    proxy: Arc<Proxy>,
    _place: OwnedSemaphorePermit,
    endpoint: Endpoint,
    from: Arc<str>,
    started: Instant,
    first_byte: Duration,
    bytes: u64,
    /// By the upstream's word; absent for a stream.
    length: Option<u64>,
    end: End,
}

impl UnderWay {
    /// One that has just begun.
    #[cfg(test)]
    pub fn sample(proxy: Arc<Proxy>) -> UnderWay {
        UnderWay {
            _place: Arc::clone(&proxy.places).try_acquire_owned().unwrap(),
            proxy,
            endpoint: Endpoint::Completions,
            from: "upstream".into(),
            started: Instant::now(),
            first_byte: Duration::ZERO,
            bytes: 0,
            length: None,
            end: End::Abandoned,
        }
    }

    /// Trailers are the last.
    fn count(&mut self, piece: &Frame<Bytes>) {
        match piece.data_ref() {
            Some(data) => self.bytes += data.len() as u64,
            None => self.come_to_an_end(),
        }
    }

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
            endpoint = self.endpoint.path(),
            from = &*self.from,
            first_byte_ms = self.first_byte.as_millis(),
            whole_ms = self.started.elapsed().as_millis(),
            bytes = self.bytes,
            end = self.end.name(),
            "answered"
        );
    }
}

fn passed_on((mut head, pieces): Answer, under_way: UnderWay, patience: Patience) -> Reply {
    let kind = head.headers.remove(CONTENT_TYPE);
    let passing = Passing::new(pieces, under_way, patience);
    let mut reply = Response::new(reply::Body::Passing(passing));
    *reply.status_mut() = head.status;
    // Not the others: they are about a connection that is not the caller's. The map is used again.
    head.headers.clear();
    head.headers.extend(kind.map(|kind| (CONTENT_TYPE, kind)));
    *reply.headers_mut() = head.headers;
    reply
}

/// The body of an upstream's answer, each piece when it is there.
pub(super) struct Passing {
    pieces: Pieces,
    /// The last of it.
    heard: Instant,
    longest_silence: Duration,
    patience: Patience,
    under_way: UnderWay,
}

impl Passing {
    pub fn new(pieces: Pieces, under_way: UnderWay, patience: Patience) -> Passing {
        Passing {
            pieces,
            heard: Instant::now(),
            // The first byte has a time-out of its own.
            longest_silence: under_way.proxy.config.request_timeout + Duration::from_mins(1),
            patience,
            under_way,
        }
    }
}

impl hyper::body::Body for Passing {
    type Data = Bytes;
    type Error = AskError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AskError>>> {
        let this = self.get_mut();
        let Poll::Ready(piece) = Pin::new(&mut this.pieces).poll_frame(context) else {
            let due = this.heard + this.longest_silence;
            ready!(this.patience.poll_until(due, context));
            this.under_way.end = End::Broken;
            return Poll::Ready(Some(Err(AskError::Silent(this.longest_silence))));
        };
        this.heard = Instant::now();
        match &piece {
            Some(Ok(piece)) => this.under_way.count(piece),
            Some(Err(_)) => this.under_way.end = End::Broken,
            None => this.under_way.come_to_an_end(),
        }
        Poll::Ready(piece)
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.pieces.size_hint()
    }
}
