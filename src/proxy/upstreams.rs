//! The upstreams in order of preference, and their health.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

use super::request_body;
use super::route::InferenceEndpoint;
use super::upstream_client::{Destination, UpstreamRequest};
use crate::config::{FieldRules, ProxyConfig, UpstreamConfig, UpstreamFeature};
use crate::http::join;

/// Cooldown after a failure; it doubles with each further one.
const INITIAL_COOLDOWN: Duration = Duration::from_secs(5);
const MAX_COOLDOWN: Duration = Duration::from_mins(2);

pub(super) struct Upstream {
    pub destination: Destination,
    /// The upstream's name for the model.
    pub model: String,
    features: BTreeSet<UpstreamFeature>,
    host: String,
    /// In logs and metrics: the host, which holds no secret.
    name: Arc<str>,
    headers: HeaderMap,
    health: Mutex<Health>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Healthy,
    /// Tried again after `until`, or when no other upstream is left.
    CoolingDown {
        until: Instant,
        /// In a row.
        failures: u32,
    },
}

/// What the status of an upstream's reply means for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StatusClass {
    Success,
    /// The request is at fault: no other upstream would accept it.
    Rejected,
    /// Another upstream may have capacity.
    Busy,
    /// The upstream failed, or does not accept our key.
    Failed,
}

impl StatusClass {
    pub fn of(status: StatusCode) -> StatusClass {
        match status.as_u16() {
            200..=299 => StatusClass::Success,
            400 | 413 | 422 => StatusClass::Rejected,
            429 => StatusClass::Busy,
            _ => StatusClass::Failed,
        }
    }
}

/// All upstreams, the preferred one first.
pub(super) fn from_config(config: &ProxyConfig) -> io::Result<Vec<Arc<Upstream>>> {
    let mut all: Vec<Arc<Upstream>> = Vec::new();
    for one in config.upstreams() {
        let host = one.url.host_str().unwrap_or("upstream");
        let before = all.iter().filter(|other| other.host == host).count();
        // A second upstream on a host, with another key or model, is counted by itself.
        let name = match before {
            0 => host.to_owned(),
            before => format!("{host} ({})", before + 1),
        };
        all.push(Arc::new(Upstream::new(one, &config.fields, &name)?));
    }
    Ok(all)
}

/// The order in which to try them: healthy ones by preference, then those in cooldown by its end. To
/// try one that failed is better than to try none.
pub(super) fn by_preference<U: AsRef<Upstream>>(all: &[U], now: Instant) -> Vec<&U> {
    let mut order: Vec<&U> = all.iter().collect();
    order.sort_by_key(|upstream| upstream.as_ref().cooldown_until(now));
    order
}

impl Upstream {
    fn new(config: &UpstreamConfig, rules: &FieldRules, name: &str) -> io::Result<Upstream> {
        Ok(Upstream {
            features: reachable_features(config, rules),
            destination: Destination::new(&with_v1(&config.url))?,
            model: config.model.clone(),
            host: config.url.host_str().unwrap_or("upstream").to_owned(),
            name: name.into(),
            headers: headers(&config.key),
            health: Mutex::new(Health::Healthy),
        })
    }

    /// Whether it has every feature that a request needs.
    pub fn has(&self, needs: &BTreeSet<UpstreamFeature>) -> bool {
        needs.is_subset(&self.features)
    }

    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub fn request(&self, endpoint: InferenceEndpoint, body: Bytes) -> UpstreamRequest {
        self.destination
            .request(endpoint, self.headers.clone(), body)
    }

    /// `None` if it is not in cooldown.
    pub fn cooldown_until(&self, now: Instant) -> Option<Instant> {
        match *self.health() {
            Health::CoolingDown { until, .. } if until > now => Some(until),
            _ => None,
        }
    }

    pub fn record_success(&self) {
        let mut health = self.health();
        if *health != Health::Healthy {
            tracing::info!(upstream = &*self.name, "the upstream has recovered");
            *health = Health::Healthy;
        }
    }

    pub fn record_failure(&self, now: Instant) {
        let mut health = self.health();
        let failures = match *health {
            Health::Healthy => 1,
            Health::CoolingDown { failures, .. } => failures + 1,
        };
        let cooldown = INITIAL_COOLDOWN * 2_u32.saturating_pow(failures - 1);
        let until = now + cooldown.min(MAX_COOLDOWN);
        *health = Health::CoolingDown { until, failures };
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Its features that the field rules leave usable: `enforced_tokens` that are dropped or renamed do not
/// reach it. Token ids may come without being requested.
fn reachable_features(config: &UpstreamConfig, rules: &FieldRules) -> BTreeSet<UpstreamFeature> {
    let field = request_body::ENFORCED_TOKENS;
    let is_kept =
        !rules.renamed.contains_key(field) && rules.dropped.iter().all(|one| one != field);
    let mut features = config.features.clone();
    features.retain(|feature| *feature != UpstreamFeature::EnforcedTokens || is_kept);
    features
}

/// The configured address may omit `/v1`.
fn with_v1(url: &Url) -> Url {
    if url.path().trim_end_matches('/').ends_with("/v1") {
        url.clone()
    } else {
        join(url, "v1")
    }
}

fn headers(key: &SecretString) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    // Replies are passed on unchanged, and the caller may accept no other encoding.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    let bearer = format!("Bearer {}", key.expose_secret());
    // A key that no header can carry is wrong: the upstream's 401 will say so.
    if let Ok(mut bearer) = HeaderValue::from_str(&bearer) {
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Vec<Arc<Upstream>> {
        let upstream = |name: &&str| {
            let config = UpstreamConfig {
                url: format!("http://{name}/v1").parse().unwrap(),
                key: "key".to_owned().into(),
                model: "model".into(),
                features: BTreeSet::new(),
            };
            Arc::new(Upstream::new(&config, &FieldRules::default(), name).unwrap())
        };
        ["a", "b", "c"].iter().map(upstream).collect()
    }

    fn names(upstreams: &[Arc<Upstream>], now: Instant) -> String {
        let order = by_preference(upstreams, now);
        order.iter().map(|one| &**one.name()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn failed_upstream_is_last_until_cooldown_ends() {
        let (upstreams, now) = (three(), Instant::now());
        assert_eq!(names(&upstreams, now), "abc");
        upstreams[0].record_failure(now);
        assert_eq!(names(&upstreams, now), "bca");
        assert_eq!(names(&upstreams, now + INITIAL_COOLDOWN), "abc");
    }

    #[tokio::test(start_paused = true)]
    async fn cooldown_doubles_until_a_success() {
        let (upstreams, now) = (three(), Instant::now());
        let first = &upstreams[0];
        first.record_failure(now);
        first.record_failure(now);
        assert_eq!(first.cooldown_until(now), Some(now + INITIAL_COOLDOWN * 2));
        (0..40).for_each(|_| first.record_failure(now));
        assert_eq!(first.cooldown_until(now), Some(now + MAX_COOLDOWN));
        first.record_success();
        assert_eq!(first.cooldown_until(now), None);
        first.record_failure(now);
        assert_eq!(first.cooldown_until(now), Some(now + INITIAL_COOLDOWN));
    }

    #[tokio::test(start_paused = true)]
    async fn earliest_cooldown_end_is_tried_first() {
        let (upstreams, now) = (three(), Instant::now());
        upstreams[0].record_failure(now);
        upstreams[0].record_failure(now);
        upstreams[2].record_failure(now);
        upstreams[1].record_failure(now + Duration::from_secs(1));
        assert_eq!(names(&upstreams, now), "cba");
    }
}
