//! The proxy's metrics in the `OpenMetrics` text format.

use std::fmt;
use std::sync::Arc;

use hyper::StatusCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

use super::reply::{self, Reply};
use super::shared::Proxy;
use crate::domain::Serving;

/// The media type of the `OpenMetrics` text format.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn reply(proxy: &Arc<Proxy>) -> Reply {
    let mut registry = Registry::with_prefix("pocpit_proxy");
    let first_byte = "Time from the request to the first byte of its reply";
    registry.register_with_unit(
        "first_byte",
        first_byte,
        Unit::Seconds,
        proxy.first_byte.clone(),
    );
    registry.register_collector(Box::new(ProxyMetrics(Arc::clone(proxy))));
    let mut page = String::new();
    match text::encode(&mut page, &registry) {
        Ok(()) => reply::text(OPENMETRICS, page),
        Err(error) => {
            tracing::warn!("cannot encode the proxy's metrics: {error}");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            reply::error(status, "cannot encode the metrics")
        }
    }
}

struct ProxyMetrics(Arc<Proxy>);

impl fmt::Debug for ProxyMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyMetrics")
    }
}

impl Collector for ProxyMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (proxy, counters, now) = (&self.0, self.0.counters.snapshot(), Instant::now());

        let up = i64::from(counters.serving == Serving::Up);
        let what = "1 if the Network Node wants inference served";
        let family = encoder.encode_descriptor("up", what, None, MetricType::Gauge)?;
        ConstGauge::new(up).encode(family)?;

        let what = "Requests in flight";
        let family = encoder.encode_descriptor("in_flight", what, None, MetricType::Gauge)?;
        ConstGauge::new(i64::try_from(proxy.in_flight()).unwrap_or(i64::MAX)).encode(family)?;

        let what = "Replies by endpoint and status";
        let mut family = encoder.encode_descriptor("answers", what, None, MetricType::Counter)?;
        for (endpoint, statuses) in &counters.replies {
            for (status, count) in statuses {
                let labels = [
                    ("endpoint", endpoint.clone()),
                    ("status", status.to_string()),
                ];
                ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
            }
        }

        let what = "Replies that broke off or were abandoned by the caller";
        let family = encoder.encode_descriptor("unfinished", what, None, MetricType::Counter)?;
        ConstCounter::new(counters.unfinished).encode(family)?;

        let what = "Bytes of replies";
        let sent =
            encoder.encode_descriptor("sent", what, Some(&Unit::Bytes), MetricType::Counter)?;
        ConstCounter::new(counters.sent).encode(sent)?;

        let what = "Requests that an upstream answered or failed";
        let mut family = encoder.encode_descriptor("attempts", what, None, MetricType::Counter)?;
        for (upstream, attempts) in &counters.upstreams {
            for (outcome, count) in [("answered", attempts.answered), ("failed", attempts.failed)] {
                let labels = [("upstream", upstream.as_str()), ("outcome", outcome)];
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }

        let what = "1 if the upstream is healthy, 0 during its cooldown after a failure";
        let mut family =
            encoder.encode_descriptor("upstream_well", what, None, MetricType::Gauge)?;
        for upstream in &proxy.upstreams {
            let well = i64::from(upstream.cooldown_until(now).is_none());
            let labels = [("upstream", &**upstream.name())];
            ConstGauge::new(well).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
