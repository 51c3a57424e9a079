//! Times from outside, bounded so that no sum overflows.

use chrono::Datelike as _;

use super::Time;

/// The time, if it is one of the years 1970 to 9999: the sum of a later one and a length can be out of range,
/// which panics.
pub fn plausible_time(time: Time) -> Option<Time> {
    (1_970..10_000).contains(&time.year()).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Duration;

    #[test]
    fn told_times_overflow_no_sum() {
        // The largest time that exists overflows with any length; one that is let through does not.
        assert_eq!(plausible_time(Time::MAX_UTC), None);
        assert_eq!(plausible_time(Time::MIN_UTC), None);
        let last = Time::from_timestamp(253_402_300_799, 0).unwrap();
        assert_eq!(plausible_time(last), Some(last));
        let a_millennium = Duration::days(365_000);
        assert!(last.checked_add_signed(a_millennium).is_some());
        assert_eq!(plausible_time(last + Duration::seconds(1)), None);
    }
}
