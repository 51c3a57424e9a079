//! A rental's clock and its watchdog, as the start script makes them.

use crate::domain::Time;

use super::clock::seconds;
use super::model::{HostFault, RenewedLease, SimInstance};
use super::state::World;

/// A wrong clock is this far behind, in seconds.
const WRONG_BY: i64 = 86_400;
/// Seconds that a host has been up before the rental's container runs.
const UP_BEFORE: i64 = 86_400;
/// Seconds of a lease that nobody has set.
const DEFAULT_LEASE: f64 = 3_600.0;

/// `until` by the wall clock, in unix seconds; `left` are the seconds from its writing to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    pub until: i64,
    pub left: i64,
}

impl SimInstance {
    /// When the watchdog ends it: the later of the order's lease and the renewed one.
    pub(super) fn lease_ends(&self) -> Option<Time> {
        let number = |name| {
            self.env(name)
                .and_then(|text| text.trim().parse::<i64>().ok())
        };
        let until = number("POCPIT_LEASE_UNTIL");
        if let Some(renewed) = self.renewed.filter(|renewed| Some(renewed.until) >= until) {
            return Some(renewed.ends);
        }
        let by_clock = Time::from_timestamp(until? + self.clock_behind(), 0)?;
        let left = number("POCPIT_LEASE_SECONDS").and_then(chrono::TimeDelta::try_seconds);
        let counted = left.map(|left| self.running_at + left);
        Some(counted.map_or(by_clock, |counted| counted.min(by_clock)))
    }

    fn clock_behind(&self) -> i64 {
        if self.fault == Some(HostFault::WrongClock) {
            WRONG_BY
        } else {
            0
        }
    }

    fn has_watchdog(&self) -> bool {
        self.fault != Some(HostFault::DeadWatchdog)
    }
}

impl World {
    /// Renews a rental's lease, if asked to, and says what its watchdog makes of it.
    pub fn tend_lease(&mut self, id: u64, renewal: Option<Renewal>) -> String {
        let now = self.now;
        let Some(instance) = self.instances.get_mut(&id) else {
            return String::new();
        };
        if let Some(Renewal { until, left }) = renewal {
            let left = chrono::TimeDelta::try_seconds(left).unwrap_or_default();
            let ends = now + left;
            instance.renewed = Some(RenewedLease { until, ends });
        }
        let clock = now.timestamp() - instance.clock_behind();
        let uptime = (now - instance.running_at).num_seconds() + UP_BEFORE;
        if !instance.has_watchdog() {
            return format!("alive=no now={clock} uptime={uptime} lease=\n");
        }
        let until = instance.renewed.map_or(0, |renewed| renewed.until);
        let ends = instance
            .lease_ends()
            .unwrap_or(now + seconds(DEFAULT_LEASE));
        let left = (ends - now).num_seconds();
        format!(
            "alive=yes now={clock} uptime={uptime} lease={until}\nup={uptime} until={until} left={left} tools=curl,python3 error=\n"
        )
    }

    /// A machine destroys itself one minute after its lease.
    pub(super) fn expire_leases(&mut self) {
        let now = self.now;
        let running = self.instances.values_mut().filter(|i| i.is_running(now));
        for instance in running.filter(|instance| instance.has_watchdog()) {
            let ends = instance.lease_ends();
            if ends.is_some_and(|ends| now > ends + seconds(60.0)) {
                instance.destroyed_at = Some(now);
            }
        }
    }
}
