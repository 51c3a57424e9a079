//! Keeps calls as far apart as the market documents. Calling faster earns penalties.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Whether calls are spaced out. Real time: the limits are the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pacing {
    /// The documented least intervals.
    Documented,
    /// None: for a market on loopback.
    Off,
}

/// What is limited separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
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

impl Endpoint {
    /// Documented thresholds, rounded up.
    fn interval(self) -> Duration {
        Duration::from_secs(match self {
            Endpoint::Search => 6,
            Endpoint::Rent => 5,
            Endpoint::Destroy => 3,
            Endpoint::Instance => 2,
            // No threshold is documented.
            Endpoint::Log => 2,
            Endpoint::Instances | Endpoint::Account | Endpoint::Keys => 1,
        })
    }
}

/// When each endpoint may be called next.
#[derive(Debug)]
pub(super) struct Pacer {
    pacing: Pacing,
    next: Mutex<[Option<Instant>; ENDPOINTS]>,
}

impl Pacer {
    pub(super) fn new(pacing: Pacing) -> Self {
        Pacer {
            pacing,
            next: Mutex::new([None; ENDPOINTS]),
        }
    }

    /// Waits for this call's turn.
    pub(super) async fn turn(&self, endpoint: Endpoint) {
        if self.pacing == Pacing::Off {
            return;
        }
        tokio::time::sleep_until(self.reserve(endpoint, Instant::now())).await;
    }

    /// Takes the next slot: callers at the same time get different ones.
    fn reserve(&self, endpoint: Endpoint, now: Instant) -> Instant {
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
    fn calls_of_one_endpoint_are_spaced_out_and_others_are_not_held_up() {
        let pacer = Pacer::new(Pacing::Documented);
        let now = Instant::now();
        assert_eq!(pacer.reserve(Endpoint::Rent, now), now);
        let second = pacer.reserve(Endpoint::Rent, now);
        assert_eq!(second, now + Duration::from_secs(5));
        assert_eq!(pacer.reserve(Endpoint::Keys, now), now);
        let later = now + Duration::from_mins(1);
        assert_eq!(pacer.reserve(Endpoint::Rent, later), later);
    }
}
