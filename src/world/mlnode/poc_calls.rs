//! The `PoC` calls of an `MLNode` (`api/inference/pow_v2_routes.py`), and its callbacks.

use serde_json::{Value, json};

use crate::domain::Time;

use super::api::{missing, unprocessable};
use super::log::API_SERVER;
use super::node::{Instances, SimMlNode};
use super::poc::{Callback, Delivery, Generation, Validation};
use crate::world::clock::seconds;
use crate::world::exchange::{ApiRequest, ApiResponse, Outgoing};
use crate::world::faults::WorkloadFault;
use crate::world::numbers::{uniform, whole};
use crate::world::scenario::{EnvironmentRule, MlNodeRelease};
use crate::world::state::World;

/// The module whose server has the routes of the `PoC` (3.0.16 and newer).
const POC_MODULE: &str = "gonka_poc";
/// Fields of `init/generate` and `generate`, with their types (`PoCInitGenerateRequest`).
const INIT_FIELDS: [(&str, FieldKind); 5] = [
    ("block_hash", FieldKind::Text),
    ("block_height", FieldKind::Number),
    ("public_key", FieldKind::Text),
    ("node_id", FieldKind::Number),
    ("node_count", FieldKind::Number),
];
/// `PoCParamsModel` forbids others.
const PARAMETERS: [&str; 3] = ["model", "seq_len", "k_dim"];

#[derive(Debug, Clone, Copy)]
enum FieldKind {
    Text,
    Number,
}

impl SimMlNode {
    pub(super) fn poc_call(&mut self, now: Time, request: &ApiRequest) -> ApiResponse {
        let path = request.path.strip_prefix("/api/v1/inference/pow/");
        match (request.method.as_str(), path.unwrap_or_default()) {
            ("GET", "status") => self.poc_status(now),
            ("POST", "init/generate") => self.generate(now, &request.body),
            ("POST", "stop") => self.stop_poc(now),
            ("POST", "generate") => self.validate(now, &request.body),
            _ => ApiResponse::new(404, &json!({"detail": "Not Found"})),
        }
    }

    /// In newer images the `PoC` is in a module that must be named.
    fn has_poc_routes(&self) -> bool {
        let spec = &self.spec;
        let module = spec.settings.vllm_module.as_deref().unwrap_or_default();
        spec.release == MlNodeRelease::V3_0_14
            || spec.environment == EnvironmentRule::Ignored
            || module.contains(POC_MODULE)
    }

    fn poc_status(&self, now: Time) -> ApiResponse {
        let Some(serving) = self.serving() else {
            return ApiResponse::ok(&json!({"status": "NO_BACKENDS", "backends": []}));
        };
        if !self.has_poc_routes() {
            let row = |port: u16| json!({"port": port, "status": "ERROR", "detail": NO_ROUTE});
            let backends: Value = serving.instances.ports().map(row).collect();
            return ApiResponse::ok(&json!({"status": "MIXED", "backends": backends}));
        }
        let row = |port: u16| match &serving.generation {
            Some(generation) => json!({"port": port, "status": "GENERATING",
                "config": generation.config(), "stats": generation.stats(now)}),
            None => json!({"port": port, "status": "IDLE", "config": null, "stats": null}),
        };
        let status = match serving.generation {
            Some(_) => "GENERATING",
            None => "IDLE",
        };
        let backends: Value = serving.instances.ports().map(row).collect();
        ApiResponse::ok(&json!({"status": status, "backends": backends}))
    }

    fn generate(&mut self, now: Time, body: &Value) -> ApiResponse {
        if let Err(refusal) = check(body) {
            return refusal;
        }
        let (has_routes, gpus) = (self.has_poc_routes(), self.spec.gpus);
        let SimMlNode { process, log, .. } = self;
        let Some(serving) = process.serving_mut() else {
            return ApiResponse::new(503, &json!({"detail": "No vLLM backends available"}));
        };
        let instances = serving.instances;
        if !has_routes {
            return all_failed(instances, NO_ROUTE);
        }
        if serving.generation.is_some() {
            return all_failed(instances, r#"{"detail":"Already generating"}"#);
        }
        let model = &body["params"]["model"];
        if *model != json!(serving.model) {
            let text = format!(
                "{{\"detail\":\"model mismatch: {model}, loaded: {}\"}}",
                serving.model
            );
            return all_failed(instances, &text);
        }
        let groups = u64::from(instances.count);
        let generation = Generation::new(body, now, groups, gpus);
        generation.introduce(log);
        serving.generation = Some(generation);
        let results = results(instances, "OK");
        ApiResponse::ok(
            &json!({"status": "OK", "backends": groups, "n_groups": groups,
            "results": results, "errors": null}),
        )
    }

    /// Ends generation; undelivered work is lost.
    fn stop_poc(&mut self, now: Time) -> ApiResponse {
        let SimMlNode { process, log, .. } = self;
        let Some(serving) = process.serving_mut() else {
            let text = "No backends to stop";
            return ApiResponse::ok(&json!({"status": "OK", "message": text}));
        };
        if let Some(generation) = serving.generation.take() {
            generation.conclude(now, log);
        }
        let results = results(serving.instances, "stopped");
        ApiResponse::ok(&json!({"status": "OK", "results": results, "errors": null}))
    }

    /// Queues the validation of another host's artifacts.
    fn validate(&mut self, now: Time, body: &Value) -> ApiResponse {
        if let Err(refusal) = check(body) {
            return refusal;
        }
        let Some(nonces) = numbers(&body["nonces"]) else {
            return unprocessable(
                "list_type",
                &json!(["body", "nonces"]),
                "Input should be a valid list",
            );
        };
        let artifacts = body["validation"]["artifacts"].as_array();
        let proven: Option<Vec<u64>> = artifacts.map(|artifacts| {
            let nonces = artifacts
                .iter()
                .filter_map(|artifact| artifact["nonce"].as_u64());
            nonces.collect()
        });
        if proven.is_some_and(|proven| proven != nonces) {
            let detail = "validation.artifacts nonces do not match nonces";
            return ApiResponse::new(400, &json!({"detail": detail}));
        }
        if !self.has_poc_routes() {
            return ApiResponse::new(404, &json!({"detail": NO_ROUTE}));
        }
        let (seed, id) = (self.spec.seed, self.spec.id);
        let SimMlNode { process, log, .. } = self;
        let Some(serving) = process.serving_mut() else {
            return ApiResponse::new(503, &json!({"detail": "No vLLM backends available"}));
        };
        let job = whole(uniform(seed ^ id, 61, nonces.first().copied().unwrap_or(0)) * 4e9);
        let request = format!("{job:08x}-0000-4000-8000-{id:012x}");
        let port = serving.instances.first_port;
        let validation = Validation::new(body, now, request.clone());
        validation.introduce(log);
        serving.validations.push(validation);
        ApiResponse::ok(
            &json!({"status": "queued", "request_id": format!("{port}:{request}"),
            "queued_count": nonces.len()}),
        )
    }

    /// The plugin's loop ends with an error, and its gate opens (`poc/routes.py`).
    fn crash_generation(&mut self, now: Time) {
        let Some(WorkloadFault::GenerationCrashes { after }) = self.spec.fault else {
            return;
        };
        let serving = self.process.serving_mut();
        let is_due = |work: &mut Generation| now >= work.started + seconds(after);
        let crashed = serving.and_then(|serving| serving.generation.take_if(is_due));
        if crashed.is_none() {
            return;
        }
        self.broke_at = Some(now);
        for (level, place, text) in [
            (
                "ERROR",
                "routes.py:447",
                "PoC generation crashed: CUDA error: an illegal memory access was encountered",
            ),
            (
                "WARNING",
                "routes.py:563",
                "PoC generation task failed, gate deactivated: CUDA error: an illegal memory access was encountered",
            ),
        ] {
            self.log.vllm(now, API_SERVER, level, place, text);
        }
    }

    /// Callbacks that are due now.
    fn callbacks(&mut self, now: Time) -> Vec<Callback> {
        if self.broke_at.is_none() {
            self.crash_generation(now);
        }
        let SimMlNode { process, log, .. } = self;
        let Some(serving) = process.serving_mut() else {
            return Vec::new();
        };
        let done = serving.validations.extract_if(.., |job| job.done_at <= now);
        let mut callbacks: Vec<Callback> = done.map(|job| job.finish(log)).collect();
        let generated = serving.generation.as_mut();
        callbacks.extend(generated.and_then(|generation| generation.due(now, log)));
        callbacks
    }
}

const NO_ROUTE: &str = r#"{"detail":"Not Found"}"#;

fn results(instances: Instances, status: &str) -> Value {
    let row = |port: u16| json!({"port": port, "status": status});
    instances.ports().map(row).collect()
}

fn all_failed(instances: Instances, error: &str) -> ApiResponse {
    let row = |port: u16| json!({"port": port, "error": error});
    let errors: Value = instances.ports().map(row).collect();
    ApiResponse::new(502, &json!({"detail": {"errors": errors}}))
}

fn numbers(list: &Value) -> Option<Vec<u64>> {
    list.as_array()?.iter().map(Value::as_u64).collect()
}

/// Pydantic's checks of a body.
fn check(body: &Value) -> Result<(), ApiResponse> {
    for (name, kind) in INIT_FIELDS {
        let value = &body[name];
        let place = json!(["body", name]);
        let (fits, what) = match kind {
            FieldKind::Text => (value.is_string(), "Input should be a valid string"),
            FieldKind::Number => (
                value.is_i64() || value.is_u64(),
                "Input should be a valid integer, unable to parse string as an integer",
            ),
        };
        if value.is_null() {
            return Err(missing(&place));
        }
        if !fits {
            return Err(unprocessable("int_parsing", &place, what));
        }
    }
    let parameters = &body["params"];
    for name in ["model", "seq_len"] {
        if parameters[name].is_null() {
            let place = json!(["body", "params", name]);
            return Err(missing(&place));
        }
    }
    let keys = parameters.as_object().into_iter().flatten();
    for (key, _) in keys {
        if !PARAMETERS.contains(&key.as_str()) {
            let place = json!(["body", "params", key]);
            let text = "Extra inputs are not permitted";
            return Err(unprocessable("extra_forbidden", &place, text));
        }
    }
    Ok(())
}

impl World {
    /// Sends the callbacks of all machines.
    pub(in crate::world) fn send_batches(&mut self) {
        let now = self.now;
        let mut outgoing = Vec::new();
        for instance in self.live_mut() {
            let id = instance.id;
            let callbacks = instance.mlnode.callbacks(now).into_iter();
            outgoing.extend(callbacks.map(|call| sending(id, call)));
        }
        self.outgoing.append(&mut outgoing);
    }

    /// Takes the result of sending a batch: the callback's status, or why there is none.
    pub fn batch_sent(&mut self, machine: u64, number: u64, outcome: &Result<u16, String>) {
        let now = self.now;
        let how = match outcome {
            Ok(..400) => Delivery::Taken,
            _ => Delivery::Refused,
        };
        let Some(instance) = self.live_instance_mut(machine) else {
            return;
        };
        let SimMlNode { process, log, .. } = &mut instance.mlnode;
        let generation = process
            .serving_mut()
            .and_then(|serving| serving.generation.as_mut());
        if let Some(generation) = generation {
            generation.delivered(now, number, how, log);
        }
    }
}

/// The request to a callback; `api` is the machine itself (`127.0.0.1 api`).
fn sending(instance: u64, call: Callback) -> Outgoing {
    let parsed = url::Url::parse(&call.url).ok();
    let host = parsed.as_ref().and_then(url::Url::host_str);
    let port = parsed.as_ref().and_then(url::Url::port_or_known_default);
    Outgoing::Batch {
        instance,
        number: call.number,
        host: host.unwrap_or("api").into(),
        port: port.unwrap_or(9100),
        path: parsed.as_ref().map_or("/", url::Url::path).to_owned(),
        body: call.body,
    }
}
