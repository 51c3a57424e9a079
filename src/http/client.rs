//! Sends requests: which are retried, how often, and what a failure means.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::Instant;

use super::refusal::{self, MAX_RETRY_AFTER};
use super::transport::{
    Answer, BrokenBody, MAX_BODY, Messages, Network, Transport, TransportError,
};
use super::{HttpReply, HttpRequest, Retry, text};
use crate::domain::{CallError, CallErrorKind};

const INITIAL_BACKOFF: Duration = Duration::from_millis(250);
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// The HTTP client. Cheap to clone; every clone shares its connections.
#[derive(Clone)]
pub struct HttpClient {
    transport: Arc<dyn Transport>,
    /// Seed of the backoff's jitter; random if absent.
    jitter: Option<Arc<AtomicU64>>,
}

struct FailedAttempt {
    error: CallError,
    /// Retrying the same read soon can succeed.
    transient: bool,
    /// Requested by the server.
    wait: Option<Duration>,
}

impl HttpClient {
    pub fn new() -> Self {
        HttpClient {
            transport: Arc::new(Network::new()),
            jitter: None,
        }
    }

    /// The client over another transport, for a simulated world in the same process. Deterministic.
    pub fn over(transport: Arc<dyn Transport>) -> Self {
        HttpClient {
            transport,
            jitter: Some(Arc::new(AtomicU64::new(1))),
        }
    }

    /// Sends a request. Only a status of 200 to 299 with a complete body is a success.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpReply, CallError> {
        let tries = match request.retry {
            Retry::Never => 1,
            Retry::Reads { tries } => tries.max(1),
        };
        let deadline = Instant::now() + request.timeout.saturating_mul(tries) + MAX_RETRY_AFTER;
        let waits = ExponentialBuilder::default()
            .with_min_delay(INITIAL_BACKOFF)
            .with_max_delay(MAX_BACKOFF)
            .with_jitter()
            .without_max_times();
        let mut waits = match &self.jitter {
            None => waits.build(),
            Some(seed) => waits
                .with_jitter_seed(seed.fetch_add(1, Ordering::Relaxed))
                .build(),
        };
        let mut sent = 0;
        loop {
            wait_for_turn(&request).await?;
            let failure = match self.send_once(&request).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            if let (Some(pace), CallErrorKind::RateLimited) = (&request.pace, failure.error.kind) {
                pace.slow_down(failure.wait);
            }
            sent += 1;
            let backoff = waits.next().unwrap_or(MAX_BACKOFF);
            let wait = failure.wait.map_or(backoff, |asked| asked.max(backoff));
            let hopeless = !failure.transient || wait > MAX_RETRY_AFTER;
            if sent >= tries || hopeless || Instant::now() + wait >= deadline {
                return Err(failure.error);
            }
            tracing::debug!(
                what = %request.what, sent, wait_ms = wait.as_millis(), error = %failure.error,
                "read failed, retrying"
            );
            tokio::time::sleep(wait).await;
        }
    }

    /// Opens a WebSocket, sends `first`, and streams what arrives. Not retried: the subscriber
    /// reconnects.
    pub async fn messages(&self, url: &url::Url, first: &str) -> Result<Messages, TransportError> {
        self.transport.messages(url, first).await
    }

    /// Sends a request once. A complete reply of any status is returned: for services whose body says more
    /// than a status can.
    pub async fn exchange(&self, request: &HttpRequest) -> Result<HttpReply, CallError> {
        wait_for_turn(request).await?;
        let answer = self.transport.exchange(request).await;
        let answer = answer.map_err(|error| transport_failure(request, &error).error)?;
        complete(request, answer).map_err(|failure| failure.error)
    }

    async fn send_once(&self, request: &HttpRequest) -> Result<HttpReply, FailedAttempt> {
        let answer = self
            .transport
            .exchange(request)
            .await
            .map_err(|error| transport_failure(request, &error))?;
        if !(200..300).contains(&answer.status) {
            return Err(status_failure(request, &answer));
        }
        complete(request, answer)
    }
}

impl Default for HttpClient {
    fn default() -> Self {
        HttpClient::new()
    }
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpClient")
    }
}

/// The error says that nothing was sent.
async fn wait_for_turn(request: &HttpRequest) -> Result<(), CallError> {
    let Some(pace) = &request.pace else {
        return Ok(());
    };
    pace.turn().await.map_err(|wait| {
        let minutes = wait.as_secs().div_ceil(60);
        let detail =
            format!("not sent: the server wants no such request for another {minutes} min");
        error_of(request, CallErrorKind::RateLimited, None, &detail)
    })
}

fn error_of(
    request: &HttpRequest,
    kind: CallErrorKind,
    status: Option<u16>,
    detail: &str,
) -> CallError {
    let kind = match kind {
        CallErrorKind::Ambiguous if request.is_read() => CallErrorKind::Unanswered,
        kind => kind,
    };
    CallError {
        what: request.what.clone(),
        kind,
        status,
        detail: text::sanitize(detail, request.bearer.as_ref()),
    }
}

fn complete(request: &HttpRequest, answer: Answer) -> Result<HttpReply, FailedAttempt> {
    let Some(broken) = answer.broken else {
        return Ok(HttpReply {
            status: answer.status,
            body: answer.body,
            date: answer.date,
        });
    };
    let (kind, detail) = broken_body(&broken);
    Err(FailedAttempt {
        error: error_of(request, kind, Some(answer.status), &detail),
        transient: kind == CallErrorKind::Ambiguous,
        wait: None,
    })
}

/// The error that a reply means.
pub fn refusal(request: &HttpRequest, reply: &HttpReply, kind: CallErrorKind) -> CallError {
    let message = refusal::message(&reply.body);
    error_of(request, kind, Some(reply.status), &message)
}

fn status_failure(request: &HttpRequest, answer: &Answer) -> FailedAttempt {
    let (status, body) = (answer.status, answer.body.as_str());
    let kind = (request.classify)(status, body);
    let asked = refusal::retry_after(answer.retry_after.as_deref(), body);
    let reset = || refusal::until_reset(answer.quota_reset.as_deref(), body, unix_seconds());
    let is_limited = kind == CallErrorKind::RateLimited;
    FailedAttempt {
        error: error_of(request, kind, Some(status), &refusal::message(body)),
        transient: refusal::is_transient(kind, status, body),
        wait: asked.or_else(|| reset().filter(|_| is_limited)),
    }
}

/// Real time: a quota is the server's.
fn unix_seconds() -> f64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0.0, |now| now.as_secs_f64())
}

fn transport_failure(request: &HttpRequest, error: &TransportError) -> FailedAttempt {
    // Only before the connection is established is it certain that the request was not sent.
    let (kind, passing) = match error {
        TransportError::Unusable(_) => (CallErrorKind::NotSent, false),
        TransportError::NotSent(_) => (CallErrorKind::NotSent, true),
        TransportError::Lost(_) => (CallErrorKind::Ambiguous, true),
    };
    FailedAttempt {
        error: error_of(request, kind, None, &error.to_string()),
        transient: passing,
        wait: None,
    }
}

fn broken_body(broken: &BrokenBody) -> (CallErrorKind, String) {
    match broken {
        BrokenBody::TooLong => (
            CallErrorKind::Malformed,
            format!("the reply is longer than {MAX_BODY} bytes"),
        ),
        BrokenBody::BrokeOff(reason) => (
            CallErrorKind::Ambiguous,
            format!("the reply broke off: {reason}"),
        ),
    }
}
