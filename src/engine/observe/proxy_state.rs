//! Readings of the inference proxy, which is a process of its own.

use std::net::SocketAddr;

use crate::domain::{CallError, Duration, ProxyFigures, Serving, Time};
use crate::engine::alerts::alert::{Alert, AlertLevel, Condition};
use crate::engine::alerts::onset::Onsets;
use crate::engine::snapshot::ProxySnapshot;

/// One failed reading may be a restart.
const BAD_READINGS: u32 = 2;

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ProxyState {
    figures: Option<(Time, ProxyFigures)>,
    /// Requests per minute between the last two readings.
    per_minute: Option<f64>,
    silence: Option<Silence>,
}

#[derive(Debug, Clone, PartialEq)]
struct Silence {
    since: Time,
    readings: u32,
    error: String,
}

impl ProxyState {
    pub(crate) fn record(&mut self, now: Time, reading: Result<ProxyFigures, CallError>) {
        match reading {
            Ok(figures) => {
                self.silence = None;
                let before = self.figures.as_ref();
                self.per_minute = before.and_then(|(at, old)| rate(now - *at, old, &figures));
                self.figures = Some((now, figures));
            }
            Err(error) => {
                let (since, readings) = match &self.silence {
                    Some(silence) => (silence.since, silence.readings + 1),
                    None => (now, 1),
                };
                let error = error.to_string();
                self.silence = Some(Silence {
                    since,
                    readings,
                    error,
                });
                self.per_minute = None;
            }
        }
    }

    /// When what is known was read.
    pub(crate) fn times(&mut self) -> impl Iterator<Item = &mut Time> {
        let figures = self.figures.iter_mut().map(|(at, _)| at);
        let silence = self.silence.iter_mut().map(|silence| &mut silence.since);
        figures.chain(silence)
    }

    pub(crate) fn snapshot(&self, address: SocketAddr) -> ProxySnapshot {
        ProxySnapshot {
            address,
            figures: self.figures.as_ref().map(|(_, figures)| figures.clone()),
            per_minute: self.per_minute,
            silent_since: self.silence.as_ref().map(|silence| silence.since),
        }
    }

    /// A proxy that has never answered may run elsewhere: that is shown, but is no alert.
    pub(crate) fn alert(&self, now: Time, onsets: &mut Onsets) -> Option<Alert> {
        let (_, figures) = self.figures.as_ref()?;
        if let Some(silence) = &self.silence {
            if silence.readings < BAD_READINGS {
                return None;
            }
            let text = format!(
                "the inference proxy does not answer any more: {}",
                silence.error
            );
            let advice = "start it (systemctl start pocpit-proxy, or pocpit proxy): requests to it fail until then";
            let (condition, level) = (Condition::ProxyDown, AlertLevel::Warning);
            return Some(Alert::new(condition, level, silence.since, text, advice));
        }
        let fails = figures.serving == Serving::Up && figures.has_no_usable_upstream();
        fails.then(|| {
            onsets.alert(
                Condition::NoHealthyUpstream,
                now,
                AlertLevel::Warning,
                "no upstream of the inference proxy is healthy: requests to it fail",
                "see the log of pocpit proxy; check inference_proxy.upstream, its key and its credit",
            )
        })
    }
}

/// Requests per minute; `None` after a restart reset the counters.
fn rate(time: Duration, before: &ProxyFigures, now: &ProxyFigures) -> Option<f64> {
    let seconds = time.as_seconds_f64();
    let more = now.requests().checked_sub(before.requests())?;
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    (seconds > 0.0).then(|| more as f64 * 60.0 / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CallErrorKind, UpstreamFigures, UpstreamHealth};

    fn at(second: i64) -> Time {
        Time::from_timestamp(second, 0).unwrap()
    }

    fn figures(answered: u64, health: UpstreamHealth) -> ProxyFigures {
        ProxyFigures {
            answered,
            upstreams: vec![UpstreamFigures {
                name: "up".into(),
                answered,
                failed: 0,
                health,
            }],
            ..ProxyFigures::default()
        }
    }

    fn refused() -> CallError {
        CallError::new(
            "ask the inference proxy",
            CallErrorKind::NotSent,
            "connection refused",
        )
    }

    #[test]
    fn silent_proxy_alerts_at_second_reading() {
        let mut proxy = ProxyState::default();
        let mut onsets = Onsets::default();
        // A proxy that has never answered may run elsewhere.
        proxy.record(at(0), Err(refused()));
        proxy.record(at(30), Err(refused()));
        assert_eq!(proxy.alert(at(30), &mut onsets), None);
        let shown = proxy.snapshot("127.0.0.1:5000".parse().unwrap());
        assert_eq!(shown.silent_since, Some(at(0)));
        proxy.record(at(60), Ok(figures(10, UpstreamHealth::Well)));
        proxy.record(at(90), Err(refused()));
        assert_eq!(proxy.alert(at(90), &mut onsets), None);
        proxy.record(at(120), Err(refused()));
        let alert = proxy.alert(at(120), &mut onsets).unwrap();
        assert_eq!(alert.since, at(90));
        assert!(alert.text.contains("connection refused"), "{alert:?}");
        proxy.record(at(150), Ok(figures(10, UpstreamHealth::Well)));
        assert_eq!(proxy.alert(at(150), &mut onsets), None);
    }

    #[test]
    fn rate_ignores_counter_resets() {
        let mut proxy = ProxyState::default();
        let rates = [(0, 10), (30, 25), (60, 5), (120, 5)].map(|(second, answered)| {
            proxy.record(at(second), Ok(figures(answered, UpstreamHealth::Well)));
            proxy.per_minute
        });
        assert_eq!(rates, [None, Some(30.0), None, Some(0.0)]);
    }

    #[test]
    fn no_healthy_upstream_alerts_unless_stopped() {
        let mut proxy = ProxyState::default();
        let mut onsets = Onsets::default();
        proxy.record(at(0), Ok(figures(1, UpstreamHealth::Resting)));
        assert!(proxy.alert(at(0), &mut onsets).is_some());
        proxy.record(at(30), Ok(figures(1, UpstreamHealth::Resting)));
        let alert = proxy.alert(at(30), &mut onsets);
        assert_eq!(alert.map(|alert| alert.since), Some(at(0)));
        let stopped = ProxyFigures {
            serving: Serving::Stopped,
            ..figures(1, UpstreamHealth::Resting)
        };
        proxy.record(at(60), Ok(stopped));
        assert_eq!(proxy.alert(at(60), &mut onsets), None);
        proxy.record(at(90), Ok(figures(2, UpstreamHealth::Well)));
        assert_eq!(proxy.alert(at(90), &mut onsets), None);
    }
}
