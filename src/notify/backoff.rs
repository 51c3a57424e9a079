//! Delays between delivery attempts: one policy for every channel. Pure.

use std::time::Duration;

/// How often a notice is attempted, and how far apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct BackoffPolicy {
    pub(super) max_attempts: u32,
    pub(super) initial_delay: Duration,
    pub(super) max_delay: Duration,
}

/// Lasts a night, so that a service that is down until the morning still gets the notice.
pub(super) const DEFAULT_POLICY: BackoffPolicy = BackoffPolicy {
    max_attempts: 80,
    initial_delay: Duration::from_secs(2),
    max_delay: Duration::from_mins(15),
};

/// The backoff of one notice on one channel.
#[derive(Debug, Clone)]
pub struct Backoff {
    policy: BackoffPolicy,
    attempts: u32,
    delay: Duration,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff::new(DEFAULT_POLICY)
    }
}

impl Backoff {
    pub(super) fn new(policy: BackoffPolicy) -> Backoff {
        Backoff {
            policy,
            attempts: 0,
            delay: policy.initial_delay,
        }
    }

    /// Counts a failed attempt. Returns the delay before the next one; `None` after the last.
    pub fn next_delay(&mut self) -> Option<Duration> {
        self.attempts += 1;
        if self.attempts >= self.policy.max_attempts {
            return None;
        }
        // Half fixed, half random, so that several cockpits do not retry at the same moment.
        let delay = self.delay.mul_f64(0.5 + rand::random::<f64>() / 2.0);
        self.delay = (self.delay * 2).min(self.policy.max_delay);
        Some(delay)
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_last_a_night() {
        let mut backoff = Backoff::default();
        let all: Vec<Duration> = std::iter::from_fn(|| backoff.next_delay()).collect();
        assert_eq!(all.len(), 79);
        assert!(all[0] <= DEFAULT_POLICY.initial_delay);
        assert!(all.iter().all(|delay| *delay <= DEFAULT_POLICY.max_delay));
        let night: Duration = all.iter().sum();
        assert!(night > Duration::from_hours(8), "{night:?}");
    }
}
