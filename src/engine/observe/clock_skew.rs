//! How far this machine's clock is from the chain's and the market's. Pure.

use crate::domain::{Duration, Time};

/// Proposers' clocks differ by some seconds, and a header is read some seconds after its block.
pub const CLOCK_SLACK: Duration = Duration::seconds(60);

/// Nothing is rented while this machine's clock is ahead by more: leases would be longer, and caps wrong.
const MOST_AHEAD: Duration = Duration::minutes(5);

/// What two witnesses say of this machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ClockSkew {
    /// By how much it is ahead of the newest block; below zero when it is behind.
    ahead_of_chain: Duration,
    /// The same of the market's clock, at the last two readings of it: one may have taken long.
    ahead_of_market: [Option<Duration>; 2],
}

impl ClockSkew {
    pub(crate) fn compare_with_block(&mut self, now: Time, block: Time) {
        self.ahead_of_chain = now - block;
    }

    pub(crate) fn compare_with_market(&mut self, now: Time, server_time: Option<Time>) {
        if let Some(server) = server_time {
            self.ahead_of_market = [Some(now - server), self.ahead_of_market[0]];
        }
    }

    /// The same of a clock that is further ahead by so much.
    #[must_use]
    pub(crate) fn shifted(&self, by: Duration) -> ClockSkew {
        ClockSkew {
            ahead_of_chain: self.ahead_of_chain + by,
            ahead_of_market: self.ahead_of_market.map(|ahead| Some(ahead? + by)),
        }
    }

    /// How far it is behind the chain's, if by much: no block comes from the future.
    pub(crate) fn behind(&self) -> Option<Duration> {
        Some(-self.ahead_of_chain).filter(|behind| *behind > CLOCK_SLACK)
    }

    /// How far it is ahead, if by much: of the market's, and of the chain's newest block, so that neither a
    /// stalled chain nor a market with a wrong clock looks like it.
    pub(crate) fn proven_ahead(&self) -> Option<Duration> {
        let market = self.ahead_of_market.iter().flatten().min()?;
        let ahead = (*market).min(self.ahead_of_chain);
        (ahead > MOST_AHEAD).then_some(ahead)
    }

    /// How far it may be ahead. A stalled chain looks the same, so this is only good for what errs on the
    /// safe side: how far back caps count.
    pub(crate) fn perhaps_ahead(&self) -> Duration {
        self.ahead_of_chain.max(Duration::zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_is_ahead_by_two_witnesses() {
        let now = Time::UNIX_EPOCH + Duration::days(20_000);
        let two_hours = Duration::hours(2);
        // A stalled chain alone looks like a clock that is ahead, and so does one late reply of the market.
        let mut skew = ClockSkew::default();
        skew.compare_with_block(now, now - two_hours);
        assert_eq!(skew.proven_ahead(), None);
        skew.compare_with_market(now, Some(now));
        skew.compare_with_market(now, Some(now - two_hours));
        assert_eq!(skew.proven_ahead(), None);
        // Both together do.
        skew.compare_with_market(now, Some(now - two_hours));
        assert_eq!(skew.proven_ahead(), Some(two_hours));
        // A clock that is set back by as much is right.
        assert_eq!(skew.shifted(-two_hours).proven_ahead(), None);
        assert_eq!(skew.shifted(-two_hours * 2).behind(), Some(two_hours));
        // A market whose own clock is wrong is none.
        skew.compare_with_block(now, now - Duration::seconds(4));
        assert_eq!(skew.proven_ahead(), None);
    }
}
