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
    /// When the watchdog ends it: by the renewed lease, or else by the order's.
    pub(super) fn lease_ends(&self) -> Option<Time> {
        if let Some(renewed) = self.renewed {
            return Some(renewed.ends);
        }
        let until = self.ordered_number("POCPIT_LEASE_UNTIL")?;
        let by_clock = Time::from_timestamp(until + self.clock_behind(), 0)?;
        let left = self.ordered_number("POCPIT_LEASE_SECONDS");
        let left = left.and_then(chrono::TimeDelta::try_seconds);
        // It goes on counting over restarts of the container.
        let counted = left.map(|left| self.first_ran_at + left);
        Some(counted.map_or(by_clock, |counted| counted.min(by_clock)))
    }

    fn ordered_number(&self, name: &str) -> Option<i64> {
        self.env(name)?.trim().parse().ok()
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
        // The host's: a restart of the container does not change it.
        let uptime = (now - instance.rented_at).num_seconds() + UP_BEFORE;
        let renewed = instance.renewed.map(|renewed| renewed.until);
        let lease = renewed.map_or(String::new(), |until| until.to_string());
        let alive = if instance.has_watchdog() { "yes" } else { "no" };
        let head = format!("alive={alive} now={clock} uptime={uptime} lease={lease}\n");
        if !instance.has_watchdog() {
            return head;
        }
        let until = renewed.or_else(|| instance.ordered_number("POCPIT_LEASE_UNTIL"));
        let until = until.unwrap_or_default();
        let ends = instance
            .lease_ends()
            .unwrap_or(now + seconds(DEFAULT_LEASE));
        let left = (ends - now).num_seconds();
        format!("{head}up={uptime} until={until} left={left} tools=curl,python3 error=\n")
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
