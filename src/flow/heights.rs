//! Deadlines and releases of a sprint, by the chain's height.

use super::registering::GOOD_WITHIN;
use super::{CHAIN_FRESH, Sprint, TYPICAL_BLOCK_MILLIS};
use crate::chain::epoch;
use crate::domain::{
    Aim, Blocks, ChainPhase, Duration, EpochParams, EpochStages, Height, ReleasePolicy, Time,
};

/// A held rental is released this long before the next `PoC`.
const BEFORE_NEXT_POC: Blocks = Blocks(20);
/// A removal can block the Network Node for minutes: it must be over before a `PoC` starts.
const NO_REMOVAL_BEFORE_POC: Duration = Duration::minutes(5);
/// A confirmation `PoC` that was triggered at the last moment is known by then.
const TRIGGER_IS_KNOWN: Blocks = Blocks(5);

/// What release policies depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Epoch {
    pub stages: EpochStages,
    pub params: EpochParams,
    /// Mean time of a block.
    pub block: Duration,
}

impl Epoch {
    /// Where a policy releases a rental while no confirmation `PoC` has come.
    pub fn release(self, policy: ReleasePolicy) -> Height {
        let stages = self.stages;
        let planned = match policy {
            ReleasePolicy::AfterValidation => return stages.poc_validation_end,
            ReleasePolicy::AfterWeight => return stages.set_new_validators,
            ReleasePolicy::AfterConfirmation => self.last_trigger() + TRIGGER_IS_KNOWN,
            ReleasePolicy::BlocksAfterStart(blocks) => stages.poc_start + Blocks(blocks),
            ReleasePolicy::MinutesAfterStart(minutes) => {
                stages.poc_start + self.blocks_in(Duration::minutes(i64::from(minutes)))
            }
            ReleasePolicy::WholeEpoch => stages.next_poc_start,
        };
        planned.min(stages.next_poc_start - BEFORE_NEXT_POC)
    }

    /// The latest height at which a policy can release, whatever the chain does.
    pub fn latest_release(self, policy: ReleasePolicy) -> Height {
        let planned = self.release(policy);
        match policy {
            ReleasePolicy::AfterConfirmation => planned.max(self.last_trigger() + self.answer()),
            _ => planned,
        }
    }

    /// The last height at which a confirmation can be triggered.
    pub fn last_trigger(self) -> Height {
        epoch::last_confirmation_trigger(self.stages.next_poc_start, &self.params)
    }

    /// Blocks from the trigger of a confirmation to its end.
    pub fn answer(self) -> Blocks {
        epoch::confirmation_length(&self.params)
    }

    /// Whole blocks in a length of time.
    pub fn blocks_in(self, time: Duration) -> Blocks {
        let blocks = time.num_milliseconds() / self.block.num_milliseconds().max(1);
        Blocks(u64::try_from(blocks).unwrap_or_default())
    }
}

impl Sprint {
    pub(super) fn is_chain_known(&self, now: Time) -> bool {
        let tip = self.volatile.chain;
        tip.is_some_and(|tip| now - tip.at <= CHAIN_FRESH)
    }

    /// Up to v0.2.15 a removal waits for the node's running call, and blocks the Network Node's only loop
    /// meanwhile: near a `PoC` it can cost the host's other nodes theirs. A `PoC` may be near while the
    /// chain is unknown.
    pub fn removal_waits(&self, now: Time) -> bool {
        self.volatile.other_nodes.is_none_or(|others| others > 0)
            && (!self.is_chain_known(now) || self.is_poc_near())
    }

    fn is_poc_near(&self) -> bool {
        let Some(tip) = self.volatile.chain else {
            return true;
        };
        if tip.phase != ChainPhase::Inference {
            return true;
        }
        let Some(stages) = self.stages() else {
            return true;
        };
        let epoch = self.epoch(stages);
        let near = epoch.blocks_in(NO_REMOVAL_BEFORE_POC);
        let length = stages.poc_start.until(stages.poc_validation_end);
        let mut starts = [stages.poc_start, stages.next_poc_start].into_iter();
        let mut confirmations = self.confirmations.iter();
        starts.any(|start| start - near <= tip.height && tip.height < start + length)
            || confirmations
                .any(|event| event.trigger <= tip.height && tip.height < event.validation_end)
    }

    pub(super) fn height(&self) -> Option<Height> {
        self.volatile.chain.map(|tip| tip.height)
    }

    /// The stages of its `PoC` and where the chain is.
    pub(super) fn position(&self) -> Option<(EpochStages, Height)> {
        self.stages().copied().zip(self.height())
    }

    /// When a height is expected, by the mean block time.
    pub fn eta(&self, height: Height) -> Option<Time> {
        let tip = self.volatile.chain?;
        let blocks = i64::try_from(tip.height.until(height).0).ok()?;
        let left = Duration::try_milliseconds(blocks.checked_mul(tip.block_millis)?)?;
        tip.at.checked_add_signed(left)
    }

    /// The last height at which a registration still counts, by the operator's margin; absent without
    /// a `PoC`.
    pub fn deadline(&self) -> Option<Height> {
        if !self.plan.aim.proves() {
            return None;
        }
        let tip = self.volatile.chain?;
        let millis = self.plan.registration_margin.num_milliseconds().max(0);
        let block = tip.block_millis.max(1);
        let blocks = (millis + block - 1) / block;
        Some(self.stages()?.poc_start - Blocks(u64::try_from(blocks).unwrap_or(0)))
    }

    /// By when a rental that begins now must be ready to be registered.
    pub(super) fn ready_by(&self, now: Time) -> Option<Time> {
        if self.plan.aim.proves() {
            return self.eta(self.deadline()?);
        }
        Some(now + self.plan.startup_timeout)
    }

    pub(super) fn deadline_passed(&self) -> bool {
        let deadline = self.deadline();
        deadline.is_some_and(|deadline| self.height() > Some(deadline))
    }

    pub(super) fn time_to_deadline(&self, now: Time) -> Option<Duration> {
        Some(self.eta(self.deadline()?)? - now)
    }

    /// Whether a boot that takes this long from now on misses the deadline.
    pub(super) fn misses_deadline(&self, now: Time, needed: Option<Duration>) -> bool {
        let left = self.time_to_deadline(now);
        needed.zip(left).is_some_and(|(needed, left)| needed > left)
    }

    /// When to rent: the expected start less p95 of a boot and the margin, or at once.
    pub fn rent_at(&self) -> Option<Time> {
        if self.plan.aim != Aim::Proof {
            return self.spans.first().map(|first| first.started);
        }
        let start = self.eta(self.stages()?.poc_start)?;
        Some(start - self.plan.lead - self.plan.margin - self.plan.head_start)
    }

    /// The height at which the policy releases the rental, by what is known now.
    pub fn release_height(&self, stages: &EpochStages) -> Height {
        match (self.plan.release, self.confirmations.first()) {
            (ReleasePolicy::AfterConfirmation, Some(first)) => {
                first.validation_end.max(stages.set_new_validators)
            }
            (policy, _) => self.epoch(stages).release(policy),
        }
    }

    /// The height until which a rental is really held: a confirmation `PoC` that has begun is
    /// completed, or all that was paid for it would be lost; so is a challenge.
    pub fn held_until(&self, stages: &EpochStages) -> Height {
        let planned = self.release_height(stages);
        let running = self
            .confirmations
            .iter()
            .filter(|event| event.trigger <= planned && planned < event.validation_end);
        let ends = running.map(|event| event.validation_end);
        let challenged = self.challenge().map(|challenge| challenge.end);
        ends.chain(challenged).fold(planned, Height::max)
    }

    /// The latest height at which the policy can release.
    fn latest_release(&self, stages: &EpochStages) -> Height {
        if !self.confirmations.is_empty() {
            return self.release_height(stages);
        }
        self.epoch(stages).latest_release(self.plan.release)
    }

    fn epoch(&self, stages: &EpochStages) -> Epoch {
        let tip = self.volatile.chain;
        let millis = tip.map_or(TYPICAL_BLOCK_MILLIS, |tip| tip.block_millis);
        Epoch {
            stages: *stages,
            params: tip.map(|tip| tip.params).unwrap_or_default(),
            block: Duration::milliseconds(millis.max(1)),
        }
    }

    /// How long a rental is needed after its boot, as planned and at most; absent with a `PoC`.
    fn after_boot(&self) -> Option<(Duration, Duration)> {
        match self.plan.aim {
            Aim::Proof | Aim::Rehearsal => None,
            Aim::Registration => Some((Duration::zero(), GOOD_WITHIN)),
            Aim::Serving { .. } => self.plan.aim.serves_for().map(|time| (time, time)),
        }
    }

    /// When a rental that begins now is released: by the policy and the mean block time.
    pub(super) fn release_eta(&self, now: Time) -> Option<Time> {
        if let Some((planned, _)) = self.after_boot() {
            return Some(now + self.plan.lead + planned);
        }
        self.eta(self.held_until(self.stages()?))
    }

    /// When a rental that begins now must end at the latest, whatever happens to us.
    pub(super) fn lease_end(&self, now: Time) -> Option<Time> {
        if let Some((_, longest)) = self.after_boot() {
            return Some(now + self.plan.startup_timeout + longest + self.plan.lease);
        }
        let planned = self.eta(self.latest_release(self.stages()?))? + self.plan.lease;
        let longest = self.eta(self.stages()?.poc_start)? + self.plan.execution_timeout;
        Some(planned.min(longest))
    }
}
