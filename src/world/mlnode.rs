//! The `MLNode` of one machine: its API, its boot and its log, as functions of time.

use serde_json::{Value, json};

use crate::domain::Time;

use super::chain::Phase;
use super::clock::{as_seconds, seconds};
use super::scenario::PocVersion;
use super::state::{Ask, MODEL, Outgoing, Reply, World, number, unit};
use super::vllm::Server;

/// State of an `MLNode`.
#[derive(Debug, Clone)]
pub(super) struct MlNode {
    pub api_at: Time,
    pub started_at: Option<Time>,
    pub model: String,
    pub download: f64,
    pub load: f64,
    pub load_ends: Load,
    log: Vec<(Time, Vec<u8>)>,
    logs: bool,
    batch: Option<Batches>,
    /// vLLM alone runs there, and no `MLNode`.
    pub vllm: Option<Server>,
}

/// Where batches go, and when the next one does.
#[derive(Debug, Clone)]
struct Batches {
    node: Value,
    host: String,
    port: u16,
    path: String,
    next: Time,
}

/// How the model's load goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Load {
    Works,
    /// The download stops half way and says nothing more.
    Stalls,
    /// It ends with this line.
    Fails(String),
}

pub(super) const GRAPHS: f64 = 60.0;

impl MlNode {
    pub fn new(seed: u64, id: u64, running_at: Time, logs: bool, load_ends: Load) -> MlNode {
        let mut node = MlNode::silent(seed, id, running_at, logs, load_ends);
        let api_at = node.api_at;
        node.say(
            running_at + seconds(2.0),
            "\u{1b}[32mINFO\u{1b}[0m:     Started server process [1]\n",
        );
        node.say(
            running_at + seconds(3.0),
            &format!("environment: {}\n", "HF_HOME=/root/.cache;".repeat(520)),
        );
        node.say(api_at, "\u{1b}[32mINFO\u{1b}[0m:     Uvicorn running on http://0.0.0.0:8080 (Press CTRL+C to quit)\n");
        node
    }

    /// One that has said nothing yet.
    pub fn silent(seed: u64, id: u64, running_at: Time, logs: bool, load_ends: Load) -> MlNode {
        MlNode {
            api_at: running_at + seconds(20.0 + 20.0 * unit(seed, 20, id)),
            started_at: None,
            model: MODEL.into(),
            download: 480.0 + 360.0 * unit(seed, 21, id),
            load: 120.0 + 60.0 * unit(seed, 22, id),
            load_ends,
            log: Vec::new(),
            logs,
            batch: None,
            vllm: None,
        }
    }

    pub fn say(&mut self, at: Time, text: &str) {
        if self.logs {
            self.log.push((at, text.as_bytes().to_vec()));
        }
    }

    /// Part of the log as far as it is written; `None` before its first line.
    pub fn log_part(&self, now: Time, offset: u64, max: usize) -> Option<Vec<u8>> {
        if self.log.first().is_none_or(|(at, _)| *at > now) {
            return None;
        }
        let mut before = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut part = Vec::new();
        for (_, bytes) in self.log.iter().filter(|(at, _)| *at <= now) {
            let from = before.min(bytes.len());
            before -= from;
            let room = max - part.len();
            part.extend(bytes[from..].iter().take(room));
            if part.len() == max {
                break;
            }
        }
        (before == 0).then_some(part)
    }

    fn start(&mut self, now: Time, model: &str) {
        self.started_at = Some(now);
        self.model = model.into();
        let stalls = self.load_ends == Load::Stalls;
        for step in 0..=if stalls { 20 } else { 50_u64 } {
            let at = now + seconds(self.download * number(step) / 50.0);
            let line = format!(
                "\rFetching 30 files: {:3}%|{}| {}/30",
                step * 2,
                "#".repeat(usize::try_from(step / 5).unwrap_or(0)),
                step * 30 / 50
            );
            self.say(at, &line);
        }
        if stalls {
            return;
        }
        let loaded = now + seconds(self.download);
        self.say(loaded, "\nINFO Starting vLLM instance 1 on port 5001\n");
        self.say(
            loaded + seconds(2.0),
            &format!("INFO Starting to load model {model}...\n"),
        );
        self.say_shards(loaded);
        let graphs = loaded + seconds(self.load);
        if let Load::Fails(why) = &self.load_ends {
            let line = format!("\n\u{1b}[31mERROR\u{1b}[0m {why}\n");
            return self.say(graphs, &line);
        }
        self.say(
            graphs,
            &format!(
                "\nINFO Model loading took 54.1377 GiB and {:.6} seconds\n",
                self.load
            ),
        );
        self.say(
            graphs + seconds(8.0),
            "INFO Dynamo bytecode transform time: 8.00 s\n",
        );
        self.say_graphs(graphs, "Capturing CUDA graph shapes");
        self.say(graphs + seconds(GRAPHS), "\nINFO:     Application startup complete.\nvLLM is up and running with 1 instance(s).\n");
    }

    /// How far the load is that began then.
    pub fn say_shards(&mut self, began: Time) {
        for shard in 1..=8_u64 {
            let line = format!(
                "\rLoading safetensors checkpoint shards: {:3}% Completed | {shard}/8 [00:12<00:12,  3.1s/it]",
                shard * 100 / 8
            );
            self.say(began + seconds(self.load * number(shard) / 9.0), &line);
        }
    }

    /// How far the graphs are that were begun then.
    pub fn say_graphs(&mut self, began: Time, what: &str) {
        for step in 1..=10_u64 {
            let line = format!("\r{what}: {:3}%|", step * 10);
            self.say(began + seconds(8.0 + 5.0 * number(step)), &line);
        }
    }

    fn fault(&self) -> Option<&str> {
        match &self.load_ends {
            Load::Fails(why) => Some(why),
            Load::Works | Load::Stalls => None,
        }
    }

    fn elapsed(&self, now: Time) -> Option<f64> {
        self.started_at.map(|at| as_seconds(now - at))
    }

    pub fn is_ready(&self, now: Time) -> bool {
        self.load_ends == Load::Works
            && self
                .elapsed(now)
                .is_some_and(|e| e >= self.download + self.load + GRAPHS)
    }

    fn startup(&self, now: Time) -> &'static str {
        match self.elapsed(now) {
            None => "not_started",
            Some(_) if self.is_ready(now) => "completed",
            Some(e) if self.fault().is_some() && e >= self.download + self.load => "failed",
            Some(_) => "starting",
        }
    }
}

impl World {
    /// A call to a machine's `MLNode`. `None`: nobody listens yet.
    #[expect(clippy::too_many_lines, reason = "one table of the node's calls")]
    pub fn mlnode(&mut self, id: u64, ask: &Ask) -> Option<Reply> {
        let now = self.now;
        let phase = self.round();
        let end = self.generation_end();
        let version = self.scenario.poc_version;
        let missing = self.scenario.missing_gpus;
        let other_cuda = Some(self.scenario.driver_cuda.clone()).filter(|cuda| !cuda.is_empty());
        let instance = self.instances.get_mut(&id)?;
        if instance.destroyed_at.is_some() || now < instance.mlnode.api_at {
            return None;
        }
        let (gpus, name, ram) = (
            instance.gpus().saturating_sub(missing),
            instance.offer["gpu_name"].clone(),
            instance.offer["gpu_ram"].as_u64().unwrap_or(0),
        );
        let driver = instance.offer["driver_version"].clone();
        let cuda = other_cuda.unwrap_or_else(|| instance.offer["cuda_max_good"].to_string());
        let node = &mut instance.mlnode;
        if let Some(server) = &node.vllm {
            return Some(server.answer(ask));
        }
        let ready = node.is_ready(now);
        let generating = node.batch.is_some() && now < end && matches!(phase, Phase::Generate);
        let poc = if !ready {
            "NO_BACKENDS"
        } else if generating {
            "GENERATING"
        } else {
            "IDLE"
        };
        let used = if ready { ram * 9 / 10 } else { 500 };
        let model = ready.then(|| node.model.clone());
        Some(match (ask.method.as_str(), ask.path.as_str()) {
            ("GET", "/api/v1/state") if version == PocVersion::First => {
                let state = match (ready, generating) {
                    (false, _) => "STOPPED",
                    (true, true) => "POW",
                    (true, false) => "INFERENCE",
                };
                Reply::ok(&json!({"state": state}))
            }
            ("GET", "/api/v1/state") => Reply::ok(
                &json!({"state": if ready { "INFERENCE" } else { "STOPPED" }, "version": "3.0.16", "poc_status": poc,
                "inference_healthy": ready, "loaded_model": model}),
            ),
            ("GET", "/health" | "/livez") => Reply::ok(
                &json!({"status": "healthy", "service_state": if ready { "INFERENCE" } else { "STOPPED" },
                "gpu": {"available": true, "count": gpus, "devices": []}, "managers": {"pow": {"running": false, "healthy": false},
                "inference": {"running": ready, "healthy": ready}, "train": {"running": false, "healthy": false}}}),
            ),
            ("GET", "/readyz") => {
                Reply::new(if ready { 200 } else { 503 }, &json!({"ready": ready}))
            }
            ("POST", "/api/v1/stop" | "/api/v1/inference/down") => {
                node.started_at = None;
                Reply::ok(&json!({"status": "OK"}))
            }
            ("POST", "/api/v1/inference/up" | "/api/v1/inference/up/async") => {
                if node.started_at.is_some() && node.startup(now) != "failed" {
                    let detail = if ready {
                        "VLLM is already running"
                    } else {
                        "VLLM startup is already in progress"
                    };
                    return Some(Reply::new(409, &json!({"detail": detail})));
                }
                node.start(now, ask.body["model"].as_str().unwrap_or(MODEL));
                Reply::ok(
                    &json!({"status": "starting", "message": "VLLM startup initiated in background"}),
                )
            }
            ("GET", "/api/v1/inference/up/status") => {
                let status = node.startup(now);
                let error = node.fault().filter(|_| status == "failed");
                Reply::ok(
                    &json!({"status": status, "is_starting": status == "starting", "is_running": ready, "elapsed_seconds": node.elapsed(now), "error": error}),
                )
            }
            ("GET", "/api/v1/gpu/devices") => {
                let device = |index: u64| {
                    json!({"index": index, "name": format!("NVIDIA {}", name.as_str().unwrap_or("GPU")), "total_memory_mb": ram,
                    "free_memory_mb": ram - used, "used_memory_mb": used, "utilization_percent": if generating { 99 } else { 0 }, "temperature_c": 41, "is_available": true, "error_message": null})
                };
                Reply::ok(
                    &json!({"devices": (0..gpus).map(device).collect::<Vec<_>>(), "count": gpus}),
                )
            }
            ("GET", "/api/v1/gpu/driver") => Reply::ok(
                &json!({"driver_version": driver, "cuda_driver_version": cuda, "nvml_version": "12.570.124"}),
            ),
            ("POST", "/api/v1/models/status") => {
                let status = match node.elapsed(now) {
                    None => "NOT_FOUND",
                    Some(e) if e < node.download => "DOWNLOADING",
                    Some(_) => "DOWNLOADED",
                };
                Reply::ok(
                    &json!({"model": ask.body, "status": status, "progress": null, "error_message": null}),
                )
            }
            ("GET", "/api/v1/models/list") => Reply::ok(&json!({"models": []})),
            ("GET", "/api/v1/models/space") => Reply::ok(
                &json!({"cache_size_gb": 0.0, "available_gb": 800.0, "cache_path": "/root/.cache/hub"}),
            ),
            ("GET", "/api/v1/inference/pow/status") => {
                Reply::ok(&json!({"status": poc, "backends": [{"port": 5001, "status": poc}]}))
            }
            ("POST", "/api/v1/inference/pow/init/generate") if ready => {
                let url = ask.body["url"].as_str().unwrap_or_default();
                node.batch = Some(batches(ask.body["node_id"].clone(), url, now));
                Reply::ok(&json!({"status": "OK"}))
            }
            ("GET", "/v1/models") if ready => {
                Reply::ok(&json!({"object": "list", "data": [{"id": model, "object": "model"}]}))
            }
            (_, path) if path.starts_with("/v1/") || path.ends_with("/generate") => {
                Reply::new(503, &json!({"detail": "No vLLM backend available"}))
            }
            _ => Reply::new(404, &json!({"detail": "Not Found"})),
        })
    }

    /// Generating machines send a batch every five seconds until generation ends.
    pub(super) fn send_batches(&mut self) {
        let (now, end, phase) = (self.now, self.generation_end(), self.round());
        for instance in self
            .instances
            .values_mut()
            .filter(|i| i.destroyed_at.is_none())
        {
            let id = instance.id;
            let ready = instance.mlnode.is_ready(now);
            let Some(batches) = &mut instance.mlnode.batch else {
                continue;
            };
            if phase != Phase::Generate || now >= end || !ready {
                instance.mlnode.batch = None;
                continue;
            }
            if batches.next <= now {
                batches.next = now + seconds(5.0);
                self.outgoing.push(Outgoing::Batch {
                    instance: id,
                    host: batches.host.clone(),
                    port: batches.port,
                    path: batches.path.clone(),
                    body: json!({"node_id": batches.node, "nonces": [1, 2, 3]}),
                });
            }
        }
    }
}

/// Batches to a callback address; `api` is the machine itself (`127.0.0.1 api`).
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
