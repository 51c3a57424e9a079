//! Spaces out requests as the market documents; faster clients are penalized. A wait that the market
//! itself asks for holds for every part of the program.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::http::{MAX_RETRY_AFTER, Pace};

/// How requests are spaced out. Real time: the limits are the server's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RateLimit {
    Documented,
    /// For a market whose clock runs so many times as fast.
    Scaled(f64),
    /// For a market without limits. What it asks for still counts.
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VastEndpoint {
    Search,
    Rent,
    Destroy,
    Instance,
    Instances,
    Account,
    Keys,
    AttachKey,
    Log,
    Charges,
    RequestedPrices,
}

const ENDPOINTS: usize = 11;
/// Two requests may arrive closer together than they were sent.
const JITTER: Duration = Duration::from_millis(5);

impl VastEndpoint {
    /// Documented thresholds (`x-rate-limit` in the vendor's `OpenAPI` files: 4.5 s, 3 s, 2 s, 1 s) and a
    /// tenth or more, because what was sent in time may arrive early.
    fn interval(self) -> Duration {
        Duration::from_millis(match self {
            VastEndpoint::Search => 6_500,
            VastEndpoint::Rent => 5_000,
            VastEndpoint::Destroy => 3_300,
            // No threshold is documented for the log.
            VastEndpoint::Instance
            | VastEndpoint::AttachKey
            | VastEndpoint::Log
            | VastEndpoint::RequestedPrices => 2_200,
            VastEndpoint::Instances
            | VastEndpoint::Account
            | VastEndpoint::Keys
            | VastEndpoint::Charges => 1_200,
        })
    }
}

/// When each endpoint is free again. Shared by all clients of one account.
#[derive(Debug)]
pub struct RateLimiter {
    limit: RateLimit,
    slots: Mutex<[Slot; ENDPOINTS]>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Slot {
    /// The next free turn.
    next: Option<Instant>,
    /// The market wants no request before.
    not_before: Option<Instant>,
}

impl RateLimiter {
    pub fn new(limit: RateLimit) -> Arc<Self> {
        Arc::new(RateLimiter {
            limit,
            slots: Mutex::new([Slot::default(); ENDPOINTS]),
        })
    }

    pub(super) fn of(self: &Arc<Self>, endpoint: VastEndpoint) -> Arc<dyn Pace> {
        Arc::new(EndpointPace {
            limiter: self.clone(),
            endpoint,
        })
    }

    pub(super) fn interval(&self, endpoint: VastEndpoint) -> Duration {
        match self.limit {
            RateLimit::Documented => endpoint.interval(),
            RateLimit::Scaled(speed) => endpoint.interval().div_f64(speed.max(1.0)) + JITTER,
            RateLimit::Off => Duration::ZERO,
        }
    }

    /// A time of ours as the market counts it.
    pub(super) fn by_the_markets_clock(&self, time: Duration) -> crate::domain::Duration {
        let time = match self.limit {
            RateLimit::Scaled(speed) => time.mul_f64(speed.max(1.0)),
            RateLimit::Documented | RateLimit::Off => time,
        };
        crate::domain::Duration::from_std(time).unwrap_or_default()
    }

    /// Reserves the next turn: concurrent callers get different ones. The error is a wait that is too
    /// long.
    fn reserve(&self, endpoint: VastEndpoint, now: Instant) -> Result<Instant, Duration> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut slots[endpoint as usize];
        let asked = slot.not_before.map_or(now, |asked| asked.max(now));
        if asked - now > MAX_RETRY_AFTER {
            return Err(asked - now);
        }
        let turn = slot.next.map_or(asked, |free| free.max(asked));
        slot.next = Some(turn + self.interval(endpoint));
        Ok(turn)
    }

    /// Without a time from the market, twice the usual interval: each early call costs another penalty.
    fn slow_down(&self, endpoint: VastEndpoint, now: Instant, asked: Option<Duration>) {
        let usual = self.interval(endpoint);
        // A simulated market counts in its own seconds.
        let asked = match self.limit {
            RateLimit::Scaled(speed) => asked.map(|asked| asked.div_f64(speed.max(1.0))),
            RateLimit::Documented | RateLimit::Off => asked,
        };
        let until = now + asked.map_or(usual * 2, |asked| asked.max(usual));
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut slots[endpoint as usize];
        slot.not_before = slot.not_before.max(Some(until));
    }
}

/// The turns of one endpoint.
#[derive(Debug)]
struct EndpointPace {
    limiter: Arc<RateLimiter>,
    endpoint: VastEndpoint,
}

#[async_trait]
impl Pace for EndpointPace {
    async fn turn(&self) -> Result<(), Duration> {
        let turn = self.limiter.reserve(self.endpoint, Instant::now())?;
        tokio::time::sleep_until(turn).await;
        Ok(())
    }

    fn slow_down(&self, asked: Option<Duration>) {
        self.limiter.slow_down(self.endpoint, Instant::now(), asked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn rate_limit_is_per_endpoint() {
        let pacer = RateLimiter::new(RateLimit::Documented);
        let now = Instant::now();
        assert_eq!(pacer.reserve(VastEndpoint::Rent, now), Ok(now));
        let second = pacer.reserve(VastEndpoint::Rent, now);
        assert_eq!(second, Ok(now + 5 * SECOND));
        assert_eq!(pacer.reserve(VastEndpoint::Keys, now), Ok(now));
        let later = now + Duration::from_mins(1);
        assert_eq!(pacer.reserve(VastEndpoint::Rent, later), Ok(later));
    }

    #[test]
    fn requested_wait_holds_for_everyone() {
        let pacer = RateLimiter::new(RateLimit::Documented);
        let now = Instant::now();
        let list = VastEndpoint::Instances;
        pacer.slow_down(list, now, Some(7 * SECOND));
        pacer.slow_down(list, now, Some(3 * SECOND));
        assert_eq!(pacer.reserve(list, now), Ok(now + 7 * SECOND));
        let second = pacer.reserve(list, now).unwrap();
        assert_eq!(second, now + 7 * SECOND + list.interval());
        assert_eq!(pacer.reserve(VastEndpoint::Account, now), Ok(now));
    }

    #[test]
    fn simulated_market_counts_in_its_own_seconds() {
        let pacer = RateLimiter::new(RateLimit::Scaled(400.0));
        let now = Instant::now();
        let destroy = VastEndpoint::Destroy;
        // Given a wait of 40 of the market's seconds, then it takes a tenth of ours.
        pacer.slow_down(destroy, now, Some(40 * SECOND));
        assert_eq!(pacer.reserve(destroy, now), Ok(now + SECOND / 10));
    }

    #[test]
    fn limit_without_time_doubles_the_interval() {
        let pacer = RateLimiter::new(RateLimit::Documented);
        let now = Instant::now();
        pacer.slow_down(VastEndpoint::Destroy, now, None);
        let turn = pacer.reserve(VastEndpoint::Destroy, now).unwrap();
        assert_eq!(turn, now + VastEndpoint::Destroy.interval() * 2);
    }

    #[test]
    fn used_up_quota_sends_nothing() {
        let pacer = RateLimiter::new(RateLimit::Off);
        let now = Instant::now();
        pacer.slow_down(VastEndpoint::Search, now, Some(3_600 * SECOND));
        let refused = pacer.reserve(VastEndpoint::Search, now);
        assert_eq!(refused, Err(3_600 * SECOND));
        let later = now + 3_600 * SECOND;
        assert_eq!(pacer.reserve(VastEndpoint::Search, later), Ok(later));
    }

    #[test]
    fn fast_market_is_asked_faster() {
        let pacer = RateLimiter::new(RateLimit::Scaled(100.0));
        let now = Instant::now();
        assert_eq!(pacer.reserve(VastEndpoint::Rent, now), Ok(now));
        let second = pacer.reserve(VastEndpoint::Rent, now).unwrap();
        assert_eq!(second, now + Duration::from_millis(55));
    }
}
