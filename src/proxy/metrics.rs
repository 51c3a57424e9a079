//! The proxy's figures in the `OpenMetrics` text format.

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

use super::Proxy;
use super::reply::{self, Reply};
use crate::domain::Serving;

/// The media type of the `OpenMetrics` text format.
pub const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn answer(proxy: &Arc<Proxy>) -> Reply {
    let mut registry = Registry::with_prefix("pocpit_proxy");
    let first_byte = "From the request to the first byte of its answer";
    registry.register_with_unit(
        "first_byte",
        first_byte,
        Unit::Seconds,
        proxy.first_byte.clone(),
    );
    registry.register_collector(Box::new(Figures(Arc::clone(proxy))));
    let mut page = String::new();
    match text::encode(&mut page, &registry) {
        Ok(()) => reply::text(OPENMETRICS, page),
        Err(error) => {
            tracing::warn!("the proxy's metrics cannot be written: {error}");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            reply::error(status, "the metrics cannot be written")
        }
    }
}

struct Figures(Arc<Proxy>);

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Figures")
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (proxy, kept, now) = (&self.0, self.0.memory.copy(), Instant::now());

        let up = i64::from(kept.service == Serving::Up);
        let what = "1 while the Network Node wants inference served";
        let family = encoder.encode_descriptor("up", what, None, MetricType::Gauge)?;
        ConstGauge::new(up).encode(family)?;

        let what = "Requests under way";
        let family = encoder.encode_descriptor("in_flight", what, None, MetricType::Gauge)?;
        ConstGauge::new(i64::try_from(proxy.under_way()).unwrap_or(i64::MAX)).encode(family)?;

        let what = "Requests answered";
        let mut family = encoder.encode_descriptor("answers", what, None, MetricType::Counter)?;
        for (endpoint, statuses) in &kept.answers {
            for (status, count) in statuses {
                let labels = [
                    ("endpoint", endpoint.clone()),
                    ("status", status.to_string()),
                ];
                ConstCounter::new(*count).encode(family.encode_family(&labels)?)?;
            }
        }

        let what = "Answers that broke off or that the caller did not wait for";
        let family = encoder.encode_descriptor("unfinished", what, None, MetricType::Counter)?;
        ConstCounter::new(kept.unfinished).encode(family)?;

        let what = "Bytes of answers";
        let sent =
            encoder.encode_descriptor("sent", what, Some(&Unit::Bytes), MetricType::Counter)?;
        ConstCounter::new(kept.sent).encode(sent)?;

        let what = "Requests that an upstream answered or failed";
        let mut family = encoder.encode_descriptor("attempts", what, None, MetricType::Counter)?;
        for (upstream, attempts) in &kept.upstreams {
            for (outcome, count) in [("answered", attempts.answered), ("failed", attempts.failed)] {
                let labels = [("upstream", upstream.as_str()), ("outcome", outcome)];
                ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
            }
        }

        let what = "1 while the upstream is asked in its turn, 0 while it rests after a failure";
        let mut family =
            encoder.encode_descriptor("upstream_well", what, None, MetricType::Gauge)?;
        for upstream in &proxy.upstreams {
            let well = i64::from(upstream.rests_until(now).is_none());
            let labels = [("upstream", &**upstream.name())];
            ConstGauge::new(well).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
