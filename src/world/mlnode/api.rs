//! The API of an `MLNode`, on ports 8080 and 5000.

use serde_json::{Value, json};

use crate::domain::Time;

use super::lines::{self, SEEN};
use super::node::{
    EngineHealth, Inference, Load, Orphans, Process, Remains, SimMlNode, StartOutcome,
};
use super::settings::AccessLog;
use crate::world::clock::{as_seconds, seconds};
use crate::world::exchange::{ApiRequest, ApiResponse};
use crate::world::faults::WorkloadFault;
use crate::world::scenario::{MlNodeRelease, PocVersion};
use crate::world::state::World;

pub(in crate::world) const API_PORT: u16 = 8080;
/// Open only while an instance is healthy.
pub(in crate::world) const INFERENCE_PORT: u16 = 5000;

/// The result of a request to a workload.
#[derive(Debug, Clone, PartialEq)]
pub enum MlNodeReply {
    /// Nothing answers: the connection is refused, or cut.
    Nobody,
    Answer(ApiResponse),
    /// The answer comes with the end of this start ([`World::start_reply`]).
    AfterStart(u64),
}

impl MlNodeReply {
    pub fn answer(self) -> Option<ApiResponse> {
        match self {
            MlNodeReply::Answer(answer) => Some(answer),
            MlNodeReply::Nobody | MlNodeReply::AfterStart(_) => None,
        }
    }
}

/// What `GET /api/v1/state` reports.
struct StateReport {
    state: &'static str,
    poc: Option<&'static str>,
    healthy: Option<bool>,
    model: Option<String>,
}

/// The GPUs and the driver of a machine.
struct Hardware {
    gpus: u64,
    memory_mb: u64,
    name: String,
    driver: Value,
    cuda: String,
}

impl World {
    /// Handles a request to a port of a machine's workload.
    pub fn mlnode(&mut self, id: u64, port: u16, request: &ApiRequest) -> MlNodeReply {
        let now = self.now;
        let hardware = self.hardware(id);
        let instance = self
            .live_instance_mut(id)
            .filter(|instance| instance.is_running(now));
        let (Some(hardware), Some(instance)) = (hardware, instance) else {
            return MlNodeReply::Nobody;
        };
        let node = &mut instance.mlnode;
        let answer = match &node.process {
            Process::Vllm { server, api_at, .. } if now >= *api_at => server.answer(request),
            Process::Serving(_) if port == INFERENCE_PORT => node.proxied(now, request),
            Process::Serving(_) => {
                let before = node.starts;
                let answer = node.answer(now, request, &hardware);
                node.log_access(now, request, answer.status);
                // This call awaits the start (`api/inference/routes.py` `inference_setup`).
                if node.starts > before && request.path == "/api/v1/inference/up" {
                    return MlNodeReply::AfterStart(node.starts);
                }
                answer
            }
            _ => return MlNodeReply::Nobody,
        };
        MlNodeReply::Answer(answer)
    }

    /// The answer to an `inference/up` that awaits this start. A stop cuts its connection.
    pub fn start_reply(&self, id: u64, start: u64) -> MlNodeReply {
        let node = self.live_instance(id).map(|instance| &instance.mlnode);
        let node = node.filter(|node| node.starts == start);
        let Some(startup) = node.and_then(|node| node.service()?.startup.as_ref()) else {
            return MlNodeReply::Nobody;
        };
        MlNodeReply::Answer(match &startup.outcome {
            StartOutcome::InProgress => return MlNodeReply::AfterStart(start),
            StartOutcome::Completed => ApiResponse::ok(&json!({"status": "OK"})),
            StartOutcome::Failed(why) => ApiResponse::new(500, &json!({"detail": why})),
        })
    }

    fn hardware(&self, id: u64) -> Option<Hardware> {
        let instance = self.live_instance(id)?;
        let offer = &instance.offer;
        let name = offer["gpu_name"].as_str().unwrap_or("GPU");
        let cuda = match self.scenario.driver_cuda.as_str() {
            "" => offer["cuda_max_good"].to_string(),
            other => other.to_owned(),
        };
        Some(Hardware {
            gpus: instance.gpus().saturating_sub(self.scenario.missing_gpus),
            memory_mb: offer["gpu_ram"].as_u64().unwrap_or(0),
            name: format!("NVIDIA {name}"),
            driver: offer["driver_version"].clone(),
            cuda,
        })
    }

    /// Whether something of the workload listens on this port.
    pub(in crate::world) fn workload_listens(&self, id: u64, port: u16) -> bool {
        let Some(instance) = self.live_instance(id) else {
            return false;
        };
        let node = &instance.mlnode;
        match &node.process {
            Process::Vllm { server, api_at, .. } => self.now >= *api_at && port == server.port,
            _ if port == INFERENCE_PORT => node.serving().is_some(),
            _ => port == API_PORT && node.accepts(),
        }
    }

    /// Whether the workload's only thread is busy: it accepts a connection, and answers later or never.
    pub(in crate::world) fn is_busy(&self, id: u64) -> bool {
        let node = self.live_instance(id).map(|instance| &instance.mlnode);
        node.is_some_and(|node| match &node.process {
            Process::Frozen { .. } => true,
            Process::Serving(service) => service.busy_until.is_some_and(|until| self.now < until),
            _ => false,
        })
    }
}

impl SimMlNode {
    pub(super) fn loading(&self) -> Option<&Load> {
        match &self.service()?.inference {
            Inference::Loading(load) => Some(load),
            _ => None,
        }
    }

    fn log_access(&mut self, now: Time, request: &ApiRequest, status: u16) {
        if self.spec.settings.access_log == AccessLog::On {
            lines::access(&mut self.log, now, &request.method, &request.path, status);
        }
    }

    fn report(&self, now: Time) -> StateReport {
        let report = |state, poc, healthy| StateReport {
            state,
            poc,
            healthy,
            model: None,
        };
        let inference = self.service().map(|service| &service.inference);
        match inference {
            None | Some(Inference::Idle) => report("STOPPED", None, None),
            Some(Inference::Broken(broken)) if broken.remains == Remains::Nothing => {
                report("STOPPED", None, None)
            }
            Some(Inference::Loading(_) | Inference::Broken(_)) => {
                report("INFERENCE", Some("NO_BACKENDS"), Some(false))
            }
            Some(Inference::Serving(serving)) => StateReport {
                state: "INFERENCE",
                // The node asks its backends every two seconds (`api/proxy.py`).
                poc: Some(match (serving.health, &serving.generation) {
                    (EngineHealth::Silent, _) => "NO_BACKENDS",
                    (EngineHealth::Answers, Some(work)) if now >= work.started + seconds(SEEN) => {
                        "GENERATING"
                    }
                    (EngineHealth::Answers, _) => "IDLE",
                }),
                healthy: Some(serving.health == EngineHealth::Answers),
                model: Some(serving.model.clone()),
            },
        }
    }

    fn state(&self, now: Time) -> ApiResponse {
        let report = self.report(now);
        if self.spec.poc_version == PocVersion::First {
            let state = match report.poc {
                Some("GENERATING") => "POW",
                _ => report.state,
            };
            return ApiResponse::ok(&json!({"state": state}));
        }
        ApiResponse::ok(
            &json!({"version": self.spec.release.to_string(), "state": report.state,
            "poc_status": report.poc, "inference_healthy": report.healthy,
            "loaded_model": report.model, "poc_validation_inference": true}),
        )
    }

    fn startup_status(&self, now: Time) -> ApiResponse {
        let startup = self.service().and_then(|service| service.startup.as_ref());
        let running = self.serving().is_some();
        let Some(startup) = startup else {
            return ApiResponse::ok(&json!({"status": "not_started", "is_starting": false,
                "is_running": running, "elapsed_seconds": null, "error": null}));
        };
        let (status, error) = match &startup.outcome {
            StartOutcome::InProgress => ("in_progress", None),
            StartOutcome::Completed => ("completed", None),
            StartOutcome::Failed(why) => ("failed", Some(why)),
        };
        // It goes on counting after a success, and is absent after a failure.
        let elapsed = error.is_none().then(|| as_seconds(now - startup.since));
        ApiResponse::ok(&json!({"status": status,
            "is_starting": startup.outcome == StartOutcome::InProgress,
            "is_running": running, "elapsed_seconds": elapsed, "error": error}))
    }

    fn health(&self, now: Time, hardware: &Hardware) -> ApiResponse {
        let report = self.report(now);
        let running = report.healthy == Some(true);
        let broken = matches!(
            self.service().map(|service| &service.inference),
            Some(Inference::Broken(_))
        );
        let status = if broken { "unhealthy" } else { "healthy" };
        let body = json!({"status": status, "service_state": report.state,
            "gpu": {"available": true, "count": hardware.gpus, "devices": []},
            "managers": {"pow": {"running": false, "healthy": false},
                "inference": {"running": running, "healthy": running},
                "train": {"running": false, "healthy": false}}});
        ApiResponse::new(if broken { 503 } else { 200 }, &body)
    }

    fn devices(&self, now: Time, hardware: &Hardware) -> ApiResponse {
        let memory = hardware.memory_mb;
        let in_use = self.orphans != Orphans::None || self.report(now).state == "INFERENCE";
        let used = if in_use { memory * 9 / 10 } else { 500 };
        let utilization = if self.generates() { 99 } else { 0 };
        let device = |index: u64| {
            json!({"index": index, "name": hardware.name, "total_memory_mb": memory,
                "free_memory_mb": memory.saturating_sub(used), "used_memory_mb": used,
                "utilization_percent": utilization, "temperature_c": 41, "is_available": true,
                "error_message": null})
        };
        let devices = (0..hardware.gpus).map(device).collect::<Value>();
        ApiResponse::ok(&json!({"devices": devices, "count": hardware.gpus}))
    }

    /// The newer image reads a body as JSON only with its `Content-Type`, as newer `FastAPI` does. Whether the
    /// published one does is not known (guide, section 7): this is the harder case.
    fn misses_content_type(&self, request: &ApiRequest) -> bool {
        let is_strict = self.spec.release >= MlNodeRelease::V3_0_16;
        let kind = request.content_type.as_deref().unwrap_or_default();
        is_strict && !request.body.is_null() && !kind.starts_with("application/json")
    }

    fn answer(&mut self, now: Time, request: &ApiRequest, hardware: &Hardware) -> ApiResponse {
        let call = (request.method.as_str(), request.path.as_str());
        if request.path.starts_with("/v1") {
            return self.proxied(now, request);
        }
        if request.method == "POST" && self.misses_content_type(request) {
            return unprocessable(
                "model_attributes_type",
                &json!(["body"]),
                "Input should be a valid dictionary or object to extract fields from",
            );
        }
        match call {
            ("GET", "/api/v1/state") => self.state(now),
            ("GET", "/api/v1/versions") => ApiResponse::ok(&json!({
                "version": self.spec.release.to_string(),
                "vllm_version": self.spec.vllm_version(), "poc_validation_inference": true})),
            ("GET", "/health" | "/livez") => self.health(now, hardware),
            ("GET", "/readyz") => {
                // Only an inference that is under way and unhealthy makes it unready (`api/health.py`).
                let ready = self.report(now).healthy != Some(false);
                ApiResponse::new(if ready { 200 } else { 503 }, &json!({"ready": ready}))
            }
            ("POST", "/api/v1/stop" | "/api/v1/inference/down") => {
                self.stop_model(now);
                ApiResponse::ok(&json!({"status": "OK"}))
            }
            ("POST", "/api/v1/inference/up" | "/api/v1/inference/up/async")
                if self.spec.fault == Some(WorkloadFault::StartRefused) =>
            {
                unprocessable("value_error", &json!(["body", "dtype"]), "Value error")
            }
            ("POST", "/api/v1/inference/up" | "/api/v1/inference/up/async") => {
                self.order_start(now, &request.body)
            }
            ("GET", "/api/v1/inference/up/status") => self.startup_status(now),
            ("GET", "/api/v1/gpu/devices") => self.devices(now, hardware),
            ("GET", "/api/v1/gpu/driver") => {
                ApiResponse::ok(&json!({"driver_version": hardware.driver,
                "cuda_driver_version": hardware.cuda, "nvml_version": "12.570.124"}))
            }
            ("POST", "/api/v1/models/download") => self.order_download(now, &request.body),
            ("POST", "/api/v1/models/status") => self.model_status(now, &request.body),
            ("GET", "/api/v1/models/list") => self.model_list(),
            ("GET", "/api/v1/models/space") => self.model_space(now),
            (_, path) if path.starts_with("/api/v1/inference/pow/") => self.poc_call(now, request),
            _ => ApiResponse::new(404, &json!({"detail": "Not Found"})),
        }
    }

    /// Starts a model. Returns the answer of `up/async`.
    fn order_start(&mut self, now: Time, body: &Value) -> ApiResponse {
        let Some(model) = body["model"].as_str() else {
            return missing(&json!(["body", "model"]));
        };
        let refused = |detail: &str| ApiResponse::new(409, &json!({"detail": detail}));
        match self.service().map(|service| &service.inference) {
            Some(Inference::Loading(_)) => {
                return refused(
                    "VLLM startup is already in progress. Use /inference/up/status to check status.",
                );
            }
            Some(Inference::Serving(_)) => {
                return refused("VLLM is already running. Use /inference/down to stop it first.");
            }
            _ => {}
        }
        let arguments = body["additional_args"].as_array();
        let arguments = arguments.into_iter().flatten().filter_map(Value::as_str);
        let arguments: Vec<String> = arguments.map(str::to_owned).collect();
        self.start_model(now, model, &arguments);
        let message = "Inference startup initiated in background";
        ApiResponse::ok(&json!({"status": "starting", "message": message}))
    }

    /// Through the proxy to vLLM.
    fn proxied(&mut self, now: Time, request: &ApiRequest) -> ApiResponse {
        let healthy = self.serving().filter(|_| self.is_healthy());
        let Some(serving) = healthy else {
            let serving = self.serving().map(|serving| serving.instances);
            let instances = self.loading().map(|load| load.instances).or(serving);
            lines::no_backend(&mut self.log, now, instances);
            return ApiResponse::text(503, "No vLLM backend available");
        };
        let model = serving.model.as_str();
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/health") => ApiResponse::text(200, ""),
            ("GET", "/version") => ApiResponse::ok(&json!({"version": self.spec.vllm_version()})),
            ("GET", "/v1/models") => ApiResponse::ok(&json!({"object": "list",
                "data": [{"id": model, "object": "model", "created": 1_764_000_000, "owned_by": "vllm", "root": model}]})),
            ("POST", "/v1/chat/completions" | "/v1/completions")
                if serving.generation.is_some() =>
            {
                ApiResponse::new(503, &json!({"detail": "PoC generation is active"}))
            }
            ("POST", "/v1/chat/completions") if request.body["model"] == json!(model) => {
                let message = json!({"role": "assistant", "content": "A simulated answer."});
                ApiResponse::ok(
                    &json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1_764_000_000, "model": model,
                    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}}),
                )
            }
            ("POST", "/v1/chat/completions") => ApiResponse::new(
                404,
                &json!({"error": {"message": format!("The model {} does not exist.", request.body["model"]),
                    "type": "NotFoundError", "param": "model", "code": 404}}),
            ),
            _ => ApiResponse::new(404, &json!({"detail": "Not Found"})),
        }
    }
}

/// The API's refusal of a body.
pub(super) fn unprocessable(kind: &str, place: &Value, text: &str) -> ApiResponse {
    let detail = json!([{"type": kind, "loc": place, "msg": text}]);
    ApiResponse::new(422, &json!({"detail": detail}))
}

/// The refusal of a body without this field.
pub(super) fn missing(place: &Value) -> ApiResponse {
    unprocessable("missing", place, "Field required")
}
