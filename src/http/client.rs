//! Sends requests.

use std::error::Error;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use reqwest::{Client, Method, RequestBuilder, Response};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Host;

use super::refusal::{self, LONGEST_WAIT};
use super::{HttpMethod, HttpReply, HttpRequest, Retry, text};
use crate::domain::{CallError, CallErrorKind};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_mins(1);
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);
/// Longest body that is read.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// The HTTP client. Cheap to clone; every clone shares its connections.
#[derive(Clone)]
pub struct HttpClient {
    /// For everybody else: proxies of the environment apply.
    remote: Result<Client, String>,
    /// For loopback: no proxy, and no certificates needed on this machine.
    loopback: Result<Client, String>,
}

/// One try that did not succeed.
struct Failure {
    error: CallError,
    /// Sending the same read again soon can help.
    passing: bool,
    /// What the other side asked for.
    wait: Option<Duration>,
}

impl HttpClient {
    /// Makes the client. Should the machine's certificates be unusable, calls to other machines
    /// say so; loopback works all the same.
    pub fn new() -> Self {
        // Somebody else may have installed a provider first: then that one is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let common = || {
            Client::builder()
                .user_agent(concat!("pocpit/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(READ_TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                // Retries are decided here and nowhere else: a rent must never be sent twice.
                .retry(reqwest::retry::never())
        };
        let reason = |error: reqwest::Error| with_causes(&error);
        HttpClient {
            remote: common().build().map_err(reason),
            loopback: common()
                .no_proxy()
                .tls_certs_only([])
                .build()
                .map_err(reason),
        }
    }

    /// Sends a request. Only a status from 200 to 299 with a whole body is a success.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpReply, CallError> {
        let tries = match request.retry {
            Retry::Never => 1,
            Retry::Reads { tries } => tries.max(1),
        };
        let deadline = Instant::now() + request.timeout.saturating_mul(tries) + LONGEST_WAIT;
        let mut waits = ExponentialBuilder::default()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(LONGEST_BACKOFF)
            .with_jitter()
            .without_max_times()
            .build();
        let mut sent = 0;
        loop {
            let failure = match self.send_once(&request).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            sent += 1;
            let backoff = waits.next().unwrap_or(LONGEST_BACKOFF);
            let wait = failure.wait.map_or(backoff, |asked| asked.max(backoff));
            let hopeless = !failure.passing || wait > LONGEST_WAIT;
            if sent >= tries || hopeless || Instant::now() + wait >= deadline {
                return Err(failure.error);
            }
            tracing::debug!(
                what = %request.what, sent, wait_ms = wait.as_millis(), error = %failure.error,
                "a read failed and is tried again"
            );
            tokio::time::sleep(wait).await;
        }
    }

    async fn send_once(&self, request: &HttpRequest) -> Result<HttpReply, Failure> {
        let bearer = request.bearer.as_ref();
        let builder = self.prepare(request)?;
        let response = builder
            .send()
            .await
            .map_err(|error| transport_failure(request, error))?;
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(reqwest::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let success = response.status().is_success();
        let (body, broken) = read_body(response, bearer).await;
        if !success {
            return Err(refused(request, status, &body, retry_after.as_deref()));
        }
        match broken {
            None => Ok(HttpReply { status, body }),
            Some((kind, detail)) => Err(Failure {
                error: error_of(request, kind, Some(status), detail),
                passing: kind == CallErrorKind::Ambiguous,
                wait: None,
            }),
        }
    }

    fn prepare(&self, request: &HttpRequest) -> Result<RequestBuilder, Failure> {
        let client = if is_loopback(&request.url) {
            &self.loopback
        } else {
            &self.remote
        };
        let client = client.as_ref().map_err(|reason| Failure {
            error: error_of(
                request,
                CallErrorKind::NotSent,
                None,
                format!(
                    "the TLS client cannot be set up: {reason}; are CA certificates installed?"
                ),
            ),
            passing: false,
            wait: None,
        })?;
        let method = match request.method {
            HttpMethod::Get => Method::GET,
            HttpMethod::Post => Method::POST,
            HttpMethod::Put => Method::PUT,
            HttpMethod::Delete => Method::DELETE,
        };
        let mut builder = client
            .request(method, request.url.clone())
            .timeout(request.timeout);
        if !request.query.is_empty() {
            builder = builder.query(&request.query);
        }
        if let Some(bearer) = &request.bearer {
            builder = builder.bearer_auth(bearer.expose_secret());
        }
        if let Some(body) = &request.body {
            builder = builder.json(body);
        }
        Ok(builder)
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

fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn error_of(
    request: &HttpRequest,
    kind: CallErrorKind,
    status: Option<u16>,
    detail: String,
) -> CallError {
    CallError {
        what: request.what.clone(),
        kind,
        status,
        detail,
    }
}

fn refused(request: &HttpRequest, status: u16, body: &str, retry_after: Option<&str>) -> Failure {
    let detail = text::clean(&refusal::words(body), request.bearer.as_ref());
    Failure {
        error: error_of(request, refusal::kind(status, body), Some(status), detail),
        passing: refusal::may_pass_soon(status, body),
        wait: refusal::wait_asked_for(retry_after, body),
    }
}

fn transport_failure(request: &HttpRequest, error: reqwest::Error) -> Failure {
    // Only before the connection stands is it certain that nothing was asked for.
    let kind = if error.is_connect() || error.is_builder() {
        CallErrorKind::NotSent
    } else {
        CallErrorKind::Ambiguous
    };
    let passing = !error.is_builder();
    let reason = with_causes(&error.without_url());
    let detail = text::clean(&reason, request.bearer.as_ref());
    Failure {
        error: error_of(request, kind, None, detail),
        passing,
        wait: None,
    }
}

/// The body as far as it came, and why that is not all of it.
async fn read_body(
    mut response: Response,
    bearer: Option<&SecretString>,
) -> (String, Option<(CallErrorKind, String)>) {
    let mut bytes = Vec::new();
    let broken = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > MAX_BODY => {
                break Some((
                    CallErrorKind::Malformed,
                    format!("the reply is longer than {MAX_BODY} bytes"),
                ));
            }
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => break None,
            Err(error) => {
                let reason = with_causes(&error.without_url());
                let detail = format!("the reply broke off: {}", text::clean(&reason, bearer));
                break Some((CallErrorKind::Ambiguous, detail));
            }
        }
    };
    (String::from_utf8_lossy(&bytes).into_owned(), broken)
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    text
}
