//! Confirmation `PoC`s, in the middle of an epoch: a host that is gone by then loses the epoch's reward.
//! Also planned upgrades.

use std::ops::Range;

use serde_json::{Value, json};

use crate::domain::Time;

use crate::world::chain::schedule::{
    CUTOFF, EXCHANGE, GENERATION, NEW_VALIDATORS_DELAY, SAFETY_WINDOW, VALIDATION_DELAY,
};
use crate::world::exchange::ApiResponse;
use crate::world::host::HostId;
use crate::world::model::PocPhase;
use crate::world::network_node::is_unmanaged;
use crate::world::numbers::{number, uniform, whole};
use crate::world::state::{WEIGHT_PER_BATCH, World};
use crate::world::truth::Confirmation;

/// No confirmation is triggered so close to an upgrade.
const UPGRADE_PROTECTION: u64 = 500;
const UPGRADE_SECONDS: f64 = 1_200.0;
/// Random triggers of an epoch: at most one in each such part of its window.
const PARTS: u64 = 12;

/// The windows of one confirmation `PoC`; each begins where the one before ends (gonka v0.2.14
/// inference-chain/x/inference/types/confirmation_poc_event.go).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::world) struct Event {
    pub sequence: u64,
    pub trigger: u64,
    pub generation: u64,
    pub generation_end: u64,
    pub exchange_end: u64,
    pub validation: u64,
    pub over: u64,
    /// Until then it is shown as completed, and no other one starts.
    pub gone: u64,
}

impl Event {
    /// `Exchange` here includes the delay before validation.
    pub(super) fn phase(&self, height: u64) -> PocPhase {
        match height {
            height if height < self.generation || height >= self.over => PocPhase::Inference,
            height if height < self.generation_end => PocPhase::Generate,
            height if height < self.validation => PocPhase::Exchange,
            _ => PocPhase::Validate,
        }
    }
}

impl World {
    /// From the trigger to the end of validation, of each confirmation in this epoch.
    pub fn confirmation_times(&self, epoch: u64) -> Vec<Range<Time>> {
        let events = self.events(epoch).into_iter();
        let times = events.map(|event| self.block_time(event.trigger)..self.block_time(event.over));
        times.collect()
    }

    fn event_from(&self, epoch: u64, sequence: u64, trigger: u64) -> Event {
        let generation = trigger + CUTOFF.max(1);
        let exchange_end = generation + GENERATION + EXCHANGE;
        // The delay counts from the last block of the exchange.
        let validation = exchange_end - 1 + VALIDATION_DELAY;
        let over = validation + self.validation(epoch);
        Event {
            sequence,
            trigger,
            generation,
            generation_end: generation + GENERATION,
            exchange_end,
            validation,
            over,
            gone: over + NEW_VALIDATORS_DELAY,
        }
    }

    /// The heights at which the chain may trigger one, the last one included.
    fn trigger_window(&self, epoch: u64) -> (u64, u64) {
        let aftermath = GENERATION + EXCHANGE + VALIDATION_DELAY + self.validation(epoch);
        let quiet = CUTOFF + aftermath + NEW_VALIDATORS_DELAY + SAFETY_WINDOW;
        let first = World::poc_start(epoch) + self.new_validators(epoch);
        (first, World::poc_start(epoch + 1) - quiet)
    }

    fn may_trigger(&self, epoch: u64, height: u64) -> bool {
        let (first, last) = self.trigger_window(epoch);
        let near = |upgrade: u64| height.abs_diff(upgrade) < UPGRADE_PROTECTION;
        (first..=last).contains(&height) && !self.upgrade_height().is_some_and(near)
    }

    /// Every confirmation of an epoch, in order.
    pub(super) fn events(&self, epoch: u64) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        for trigger in self.wanted_triggers(epoch) {
            let free = events.last().is_none_or(|before| before.gone <= trigger);
            if free && self.may_trigger(epoch, trigger) {
                let sequence = events.len() as u64;
                events.push(self.event_from(epoch, sequence, trigger));
            }
        }
        events
    }

    fn wanted_triggers(&self, epoch: u64) -> Vec<u64> {
        let after = self.scenario.confirmation_after;
        let given = (after > 0).then(|| World::poc_start(epoch) + after);
        let mut wanted: Vec<u64> = given.into_iter().collect();
        let rate = self.scenario.random_faults.confirmations;
        if rate > 0.0 {
            let (first, last) = self.trigger_window(epoch);
            let part = last.saturating_sub(first) / PARTS;
            let roll = |what, index| uniform(self.seed, what, epoch * PARTS + index);
            let drawn = (0..PARTS).filter(|index| roll(42, *index) < rate / number(PARTS));
            wanted.extend(
                drawn.map(|index| first + index * part + whole(number(part) * roll(43, index))),
            );
            wanted.sort_unstable();
        }
        wanted
    }

    /// The confirmation that is shown now.
    pub(in crate::world) fn event(&self) -> Option<Event> {
        self.event_at(self.epoch(), self.height())
    }

    /// The confirmation of an epoch that is shown at a height.
    pub(super) fn event_at(&self, epoch: u64, height: u64) -> Option<Event> {
        let mut events = self.events(epoch).into_iter();
        events.find(|event| (event.trigger..event.gone).contains(&height))
    }

    /// When the next confirmation starts to generate.
    pub(in crate::world) fn next_confirmation(&self) -> Option<Time> {
        let starts = self.events(self.epoch()).into_iter();
        let mut starts = starts.map(|event| event.generation);
        let next = starts.find(|start| *start > self.height())?;
        Some(self.block_time(next))
    }

    /// The event in the public API, `offset` blocks after `poc_start`: phase 2 also through the
    /// exchange and the delay.
    pub(in crate::world) fn confirmation_event(&self, epoch: u64, offset: u64) -> Option<Value> {
        let height = World::poc_start(epoch) + offset;
        let event = self.event_at(epoch, height)?;
        let phase = match height {
            height if height < event.generation => 1,
            height if height < event.validation => 2,
            height if height < event.over => 3,
            _ => 4,
        };
        Some(
            json!({"epoch_index": epoch, "event_sequence": event.sequence, "trigger_height": event.trigger,
                "generation_start_height": event.generation, "phase": phase, "poc_seed_block_hash": "ab12"}),
        )
    }

    /// Whether a node keeps serving in the round that this height identifies: drawn anew for each among
    /// the nodes with weight.
    pub(in crate::world) fn is_preserved(&self, host: HostId, id: &str, round: u64) -> bool {
        let rate = self.scenario.random_faults.preserved;
        let name = id.bytes().fold(host.draw(round), |name, byte| {
            name.wrapping_mul(31).wrapping_add(u64::from(byte))
        });
        rate > 0.0
            && !is_unmanaged(id)
            && self.hosts[host].active.contains_key(id)
            && uniform(self.seed, 44, name) < rate
    }

    /// `GET …/preserved_nodes_snapshot` (gonka v0.2.14 decentralized-api/broker/broker.go
    /// `EnsurePreservedMembershipCached`).
    pub(super) fn preserved_snapshot(&self) -> Value {
        let of_model = |model: &String| {
            let hosts = self.hosts();
            let participants = hosts.filter_map(|host| self.preserved_nodes(host, model));
            let participants: Vec<Value> = participants.collect();
            let row = || json!({"model_id": model, "participants": participants});
            (!participants.is_empty()).then(row)
        };
        let models: Vec<Value> = self.scenario.models.iter().filter_map(of_model).collect();
        if models.is_empty() {
            return json!({"snapshot": null, "found": false});
        }
        json!({"snapshot": {"model_preserved_nodes": models}, "found": true})
    }

    fn preserved_nodes(&self, host: HostId, model: &str) -> Option<Value> {
        let round = self.round_height(host);
        let preserved = |id: &&String| {
            self.is_preserved(host, id, round) && self.proved_model(host, id) == model
        };
        let nodes: Vec<&String> = self.hosts[host].active.keys().filter(preserved).collect();
        let row = || json!({"participant_id": host.participant(), "node_ids": nodes});
        (!nodes.is_empty()).then(row)
    }

    /// At the end the chain counts what the nodes generated again.
    pub(in crate::world) fn advance_confirmation(&mut self, host: HostId) {
        let epoch = self.epoch();
        let height = self.height();
        let counted = self.hosts[host].counted_event;
        let mut over = self.events(epoch).into_iter();
        let over = over.find(|event| event.over <= height && event.trigger > counted);
        if let Some(event) = over {
            self.hosts[host].counted_event = event.trigger;
            self.count_confirmation(host, epoch, event);
        }
    }

    fn count_confirmation(&mut self, host: HostId, epoch: u64, event: Event) {
        let shown = |id: &String, weight: u64| {
            if is_unmanaged(id) || self.is_preserved(host, id, event.trigger) {
                return weight;
            }
            let batches = self.hosts[host]
                .confirming
                .get(id)
                .copied()
                .unwrap_or_default();
            weight.min(batches * WEIGHT_PER_BATCH)
        };
        let shown = self.hosts[host]
            .active
            .iter()
            .map(|(id, weight)| shown(id, *weight));
        let result = Confirmation {
            expected: self.expected_confirmation(host),
            confirmed: scaled(shown.sum()),
        };
        self.hosts[host].confirming.clear();
        if result.costs_the_reward() {
            self.hosts[host].inactive.insert(epoch);
        } else if result.expected > 0 {
            self.hosts[host].early_share_misses = 0;
        }
        let known = self.hosts[host]
            .confirmations
            .entry(epoch)
            .or_insert(result);
        known.confirmed = known.confirmed.min(result.confirmed);
    }

    /// What is expected of all nodes of a host in a confirmation.
    pub(super) fn expected_confirmation(&self, host: HostId) -> u64 {
        scaled(self.hosts[host].active.values().sum())
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

/// `weight` on the scale of confirmations: `confirmation_weight_scales` is 3/8 for every model.
pub(super) fn scaled(weight: u64) -> u64 {
    weight * 3 / 8
}
