//! The state machine: the world's state and how it advances.

use std::collections::BTreeMap;

use crate::domain::Time;

use super::account::{Account, AccountId, Accounts};
use super::clock::{as_seconds, seconds};
use super::exchange::Outgoing;
use super::host::HostId;
use super::hosts::{Host, Hosts};
use super::model::{LogCopy, PocPhase, SimInstance};
use super::numbers::{number, whole};
use super::scenario::Scenario;
use super::truth::TrueRental;

pub const IMAGE: &str = "ghcr.io/gonka-ai/mlnode:3.0.16";
/// API key of the inference proxy's upstream.
pub const UPSTREAM_KEY: &str = "sim-upstream-key";
/// The inference proxy's id at the Network Node.
pub const PROXY_NODE: &str = "inference-proxy";
/// Another operator's node.
pub(super) const COLLEAGUE: &str = "colleague-1";
/// Simulated seconds per step.
const SLICE: f64 = 2.0;
const QUIET_SLICE: f64 = 1_800.0;
pub(super) const WEIGHT_PER_BATCH: u64 = 37;

/// The simulated world. Seed, scenario and requests determine it. A clone is independent.
#[derive(Debug, Clone, Default)]
pub struct World {
    pub(super) seed: u64,
    pub(super) scenario: Scenario,
    pub(super) start: Time,
    pub(super) now: Time,
    /// The latest height at `now`.
    pub(super) height: u64,
    pub(super) instances: BTreeMap<u64, SimInstance>,
    /// Rentals that ended more than a day ago.
    pub(super) past: Vec<TrueRental>,
    pub(super) accounts: Accounts,
    /// When each rate of an account, or of callers without a key, is free again.
    pub(super) last_calls: BTreeMap<(Option<AccountId>, &'static str), Time>,
    pub(super) rent_calls: u64,
    /// Requests so far that each of the scenario's faults is about.
    pub(super) fault_counts: BTreeMap<u64, u64>,
    pub(super) destroy_calls: u64,
    /// Halts of the chain so far: height of the last block, seconds.
    pub(super) halts: Vec<(u64, f64)>,
    pub(super) hosts: Hosts,
    /// The epoch whose weights count.
    pub(super) active_epoch: u64,
    pub(super) generated_epoch: u64,
    /// The number of the last call that a Network Node made.
    pub(super) last_call: u64,
    pub(super) peak_live: usize,
    pub(super) outgoing: Vec<Outgoing>,
    pub(super) uploads_url: String,
    pub(super) log_copies: Vec<LogCopy>,
}

impl World {
    pub fn new(seed: u64, scenario: Scenario, start: Time) -> World {
        let mut world = World {
            seed,
            hosts: Hosts::of(scenario.hosts, |host| Host {
                callback_url: host.callback_next_to(&scenario.callback_url),
                early_share_misses: scenario.early_share_misses,
                ..Host::default()
            }),
            accounts: Accounts::new(scenario.accounts, |_| Account::default()),
            scenario,
            start,
            now: start,
            uploads_url: "http://vast.sim".into(),
            ..World::default()
        };
        world.height = world.height_at(start);
        world.plan_upgrade();
        world.plan_halt(world.epoch() + 1);
        world.generated_epoch = world.epoch();
        world.active_epoch = world.epoch();
        for host in world.hosts() {
            world.register_initial_nodes(host);
        }
        world
    }

    /// The operator's accounts on the market.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> + use<> {
        self.accounts.ids()
    }

    /// The operator's hosts.
    pub fn hosts(&self) -> impl Iterator<Item = HostId> + use<> {
        self.hosts.ids()
    }

    pub fn now(&self) -> Time {
        self.now
    }

    /// Advances the world to `to`; never back.
    pub fn advance(&mut self, to: Time) {
        while self.now < to {
            let next = to.min(self.next_stop());
            let elapsed = as_seconds(next - self.now);
            self.now = next;
            self.height = self.height_at(next);
            self.step(elapsed);
        }
    }

    /// While nothing is in progress the next step may be long, at most to the next `PoC`.
    fn next_stop(&self) -> Time {
        let mut hosts = self.hosts();
        let quiet = hosts.all(|host| self.round(host) == PocPhase::Inference)
            && self.active_epoch == self.epoch()
            && self.others_are_at_rest()
            && self.instances.values().all(|i| i.is_at_rest(self.now));
        if !quiet {
            return self.now + seconds(SLICE);
        }
        let credit_ends = self.credit_ends_at();
        let poc_start = self.block_time(World::poc_start(self.epoch() + 1));
        let soon = self.now + seconds(QUIET_SLICE);
        let confirmation = self.next_confirmation().unwrap_or(soon);
        let challenges = self.hosts().filter_map(|host| self.next_challenge(host));
        soon.min(poc_start)
            .min(credit_ends.unwrap_or(soon))
            .min(confirmation)
            .min(challenges.min().unwrap_or(soon))
            .max(self.now + seconds(SLICE))
    }

    fn step(&mut self, elapsed: f64) {
        self.bill(elapsed);
        self.stop_without_credit();
        self.expire_leases();
        self.reclaim_machines();
        self.archive_old_instances();
        self.advance_workloads();
        self.advance_epoch();
        self.send_batches();
        for host in self.hosts() {
            self.advance_others(host);
            self.advance_confirmation(host);
            self.advance_dapi(host);
            self.advance_challenge(host);
        }
    }

    pub(super) fn live(&self) -> impl Iterator<Item = &SimInstance> {
        let instances = self.instances.values();
        instances.filter(|instance| instance.destroyed_at.is_none())
    }

    pub(super) fn live_mut(&mut self) -> impl Iterator<Item = &mut SimInstance> {
        let instances = self.instances.values_mut();
        instances.filter(|instance| instance.destroyed_at.is_none())
    }

    pub(super) fn live_instance(&self, id: u64) -> Option<&SimInstance> {
        let instance = self.instances.get(&id)?;
        instance.destroyed_at.is_none().then_some(instance)
    }

    /// An instance of this account. To it, those of others do not exist.
    pub(super) fn owned(&self, by: AccountId, id: u64) -> Option<&SimInstance> {
        self.live_instance(id)
            .filter(|instance| instance.account == by)
    }

    pub(super) fn owned_mut(&mut self, by: AccountId, id: u64) -> Option<&mut SimInstance> {
        let instance = self.live_instance_mut(id);
        instance.filter(|instance| instance.account == by)
    }

    pub(super) fn live_instance_mut(&mut self, id: u64) -> Option<&mut SimInstance> {
        let instance = self.instances.get_mut(&id)?;
        instance.destroyed_at.is_none().then_some(instance)
    }

    pub fn poll_outgoing(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.outgoing)
    }

    fn advance_workloads(&mut self) {
        let now = self.now;
        for instance in self.live_mut() {
            instance.mlnode.advance(now);
        }
    }

    fn advance_epoch(&mut self) {
        let epoch = self.epoch();
        if epoch > self.generated_epoch {
            self.generated_epoch = epoch;
            self.plan_halt(epoch + 1);
        }
        let offset = self.height().saturating_sub(World::poc_start(epoch));
        if offset >= self.validation_end(epoch) {
            self.form_weights(epoch);
        }
        if offset >= self.new_validators(epoch) && self.active_epoch < epoch {
            for host in self.hosts() {
                let host = &mut self.hosts[host];
                host.active = host.weights.get(&epoch).cloned().unwrap_or_default();
            }
            self.active_epoch = epoch;
        }
    }

    /// Weights are computed in the block that ends validation, for the nodes registered then, and are
    /// active from `set_new_validators` (the chain's `onEndOfPoCValidationStage` and
    /// `onSetNewValidatorsStage`).
    fn form_weights(&mut self, epoch: u64) {
        for host in self.hosts() {
            if !self.hosts[host].weights.contains_key(&epoch) {
                let weights = self.weights_of(host, epoch);
                self.note_models(host, &weights);
                self.hosts[host].weights.insert(epoch, weights);
            }
        }
    }

    fn weights_of(&mut self, host: HostId, epoch: u64) -> BTreeMap<String, u64> {
        let of_host = &self.hosts[host];
        let mut weights = of_host.batches.get(&epoch).cloned().unwrap_or_default();
        weights.retain(|id, _| of_host.nodes.contains_key(id));
        for weight in weights.values_mut() {
            *weight *= WEIGHT_PER_BATCH;
        }
        // A preserved node's weight is carried on.
        let round = World::poc_start(epoch);
        let preserved = of_host.active.iter();
        let preserved = preserved.filter(|(id, _)| self.is_preserved(host, id, round));
        weights.extend(preserved.map(|(id, weight)| (id.clone(), *weight)));
        if of_host.nodes.contains_key(COLLEAGUE) {
            weights.insert(COLLEAGUE.into(), 1810);
        }
        let came_late = self.counts_early_share(host, epoch);
        if self.earns_nothing(host) || came_late {
            weights.clear();
        }
        let share = self.weight_share(host, epoch, weights.values().sum());
        let served = weights
            .keys()
            .map(|id| self.served_model(host, id).to_owned());
        let penalty = self.penalty(host, epoch, &served.collect());
        for weight in weights.values_mut() {
            *weight = whole(number(*weight) * share);
            *weight -= whole(number(*weight) * penalty);
        }
        weights
    }

    /// A preserved node that is gone keeps its model.
    fn note_models(&mut self, host: HostId, weights: &BTreeMap<String, u64>) {
        let models = weights
            .keys()
            .map(|id| (id.clone(), self.served_model(host, id).to_owned()));
        let models: Vec<(String, String)> = models.collect();
        self.hosts[host].proved.extend(models);
    }
}
