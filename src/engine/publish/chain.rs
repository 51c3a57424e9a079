//! The chain in a snapshot.

use crate::chain::epoch;
use crate::domain::{ConfirmationParams, EpochView, Height, Time};
use crate::engine::snapshot::{
    ChainReading, ChainSnapshot, ConfirmationEstimate, HeightEstimate, StageEstimate,
    UpgradeEstimate,
};
use crate::engine::state::Shared;
use crate::flow::{ASSUMED_CONFIRMATION, Sprint};

/// A reading counts until this many more should have come.
const READINGS_MISSED: i32 = 3;

impl Shared {
    pub(crate) fn chain_snapshot(&self, sprint: &Sprint) -> ChainSnapshot {
        let view = self.observed.view.as_ref();
        ChainSnapshot {
            reading: view.map(|(at, view)| self.chain_reading(sprint, *at, view)),
            trouble: self.observed.chain_error.clone(),
            stalled_since: self.block_clock.stalled_since(),
            upgrade: self.upgrade(),
            sources: self.sources.statuses(),
            stale_after: Some(self.config.chain.poll * READINGS_MISSED),
            confirmation: Some(self.confirmation_params()),
        }
    }

    /// How strictly the chain confirms; as its code has it until that is read.
    pub(crate) fn confirmation_params(&self) -> ConfirmationParams {
        let governance = self.observed.governance.as_ref();
        governance.map_or(ASSUMED_CONFIRMATION, |known| known.confirmation)
    }

    fn chain_reading(&self, sprint: &Sprint, at: Time, view: &EpochView) -> ChainReading {
        let stages = sprint.stages().copied().unwrap_or(view.next);
        let deadline = sprint.deadline().unwrap_or(stages.poc_start);
        ChainReading {
            at,
            view: view.clone(),
            confirmation_times: self.confirmation_times(at, view),
            block_time: self.block_clock.block_time(),
            stages: self.stage_estimates(at, view),
            poc_start: self.estimate(at, view.height, stages.poc_start),
            registration_deadline: self.estimate(at, view.height, deadline),
        }
    }

    fn confirmation_times(&self, at: Time, view: &EpochView) -> Option<ConfirmationEstimate> {
        let stages = epoch::confirmation_stages(view.confirmation.as_ref()?, &view.params);
        let estimate = |target| self.estimate(at, view.height, target);
        Some(ConfirmationEstimate {
            generation: estimate(stages.generation_start),
            validation: estimate(stages.validation_start),
            end: estimate(stages.validation_end),
        })
    }

    pub(crate) fn upgrade(&self) -> Option<UpgradeEstimate> {
        let (at, view) = self.observed.view.as_ref()?;
        let planned = self.observed.governance.as_ref()?.upgrade.as_ref()?;
        Some(UpgradeEstimate {
            name: planned.name.clone(),
            at: self.estimate(*at, view.height, planned.height),
        })
    }

    fn stage_estimates(&self, at: Time, view: &EpochView) -> Vec<StageEstimate> {
        let mut estimates = Vec::new();
        for stages in [view.current, view.next] {
            for (milestone, height) in stages.milestones() {
                if height > view.height {
                    estimates.push(StageEstimate {
                        epoch: stages.epoch,
                        milestone,
                        at: self.estimate(at, view.height, height),
                    });
                }
            }
        }
        estimates
    }

    pub(crate) fn estimate(&self, at: Time, height: Height, target: Height) -> HeightEstimate {
        HeightEstimate {
            height: target,
            blocks_left: height.until(target),
            expected: self.block_clock.estimate(at, target),
        }
    }
}
