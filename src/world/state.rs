//! The state machine: everything the world knows, and how it goes on by itself.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::domain::Time;

use super::chain::Phase;
use super::clock::{as_seconds, seconds};
use super::container_log::LogCopy;
use super::network_node::Node;
use super::scenario::Scenario;
use super::truth::{Confirmation, TrueRental};
use super::vast::Instance;

/// The one model that governance approves.
pub const MODEL: &str = "MiniMaxAI/MiniMax-M2.7";
/// An image of the workload.
pub const IMAGE: &str = "ghcr.io/gonka-ai/mlnode:3.0.16";
/// The operator's address on the chain.
pub const PARTICIPANT: &str = "gonka1x9k2v5q8w4e7r3t6y0u2p5s8d4f7g3h6j9k2l";
/// The key of the inference proxy's upstream.
pub const UPSTREAM_KEY: &str = "sim-upstream-key";
/// The inference proxy's id at the Network Node.
pub const PROXY_NODE: &str = "inference-proxy";
/// The key that the market accepts.
pub const API_KEY: &str = "simulated-vast-key";
/// The world goes on in slices of this many seconds.
const SLICE: f64 = 2.0;
const QUIET_SLICE: f64 = 1_800.0;
pub(super) const WEIGHT_PER_BATCH: u64 = 37;

/// A call, however it came.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path without query.
    pub path: String,
    /// Decoded query.
    pub query: BTreeMap<String, String>,
    /// JSON body, or null.
    pub body: Value,
    /// The bearer token.
    pub bearer: Option<String>,
}

/// What the world answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// JSON or text.
    pub body: String,
}

/// A call that the world makes; the shell performs it and reports back.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing {
    /// The Network Node asks a node how it is.
    Poll {
        /// The node.
        node: String,
        /// Base address of its API.
        api: String,
        /// Base address of its inference.
        inference: String,
    },
    /// The Network Node starts something at a node; the answer does not matter.
    Post {
        /// Full address.
        url: String,
        /// JSON body.
        body: Value,
    },
    /// A machine sends a batch to the callback through its own port.
    Batch {
        /// The machine.
        instance: u64,
        /// The callback's host; the machine itself leads to `api`.
        host: String,
        /// Port inside it, or of that host.
        port: u16,
        /// Request path.
        path: String,
        /// JSON body.
        body: Value,
    },
}

/// What a poll of a node gave: its state and first model, or why it failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Polled {
    /// `state` of `/api/v1/state`.
    pub state: String,
    /// First id of `/v1/models`, when in `INFERENCE`.
    pub model: Option<String>,
}

/// The simulated world: deterministic by seed, scenario and the calls made. A copy goes on by itself.
#[derive(Debug, Clone)]
pub struct World {
    pub(super) seed: u64,
    pub(super) scenario: Scenario,
    pub(super) start: Time,
    pub(super) now: Time,
    /// The latest height at `now`.
    pub(super) height: u64,
    pub(super) instances: BTreeMap<u64, Instance>,
    /// Rentals that ended long ago, and what they cost.
    pub(super) past: Vec<TrueRental>,
    pub(super) past_cost: f64,
    pub(super) account_keys: Vec<String>,
    pub(super) last_calls: BTreeMap<String, Time>,
    pub(super) rent_calls: u64,
    pub(super) destroy_calls: u64,
    /// Halts of the chain so far: the height of the last block before, seconds.
    pub(super) halts: Vec<(u64, f64)>,
    pub(super) nodes: BTreeMap<String, Node>,
    pub(super) weights: BTreeMap<u64, BTreeMap<String, u64>>,
    pub(super) batches: BTreeMap<u64, BTreeMap<String, u64>>,
    /// Batches of this epoch's confirmation `PoC`.
    pub(super) confirming: BTreeMap<String, u64>,
    pub(super) confirmations: BTreeMap<u64, Confirmation>,
    pub(super) active: BTreeMap<String, u64>,
    pub(super) active_epoch: u64,
    pub(super) generated_epoch: u64,
    pub(super) next_reconcile: Time,
    pub(super) peak_live: usize,
    pub(super) outgoing: Vec<Outgoing>,
    /// Where the Network Node has batches sent.
    pub(super) callback_url: String,
    /// Where hosts upload copies of logs.
    pub(super) uploads_url: String,
    pub(super) log_copies: Vec<LogCopy>,
}

impl World {
    /// A world at its beginning.
    pub fn new(seed: u64, scenario: Scenario, start: Time) -> World {
        let mut world = World {
            seed,
            scenario,
            start,
            now: start,
            height: 0,
            instances: BTreeMap::new(),
            past: Vec::new(),
            past_cost: 0.0,
            account_keys: Vec::new(),
            last_calls: BTreeMap::new(),
            rent_calls: 0,
            destroy_calls: 0,
            halts: Vec::new(),
            nodes: BTreeMap::new(),
            weights: BTreeMap::new(),
            batches: BTreeMap::new(),
            confirming: BTreeMap::new(),
            confirmations: BTreeMap::new(),
            active: BTreeMap::new(),
            active_epoch: 0,
            generated_epoch: 0,
            next_reconcile: start,
            peak_live: 0,
            outgoing: Vec::new(),
            callback_url: "http://api:9100/v2/poc-batches".into(),
            uploads_url: "http://vast.sim".into(),
            log_copies: Vec::new(),
        };
        world.height = world.height_at(start);
        world.plan_upgrade();
        world.plan_halt(world.epoch() + 1);
        world.generated_epoch = world.epoch();
        world.active_epoch = world.epoch();
        world.first_nodes();
        world
    }

    /// Goes on under another scenario, as far as what has begun allows.
    pub fn set_scenario(&mut self, scenario: Scenario) {
        self.scenario = scenario;
    }

    /// The world's time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Lets the world go on to `to`; never back.
    pub fn advance(&mut self, to: Time) {
        while self.now < to {
            let next = to.min(self.next_stop());
            let elapsed = as_seconds(next - self.now);
            self.now = next;
            self.height = self.height_at(next);
            self.step(elapsed);
        }
    }

    /// Nothing but the clock matters while no machine boots or can end itself, up to the next
    /// `PoC`.
    fn next_stop(&self) -> Time {
        let quiet = self.phase() == Phase::Inference
            && self.confirmation_round() == Phase::Inference
            && self.active_epoch == self.epoch()
            && self.instances.values().all(|i| i.is_at_rest(self.now));
        if !quiet {
            return self.now + seconds(SLICE);
        }
        let poc_start = self.block_time(World::poc_start(self.epoch() + 1));
        let soon = self.now + seconds(QUIET_SLICE);
        let confirmation = self.next_confirmation().unwrap_or(soon);
        soon.min(poc_start)
            .min(confirmation)
            .max(self.now + seconds(SLICE))
    }

    fn step(&mut self, elapsed: f64) {
        self.bill(elapsed);
        self.end_leases();
        self.take_back_machines();
        self.forget_the_past();
        self.follow_chain();
        self.send_batches();
        self.repeat_generation();
        self.follow_confirmation();
        self.poll_nodes();
    }

    /// Calls that the world wants made now.
    pub fn poll_outgoing(&mut self) -> Vec<Outgoing> {
        std::mem::take(&mut self.outgoing)
    }

    fn follow_chain(&mut self) {
        let epoch = self.epoch();
        if epoch > self.generated_epoch {
            self.generated_epoch = epoch;
            self.start_generation(epoch);
            self.plan_halt(epoch + 1);
        }
        let offset = self.height().saturating_sub(World::poc_start(epoch));
        if offset >= self.validation_end(epoch) && !self.weights.contains_key(&epoch) {
            self.form_weights(epoch);
        }
        if offset >= self.new_validators(epoch) && self.active_epoch < epoch {
            self.active = self.weights.get(&epoch).cloned().unwrap_or_default();
            self.active_epoch = epoch;
        }
    }

    /// Weights are formed in the block that ends validation, for the nodes that are registered
    /// then; they are in force from `set_new_validators` on. (The chain's `onEndOfPoCValidationStage`
    /// and `onSetNewValidatorsStage`.)
    fn form_weights(&mut self, epoch: u64) {
        let batches = self.batches.get(&epoch).cloned().unwrap_or_default();
        let mut weights: BTreeMap<String, u64> = batches
            .into_iter()
            .map(|(id, n)| (id, n * WEIGHT_PER_BATCH))
            .collect();
        weights.retain(|id, _| self.nodes.contains_key(id));
        if self.nodes.contains_key("colleague-1") {
            weights.insert("colleague-1".into(), 1810);
        }
        self.weights.insert(epoch, weights);
    }

    /// A batch arrived at the callback. It counts only in the generation window.
    pub fn callback(&mut self, body: &Value) -> Reply {
        let Some(node) = body["node_id"].as_str().map(str::to_owned) else {
            return Reply::error(400, "node_id is missing");
        };
        let epoch = self.epoch();
        if matches!(self.confirmation_round(), Phase::Generate | Phase::Exchange) {
            *self.confirming.entry(node).or_default() += 1;
            return Reply::ok(&json!({"message": "ok"}));
        }
        if !matches!(self.phase(), Phase::Generate | Phase::Exchange) {
            return Reply::error(400, "not in the generation window");
        }
        *self
            .batches
            .entry(epoch)
            .or_default()
            .entry(node)
            .or_default() += 1;
        Reply::ok(&json!({"message": "ok"}))
    }
}

impl Reply {
    pub(super) fn new(status: u16, body: &Value) -> Reply {
        Reply {
            status,
            body: body.to_string(),
        }
    }

    pub(super) fn ok(body: &Value) -> Reply {
        Reply::new(200, body)
    }

    /// What is asked for all the time is written out without a tree of it in between.
    pub(super) fn written(body: &impl Serialize) -> Reply {
        match serde_json::to_string(body) {
            Ok(body) => Reply { status: 200, body },
            Err(error) => Reply::error(500, &error.to_string()),
        }
    }

    pub(super) fn error(status: u16, text: &str) -> Reply {
        Reply::new(status, &json!({"error": text}))
    }

    pub(super) fn text(status: u16, text: &str) -> Reply {
        Reply {
            status,
            body: text.into(),
        }
    }
}

/// A number in `0..1` that depends on nothing but its arguments.
pub(super) fn unit(seed: u64, what: u64, index: u64) -> f64 {
    let mut x =
        seed ^ what.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ index.wrapping_mul(0xD1B5_4A32_D192_ED03);
    for _ in 0..2 {
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^= x >> 31;
    }
    number(x >> 11) / 9_007_199_254_740_992.0
}

/// A count as a floating point number.
#[expect(clippy::cast_precision_loss, reason = "counts here are below 2^53")]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}
