//! Requests and replies.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use url::Url;

use super::json::{self, Fields};
use super::{refusal, text};
use crate::domain::{CallError, CallErrorKind, Time};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpMethod {
    Get,
    Post,
    Put,
    Delete,
}

/// Whether a failed request may be retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// For every request that changes something.
    Never,
    /// Up to `tries` attempts with backoff: for reads only.
    Reads {
        /// In all; 0 counts as 1.
        tries: u32,
    },
}

/// Spaces requests out; shared by everything that makes requests of the kind.
#[async_trait]
pub trait Pace: Send + Sync + std::fmt::Debug {
    /// Waits for this request's turn. The error is the time until then if that is too long to wait.
    async fn turn(&self) -> Result<(), Duration>;
    /// The server wants fewer requests, and none for the time that it asked for, if any.
    fn slow_down(&self, asked: Option<Duration>);
}

/// What an unsuccessful reply means, by its status and body.
pub type Classify = fn(u16, &str) -> CallErrorKind;

/// `Debug` shows no secret: the bearer is a [`SecretString`].
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// What it is for, for people: `search offers on console.vast.ai`.
    pub what: String,
    pub method: HttpMethod,
    pub url: Url,
    pub query: Vec<(String, String)>,
    /// Never a secret.
    pub headers: Vec<(&'static str, String)>,
    /// Sent as `Authorization: Bearer …`.
    pub bearer: Option<SecretString>,
    pub body: Option<serde_json::Value>,
    /// For one attempt, from connecting to the body's last byte.
    pub timeout: Duration,
    pub retry: Retry,
    pub pace: Option<Arc<dyn Pace>>,
    pub classify: Classify,
}

impl HttpRequest {
    fn new(what: impl Into<String>, method: HttpMethod, url: Url) -> Self {
        HttpRequest {
            what: what.into(),
            method,
            url,
            query: Vec::new(),
            headers: Vec::new(),
            bearer: None,
            body: None,
            timeout: DEFAULT_TIMEOUT,
            retry: Retry::Never,
            pace: None,
            classify: |status, _| refusal::classify(status),
        }
    }

    /// Sent once unless [`HttpRequest::tries`] allows more.
    pub fn get(what: impl Into<String>, url: Url) -> Self {
        Self::new(what, HttpMethod::Get, url)
    }

    pub fn post(what: impl Into<String>, url: Url) -> Self {
        Self::new(what, HttpMethod::Post, url)
    }

    pub fn put(what: impl Into<String>, url: Url) -> Self {
        Self::new(what, HttpMethod::Put, url)
    }

    pub fn delete(what: impl Into<String>, url: Url) -> Self {
        Self::new(what, HttpMethod::Delete, url)
    }

    #[must_use]
    pub fn query(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((key.into(), value.into()));
        self
    }

    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    #[must_use]
    pub fn bearer(mut self, secret: SecretString) -> Self {
        self.bearer = Some(secret);
        self
    }

    #[must_use]
    pub fn json(mut self, value: serde_json::Value) -> Self {
        self.body = Some(value);
        self
    }

    /// Sets the timeout of one attempt.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Every attempt waits for its turn.
    #[must_use]
    pub fn paced(mut self, pace: Arc<dyn Pace>) -> Self {
        self.pace = Some(pace);
        self
    }

    /// For a service whose statuses alone do not say what went wrong.
    #[must_use]
    pub fn classified_by(mut self, classify: Classify) -> Self {
        self.classify = classify;
        self
    }

    /// It changes nothing at the server.
    pub fn is_read(&self) -> bool {
        self.method == HttpMethod::Get || matches!(self.retry, Retry::Reads { .. })
    }

    /// Allows this many attempts. Only for reads.
    #[must_use]
    pub fn tries(mut self, tries: u32) -> Self {
        self.retry = Retry::Reads { tries };
        self
    }
}

#[derive(Clone, PartialEq, Eq)]
pub struct HttpReply {
    /// HTTP status: 200 to 299, except from `HttpClient::exchange`.
    pub status: u16,
    /// May hold secrets, so it is not part of `Debug`.
    pub body: String,
    /// The header `Date`.
    pub date: Option<String>,
}

impl HttpReply {
    /// The server's clock when it replied.
    pub fn server_time(&self) -> Option<Time> {
        let date = chrono::DateTime::parse_from_rfc2822(self.date.as_deref()?);
        Some(date.ok()?.to_utc())
    }

    /// Parses the body as JSON, in which every text is clean. The error gives the position, not the content.
    pub fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T, CallError> {
        let cleaned = text::cleaned_json(&self.body);
        serde_json::from_str(cleaned.as_ref().unwrap_or(&self.body))
            .map_err(|error| self.malformed(what, text::json_error(&error, self.body.len())))
    }

    /// Also parses the bare words `NaN` and `Infinity`, which are not JSON: as null.
    pub fn lenient_json(&self, what: &str) -> Result<serde_json::Value, CallError> {
        self.json(what).or_else(|error| {
            let body = json::without_bare_numbers(&self.body);
            let cleaned = text::cleaned_json(&body).unwrap_or(body);
            serde_json::from_str(&cleaned).map_err(|_| error)
        })
    }

    /// Parses the body as JSON with `parse`, which says what is wrong with it.
    pub fn parse<T>(
        &self,
        what: &str,
        parse: impl FnOnce(Fields<'_>) -> Result<T, String>,
    ) -> Result<T, CallError> {
        parse(Fields(&self.json(what)?)).map_err(|detail| self.malformed(what, detail))
    }

    fn malformed(&self, what: &str, detail: String) -> CallError {
        CallError {
            status: Some(self.status),
            ..CallError::new(what, CallErrorKind::Malformed, detail)
        }
    }
}

impl std::fmt::Debug for HttpReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpReply")
            .field("status", &self.status)
            .field("date", &self.date)
            .field("bytes", &self.body.len())
            .finish()
    }
}

/// `path` below `base`, whose own path is kept as a prefix: `http://h:8000/chain-rpc/` and
/// `/status` give `http://h:8000/chain-rpc/status`.
pub fn join(base: &Url, path: &str) -> Url {
    let (path, query) = path
        .split_once('?')
        .map_or((path, None), |(path, query)| (path, Some(query)));
    let prefix = base.path().trim_end_matches('/');
    let mut url = base.clone();
    url.set_path(&format!("{prefix}/{}", path.trim_start_matches('/')));
    url.set_query(query);
    url.set_fragment(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn join_keeps_the_base_prefix() {
        let status = "http://h:8000/chain-rpc/status";
        for (base, path, joined) in [
            ("http://h:8000/chain-rpc/", "/status", status),
            ("http://h:8000/chain-rpc", "status", status),
            ("http://h:9000", "v1/epochs/", "http://h:9000/v1/epochs/"),
            (
                "http://h/x?old=1#f",
                "block?height=5",
                "http://h/x/block?height=5",
            ),
        ] {
            let base: Url = base.parse().expect("a URL");
            assert_eq!(join(&base, path).as_str(), joined);
        }
    }

    #[test]
    fn server_time_is_the_date_header() {
        let of = |date: Option<&str>| HttpReply {
            status: 200,
            body: String::new(),
            date: date.map(str::to_owned),
        };
        let told = of(Some("Sun, 29 Nov 2026 21:40:00 GMT")).server_time();
        assert_eq!(
            told.map(|time| time.to_rfc3339()).as_deref(),
            Some("2026-11-29T21:40:00+00:00")
        );
        assert_eq!(of(Some("yesterday")).server_time(), None);
        assert_eq!(of(None).server_time(), None);
    }

    #[test]
    fn malformed_json_is_not_quoted() {
        let reply = HttpReply {
            status: 200,
            body: r#"{"a": "canary-secret"}"#.into(),
            date: None,
        };
        let error = reply
            .json::<std::collections::BTreeMap<String, u64>>("read it")
            .expect_err("a string is no number");
        assert_eq!(error.kind, CallErrorKind::Malformed);
        assert!(!error.to_string().contains("canary"), "{error}");
        assert!(!format!("{reply:?}").contains("canary"));
    }
}
