//! When a heartbeat is sent. Pure.

use crate::domain::{Duration, Time};
use crate::engine::snapshot::LastReads;

#[derive(Debug, Default)]
pub(crate) struct Heartbeat {
    last: Option<Time>,
}

impl Heartbeat {
    /// By a clock that was set forward by so much.
    pub(crate) fn shift(&mut self, by: Duration) {
        self.last.iter_mut().for_each(|at| *at += by);
    }

    /// Whether to send one now. Running is not enough: chain and rentals must have been read since the
    /// last one.
    pub(crate) fn is_due(&mut self, now: Time, interval: Duration, read: LastReads) -> bool {
        let (Some(chain), Some(rentals)) = (read.chain, read.rentals) else {
            return false;
        };
        let oldest = chain.min(rentals);
        let due = self
            .last
            .is_none_or(|last| oldest > last && now - last >= interval);
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
    fn heartbeat_needs_chain_and_rentals_read() {
        let at = |minute| Time::UNIX_EPOCH + Duration::minutes(minute);
        let interval = Duration::minutes(5);
        let mut heartbeat = Heartbeat::default();
        let mut is_due = |now, chain: Option<i64>, rentals: Option<i64>| {
            let read = LastReads {
                chain: chain.map(at),
                rentals: rentals.map(at),
            };
            heartbeat.is_due(at(now), interval, read)
        };
        assert!(!is_due(0, Some(0), None), "not before both were read");
        assert!(is_due(1, Some(1), Some(0)));
        assert!(!is_due(4, Some(4), Some(4)), "not too often");
        assert!(is_due(6, Some(6), Some(5)));
        assert!(!is_due(20, Some(20), Some(6)), "the rentals are unknown");
        assert!(!is_due(20, Some(6), Some(20)), "the chain is unknown");
        assert!(is_due(21, Some(21), Some(21)));
    }
}
