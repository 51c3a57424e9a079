//! The API of an `MLNode`, and its `PoC` batches.

use serde_json::{Value, json};

use crate::domain::Time;

use crate::world::clock::seconds;
use crate::world::exchange::{ApiRequest, ApiResponse, Outgoing};
use crate::world::model::{Batches, PocPhase};
use crate::world::scenario::PocVersion;
use crate::world::state::{MODEL, World};

impl World {
    /// Handles a request to a machine's `MLNode`; `None` when nothing listens yet.
    #[expect(clippy::too_many_lines, reason = "one table of the node's calls")]
    pub fn mlnode(&mut self, id: u64, request: &ApiRequest) -> Option<ApiResponse> {
        let now = self.now;
        let phase = self.round();
        let end = self.generation_end();
        let version = self.scenario.poc_version;
        let release = self.scenario.mlnode_release.to_string();
        let missing = self.scenario.missing_gpus;
        let other_cuda = Some(self.scenario.driver_cuda.clone()).filter(|cuda| !cuda.is_empty());
        let instance = self.instances.get_mut(&id)?;
        if instance.destroyed_at.is_some() || now < instance.mlnode.api_at {
            return None;
        }
        let gpus = instance.gpus().saturating_sub(missing);
        let offer = &instance.offer;
        let ram = offer["gpu_ram"].as_u64().unwrap_or(0);
        let cuda = other_cuda.unwrap_or_else(|| offer["cuda_max_good"].to_string());
        let node = &mut instance.mlnode;
        if let Some(server) = &node.vllm {
            return Some(server.answer(request));
        }
        let ready = node.is_ready(now);
        let generating = node.batch.is_some() && now < end && matches!(phase, PocPhase::Generate);
        let (state, poc) = match (ready, generating) {
            (false, _) => ("STOPPED", "NO_BACKENDS"),
            (true, true) => ("INFERENCE", "GENERATING"),
            (true, false) => ("INFERENCE", "IDLE"),
        };
        let used = if ready { ram * 9 / 10 } else { 500 };
        let model = ready.then(|| node.model.clone());
        Some(match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/api/v1/state") if version == PocVersion::First => {
                let state = if ready && generating { "POW" } else { state };
                ApiResponse::ok(&json!({"state": state}))
            }
            ("GET", "/api/v1/state") => ApiResponse::ok(
                &json!({"state": state, "version": release, "poc_status": poc, "inference_healthy": ready, "loaded_model": model}),
            ),
            ("GET", "/health" | "/livez") => {
                ApiResponse::ok(&json!({"status": "healthy", "service_state": state,
                "gpu": {"available": true, "count": gpus, "devices": []}, "managers": {"pow": {"running": false, "healthy": false},
                "inference": {"running": ready, "healthy": ready}, "train": {"running": false, "healthy": false}}}))
            }
            ("GET", "/readyz") => {
                ApiResponse::new(if ready { 200 } else { 503 }, &json!({"ready": ready}))
            }
            ("POST", "/api/v1/stop" | "/api/v1/inference/down") => {
                node.started_at = None;
                ApiResponse::ok(&json!({"status": "OK"}))
            }
            ("POST", "/api/v1/inference/up" | "/api/v1/inference/up/async") => {
                if node.started_at.is_some() && node.startup(now) != "failed" {
                    let detail = if ready {
                        "VLLM is already running"
                    } else {
                        "VLLM startup is already in progress"
                    };
                    return Some(ApiResponse::new(409, &json!({"detail": detail})));
                }
                node.start(now, request.body["model"].as_str().unwrap_or(MODEL));
                ApiResponse::ok(
                    &json!({"status": "starting", "message": "VLLM startup initiated in background"}),
                )
            }
            ("GET", "/api/v1/inference/up/status") => {
                let status = node.startup(now);
                let error = node.fault().filter(|_| status == "failed");
                ApiResponse::ok(
                    &json!({"status": status, "is_starting": status == "starting", "is_running": ready, "elapsed_seconds": node.elapsed(now), "error": error}),
                )
            }
            ("GET", "/api/v1/gpu/devices") => {
                let name = format!("NVIDIA {}", offer["gpu_name"].as_str().unwrap_or("GPU"));
                let device = |index: u64| {
                    json!({"index": index, "name": name, "total_memory_mb": ram,
                    "free_memory_mb": ram - used, "used_memory_mb": used, "utilization_percent": if generating { 99 } else { 0 }, "temperature_c": 41, "is_available": true, "error_message": null})
                };
                let devices = (0..gpus).map(device).collect::<Value>();
                ApiResponse::ok(&json!({"devices": devices, "count": gpus}))
            }
            ("GET", "/api/v1/gpu/driver") => ApiResponse::ok(
                &json!({"driver_version": offer["driver_version"], "cuda_driver_version": cuda, "nvml_version": "12.570.124"}),
            ),
            ("POST", "/api/v1/models/status") => {
                let status = match node.elapsed(now) {
                    None => "NOT_FOUND",
                    Some(e) if e < node.download => "DOWNLOADING",
                    Some(_) => "DOWNLOADED",
                };
                ApiResponse::ok(
                    &json!({"model": request.body, "status": status, "progress": null, "error_message": null}),
                )
            }
            ("GET", "/api/v1/models/list") => ApiResponse::ok(&json!({"models": []})),
            ("GET", "/api/v1/models/space") => ApiResponse::ok(
                &json!({"cache_size_gb": 0.0, "available_gb": 800.0, "cache_path": "/root/.cache/hub"}),
            ),
            ("GET", "/api/v1/inference/pow/status") => ApiResponse::ok(
                &json!({"status": poc, "backends": [{"port": 5001, "status": poc}]}),
            ),
            ("POST", "/api/v1/inference/pow/init/generate") if ready => {
                let url = request.body["url"].as_str().unwrap_or_default();
                node.batch = Some(batches(request.body["node_id"].clone(), url, now));
                ApiResponse::ok(&json!({"status": "OK"}))
            }
            ("GET", "/v1/models") if ready => ApiResponse::ok(
                &json!({"object": "list", "data": [{"id": model, "object": "model"}]}),
            ),
            (_, path) if path.starts_with("/v1/") || path.ends_with("/generate") => {
                ApiResponse::new(503, &json!({"detail": "No vLLM backend available"}))
            }
            _ => ApiResponse::new(404, &json!({"detail": "Not Found"})),
        })
    }

    /// Generating machines send a batch every five seconds.
    pub(in crate::world) fn send_batches(&mut self) {
        let (now, end, phase) = (self.now, self.generation_end(), self.round());
        let mut outgoing = Vec::new();
        for instance in self.live_mut() {
            let id = instance.id;
            let ready = instance.mlnode.is_ready(now);
            let Some(batches) = &mut instance.mlnode.batch else {
                continue;
            };
            if phase != PocPhase::Generate || now >= end || !ready {
                instance.mlnode.batch = None;
                continue;
            }
            if batches.next <= now {
                batches.next = now + seconds(5.0);
                outgoing.push(Outgoing::Batch {
                    instance: id,
                    host: batches.host.clone(),
                    port: batches.port,
                    path: batches.path.clone(),
                    body: json!({"node_id": batches.node, "nonces": [1, 2, 3]}),
                });
            }
        }
        self.outgoing.append(&mut outgoing);
    }
}

/// Batches for a callback URL; `api` is the machine itself (`127.0.0.1 api`).
fn batches(node: Value, url: &str, next: Time) -> Batches {
    let parsed = url::Url::parse(url).ok();
    let host = parsed.as_ref().and_then(url::Url::host_str);
    let port = parsed.as_ref().and_then(url::Url::port_or_known_default);
    let path = parsed.as_ref().map_or("/", url::Url::path);
    Batches {
        node,
        host: host.unwrap_or("api").into(),
        port: port.unwrap_or(9100),
        path: format!("{}/generated", path.trim_end_matches('/')),
        next,
    }
}
