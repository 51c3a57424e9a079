//! The world's clock: accelerated real time.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::Time;

/// Maps real time to the world's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WorldClock {
    /// World seconds per second.
    pub speed: f64,
    /// World time at `real_start`.
    pub world_start: Time,
    /// Real time of the start.
    pub real_start: DateTime<Utc>,
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "world times are years at most"
)]
pub(super) fn seconds(seconds: f64) -> TimeDelta {
    TimeDelta::milliseconds((seconds * 1000.0).round() as i64)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of years fit into 52 bits"
)]
pub(super) fn as_seconds(delta: TimeDelta) -> f64 {
    delta.num_milliseconds() as f64 / 1000.0
}

/// Seconds since 1970.
pub(super) fn unix(time: Time) -> f64 {
    as_seconds(time - Time::UNIX_EPOCH)
}

impl WorldClock {
    pub fn now(&self) -> Time {
        self.world_start + seconds(as_seconds(Utc::now() - self.real_start) * self.speed)
    }

    /// Sleeps until the world reaches `time`.
    pub async fn sleep_until(&self, time: Time) {
        let left = as_seconds(time - self.now()) / self.speed.max(1e-6);
        if left > 0.0 {
            tokio::time::sleep(std::time::Duration::from_secs_f64(left)).await;
        }
    }
}
