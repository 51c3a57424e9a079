//! The upstreams in the order of preference, and which of them are worth asking now.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::Url;

use super::connections::{self, Asked};
use super::destination::{Destination, Targets};
use super::surface::Endpoint;
use crate::config::{ProxyConfig, UpstreamConfig};
use crate::http::join;

/// First rest of an upstream that failed; it doubles with every further failure.
const FIRST_REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_mins(2);

/// Somebody who answers for us.
pub(super) struct Upstream {
    pub destination: Destination,
    /// Its name for the model.
    pub model: String,
    host: String,
    /// In logs and metrics: by the host, which holds no secret.
    name: Arc<str>,
    headers: HeaderMap,
    targets: Targets,
    health: Mutex<Health>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Well,
    /// It failed so often in a row, and is asked again only then, or when nobody else is left.
    Resting {
        until: Instant,
        failures: u32,
    },
}

/// What an upstream's answer means for the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Answered,
    /// The request itself is at fault: nobody else would take it.
    NotAcceptable,
    /// It is busy: somebody else may have room.
    Busy,
    /// It failed, or does not know us.
    Failed,
}

/// All of them, the preferred first.
pub(super) fn all(config: &ProxyConfig) -> io::Result<Vec<Arc<Upstream>>> {
    let mut all: Vec<Arc<Upstream>> = Vec::new();
    for one in std::iter::once(&config.upstream).chain(&config.fallbacks) {
        let host = one.url.host_str().unwrap_or("upstream");
        let before = all.iter().filter(|other| other.host == host).count();
        // The second at a host, with another key or model, is counted by itself.
        let name = match before {
            0 => host.to_owned(),
            before => format!("{host} ({})", before + 1),
        };
        all.push(Arc::new(Upstream::new(one, &name)?));
    }
    Ok(all)
}

/// In the order in which they are asked now: whoever is well, by preference; then whoever rests, the
/// first to wake first. To ask one that failed is better than to ask nobody.
pub(super) fn in_order<U: AsRef<Upstream>>(all: &[U], now: Instant) -> Vec<&U> {
    let mut order: Vec<&U> = all.iter().collect();
    order.sort_by_key(|upstream| upstream.as_ref().rests_until(now));
    order
}

impl Upstream {
    fn new(config: &UpstreamConfig, name: &str) -> io::Result<Upstream> {
        let destination = Destination::new(&base(&config.url))?;
        let mut headers = destination.headers();
        headers.extend(ours(&config.key));
        Ok(Upstream {
            targets: Targets::new(&destination, "")?,
            destination,
            model: config.model.clone(),
            host: config.url.host_str().unwrap_or("upstream").to_owned(),
            name: name.into(),
            headers,
            health: Mutex::new(Health::Well),
        })
    }

    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// A request for it, with our key.
    pub fn request(&self, endpoint: Endpoint, body: Bytes) -> Asked {
        let target = self.targets.of(endpoint).clone();
        connections::post(target, self.headers.clone(), body)
    }

    /// Absent when it is well.
    pub fn rests_until(&self, now: Instant) -> Option<Instant> {
        match *self.health() {
            Health::Resting { until, .. } if until > now => Some(until),
            _ => None,
        }
    }

    pub fn succeeded(&self) {
        let mut health = self.health();
        if *health != Health::Well {
            tracing::info!(upstream = &*self.name, "the upstream answers again");
            *health = Health::Well;
        }
    }

    pub fn failed(&self, now: Instant) {
        let mut health = self.health();
        let failures = match *health {
            Health::Well => 1,
            Health::Resting { failures, .. } => failures + 1,
        };
        let rest = FIRST_REST * 2_u32.saturating_pow(failures - 1);
        let until = now + rest.min(LONGEST_REST);
        *health = Health::Resting { until, failures };
    }

    fn health(&self) -> std::sync::MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An upstream is given with or without its `/v1`.
fn base(url: &Url) -> Url {
    if url.path().trim_end_matches('/').ends_with("/v1") {
        url.clone()
    } else {
        join(url, "v1")
    }
}

fn ours(key: &SecretString) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    let bearer = format!("Bearer {}", key.expose_secret());
    // A key that no header can carry cannot be right: the upstream will say so.
    if let Ok(mut bearer) = HeaderValue::from_str(&bearer) {
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
    headers
}

impl Verdict {
    pub fn of(status: StatusCode) -> Verdict {
        match status.as_u16() {
            200..=299 => Verdict::Answered,
            400 | 413 | 422 => Verdict::NotAcceptable,
            429 => Verdict::Busy,
            _ => Verdict::Failed,
        }
    }
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
            };
            Arc::new(Upstream::new(&config, name).unwrap())
        };
        ["a", "b", "c"].iter().map(upstream).collect()
    }

    fn names(upstreams: &[Arc<Upstream>], now: Instant) -> String {
        let order = in_order(upstreams, now);
        order.iter().map(|one| &**one.name()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_failed_is_asked_last_until_it_has_rested() {
        let (upstreams, now) = (three(), Instant::now());
        assert_eq!(names(&upstreams, now), "abc");
        upstreams[0].failed(now);
        assert_eq!(names(&upstreams, now), "bca");
        assert_eq!(names(&upstreams, now + FIRST_REST), "abc");
    }

    #[tokio::test(start_paused = true)]
    async fn it_rests_longer_each_time_and_is_forgiven_by_an_answer() {
        let (upstreams, now) = (three(), Instant::now());
        let first = &upstreams[0];
        first.failed(now);
        first.failed(now);
        assert_eq!(first.rests_until(now), Some(now + FIRST_REST * 2));
        (0..40).for_each(|_| first.failed(now));
        assert_eq!(first.rests_until(now), Some(now + LONGEST_REST));
        first.succeeded();
        assert_eq!(first.rests_until(now), None);
        first.failed(now);
        assert_eq!(first.rests_until(now), Some(now + FIRST_REST));
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_rest_the_first_to_wake_is_asked_first() {
        let (upstreams, now) = (three(), Instant::now());
        upstreams[0].failed(now);
        upstreams[0].failed(now);
        upstreams[2].failed(now);
        upstreams[1].failed(now + Duration::from_secs(1));
        assert_eq!(names(&upstreams, now), "cba");
    }
}
