//! How long to wait between two tries of a notice: the one policy of everything that is told. Pure.

use std::time::Duration;

/// How often a notice is tried, and how long between.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pacing {
    pub(super) tries: u32,
    pub(super) first_wait: Duration,
    pub(super) longest_wait: Duration,
}

/// A service that is away for a night is told in the morning.
pub(super) const PACING: Pacing = Pacing {
    tries: 80,
    first_wait: Duration::from_secs(2),
    longest_wait: Duration::from_mins(15),
};

/// The pauses of one notice on its way.
#[derive(Debug, Clone)]
pub struct Pauses {
    pacing: Pacing,
    tried: u32,
    wait: Duration,
}

impl Pauses {
    /// As every notice is tried.
    pub fn usual() -> Pauses {
        Pauses::of(PACING)
    }

    pub(super) fn of(pacing: Pacing) -> Pauses {
        Pauses {
            pacing,
            tried: 0,
            wait: pacing.first_wait,
        }
    }

    /// After a try that failed: how long to wait for the next one, which is absent when it was the last.
    pub fn next_pause(&mut self) -> Option<Duration> {
        self.tried += 1;
        if self.tried >= self.pacing.tries {
            return None;
        }
        // Half fixed, half random: several cockpits do not knock at the same moment.
        let pause = self.wait.mul_f64(0.5 + rand::random::<f64>() / 2.0);
        self.wait = (self.wait * 2).min(self.pacing.longest_wait);
        Some(pause)
    }

    pub(super) fn tried(&self) -> u32 {
        self.tried
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_last_for_a_night() {
        let mut pauses = Pauses::usual();
        let all: Vec<Duration> = std::iter::from_fn(|| pauses.next_pause()).collect();
        assert_eq!(all.len(), 79);
        assert!(all[0] <= PACING.first_wait);
        assert!(all.iter().all(|pause| *pause <= PACING.longest_wait));
        let night: Duration = all.iter().sum();
        assert!(night > Duration::from_hours(8), "{night:?}");
    }
}
