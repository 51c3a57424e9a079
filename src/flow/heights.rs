//! Where the chain is, and what follows from it for a sprint: deadlines, and how long a rental is
//! held.

use super::registering::GOOD_WITHIN;
use super::{CHAIN_FRESH, Sprint, Tip};
use crate::chain::epoch;
use crate::domain::{Aim, Blocks, Duration, EpochParams, EpochStages, Height, ReleasePolicy, Time};

/// A held rental is given back this long before the next `PoC`.
const BEFORE_NEXT_POC: Blocks = Blocks(20);
/// A confirmation `PoC` that was triggered at the last moment is told by then.
const TRIGGER_IS_TOLD: Blocks = Blocks(5);

/// An epoch, as far as release policies need it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Epoch<'a> {
    pub stages: &'a EpochStages,
    pub params: &'a EpochParams,
    /// Mean time of a block.
    pub block: Duration,
}

/// How long a rental is needed after its boot.
struct AfterBoot {
    planned: Duration,
    longest: Duration,
}

impl Epoch<'_> {
    /// Where a policy gives a rental back while no confirmation `PoC` has come.
    pub fn release(self, policy: ReleasePolicy) -> Height {
        let stages = self.stages;
        let latest = stages.next_poc_start - BEFORE_NEXT_POC;
        match policy {
            ReleasePolicy::AfterValidation => stages.poc_validation_end,
            ReleasePolicy::AfterWeight => stages.set_new_validators,
            ReleasePolicy::AfterConfirmation => (self.last_trigger() + TRIGGER_IS_TOLD).min(latest),
            ReleasePolicy::BlocksAfterStart(blocks) => {
                (stages.poc_start + Blocks(blocks)).min(latest)
            }
            ReleasePolicy::MinutesAfterStart(minutes) => {
                let blocks = self.blocks_in(Duration::minutes(i64::from(minutes)));
                (stages.poc_start + blocks).min(latest)
            }
            ReleasePolicy::WholeEpoch => latest,
        }
    }

    /// The latest height to which a policy can come, whatever the chain does.
    pub fn latest_release(self, policy: ReleasePolicy) -> Height {
        let planned = self.release(policy);
        match policy {
            ReleasePolicy::AfterConfirmation => planned.max(self.last_trigger() + self.answer()),
            _ => planned,
        }
    }

    /// The last height at which a confirmation can be triggered.
    pub fn last_trigger(self) -> Height {
        epoch::last_confirmation_trigger(self.stages.next_poc_start, self.params)
    }

    /// Blocks from the trigger of a confirmation to its end.
    pub fn answer(self) -> Blocks {
        Blocks(epoch::grace_period(self.params).0 + epoch::poc_length(self.params).0)
    }

    /// Whole blocks in a length of time.
    pub fn blocks_in(self, time: Duration) -> Blocks {
        let blocks = time.num_milliseconds() / self.block.num_milliseconds().max(1);
        Blocks(u64::try_from(blocks).unwrap_or_default())
    }
}

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

    /// The last height at which a registration still counts, by the operator's margin; absent where
    /// no `PoC` waits for it.
    pub fn deadline(&self) -> Option<Height> {
        if !self.plan.aim.proves() {
            return None;
        }
        let tip = self.chain?;
        let millis = self.plan.registration_margin.num_milliseconds().max(0);
        let block = tip.block_millis.max(1);
        let blocks = (millis + block - 1) / block;
        Some(self.stages()?.poc_start - Blocks(u64::try_from(blocks).unwrap_or(0)))
    }

    /// By when a rental that is taken now must be ready to be registered.
    pub(super) fn ready_by(&self, now: Time) -> Option<Time> {
        if self.plan.aim.proves() {
            return self.eta(self.deadline()?);
        }
        Some(now + self.plan.startup_timeout)
    }

    pub(super) fn deadline_passed(&self) -> bool {
        self.height()
            .zip(self.deadline())
            .is_some_and(|(height, deadline)| height > deadline)
    }

    pub(super) fn time_to_deadline(&self, now: Time) -> Option<Duration> {
        Some(self.eta(self.deadline()?)? - now)
    }

    /// When it is time to rent: the expected start less p95 of a boot and the margin, or at once.
    pub fn rent_at(&self) -> Option<Time> {
        if self.plan.aim != Aim::Proof {
            return self.spans.first().map(|first| first.started);
        }
        let start = self.eta(self.stages()?.poc_start)?;
        Some(start - self.plan.lead - self.plan.margin)
    }

    /// The height at which the policy gives the rental back, as far as is known now.
    pub fn release_height(&self, stages: &EpochStages) -> Height {
        let epoch = Epoch {
            stages,
            params: &self.chain.map(|tip| tip.params).unwrap_or_default(),
            block: self.block(),
        };
        match (self.plan.release, self.confirmations.first()) {
            (ReleasePolicy::AfterConfirmation, Some(first)) => {
                first.validation_end.max(stages.set_new_validators)
            }
            (policy, _) => epoch.release(policy),
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
        if !self.confirmations.is_empty() {
            return self.release_height(stages);
        }
        let epoch = Epoch {
            stages,
            params: &self.chain.map(|tip| tip.params).unwrap_or_default(),
            block: self.block(),
        };
        epoch.latest_release(self.plan.release)
    }

    fn block(&self) -> Duration {
        let millis = self
            .chain
            .map_or(super::TYPICAL_BLOCK_MILLIS, |tip| tip.block_millis);
        Duration::milliseconds(millis.max(1))
    }

    /// How long a rental is needed after its boot, where no `PoC` tells.
    fn after_boot(&self) -> Option<AfterBoot> {
        let (planned, longest) = match self.plan.aim {
            Aim::Proof | Aim::Rehearsal => return None,
            Aim::Registration => (Duration::zero(), GOOD_WITHIN),
            Aim::Serving { .. } => {
                let time = self.plan.aim.serves_for()?;
                (time, time)
            }
        };
        Some(AfterBoot { planned, longest })
    }

    /// When a rental that is taken now is given back: by the policy and the mean block time.
    pub(super) fn release_eta(&self, now: Time) -> Option<Time> {
        if let Some(after) = self.after_boot() {
            return Some(now + self.plan.lead + after.planned);
        }
        self.eta(self.held_until(self.stages()?))
    }

    /// When a rental that is taken now must end at the latest, whatever happens to us.
    pub(super) fn lease_end(&self, now: Time) -> Option<Time> {
        if let Some(after) = self.after_boot() {
            return Some(now + self.plan.startup_timeout + after.longest + self.plan.lease);
        }
        let planned = self.eta(self.latest_release(self.stages()?))? + self.plan.lease;
        let longest = self.eta(self.stages()?.poc_start)? + self.plan.execution_timeout;
        Some(planned.min(longest))
    }

    /// The node's id, also after the rental and its registration are gone.
    pub(super) fn poc_node_id(&self) -> crate::domain::NodeId {
        self.poc_node
            .clone()
            .unwrap_or_else(|| crate::domain::NodeId(String::new()))
    }
}
