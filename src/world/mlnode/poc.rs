//! The `PoC` of an `MLNode`'s vLLM: what it generates, and how it delivers it to its callback
//! (`poc/routes.py` and `poc/callbacks.py` of the `PoC` plugin). Pure.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::domain::Time;

use super::log::{API_SERVER, Log};
use crate::world::clock::{as_seconds, seconds};
use crate::world::numbers::{number, number_of, uniform, whole};

/// Seconds between two batches, and between two lines about them.
const INTERVAL: f64 = 5.0;
/// Nonces of a GPU in that time.
const NONCES_PER_GPU: u64 = 8;
/// `POC_CALLBACK_MAX_RETRIES`.
const ATTEMPTS: u32 = 10;
const LONGEST_BACKOFF: f64 = 30.0;
/// Nonces per second of a validation.
const VALIDATED_PER_SECOND: f64 = 20.0;
/// Bytes of a vector: 12 half-precision numbers.
const VECTOR_BYTES: u64 = 24;

/// A generation ordered with `init/generate`.
#[derive(Debug, Clone)]
pub(super) struct Generation {
    order: Value,
    /// Base of the callback.
    url: String,
    node: u64,
    nodes: u64,
    groups: u64,
    per_interval: u64,
    pub started: Time,
    /// Nonces so far; of those, the first that were not sent yet.
    made: u64,
    sent: u64,
    next: Time,
    in_flight: BTreeMap<u64, Parcel>,
    /// When a refused callback goes out again. Until then, nothing else does.
    retries: BTreeMap<u64, Time>,
    parcels: u64,
}

/// Artifacts that go out together.
#[derive(Debug, Clone, Copy)]
struct Parcel {
    first: u64,
    count: u64,
    attempt: u32,
}

/// A callback to send.
#[derive(Debug, Clone)]
pub(super) struct Callback {
    pub number: u64,
    pub url: String,
    pub body: Value,
}

/// How the sending of a callback ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    Taken,
    Refused,
}

/// A validation job of another host's artifacts.
#[derive(Debug, Clone)]
pub(super) struct Validation {
    pub request: String,
    pub done_at: Time,
    order: Value,
    started: Time,
}

impl Generation {
    pub(super) fn new(order: &Value, now: Time, groups: u64, gpus: u64) -> Generation {
        let field = |name: &str| order[name].as_u64();
        Generation {
            url: order["url"].as_str().unwrap_or_default().to_owned(),
            node: field("node_id").unwrap_or(0),
            nodes: field("node_count").unwrap_or(1).max(1),
            groups,
            per_interval: gpus * NONCES_PER_GPU,
            started: now,
            made: 0,
            sent: 0,
            next: now + seconds(INTERVAL),
            in_flight: BTreeMap::new(),
            retries: BTreeMap::new(),
            parcels: 0,
            order: order.clone(),
        }
    }

    pub(super) fn config(&self) -> Value {
        let order = &self.order;
        json!({"block_hash": order["block_hash"], "block_height": order["block_height"], "public_key": order["public_key"],
            "node_id": order["node_id"], "node_count": self.nodes, "group_id": 0, "n_groups": self.groups,
            "seq_len": order["params"]["seq_len"], "k_dim": 12, "batch_size": 32})
    }

    pub(super) fn stats(&self, now: Time) -> Value {
        json!({"total_processed": self.made, "nonces_per_second": self.rate(now)})
    }

    /// Nonces per second.
    fn rate(&self, now: Time) -> f64 {
        let passed = as_seconds(now - self.started).max(1.0);
        (number(self.made) / passed * 10.0).round() / 10.0
    }

    /// `node_id + group × node_count + k × groups × node_count`.
    fn nonce(&self, index: u64) -> u64 {
        let (group, k) = (index % self.groups, index / self.groups);
        self.node + group * self.nodes + k * self.groups * self.nodes
    }

    pub(super) fn introduce(&self, log: &mut Log) {
        let text = |name: &str| match &self.order[name] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let place = format!("node={}/{} group=0/{}", self.node, self.nodes, self.groups);
        let stronger = self.order["poc_stronger_rng"].as_bool().unwrap_or(false);
        let hash = text("block_hash");
        let hash: String = hash.chars().take(16).collect();
        let line = format!(
            "PoC /init/generate: block_hash={hash} block_height={} {place} batch_size=32 url={} poc_stronger_rng={}",
            text("block_height"),
            python(!self.url.is_empty()),
            python(stronger)
        );
        say(log, self.started, "INFO", "routes.py:214", &line);
        let line = format!(
            "PoC generation started (node {}/{}, group 0/{})",
            self.node, self.nodes, self.groups
        );
        say(log, self.started, "INFO", "routes.py:155", &line);
    }

    pub(super) fn conclude(&self, now: Time, log: &mut Log) {
        let minutes = as_seconds(now - self.started) / 60.0;
        let line = format!("PoC stopped: {} nonces in {minutes:.2}min", self.made);
        say(log, now, "INFO", "routes.py:187", &line);
    }

    /// The callback that is due now.
    pub(super) fn due(&mut self, now: Time, log: &mut Log) -> Option<Callback> {
        while self.next <= now {
            self.made += self.per_interval;
            let per_minute = whole(self.rate(self.next) * 60.0);
            let line = format!("Generated: {} nonces ({per_minute}/min)", self.made);
            say(log, self.next, "INFO", "routes.py:171", &line);
            self.next += seconds(INTERVAL);
        }
        if self.url.is_empty() {
            return None;
        }
        let due = self.retries.iter().find(|(_, at)| **at <= now);
        if let Some((number, _)) = due {
            let number = *number;
            self.retries.remove(&number);
            let parcel = self.in_flight.get(&number).copied()?;
            return Some(self.callback(number, parcel));
        }
        let count = self.made - self.sent;
        if count == 0 || self.in_flight.values().any(|parcel| parcel.attempt > 1) {
            return None;
        }
        self.parcels += 1;
        let parcel = Parcel {
            first: self.sent,
            count,
            attempt: 1,
        };
        self.sent = self.made;
        self.in_flight.insert(self.parcels, parcel);
        Some(self.callback(self.parcels, parcel))
    }

    fn callback(&self, number: u64, parcel: Parcel) -> Callback {
        let artifacts = (parcel.first..parcel.first + parcel.count).map(|index| {
            let nonce = self.nonce(index);
            json!({"nonce": nonce, "vector_b64": vector(nonce)})
        });
        let order = &self.order;
        Callback {
            number,
            url: format!("{}/generated", self.url.trim_end_matches('/')),
            body: json!({"public_key": order["public_key"], "block_hash": order["block_hash"], "block_height": order["block_height"],
                "node_id": order["node_id"], "artifacts": artifacts.collect::<Value>(),
                "encoding": {"dtype": "f16", "k_dim": 12, "endian": "le"}}),
        }
    }

    /// Takes the result of a callback: a refused one is sent again.
    pub(super) fn delivered(&mut self, now: Time, number: u64, how: Delivery, log: &mut Log) {
        let Some(parcel) = self.in_flight.get_mut(&number) else {
            return;
        };
        let (attempt, url) = (parcel.attempt, &self.url);
        if how == Delivery::Taken {
            self.in_flight.remove(&number);
            if attempt > 1 {
                let line = format!("Callback to {url} succeeded after {attempt} attempts");
                say(log, now, "INFO", "callbacks.py:84", &line);
            }
            return;
        }
        if attempt >= ATTEMPTS {
            let count = parcel.count;
            self.in_flight.remove(&number);
            let line = format!(
                "Callback to {url} failed after {attempt} attempts, dropping {count} artifacts"
            );
            return say(log, now, "ERROR", "callbacks.py:91", &line);
        }
        let backoff = 2_f64.powi(i32::try_from(attempt).unwrap_or(1) - 1);
        let backoff = backoff.min(LONGEST_BACKOFF);
        if attempt == 1 {
            let line = format!(
                "Callback to {url} failed (attempt {attempt}/{ATTEMPTS}, next backoff {backoff:.1}s)"
            );
            say(log, now, "WARNING", "callbacks.py:98", &line);
        }
        parcel.attempt += 1;
        self.retries.insert(number, now + seconds(backoff));
    }
}

impl Validation {
    pub(super) fn new(order: &Value, now: Time, request: String) -> Validation {
        let nonces = order["nonces"].as_array().map_or(0, Vec::len);
        let work = number(number_of(nonces)) / VALIDATED_PER_SECOND;
        Validation {
            request,
            done_at: now + seconds(work.max(0.5)),
            order: order.clone(),
            started: now,
        }
    }

    pub(super) fn introduce(&self, log: &mut Log) {
        let count = self.count();
        let order = &self.order;
        let line = format!(
            "PoC /generate: block_height={} node={}/{} nonces={count} validation=True",
            order["block_height"], order["node_id"], order["node_count"]
        );
        say(log, self.started, "INFO", "routes.py:301", &line);
    }

    fn count(&self) -> u64 {
        number_of(self.order["nonces"].as_array().map_or(0, Vec::len))
    }

    /// Its result, for its callback.
    pub(super) fn finish(&self, log: &mut Log) -> Callback {
        let took = as_seconds(self.done_at - self.started);
        let count = self.count();
        let job: String = self.request.chars().take(8).collect();
        let line = format!(
            "PoC queue job {job} completed: {count} nonces in {took:.2}s ({:.0}/s)",
            number(count) / took
        );
        say(log, self.done_at, "INFO", "generate_queue.py:188", &line);
        let order = &self.order;
        let url = order["url"].as_str().unwrap_or_default();
        Callback {
            number: 0,
            url: format!("{}/validated", url.trim_end_matches('/')),
            body: json!({"request_id": self.request, "block_hash": order["block_hash"], "block_height": order["block_height"],
                "public_key": order["public_key"], "node_id": order["node_id"], "n_total": count, "n_mismatch": 0,
                "mismatch_nonces": [], "p_value": 1.0, "fraud_detected": false}),
        }
    }
}

fn say(log: &mut Log, at: Time, level: &str, place: &str, text: &str) {
    log.vllm(at, API_SERVER, level, place, text);
}

/// As Python prints it.
fn python(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// A vector for a nonce, in base64.
fn vector(nonce: u64) -> String {
    let bytes: Vec<u8> = (0..VECTOR_BYTES / 8)
        .flat_map(|part| whole(uniform(nonce, 60, part) * 9e15).to_le_bytes())
        .collect();
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: f64) -> Time {
        Time::from_timestamp(1_790_000_000, 0).unwrap() + seconds(time)
    }

    fn order() -> Value {
        json!({"block_hash": "3F2A", "block_height": 7, "public_key": "02ab", "node_id": 1, "node_count": 3,
            "params": {"model": "m", "seq_len": 1024}, "url": "http://api:9100/v2/poc-batches/m"})
    }

    #[test]
    fn nonces_follow_node_and_group() {
        let generation = Generation::new(&order(), at(0.0), 2, 4);
        let first: Vec<u64> = (0..4).map(|index| generation.nonce(index)).collect();
        assert_eq!(first, [1, 4, 7, 10]);
        let alone = Generation::new(&order(), at(0.0), 1, 4);
        let first: Vec<u64> = (0..3).map(|index| alone.nonce(index)).collect();
        assert_eq!(first, [1, 4, 7]);
    }

    #[test]
    fn batch_has_the_whole_body() {
        let mut generation = Generation::new(&order(), at(0.0), 1, 4);
        let mut log = Log::default();
        assert!(generation.due(at(4.0), &mut log).is_none());
        let batch = generation.due(at(5.0), &mut log).unwrap();
        assert_eq!(batch.url, "http://api:9100/v2/poc-batches/m/generated");
        let body = batch.body;
        assert_eq!(
            (&body["public_key"], &body["block_height"], &body["node_id"]),
            (&json!("02ab"), &json!(7), &json!(1))
        );
        assert_eq!(
            body["encoding"],
            json!({"dtype": "f16", "k_dim": 12, "endian": "le"})
        );
        let artifacts = body["artifacts"].as_array().unwrap();
        assert_eq!(artifacts.len(), 32);
        let vector = artifacts[0]["vector_b64"].as_str().unwrap();
        assert_eq!(STANDARD.decode(vector).unwrap().len(), 24);
    }

    #[test]
    fn refused_batch_is_dropped_after_ten_attempts() {
        let mut generation = Generation::new(&order(), at(0.0), 1, 4);
        let mut log = Log::default();
        let mut attempts = Vec::new();
        for second in 0..400_u32 {
            let now = at(f64::from(second));
            if let Some(batch) = generation.due(now, &mut log)
                && batch.number == 1
            {
                attempts.push(second);
                generation.delivered(now, 1, Delivery::Refused, &mut log);
            }
        }
        // 1, 2, 4, 8, 16 and then 30 s apart.
        assert_eq!(attempts, [5, 6, 8, 12, 20, 36, 66, 96, 126, 156]);
        let log = log.part(at(400.0), 0, 1 << 20).unwrap();
        let log = String::from_utf8(log).unwrap();
        assert!(log.contains("failed (attempt 1/10, next backoff 1.0s)"));
        assert!(log.contains("failed after 10 attempts, dropping 32 artifacts"));
    }
}
