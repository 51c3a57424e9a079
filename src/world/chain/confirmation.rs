//! Confirmation `PoC`s, in the middle of an epoch: a host that is gone by then loses the epoch's reward.
//! Also planned upgrades.

use serde_json::{Value, json};

use crate::domain::Time;

use crate::world::chain::schedule::{CUTOFF, GENERATION, VALIDATION_START};
use crate::world::exchange::ApiResponse;
use crate::world::model::PocPhase;
use crate::world::network_node::is_unmanaged;
use crate::world::state::{WEIGHT_PER_BATCH, World};
use crate::world::truth::Confirmation;

/// Blocks from the trigger to the end.
const VALIDATION_END: u64 = 120 + VALIDATION_START + CUTOFF;
const UPGRADE_SECONDS: f64 = 1_200.0;

impl World {
    /// Height at which generation of this epoch's confirmation starts, if there is one.
    pub(in crate::world) fn confirmation_start(&self, epoch: u64) -> Option<u64> {
        Some(self.confirmation_trigger(epoch)? + CUTOFF)
    }

    fn confirmation_trigger(&self, epoch: u64) -> Option<u64> {
        let after = self.scenario.confirmation_after;
        (after > 0).then(|| World::poc_start(epoch) + after)
    }

    /// Phase of the current confirmation; `Inference` when there is none.
    pub(in crate::world) fn confirmation_phase(&self) -> PocPhase {
        let begun = self.confirmation_start(self.epoch());
        match begun.and_then(|start| self.height().checked_sub(start)) {
            Some(since) if since < GENERATION => PocPhase::Generate,
            Some(since) if since < VALIDATION_START => PocPhase::Exchange,
            Some(since) if since < VALIDATION_END - CUTOFF => PocPhase::Validate,
            _ => PocPhase::Inference,
        }
    }

    /// When the next confirmation starts to generate.
    pub(in crate::world) fn next_confirmation(&self) -> Option<Time> {
        let start = self.confirmation_start(self.epoch())?;
        (start > self.height()).then(|| self.block_time(start))
    }

    /// The event in the public API, `offset` blocks after `poc_start`.
    pub(in crate::world) fn confirmation_event(&self, epoch: u64, offset: u64) -> Option<Value> {
        let trigger = self.confirmation_trigger(epoch)?;
        let phase = match (World::poc_start(epoch) + offset).checked_sub(trigger)? {
            0..CUTOFF => 1,
            since if since < CUTOFF + VALIDATION_START => 2,
            since if since < VALIDATION_END => 3,
            _ => return None,
        };
        Some(
            json!({"epoch_index": epoch, "trigger_height": trigger, "generation_start_height": trigger + CUTOFF, "phase": phase, "poc_seed_block_hash": ""}),
        )
    }

    /// At the end the chain counts what the nodes generated again.
    pub(in crate::world) fn advance_confirmation(&mut self) {
        let epoch = self.epoch();
        let trigger = self.confirmation_trigger(epoch);
        let over = trigger.is_some_and(|trigger| self.height() >= trigger + VALIDATION_END);
        if over && !self.confirmations.contains_key(&epoch) {
            let result = self.confirmed();
            if result.weight > 0 && !result.costs_the_reward() {
                self.early_share_misses = 0;
            }
            self.confirmations.insert(epoch, result);
            self.confirming.clear();
        }
    }

    /// For each node the lesser of its weight and what it generated again.
    fn confirmed(&self) -> Confirmation {
        let shown = |id: &String, weight: u64| {
            if is_unmanaged(id) {
                return weight;
            }
            let batches = self.confirming.get(id).copied().unwrap_or_default();
            weight.min(batches * WEIGHT_PER_BATCH)
        };
        let confirmed = self.active.iter().map(|(id, weight)| shown(id, *weight));
        Confirmation {
            weight: self.active.values().sum(),
            confirmed: confirmed.sum(),
        }
    }

    pub(in crate::world) fn plan_upgrade(&mut self) {
        if let Some(height) = self.upgrade_height() {
            self.halts.push((height, UPGRADE_SECONDS));
        }
    }

    fn upgrade_height(&self) -> Option<u64> {
        let before = self.scenario.upgrade_before_poc;
        (before > 0).then(|| World::poc_start(World::FIRST_EPOCH + 1) - before)
    }

    /// Governance's next upgrade in the chain's REST API.
    pub(super) fn planned_upgrade(&self) -> ApiResponse {
        let height = self.upgrade_height();
        let planned = height.filter(|height| *height >= self.height());
        let plan =
            |height: u64| json!({"name": "v0.2.14", "height": height.to_string(), "info": ""});
        ApiResponse::ok(&json!({ "plan": planned.map(plan) }))
    }
}
