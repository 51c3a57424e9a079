//! Heights, block times, epochs and phases.

use crate::domain::Time;

use crate::world::clock::{as_seconds, seconds};
use crate::world::host::HostId;
use crate::world::model::PocPhase;
use crate::world::numbers::{number, uniform};
use crate::world::state::World;

pub(in crate::world) const EPOCH_LENGTH: u64 = 15_391;
pub(super) const FIRST_POC_START: u64 = 5_521_333;
pub(in crate::world) const GENERATION: u64 = 60;
/// Eight tenths of generation.
pub(in crate::world) const GENERATION_WIND_DOWN: u64 = GENERATION * 4 / 5;
/// After generation, batches count for so many blocks more.
pub(super) const EXCHANGE: u64 = 5;
/// From the end of generation to validation.
pub(super) const VALIDATION_DELAY: u64 = 5;
pub(in crate::world) const VALIDATION_START: u64 = GENERATION + VALIDATION_DELAY;
const VALIDATION: u64 = 120;
const SHORT_VALIDATION: u64 = 60;
pub(super) const NEW_VALIDATORS_DELAY: u64 = 120;
pub(in crate::world) const CUTOFF: u64 = 80;
pub(super) const SAFETY_WINDOW: u64 = 500;

impl World {
    /// The first epoch of every world.
    pub const FIRST_EPOCH: u64 = 358;

    fn first_height(&self) -> u64 {
        FIRST_POC_START + EPOCH_LENGTH - self.scenario.blocks_before_poc.min(EPOCH_LENGTH)
    }

    /// Time of a block. Jitter is below half a block, so times increase with heights.
    pub fn block_time(&self, height: u64) -> Time {
        let mean = self.scenario.block_seconds;
        let blocks = number(height) - number(self.first_height());
        let jitter = (uniform(self.seed, 7, height) - 0.5) * mean * 0.6;
        let halted = self.halts.iter().filter(|(last, _)| *last < height);
        let halted: f64 = halted.map(|(_, length)| length).sum();
        self.start + seconds(blocks * mean + jitter + halted)
    }

    /// Halts are fixed one epoch ahead.
    pub(in crate::world) fn plan_halt(&mut self, epoch: u64) {
        self.halts.extend(self.halt_before(epoch));
    }

    pub(in crate::world) fn validation_end(&self, epoch: u64) -> u64 {
        VALIDATION_START + self.validation(epoch)
    }

    pub(in crate::world) fn new_validators(&self, epoch: u64) -> u64 {
        self.validation_end(epoch) + NEW_VALIDATORS_DELAY
    }

    pub(super) fn validation(&self, epoch: u64) -> u64 {
        if self.has_short_validation(epoch) {
            SHORT_VALIDATION
        } else {
            VALIDATION
        }
    }

    /// The latest height at `time`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bounded below by zero"
    )]
    pub(in crate::world) fn height_at(&self, time: Time) -> u64 {
        let mut passed = as_seconds(time - self.start);
        for (last, length) in &self.halts {
            let began = self.block_time(*last);
            if time > began {
                passed -= length.min(as_seconds(time - began));
            }
        }
        let blocks = passed / self.scenario.block_seconds;
        let mut height = (number(self.first_height()) + blocks + 1.0).max(1.0) as u64;
        while self.block_time(height) > time && height > 1 {
            height -= 1;
        }
        height
    }

    /// The latest height.
    pub fn height(&self) -> u64 {
        self.height
    }

    /// Index of the latest epoch: it rises exactly at `poc_start`.
    pub fn epoch(&self) -> u64 {
        epoch_at(self.height())
    }

    /// `poc_start` of an epoch.
    pub fn poc_start(epoch: u64) -> u64 {
        FIRST_POC_START + (epoch - World::FIRST_EPOCH) * EPOCH_LENGTH
    }

    pub(in crate::world) fn phase(&self) -> PocPhase {
        let epoch = self.epoch();
        match self.height() - World::poc_start(epoch) {
            0..GENERATION => PocPhase::Generate,
            GENERATION..VALIDATION_START => PocPhase::Exchange,
            offset if offset < self.validation_end(epoch) => PocPhase::Validate,
            _ => PocPhase::Inference,
        }
    }

    /// The height that identifies the round, and that its batches carry.
    pub(in crate::world) fn round_height(&self, host: HostId) -> u64 {
        let start = World::poc_start(self.epoch());
        if self.phase() != PocPhase::Inference {
            return start;
        }
        let event = self.event().filter(|event| self.height() < event.over);
        let segment = self.challenge(host);
        event
            .map(|event| event.trigger)
            .or(segment.map(|segment| segment.start))
            .unwrap_or(start)
    }
}

pub(in crate::world) fn epoch_at(height: u64) -> u64 {
    World::FIRST_EPOCH + (height - FIRST_POC_START) / EPOCH_LENGTH
}
