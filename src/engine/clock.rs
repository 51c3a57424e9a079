//! The system's clock, and the faster one of a simulated world.

use std::time::Instant;

use async_trait::async_trait;
use chrono::Utc;

use crate::domain::{Duration, Time};
use crate::ports::Clock;

#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Time {
        Utc::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration.to_std().unwrap_or_default()).await;
    }
}

/// Shows `world_start` at `real_start` and runs `speed` times as fast as real time. Later changes of
/// the system's clock do not affect it.
#[derive(Debug, Clone, Copy)]
pub struct ScaledClock {
    speed: f64,
    origin: Time,
    since: Instant,
}

/// A busy world must not turn its pollers into busy loops.
const SHORTEST_SLEEP: std::time::Duration = std::time::Duration::from_millis(20);

impl ScaledClock {
    /// All clocks that are made from the same three values agree.
    pub fn new(speed: f64, world_start: Time, real_start: Time) -> ScaledClock {
        let elapsed = Utc::now() - real_start;
        ScaledClock {
            speed,
            origin: world_start + scale(elapsed, speed),
            since: Instant::now(),
        }
    }
}

fn scale(duration: Duration, factor: f64) -> Duration {
    #[expect(
        clippy::cast_precision_loss,
        reason = "microseconds of years fit well enough"
    )]
    let micros = duration.num_microseconds().unwrap_or(0) as f64 * factor;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, which is the wanted bound"
    )]
    Duration::microseconds(micros as i64)
}

#[async_trait]
impl Clock for ScaledClock {
    fn now(&self) -> Time {
        let elapsed = Duration::from_std(self.since.elapsed()).unwrap_or(Duration::MAX);
        self.origin + scale(elapsed, self.speed)
    }

    async fn sleep(&self, duration: Duration) {
        if duration <= Duration::zero() {
            return;
        }
        let real = scale(duration, 1.0 / self.speed)
            .to_std()
            .unwrap_or_default();
        tokio::time::sleep(real.max(SHORTEST_SLEEP)).await;
    }
}
