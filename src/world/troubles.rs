//! What goes wrong with some rentals and with the chain now and then, by chance. The scenario says
//! how often; the seed says where.

use serde::{Deserialize, Serialize};

use crate::domain::Time;

use super::clock::{as_seconds, seconds};
use super::state::{World, unit};
use super::vast::Instance;

/// How often something goes wrong: shares from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Troubles {
    /// Of the rentals: the image pull never ends.
    pub endless_pulls: f64,
    /// Of the rentals: the host cannot start the container.
    pub broken_hosts: f64,
    /// Of the rentals: the model's download stops half way.
    pub stalled_downloads: f64,
    /// Of the rentals: the model's load ends in a fault of the host.
    pub failing_loads: f64,
    /// Of the rentals: the host takes the machine back within its first hour and a half.
    pub vanishing: f64,
    /// Of the rentals: the contract costs a fifth more than the offer said.
    pub dearer: f64,
    /// Of the rentals: the SSH key takes up to four minutes more.
    pub late_keys: f64,
    /// Of the destroy calls: acknowledged, and nothing happens.
    pub deaf_destroys: f64,
    /// Of the epochs: validation is shorter than the epoch before said.
    pub parameter_changes: f64,
    /// Of ten minutes each: the public API tells the height of their beginning.
    pub stale_heights: f64,
    /// Of the minutes: the public API tells a height that is hundreds of blocks wrong.
    pub height_jumps: f64,
    /// Of the epochs: the chain halts some minutes in the hour before its `PoC`.
    pub halts: f64,
}

/// What is wrong with one rental.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    EndlessPull,
    BrokenHost,
    StalledDownload,
    FailingLoad,
    Vanishing,
    Dearer,
}

const HALT_BEFORE_POC: u64 = 400;

impl World {
    pub(super) fn trouble_of(&self, rental: u64) -> Option<Trouble> {
        let troubles = &self.scenario.troubles;
        let shares = [
            (troubles.endless_pulls, Trouble::EndlessPull),
            (troubles.broken_hosts, Trouble::BrokenHost),
            (troubles.stalled_downloads, Trouble::StalledDownload),
            (troubles.failing_loads, Trouble::FailingLoad),
            (troubles.vanishing, Trouble::Vanishing),
            (troubles.dearer, Trouble::Dearer),
        ];
        let mut roll = unit(self.seed, 30, rental);
        for (share, trouble) in shares {
            if roll < share {
                return Some(trouble);
            }
            roll -= share;
        }
        None
    }

    /// When the host takes the machine back, if it does.
    pub(super) fn taken_back_at(&self, rental: u64) -> Option<Time> {
        let vanishes = self.trouble_of(rental) == Some(Trouble::Vanishing);
        vanishes.then(|| self.now + seconds(60.0 + 5_340.0 * unit(self.seed, 35, rental)))
    }

    /// Seconds that the SSH key takes beyond the usual.
    pub(super) fn key_delay(&self, rental: u64) -> f64 {
        let is_late = unit(self.seed, 36, rental) < self.scenario.troubles.late_keys;
        let late = if is_late {
            240.0 * unit(self.seed, 37, rental)
        } else {
            0.0
        };
        self.scenario.key_takes + late
    }

    /// Whether this destroy call is one that does nothing.
    pub(super) fn is_deaf(&mut self, rental: u64) -> bool {
        self.destroy_calls += 1;
        unit(self.seed, 38, rental ^ (self.destroy_calls << 32))
            < self.scenario.troubles.deaf_destroys
    }

    pub(super) fn take_back_machines(&mut self) {
        let now = self.now;
        let due = |i: &&mut Instance| {
            i.destroyed_at.is_none() && i.taken_back_at.is_some_and(|at| at <= now)
        };
        for instance in self.instances.values_mut().filter(due) {
            instance.destroyed_at = Some(now);
        }
    }

    /// The height that the public API tells.
    pub(super) fn told_height(&self) -> u64 {
        let troubles = &self.scenario.troubles;
        let age = as_seconds(self.now - self.start);
        let window = |length: f64| whole(age / length);
        if unit(self.seed, 31, window(600.0)) < troubles.stale_heights {
            let ago = age - 600.0 * (age / 600.0).floor();
            return self.height_at(self.now - seconds(ago));
        }
        let minute = window(60.0);
        if unit(self.seed, 32, minute) < troubles.height_jumps {
            let ahead = 100 + whole(400.0 * unit(self.seed, 33, minute));
            return if minute.is_multiple_of(2) {
                self.height + ahead
            } else {
                self.height - ahead
            };
        }
        self.height
    }

    /// The height at which the chain halts before the `PoC` of this epoch, and for how many seconds.
    pub(super) fn halt_before(&self, epoch: u64) -> Option<(u64, f64)> {
        let halts = unit(self.seed, 39, epoch) < self.scenario.troubles.halts;
        let back = 1 + whole(399.0 * unit(self.seed, 40, epoch));
        let height = World::poc_start(epoch) - back.min(HALT_BEFORE_POC);
        halts.then(|| (height, 60.0 + 1_140.0 * unit(self.seed, 41, epoch)))
    }

    /// Whether the chain halted before the `PoC` of this epoch.
    pub fn halted_before(&self, epoch: u64) -> bool {
        self.halt_before(epoch).is_some()
    }

    /// Whether validation of this epoch is shorter than usual.
    pub(super) fn has_short_validation(&self, epoch: u64) -> bool {
        unit(self.seed, 34, epoch) < self.scenario.troubles.parameter_changes
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small and not negative"
)]
fn whole(x: f64) -> u64 {
    x as u64
}
