//! Random faults of rentals, of the chain and of dapi: the scenario gives their rates, the seed their places.

use std::ops::Range;

use crate::domain::Time;

use super::clock::{as_seconds, seconds};
use super::faults::WorkloadFault;
use super::host::HostId;
use super::model::HostFault;
use super::numbers::{uniform, whole};
use super::state::World;

const HALT_BEFORE_POC: u64 = 400;

impl World {
    pub(super) fn random_fault_of(&self, rental: u64) -> Option<HostFault> {
        let rates = &self.scenario.random_faults;
        let shares = [
            (rates.endless_pulls, HostFault::EndlessPull),
            (rates.broken_hosts, HostFault::BrokenHost),
            (rates.stalled_downloads, HostFault::StalledDownload),
            (rates.failing_loads, HostFault::FailingLoad),
            (rates.vanishing, HostFault::Vanishing),
            (rates.dearer, HostFault::Dearer),
            (rates.dead_watchdogs, HostFault::DeadWatchdog),
            (rates.wrong_clocks, HostFault::WrongClock),
            (rates.refused_forwards, HostFault::RefusedForwards),
            (rates.silent_ssh, HostFault::SilentSsh),
        ];
        drawn(uniform(self.seed, 30, rental), shares)
    }

    /// What goes wrong with the workload of a rental of ours.
    pub(super) fn workload_fault_of(&self, rental: u64) -> Option<WorkloadFault> {
        let rates = &self.scenario.random_faults;
        let after = 21_600.0 * uniform(self.seed, 51, rental);
        let shares = [
            (rates.workload_exits, WorkloadFault::Exits { after }),
            (
                rates.stubborn_orphans,
                WorkloadFault::LeavesStubbornOrphan { after },
            ),
            (rates.vllm_crashes, WorkloadFault::VllmCrashes { after }),
            (rates.vllm_freezes, WorkloadFault::VllmFreezes { after }),
            (rates.first_start_failures, WorkloadFault::FirstStartFails),
            (rates.endless_loads, WorkloadFault::LoadTakesTooLong),
            (
                rates.alarming_prompts,
                WorkloadFault::AlarmingPrompt { after },
            ),
            (rates.unresponsive, WorkloadFault::Unresponsive { after }),
        ];
        let drawn = drawn(uniform(self.seed, 50, rental), shares);
        self.scenario.workload_fault.or(drawn)
    }

    /// When the host reclaims the machine, if it does.
    pub(super) fn reclaim_at(&self, rental: u64) -> Option<Time> {
        let vanishes = self.random_fault_of(rental) == Some(HostFault::Vanishing);
        vanishes.then(|| self.now + seconds(60.0 + 5_340.0 * uniform(self.seed, 35, rental)))
    }

    /// Extra seconds until the SSH key is accepted.
    pub(super) fn key_delay(&self, rental: u64) -> f64 {
        let is_late = uniform(self.seed, 36, rental) < self.scenario.random_faults.late_keys;
        let late = if is_late {
            240.0 * uniform(self.seed, 37, rental)
        } else {
            0.0
        };
        self.scenario.key_takes + late
    }

    /// Whether this destroy request is acknowledged without effect.
    pub(super) fn ignores_destroy(&mut self, rental: u64) -> bool {
        self.destroy_calls += 1;
        uniform(self.seed, 38, rental ^ (self.destroy_calls << 32))
            < self.scenario.random_faults.deaf_destroys
    }

    /// Whether the file of nodes of a host's dapi lacks the last change, at a restart now.
    pub(super) fn has_stale_node_file(&self, host: HostId) -> bool {
        uniform(self.seed, 83, host.draw(self.height()))
            < self.scenario.random_faults.stale_node_files
    }

    pub(super) fn reclaim_machines(&mut self) {
        let now = self.now;
        for instance in self.live_mut() {
            if instance.reclaim_at.is_some_and(|at| at <= now) {
                instance.destroyed_at = Some(now);
            }
        }
    }

    /// The height that the public API reports.
    pub(super) fn reported_height(&self) -> u64 {
        let rates = &self.scenario.random_faults;
        let age = as_seconds(self.now - self.start);
        let window = |length: f64| whole(age / length);
        if uniform(self.seed, 31, window(600.0)) < rates.stale_heights {
            let ago = age - 600.0 * (age / 600.0).floor();
            return self.height_at(self.now - seconds(ago));
        }
        let minute = window(60.0);
        if uniform(self.seed, 32, minute) < rates.height_jumps {
            let ahead = 100 + whole(400.0 * uniform(self.seed, 33, minute));
            return if minute.is_multiple_of(2) {
                self.height + ahead
            } else {
                self.height - ahead
            };
        }
        self.height
    }

    /// Where the chain halts before the `PoC` of this epoch, and for how many seconds.
    pub(super) fn halt_before(&self, epoch: u64) -> Option<(u64, f64)> {
        let halts = uniform(self.seed, 39, epoch) < self.scenario.random_faults.halts;
        let back = 1 + whole(399.0 * uniform(self.seed, 40, epoch));
        let height = World::poc_start(epoch) - back.min(HALT_BEFORE_POC);
        halts.then(|| (height, 60.0 + 1_140.0 * uniform(self.seed, 41, epoch)))
    }

    /// When the chain stands still before the `PoC` of this epoch, if it does.
    pub fn halt_of(&self, epoch: u64) -> Option<Range<Time>> {
        let (last, length) = self.halt_before(epoch)?;
        let from = self.block_time(last);
        Some(from..from + seconds(length))
    }

    /// Whether validation of this epoch is shorter than usual.
    pub(super) fn has_short_validation(&self, epoch: u64) -> bool {
        uniform(self.seed, 34, epoch) < self.scenario.random_faults.parameter_changes
    }
}

/// The fault whose share the roll falls into.
fn drawn<T>(mut roll: f64, shares: impl IntoIterator<Item = (f64, T)>) -> Option<T> {
    for (share, fault) in shares {
        if roll < share {
            return Some(fault);
        }
        roll -= share;
    }
    None
}
