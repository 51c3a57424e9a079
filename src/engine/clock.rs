//! The system's clock, the faster one of a simulated world, and the engine's steady one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use chrono::Utc;
use rustix::time::{ClockId, clock_gettime};

use crate::domain::{ClockOrigin, Duration, Time};
use crate::ports::Clock;

#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// It counts while the machine sleeps (`clock_gettime(2)`). Elsewhere than on Linux the monotonic one does.
#[cfg(target_os = "linux")]
const SINCE_BOOT: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const SINCE_BOOT: ClockId = ClockId::Monotonic;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Time {
        Utc::now()
    }

    fn elapsed(&self) -> Duration {
        let since_boot = clock_gettime(SINCE_BOOT);
        Duration::seconds(since_boot.tv_sec) + Duration::nanoseconds(since_boot.tv_nsec)
    }

    /// Random (`proc_sys_kernel(5)`), made anew at each boot.
    fn boot_id(&self) -> Option<String> {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned())
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
        self.origin + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        let elapsed = Duration::from_std(self.since.elapsed()).unwrap_or(Duration::MAX);
        scale(elapsed, self.speed)
    }

    fn boot_id(&self) -> Option<String> {
        None
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

/// Goes on evenly from where the clock was: while something is rented, a clock that is set makes no
/// deadline pass and no lease longer or shorter.
pub(crate) struct SteadyClock {
    clock: Arc<dyn Clock>,
    /// Its time when nothing had elapsed.
    origin: Mutex<Time>,
}

/// A clock is not set by less.
const LEAST_STEP: Duration = Duration::seconds(1);

impl SteadyClock {
    /// `saved` is that of an earlier run of the program, which counts until the machine is booted again.
    pub(crate) fn new(clock: Arc<dyn Clock>, saved: Option<&ClockOrigin>) -> SteadyClock {
        let boot_id = clock.boot_id();
        let saved = saved.filter(|saved| Some(&saved.boot_id) == boot_id.as_ref());
        let now = || clock.now() - clock.elapsed();
        let origin = Mutex::new(saved.map_or_else(now, |saved| saved.at));
        SteadyClock { clock, origin }
    }

    pub(crate) fn saved(&self) -> Option<ClockOrigin> {
        Some(ClockOrigin {
            boot_id: self.clock.boot_id()?,
            at: *self.origin(),
        })
    }

    /// By how much the clock was set forward since; below zero when it was set back.
    pub(crate) fn set_by(&self) -> Duration {
        let by = self.clock.now() - self.now();
        if by.abs() < LEAST_STEP {
            Duration::zero()
        } else {
            by
        }
    }

    /// Shows what the clock shows, from now on. Returns by how much that differs.
    pub(crate) fn follow(&self) -> Duration {
        let by = self.set_by();
        *self.origin() += by;
        by
    }

    /// A poisoned lock only means that a caller panicked: a time is never half-written.
    fn origin(&self) -> MutexGuard<'_, Time> {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for SteadyClock {
    fn now(&self) -> Time {
        *self.origin() + self.elapsed()
    }

    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    fn boot_id(&self) -> Option<String> {
        self.clock.boot_id()
    }

    async fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wall clock that is set.
    #[derive(Default)]
    struct WallClock(Mutex<Times>);

    #[derive(Default)]
    struct Times {
        passed: Duration,
        set_by: Duration,
        boots: u32,
    }

    impl WallClock {
        fn pass(&self, passed: Duration) {
            self.0.lock().unwrap().passed += passed;
        }

        fn set(&self, by: Duration) {
            self.0.lock().unwrap().set_by += by;
        }
    }

    #[async_trait]
    impl Clock for WallClock {
        fn now(&self) -> Time {
            Time::UNIX_EPOCH + self.elapsed() + self.0.lock().unwrap().set_by
        }

        fn elapsed(&self) -> Duration {
            self.0.lock().unwrap().passed
        }

        fn boot_id(&self) -> Option<String> {
            Some(self.0.lock().unwrap().boots.to_string())
        }

        async fn sleep(&self, _duration: Duration) {}
    }

    #[test]
    fn set_clock_is_followed_only_when_asked() {
        let wall = Arc::new(WallClock::default());
        let steady = SteadyClock::new(wall.clone(), None);
        let (hour, minute) = (Duration::hours(1), Duration::minutes(1));
        wall.pass(minute);
        assert_eq!(steady.now(), wall.now());
        for by in [hour, -hour * 2] {
            let before = steady.now();
            wall.set(by);
            wall.pass(minute);
            assert_eq!(steady.now(), before + minute);
            assert_eq!(steady.set_by(), by);
            assert_eq!(steady.follow(), by);
            assert_eq!(steady.now(), wall.now());
            assert_eq!(steady.follow(), Duration::zero());
        }
    }

    #[test]
    fn restarted_program_goes_on_with_its_clock() {
        let wall = Arc::new(WallClock::default());
        let first = SteadyClock::new(wall.clone(), None);
        // Given a clock that was set under a program that then ended,
        wall.set(Duration::hours(1));
        let saved = first.saved();
        wall.pass(Duration::minutes(1));
        // when the next one starts, then its time goes on,
        let second = SteadyClock::new(wall.clone(), saved.as_ref());
        assert_eq!(second.now(), first.now());
        assert_eq!(second.set_by(), Duration::hours(1));
        // unless the machine was booted in between.
        wall.0.lock().unwrap().boots += 1;
        let third = SteadyClock::new(wall.clone(), saved.as_ref());
        assert_eq!(third.now(), wall.now());
    }

    #[test]
    fn system_clock_elapses_as_it_goes() {
        let steady = SteadyClock::new(Arc::new(SystemClock), None);
        let before = SystemClock.elapsed();
        std::thread::sleep(std::time::Duration::from_millis(5));
        assert!(SystemClock.elapsed() > before);
        assert!((Utc::now() - steady.now()).abs() < LEAST_STEP);
    }
}
