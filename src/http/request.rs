//! What is asked, and what came back.

use std::time::Duration;

use secrecy::SecretString;
use serde::de::DeserializeOwned;
use url::Url;

use super::text;
use crate::domain::{CallError, CallErrorKind};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(20);

/// The methods in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpMethod {
    /// Reads.
    Get,
    /// Creates, or searches.
    Post,
    /// Changes.
    Put,
    /// Removes.
    Delete,
}

/// Whether a request may be sent again when it did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Sent once: whatever changes the world.
    Never,
    /// Sent up to `tries` times, with growing waits between: reads only.
    Reads {
        /// How often in all; 0 counts as 1.
        tries: u32,
    },
}

/// One call. `Debug` shows no secret: the bearer is a [`SecretString`].
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// What it is for, for people: `search offers on console.vast.ai`.
    pub what: String,
    /// How.
    pub method: HttpMethod,
    /// Where, without the query.
    pub url: Url,
    /// The query.
    pub query: Vec<(String, String)>,
    /// Further headers. Never a secret.
    pub headers: Vec<(&'static str, String)>,
    /// Sent as `Authorization: Bearer …`.
    pub bearer: Option<SecretString>,
    /// JSON body.
    pub body: Option<serde_json::Value>,
    /// Time-out of one try, from connecting to the body's last byte.
    pub timeout: Duration,
    /// Whether it may be sent again.
    pub retry: Retry,
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
        }
    }

    /// A read; sent once unless [`HttpRequest::tries`] says otherwise.
    pub fn get(what: impl Into<String>, url: Url) -> Self {
        Self::new(what, HttpMethod::Get, url)
    }

    /// A `POST`, sent once.
    pub fn post(what: impl Into<String>, url: Url) -> Self {
        Self::new(what, HttpMethod::Post, url)
    }

    /// A `PUT`, sent once.
    pub fn put(what: impl Into<String>, url: Url) -> Self {
        Self::new(what, HttpMethod::Put, url)
    }

    /// A `DELETE`, sent once.
    pub fn delete(what: impl Into<String>, url: Url) -> Self {
        Self::new(what, HttpMethod::Delete, url)
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((key.into(), value.into()));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Authorises with a bearer token.
    #[must_use]
    pub fn bearer(mut self, secret: SecretString) -> Self {
        self.bearer = Some(secret);
        self
    }

    /// Sends a JSON body.
    #[must_use]
    pub fn json(mut self, value: serde_json::Value) -> Self {
        self.body = Some(value);
        self
    }

    /// Sets the time-out of one try.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Marks it as a read that may be sent this often. Never for a call that changes something.
    #[must_use]
    pub fn tries(mut self, tries: u32) -> Self {
        self.retry = Retry::Reads { tries };
        self
    }
}

/// A reply with a status of success.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpReply {
    /// HTTP status, 200 to 299.
    pub status: u16,
    /// The body; it may hold secrets, so it is not part of `Debug`.
    pub body: String,
}

impl HttpReply {
    /// Reads the body as JSON. The error names the place, not the content.
    pub fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T, CallError> {
        serde_json::from_str(&self.body).map_err(|error| CallError {
            what: what.into(),
            kind: CallErrorKind::Malformed,
            status: Some(self.status),
            detail: text::json_error(&error, self.body.len()),
        })
    }
}

impl std::fmt::Debug for HttpReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpReply")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish()
    }
}

/// `path` below `base`, whose own path is kept as a prefix: `http://h:8000/chain-rpc/` and
/// `/status` give `http://h:8000/chain-rpc/status`.
pub fn join(base: &Url, path: &str) -> Url {
    let (path, query) = match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    };
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

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    #[test]
    fn joining_keeps_the_prefix_of_the_base() {
        let joined = |base: &str, path: &str| join(&url(base), path).to_string();
        assert_eq!(
            joined("http://h:8000/chain-rpc/", "/status"),
            "http://h:8000/chain-rpc/status"
        );
        assert_eq!(
            joined("http://h:8000/chain-rpc", "status"),
            "http://h:8000/chain-rpc/status"
        );
        assert_eq!(
            joined("http://h:9000", "v1/epochs/"),
            "http://h:9000/v1/epochs/"
        );
        assert_eq!(
            joined("http://h/x?old=1#f", "block?height=5"),
            "http://h/x/block?height=5"
        );
    }

    #[test]
    fn a_body_that_is_not_json_is_malformed_and_not_quoted() {
        let reply = HttpReply {
            status: 200,
            body: r#"{"a": "canary-secret"}"#.into(),
        };
        let error = reply
            .json::<std::collections::BTreeMap<String, u64>>("read it")
            .expect_err("a string is no number");
        assert_eq!(error.kind, CallErrorKind::Malformed);
        assert!(!error.to_string().contains("canary"), "{error}");
        assert!(!format!("{reply:?}").contains("canary"));
    }
}
