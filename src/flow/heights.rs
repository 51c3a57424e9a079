//! Where the chain is, and what follows from it for a sprint: deadlines, and how long a rental is
//! held.

use super::{CHAIN_FRESH, Sprint, Tip};
use crate::chain::epoch;
use crate::domain::{Blocks, Duration, EpochStages, Height, ReleasePolicy, Time};

/// A held rental is given back this long before the next `PoC`.
const BEFORE_NEXT_POC: Blocks = Blocks(20);
/// A confirmation `PoC` that was triggered at the last moment is told by then.
const TRIGGER_IS_TOLD: Blocks = Blocks(5);

/// Where the chain is and what follows from it.
impl Sprint {
    pub(super) fn fresh_tip(&self, now: Time) -> Option<Tip> {
        self.chain.filter(|tip| now - tip.at <= CHAIN_FRESH)
    }

    pub(super) fn height(&self) -> Option<Height> {
        self.chain.map(|tip| tip.height)
    }

    /// When a height is expected, by the mean block time.
    pub fn eta(&self, height: Height) -> Option<Time> {
        let tip = self.chain?;
        let blocks = i64::try_from(tip.height.until(height).0).ok()?;
        let millis = blocks.checked_mul(tip.block_millis)?;
        tip.at
            .checked_add_signed(Duration::try_milliseconds(millis)?)
    }

    /// The last height at which a registration still counts, by the operator's margin.
    pub fn deadline(&self) -> Option<Height> {
        let tip = self.chain?;
        let millis = self.plan.registration_margin.num_milliseconds().max(0);
        let block = tip.block_millis.max(1);
        let blocks = (millis + block - 1) / block;
        Some(self.stages()?.poc_start - Blocks(u64::try_from(blocks).unwrap_or(0)))
    }

    pub(super) fn deadline_eta(&self) -> Option<Time> {
        self.eta(self.deadline()?)
    }

    pub(super) fn deadline_passed(&self) -> bool {
        self.height()
            .zip(self.deadline())
            .is_some_and(|(height, deadline)| height > deadline)
    }

    pub(super) fn time_to_deadline(&self, now: Time) -> Option<Duration> {
        Some(self.deadline_eta()? - now)
    }

    /// When it is time to rent: the expected start less p95 of a boot and the margin.
    pub fn rent_at(&self) -> Option<Time> {
        let start = self.eta(self.stages()?.poc_start)?;
        Some(start - self.plan.lead - self.plan.margin)
    }

    /// The height at which the policy gives the rental back, as far as is known now.
    pub fn release_height(&self, stages: &EpochStages) -> Height {
        let latest = stages.next_poc_start - BEFORE_NEXT_POC;
        let after_start = |blocks: u64| (stages.poc_start + Blocks(blocks)).min(latest);
        match self.plan.release {
            ReleasePolicy::AfterValidation => stages.poc_validation_end,
            ReleasePolicy::AfterWeight => stages.set_new_validators,
            ReleasePolicy::AfterConfirmation => match self.confirmations.first() {
                Some(first) => first.validation_end.max(stages.set_new_validators),
                None => (self.last_confirmation_trigger(stages) + TRIGGER_IS_TOLD).min(latest),
            },
            ReleasePolicy::BlocksAfterStart(blocks) => after_start(blocks),
            ReleasePolicy::MinutesAfterStart(minutes) => after_start(self.blocks_in(minutes)),
            ReleasePolicy::WholeEpoch => latest,
        }
    }

    /// The height until which a rental is really held: a confirmation `PoC` that has begun is not
    /// left half way, or all that was paid for it would be lost.
    pub fn held_until(&self, stages: &EpochStages) -> Height {
        let planned = self.release_height(stages);
        let under_way = self
            .confirmations
            .iter()
            .filter(|event| event.trigger <= planned && planned < event.validation_end);
        under_way
            .map(|event| event.validation_end)
            .max()
            .unwrap_or(planned)
    }

    /// The latest height to which the policy can come.
    fn latest_release(&self, stages: &EpochStages) -> Height {
        let planned = self.release_height(stages);
        if self.plan.release != ReleasePolicy::AfterConfirmation || !self.confirmations.is_empty() {
            return planned;
        }
        let params = self.chain.map(|tip| tip.params).unwrap_or_default();
        let last = self.last_confirmation_trigger(stages);
        let end = last + epoch::grace_period(&params) + epoch::poc_length(&params);
        planned.max(end)
    }

    fn last_confirmation_trigger(&self, stages: &EpochStages) -> Height {
        let params = self.chain.map(|tip| tip.params).unwrap_or_default();
        epoch::last_confirmation_trigger(stages.next_poc_start, &params)
    }

    fn blocks_in(&self, minutes: u32) -> u64 {
        let block = self
            .chain
            .map_or(super::TYPICAL_BLOCK_MILLIS, |tip| tip.block_millis);
        let millis = i64::from(minutes) * 60_000;
        u64::try_from(millis / block.max(1)).unwrap_or_default()
    }

    /// When the policy gives the rental back, by the mean block time.
    pub fn release_eta(&self) -> Option<Time> {
        self.eta(self.held_until(self.stages()?))
    }

    /// When a rental taken now must end at the latest, whatever happens to us.
    pub(super) fn lease_end(&self) -> Option<Time> {
        let planned = self.eta(self.latest_release(self.stages()?))? + self.plan.lease;
        let longest = self.eta(self.stages()?.poc_start)? + self.plan.execution_timeout;
        Some(planned.min(longest))
    }

    /// The node's id, also after the rental and its registration are gone.
    pub(super) fn spent_node_id(&self) -> crate::domain::NodeId {
        self.proved_as
            .clone()
            .unwrap_or_else(|| crate::domain::NodeId(String::new()))
    }
}
