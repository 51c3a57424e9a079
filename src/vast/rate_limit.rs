//! Spaces out requests as the market documents; faster clients are penalized.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Whether requests are spaced out. Real time: the limits are the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimit {
    Documented,
    /// For a market on loopback.
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
    Log,
}

const ENDPOINTS: usize = 8;

impl VastEndpoint {
    /// Documented thresholds, rounded up.
    fn interval(self) -> Duration {
        Duration::from_secs(match self {
            VastEndpoint::Search => 6,
            VastEndpoint::Rent => 5,
            VastEndpoint::Destroy => 3,
            VastEndpoint::Instance => 2,
            // No threshold is documented.
            VastEndpoint::Log => 2,
            VastEndpoint::Instances | VastEndpoint::Account | VastEndpoint::Keys => 1,
        })
    }
}

/// When each endpoint is free again.
#[derive(Debug)]
pub(super) struct RateLimiter {
    pacing: RateLimit,
    next: Mutex<[Option<Instant>; ENDPOINTS]>,
}

impl RateLimiter {
    pub(super) fn new(pacing: RateLimit) -> Self {
        RateLimiter {
            pacing,
            next: Mutex::new([None; ENDPOINTS]),
        }
    }

    /// Waits until this endpoint may be called.
    pub(super) async fn acquire(&self, endpoint: VastEndpoint) {
        if self.pacing == RateLimit::Off {
            return;
        }
        tokio::time::sleep_until(self.reserve(endpoint, Instant::now())).await;
    }

    /// Reserves the next slot: concurrent callers get different ones.
    fn reserve(&self, endpoint: VastEndpoint, now: Instant) -> Instant {
        let mut slots = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut slots[endpoint as usize];
        let start = slot.map_or(now, |free| free.max(now));
        *slot = Some(start + endpoint.interval());
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_limit_is_per_endpoint() {
        let pacer = RateLimiter::new(RateLimit::Documented);
        let now = Instant::now();
        assert_eq!(pacer.reserve(VastEndpoint::Rent, now), now);
        let second = pacer.reserve(VastEndpoint::Rent, now);
        assert_eq!(second, now + Duration::from_secs(5));
        assert_eq!(pacer.reserve(VastEndpoint::Keys, now), now);
        let later = now + Duration::from_mins(1);
        assert_eq!(pacer.reserve(VastEndpoint::Rent, later), later);
    }
}
