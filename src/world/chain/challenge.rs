//! The `PoC` Challenge (v0.2.16): somebody challenges one host, and from the next block on every node that
//! contributes to its confirmation weight must generate until shortly before the next `PoC`. There is no
//! warning (gonka 136041c proposals/governance-artifacts/update-v0.2.16/README.md).

use crate::domain::Time;

use crate::world::chain::confirmation::scaled;
use crate::world::chain::schedule::{EPOCH_LENGTH, GENERATION, SAFETY_WINDOW};
use crate::world::host::HostId;
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
    /// The height at which a challenge of this host is opened in this epoch, if one is: in Inference, outside a
    /// confirmation.
    fn challenge_opening(&self, host: HostId, epoch: u64) -> Option<u64> {
        if self.scenario.network_release < NetworkRelease::V0_2_16 {
            return None;
        }
        let after = match self.scenario.challenge_after {
            after if after > 0 && host == HostId::FIRST => after,
            _ => self.random_challenge(host, epoch)?,
        };
        let wanted = World::poc_start(epoch) + after.max(self.new_validators(epoch));
        let event = self.event_at(epoch, wanted);
        let opening = event.map_or(wanted, |event| event.gone);
        (opening + LEAST_LEFT <= challenge_end(epoch)).then_some(opening)
    }

    fn random_challenge(&self, host: HostId, epoch: u64) -> Option<u64> {
        let rate = self.scenario.random_faults.challenges;
        let index = host.draw(epoch);
        let at = whole(number(EPOCH_LENGTH) * uniform(self.seed, 46, index));
        (uniform(self.seed, 45, index) < rate).then_some(at)
    }

    /// The parts of this epoch's challenge, in order.
    fn segments(&self, host: HostId, epoch: u64) -> Vec<Segment> {
        let Some(opening) = self.challenge_opening(host, epoch) else {
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
    pub(in crate::world) fn challenge(&self, host: HostId) -> Option<Segment> {
        if self.active_epoch != self.epoch()
            || self.hosts[host].inactive.contains(&self.active_epoch)
        {
            return None;
        }
        let mut segments = self.segments(host, self.epoch()).into_iter();
        segments.find(|segment| (segment.start..segment.end).contains(&self.height()))
    }

    /// Whether this node must generate for a challenge now.
    pub(in crate::world) fn challenge_is_open(&self, host: HostId, id: &str) -> bool {
        !is_unmanaged(id)
            && self.hosts[host].active.contains_key(id)
            && self.challenge(host).is_some()
    }

    pub(in crate::world) fn next_challenge(&self, host: HostId) -> Option<Time> {
        let mut segments = self.segments(host, self.epoch()).into_iter();
        let next = segments.find(|segment| segment.start > self.height())?;
        Some(self.block_time(next.start))
    }

    /// The chain counts each segment when it is over.
    pub(in crate::world) fn advance_challenge(&mut self, host: HostId) {
        let epoch = self.epoch();
        let (height, counted) = (self.height(), self.hosts[host].counted_segment);
        let mut over = self.segments(host, epoch).into_iter();
        let over = over.find(|segment| segment.end <= height && segment.start > counted);
        if let Some(segment) = over {
            self.hosts[host].counted_segment = segment.start;
            self.count_segment(host, epoch, segment);
        }
    }

    fn count_segment(&mut self, host: HostId, epoch: u64, segment: Segment) {
        let length = segment.end - segment.start;
        let shown = std::mem::take(&mut self.hosts[host].challenged);
        if length < SHORTEST_SEGMENT
            || self.active_epoch != epoch
            || self.hosts[host].inactive.contains(&epoch)
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
        let shown = self.hosts[host]
            .active
            .iter()
            .map(|(id, weight)| weight_of(id, *weight));
        let result = Confirmation {
            expected: self.expected_confirmation(host),
            confirmed: scaled(shown.sum()),
        };
        if result.costs_the_reward() {
            self.hosts[host].inactive.insert(epoch);
        }
        let known = self.hosts[host].challenges.entry(epoch).or_insert(result);
        known.confirmed = known.confirmed.min(result.confirmed);
    }
}

fn challenge_end(epoch: u64) -> u64 {
    World::poc_start(epoch + 1) - SAFETY_WINDOW
}
