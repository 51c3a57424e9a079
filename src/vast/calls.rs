//! Sends calls to the market, with the key and at its pace, and judges the replies.

use std::sync::Arc;

use secrecy::SecretString;
use serde_json::Value;
use url::Url;

use super::rate_limit::{RateLimit, RateLimiter, VastEndpoint};
use super::refusal;
use super::shared_listing::SharedListing;
use crate::config::VastConfig;
use crate::domain::{CallError, CallErrorKind};
use crate::http::json::Fields;
use crate::http::{HttpClient, HttpReply, HttpRequest, error_message, join};

#[derive(Debug)]
pub struct VastClient {
    pub(super) http: HttpClient,
    pub(super) base: Url,
    pub(super) key: SecretString,
    pub(super) timeout: std::time::Duration,
    pub(super) tries: u32,
    pub(super) limiter: Arc<RateLimiter>,
    pub(super) listing: SharedListing,
}

impl VastClient {
    pub fn new(http: HttpClient, config: &VastConfig) -> Self {
        VastClient {
            http,
            base: config.base_url.clone(),
            key: config.api_key.clone(),
            timeout: config.request_timeout,
            tries: config.read_attempts,
            limiter: RateLimiter::new(RateLimit::Documented),
            listing: SharedListing::default(),
        }
    }

    /// Replaces the rate limit.
    #[must_use]
    pub fn with_rate_limit(self, limit: RateLimit) -> Self {
        self.with_limiter(RateLimiter::new(limit))
    }

    /// Shares the rate limit with other clients of the account.
    #[must_use]
    pub fn with_limiter(mut self, limiter: Arc<RateLimiter>) -> Self {
        self.limiter = limiter;
        self
    }

    pub(super) fn what(&self, deed: &str) -> String {
        format!("{deed} on {}", self.base.host_str().unwrap_or("the market"))
    }

    pub(super) fn url(&self, path: &str) -> Url {
        join(&self.base, path)
    }

    pub(super) fn prepare(&self, endpoint: VastEndpoint, request: HttpRequest) -> HttpRequest {
        request
            .bearer(self.key.clone())
            .timeout(self.timeout)
            .paced(self.limiter.of(endpoint))
            .classified_by(refusal::classify)
    }

    /// Sends a request and parses its JSON. `success: false` is a refusal whatever the status.
    pub(super) async fn call(
        &self,
        endpoint: VastEndpoint,
        request: HttpRequest,
    ) -> Result<Value, CallError> {
        self.exchange(endpoint, request).await.map(|(_, body)| body)
    }

    /// The same, with the reply that the JSON is from.
    pub(super) async fn exchange(
        &self,
        endpoint: VastEndpoint,
        request: HttpRequest,
    ) -> Result<(HttpReply, Value), CallError> {
        let what = request.what.clone();
        let reply = self.http.send(self.prepare(endpoint, request)).await?;
        let body = reply.lenient_json(&what)?;
        match refused_in_body(&what, &reply, &body, &self.key) {
            Some(refusal) => Err(refusal),
            None => Ok((reply, body)),
        }
    }

    pub(super) async fn read(
        &self,
        endpoint: VastEndpoint,
        request: HttpRequest,
    ) -> Result<Value, CallError> {
        self.call(endpoint, request.tries(self.tries)).await
    }
}

pub(super) fn malformed(what: &str, detail: &str) -> CallError {
    CallError::new(what, CallErrorKind::Malformed, detail)
}

/// The market sends `success: false` with status 200 too.
pub(super) fn refused_in_body(
    what: &str,
    reply: &HttpReply,
    body: &Value,
    key: &SecretString,
) -> Option<CallError> {
    (Fields(body).flag("success") == Some(false)).then(|| CallError {
        what: what.into(),
        kind: CallErrorKind::Refused,
        status: Some(reply.status),
        detail: error_message(&reply.body, Some(key)),
    })
}

pub(super) fn rows<'a>(
    what: &str,
    body: &'a Value,
    name: &str,
) -> Result<&'a Vec<Value>, CallError> {
    body.get(name)
        .and_then(Value::as_array)
        .ok_or_else(|| malformed(what, &format!("the reply has no list `{name}`")))
}
