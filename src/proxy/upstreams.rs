//! The upstreams in the order of preference, and which of them are worth asking now.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use secrecy::ExposeSecret;
use tokio::time::Instant;
use url::Url;

use crate::config::UpstreamConfig;
use crate::http::join;

/// First rest of an upstream that failed; it doubles with every further failure.
const FIRST_REST: Duration = Duration::from_secs(5);
const LONGEST_REST: Duration = Duration::from_mins(2);

/// Who answers for us.
pub(super) struct Upstreams {
    all: Vec<Upstream>,
}

/// One of them.
pub(super) struct Upstream {
    pub config: UpstreamConfig,
    headers: HeaderMap,
    base: Url,
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

impl Upstreams {
    /// `first` is preferred; then `others`, in their order.
    pub fn new(first: &UpstreamConfig, others: &[UpstreamConfig]) -> Upstreams {
        let all = std::iter::once(first).chain(others);
        Upstreams {
            all: all.cloned().map(Upstream::new).collect(),
        }
    }

    /// In the order in which they are asked now: whoever is well, by preference; then whoever rests,
    /// the first to wake first. To ask one that failed is better than to ask nobody.
    pub fn in_order(&self, now: Instant) -> Vec<&Upstream> {
        let mut order: Vec<&Upstream> = self.all.iter().collect();
        order.sort_by_key(|upstream| upstream.rests_until(now));
        order
    }

    /// All, by preference.
    pub fn all(&self) -> &[Upstream] {
        &self.all
    }
}

impl Upstream {
    fn new(config: UpstreamConfig) -> Upstream {
        Upstream {
            headers: headers(&config),
            base: base(&config.url),
            config,
            health: Mutex::new(Health::Well),
        }
    }

    /// Its name in logs and metrics: the host, which holds no secret.
    pub fn name(&self) -> &str {
        self.config.url.host_str().unwrap_or("upstream")
    }

    /// The address of an endpoint.
    pub fn endpoint(&self, path: &str) -> Url {
        join(&self.base, path)
    }

    /// What every request to it carries: our key among it.
    pub fn headers(&self) -> HeaderMap {
        self.headers.clone()
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
            tracing::info!(upstream = self.name(), "the upstream answers again");
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

fn headers(config: &UpstreamConfig) -> HeaderMap {
    let json = HeaderValue::from_static("application/json");
    let mut headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
    let bearer = format!("Bearer {}", config.key.expose_secret());
    // A key that no header can carry cannot be right: the upstream will say so.
    if let Ok(mut bearer) = HeaderValue::from_str(&bearer) {
        bearer.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, bearer);
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

    fn three() -> Upstreams {
        let upstream = |name: &str| UpstreamConfig {
            url: format!("http://{name}/v1").parse().unwrap(),
            key: "key".to_owned().into(),
            model: "model".into(),
        };
        Upstreams::new(&upstream("a"), &[upstream("b"), upstream("c")])
    }

    fn names(upstreams: &Upstreams, now: Instant) -> String {
        let order = upstreams.in_order(now);
        order.iter().map(|one| one.name()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_failed_is_asked_last_until_it_has_rested() {
        let (upstreams, now) = (three(), Instant::now());
        assert_eq!(names(&upstreams, now), "abc");
        upstreams.all()[0].failed(now);
        assert_eq!(names(&upstreams, now), "bca");
        assert_eq!(names(&upstreams, now + FIRST_REST), "abc");
    }

    #[tokio::test(start_paused = true)]
    async fn it_rests_longer_each_time_and_is_forgiven_by_an_answer() {
        let (upstreams, now) = (three(), Instant::now());
        let first = &upstreams.all()[0];
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
        upstreams.all()[0].failed(now);
        upstreams.all()[0].failed(now);
        upstreams.all()[2].failed(now);
        upstreams.all()[1].failed(now + Duration::from_secs(1));
        assert_eq!(names(&upstreams, now), "cba");
    }
}
