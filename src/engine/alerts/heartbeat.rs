//! When a sign of life may be sent. Pure.

use crate::domain::{Duration, Time};
use crate::engine::snapshot::LastReads;

/// The signs of life so far.
#[derive(Debug, Default)]
pub(crate) struct Heartbeat {
    last: Option<Time>,
}

impl Heartbeat {
    /// Whether one is to be sent now. Only a program that has read the chain and its rentals since the
    /// last one is alive: that it runs is not enough.
    pub(crate) fn is_due(&mut self, now: Time, every: Duration, read: LastReads) -> bool {
        let oldest = match (read.chain, read.rentals) {
            (Some(chain), Some(rentals)) => chain.min(rentals),
            _ => return false,
        };
        let due = self
            .last
            .is_none_or(|last| oldest > last && now - last >= every);
        if due {
            self.last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heart_beats_only_while_chain_and_rentals_can_be_read() {
        let at = |minute| Time::UNIX_EPOCH + Duration::minutes(minute);
        let every = Duration::minutes(5);
        let mut heart = Heartbeat::default();
        let mut beats = |now, chain: Option<i64>, rentals: Option<i64>| {
            let read = LastReads {
                chain: chain.map(at),
                rentals: rentals.map(at),
            };
            heart.is_due(at(now), every, read)
        };
        assert!(!beats(0, Some(0), None), "not before both were read once");
        assert!(beats(1, Some(1), Some(0)));
        assert!(!beats(4, Some(4), Some(4)), "not too often");
        assert!(beats(6, Some(6), Some(5)));
        assert!(!beats(20, Some(20), Some(6)), "the rentals are unknown");
        assert!(!beats(20, Some(6), Some(20)), "the chain is unknown");
        assert!(beats(21, Some(21), Some(21)));
    }
}
