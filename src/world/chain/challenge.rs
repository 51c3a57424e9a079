//! The `PoC` Challenge (v0.2.16): somebody challenges one host, and from the next block on every node that
//! contributes to its confirmation weight must generate until shortly before the next `PoC`. There is no
//! warning (gonka 136041c proposals/governance-artifacts/update-v0.2.16/README.md).

use crate::domain::Time;

use crate::world::chain::confirmation::scaled;
use crate::world::chain::schedule::{EPOCH_LENGTH, GENERATION, SAFETY_WINDOW};
use crate::world::network_node::is_unmanaged;
use crate::world::numbers::{number, uniform, whole};
use crate::world::scenario::NetworkRelease;
use crate::world::state::{WEIGHT_PER_BATCH, World};
use crate::world::truth::Confirmation;

/// A challenge can be opened only while at least so many blocks remain.
const LEAST_LEFT: u64 = 300;
/// A shorter segment is not punished.
const SHORTEST_SEGMENT: u64 = 300;

/// A part of a challenge: confirmations interrupt it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::world) struct Segment {
    /// The first height at which nodes must generate.
    pub start: u64,
    pub end: u64,
}

impl World {
    /// The height at which this epoch's challenge is opened, if there is one: in Inference, outside a
    /// confirmation.
    fn challenge_opening(&self, epoch: u64) -> Option<u64> {
        if self.scenario.network_release < NetworkRelease::V0_2_16 {
            return None;
        }
        let after = match self.scenario.challenge_after {
            0 => self.random_challenge(epoch)?,
            after => after,
        };
        let wanted = World::poc_start(epoch) + after.max(self.new_validators(epoch));
        let event = self.event_at(epoch, wanted);
        let opening = event.map_or(wanted, |event| event.gone);
        (opening + LEAST_LEFT <= challenge_end(epoch)).then_some(opening)
    }

    fn random_challenge(&self, epoch: u64) -> Option<u64> {
        let rate = self.scenario.random_faults.challenges;
        let at = whole(number(EPOCH_LENGTH) * uniform(self.seed, 46, epoch));
        (uniform(self.seed, 45, epoch) < rate).then_some(at)
    }

    /// The parts of this epoch's challenge, in order.
    fn segments(&self, epoch: u64) -> Vec<Segment> {
        let Some(opening) = self.challenge_opening(epoch) else {
            return Vec::new();
        };
        let (mut start, end) = (opening + 1, challenge_end(epoch));
        let mut segments = Vec::new();
        for cut in self.events(epoch) {
            if cut.over <= start || cut.generation >= end {
                continue;
            }
            segments.push(Segment {
                start,
                end: cut.generation,
            });
            start = cut.over;
        }
        segments.push(Segment { start, end });
        segments.retain(|segment| segment.start < segment.end);
        segments
    }

    /// The segment in which our nodes must generate now.
    pub(in crate::world) fn challenge(&self) -> Option<Segment> {
        if self.active_epoch != self.epoch() || self.inactive.contains(&self.active_epoch) {
            return None;
        }
        let mut segments = self.segments(self.epoch()).into_iter();
        segments.find(|segment| (segment.start..segment.end).contains(&self.height()))
    }

    /// Whether this node must generate for a challenge now.
    pub(in crate::world) fn challenge_is_open(&self, id: &str) -> bool {
        !is_unmanaged(id) && self.active.contains_key(id) && self.challenge().is_some()
    }

    pub(in crate::world) fn next_challenge(&self) -> Option<Time> {
        let mut segments = self.segments(self.epoch()).into_iter();
        let next = segments.find(|segment| segment.start > self.height())?;
        Some(self.block_time(next.start))
    }

    /// The chain counts each segment when it is over.
    pub(in crate::world) fn advance_challenge(&mut self) {
        let epoch = self.epoch();
        let (height, counted) = (self.height(), self.counted_segment);
        let mut over = self.segments(epoch).into_iter();
        let over = over.find(|segment| segment.end <= height && segment.start > counted);
        if let Some(segment) = over {
            self.counted_segment = segment.start;
            self.count_segment(epoch, segment);
        }
    }

    fn count_segment(&mut self, epoch: u64, segment: Segment) {
        let length = segment.end - segment.start;
        let shown = std::mem::take(&mut self.challenged);
        if length < SHORTEST_SEGMENT || self.active_epoch != epoch || self.inactive.contains(&epoch)
        {
            return;
        }
        // Weight is what a node generates in the time of a `PoC`.
        let weight_of = |id: &String, weight: u64| {
            if is_unmanaged(id) {
                return weight;
            }
            let batches = shown.get(id).copied().unwrap_or_default();
            weight.min(batches * WEIGHT_PER_BATCH * GENERATION / length)
        };
        let shown = self
            .active
            .iter()
            .map(|(id, weight)| weight_of(id, *weight));
        let result = Confirmation {
            expected: self.expected_confirmation(),
            confirmed: scaled(shown.sum()),
        };
        if result.costs_the_reward() {
            self.inactive.insert(epoch);
        }
        let known = self.challenges.entry(epoch).or_insert(result);
        known.confirmed = known.confirmed.min(result.confirmed);
    }
}

fn challenge_end(epoch: u64) -> u64 {
    World::poc_start(epoch + 1) - SAFETY_WINDOW
}
