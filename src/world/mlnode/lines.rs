//! Lines of the log, in the order and form of the real ones (guide, section 3; `api/inference/vllm/
//! runner.py`, `api/proxy.py`, and vLLM's own).

use crate::domain::Time;

use super::log::{API_SERVER, Log, Writer};
use super::node::Instances;
use crate::world::clock::seconds;
use crate::world::exchange::reason;
use crate::world::numbers::{number, whole};
use crate::world::scenario::MlNodeRelease;

pub(super) const RUNNER: &str = "api.inference.vllm.runner";
pub(super) const MANAGER: &str = "api.inference.manager";
pub(super) const COMMON: &str = "common.manager";
pub(super) const MODELS: &str = "api.models.manager";
pub(super) const PROXY: &str = "api.proxy";
pub(super) const WATCHER: &str = "api.watcher";

const ENGINE: &str = "EngineCore pid=1102";
const WORKER: &str = "Worker_TP0 pid=1188";

/// Seconds from the start of vLLM's process to the load.
pub(super) const PRELUDE: f64 = 24.0;
/// Seconds from the loaded weights to the server.
pub(super) const GRAPHS: f64 = 60.0;
/// GB of a file of weights.
const SHARD_GB: f64 = 1.84;
/// Seconds until the node's proxy sees that an instance is healthy.
pub(super) const SEEN: f64 = 2.0;

/// Until the API answers.
pub(super) fn importing(log: &mut Log, at: Time, api_at: Time) {
    log.uvicorn(at + seconds(2.0), "Started server process [61]");
    let soon = api_at - seconds(0.4);
    log.uvicorn(soon, "Waiting for application startup.");
    log.node(
        soon,
        MODELS,
        "INFO",
        "ModelManager initialized with cache_dir: /root/.cache/hub, stall_timeout: 600.0s (10.0 min)",
    );
    log.node(soon, PROXY, "INFO", "vLLM proxy started");
    log.node(
        soon,
        PROXY,
        "INFO",
        "Health check loop started, checking every 2.0 seconds",
    );
    log.uvicorn(api_at, "Application startup complete.");
    log.uvicorn(
        api_at,
        "Uvicorn running on http://0.0.0.0:8080 (Press CTRL+C to quit)",
    );
}

/// A request, as uvicorn logs it: `api/app.py` changes nothing of that.
pub(super) fn access(log: &mut Log, at: Time, method: &str, path: &str, status: u16) {
    let reason = reason(status);
    log.uvicorn(
        at,
        &format!("127.0.0.1:41622 - \"{method} {path} HTTP/1.1\" {status} {reason}"),
    );
}

/// The node's part of a start.
pub(super) fn starting(log: &mut Log, at: Time, instances: Instances, gpus: u64) {
    let mut say = |text: &str| log.node(at, RUNNER, "INFO", text);
    let (tp, pp) = (instances.tensor_parallel, instances.pipeline_parallel);
    let each = tp * pp;
    say(&format!(
        "gpus per instance: {each} (tp_size: {tp}, pp_size: {pp})"
    ));
    say(&format!("total available gpus: {gpus}"));
    say(&format!("instances to start: {}", instances.count));
    for (index, port) in (0..).zip(instances.ports()) {
        let own = (index * each..(index + 1) * each).map(|gpu| gpu.to_string());
        let own = own.collect::<Vec<_>>().join(",");
        let pause = 5 * index;
        say(&format!(
            "Starting vLLM instance {index} on port {port} with GPUs {own} (sleep: {pause}s)"
        ));
    }
    let ports = instances.list();
    say(&format!("Setting up proxy with backend ports: {ports}"));
    let text = format!(
        "vLLM proxy setup with {} backends: {ports}",
        instances.count
    );
    log.node(at, PROXY, "INFO", &text);
    log.node(
        at,
        RUNNER,
        "INFO",
        "vLLM proxy integrated with main API server",
    );
}

/// vLLM until its load begins.
pub(super) fn introducing(log: &mut Log, at: Time, model: &str, version: &str, arguments: &str) {
    let place = "api_server.py:1272";
    let text = format!("vLLM API server version {version}");
    log.vllm(at + seconds(11.0), API_SERVER, "INFO", place, &text);
    let text = format!("non-default args: {{'model': '{model}', 'host': '0.0.0.0'{arguments}}}");
    log.vllm(
        at + seconds(11.3),
        API_SERVER,
        "INFO",
        "utils.py:233",
        &text,
    );
    let text = "Resolved architecture: MiniMaxM2ForCausalLM";
    log.vllm(at + seconds(15.0), API_SERVER, "INFO", "model.py:544", text);
    // As long as the real one, which is over 10 kB.
    let sizes: Vec<String> = (1..=1_900).map(|size| (size * 2).to_string()).collect();
    let text = format!(
        "Initializing a V1 LLM engine (v{version}) with config: model='{model}', dtype=torch.bfloat16, compilation_config={{'mode': 3, 'cudagraph_capture_sizes': [{}]}}",
        sizes.join(", ")
    );
    log.vllm(at + seconds(19.0), ENGINE, "INFO", "core.py:93", &text);
    let begins = at + seconds(PRELUDE);
    let text = format!("Starting to load model {model}...");
    log.vllm(begins, WORKER, "INFO", "gpu_model_runner.py:3562", &text);
}

/// The progress of a load from disk; `load` in seconds, `size` in GB.
pub(super) fn shards(log: &mut Log, at: Time, load: f64, size: f64) {
    let count = whole(size / SHARD_GB).max(8);
    let span = load * 8.0 / 9.0;
    let mut shown = 0;
    for shard in 0..=count {
        let percent = shard * 100 / count;
        // The real bar moves with each shard; this is enough.
        if shard > 0 && percent < shown + 4 && shard < count {
            continue;
        }
        shown = percent;
        let passed = span * number(shard) / number(count);
        let each = span / number(count);
        let line = format!(
            "\rLoading safetensors checkpoint shards: {percent:3}% Completed | {shard}/{count} [{}<{},  {each:.1}s/it]",
            minutes(passed),
            minutes(span - passed)
        );
        log.raw(at + seconds(passed), Writer::Vllm, &line);
    }
    let over = at + seconds(span);
    log.raw(over, Writer::Vllm, "\n");
    let text = format!("Loading weights took {span:.2} seconds");
    log.vllm(over, WORKER, "INFO", "default_loader.py:384", &text);
}

fn minutes(time: f64) -> String {
    let time = whole(time);
    format!("{:02}:{:02}", time / 60, time % 60)
}

/// From the loaded weights to the server: a forward pass is compiled, the rest of the memory becomes the KV
/// cache, graphs are captured (vLLM 0.20, `compilation/backends.py`, `compilation/monitor.py`,
/// `v1/core/kv_cache_utils.py`, `v1/engine/core.py`).
pub(super) fn compiling(log: &mut Log, at: Time, gib: f64, load: f64, captures: Captures) {
    let mut worker = |after: f64, place: &str, text: &str| {
        log.vllm(at + seconds(after), WORKER, "INFO", place, text);
    };
    let text = format!("Model loading took {gib:.2} GiB memory and {load:.6} seconds");
    worker(0.0, "gpu_model_runner.py:5187", &text);
    let graphs = captures == Captures::Graphs;
    if graphs {
        for (after, place, text) in COMPILED {
            worker(*after, place, text);
        }
    }
    let text = "Available KV cache memory: 14.52 GiB";
    worker(23.5, "gpu_worker.py:436", text);
    for text in [
        "GPU KV cache size: 196,368 tokens",
        "Maximum concurrency for 180,000 tokens per request: 1.09x",
    ] {
        let place = "kv_cache_utils.py:1319";
        log.vllm(at + seconds(23.6), ENGINE, "INFO", place, text);
    }
    if graphs {
        capturing(log, at + seconds(CAPTURE));
    }
    let text =
        "init engine (profile, create kv cache, warmup model) took 57.21 s (compilation: 21.40 s)";
    log.vllm(at + seconds(57.2), ENGINE, "INFO", "core.py:306", text);
}

/// Seconds after the load, place and text.
const COMPILED: &[(f64, &str, &str)] = &[
    (
        8.9,
        "backends.py:1089",
        "Using cache directory: /root/.cache/vllm/torch_compile_cache/7c10152ca9/rank_0_0/backbone for vLLM's torch.compile",
    ),
    (
        9.0,
        "backends.py:1148",
        "Dynamo bytecode transform time: 8.00 s",
    ),
    (
        11.2,
        "backends.py:376",
        "Cache the graph of compile range (1, 8192) for later use",
    ),
    (
        21.7,
        "backends.py:391",
        "Compiling a graph for compile range (1, 8192) takes 12.74 s",
    ),
    (22.4, "monitor.py:53", "torch.compile took 21.40 s in total"),
];

/// Seconds from the load to the first graph, and until all are captured.
const CAPTURE: f64 = 25.0;
const CAPTURED_IN: f64 = 31.0;
const GRAPH_COUNT: u64 = 67;

fn capturing(log: &mut Log, at: Time) {
    for step in 1..=10_u64 {
        let (percent, done) = (step * 10, step * GRAPH_COUNT / 10);
        let passed = CAPTURED_IN * number(step) / 10.0;
        let rate = number(GRAPH_COUNT) / CAPTURED_IN;
        let line = format!(
            "\rCapturing CUDA graphs (mixed prefill-decode, PIECEWISE): {percent:3}%|{:10}| {done}/{GRAPH_COUNT} [{}<{},  {rate:.2}it/s]",
            "█".repeat(usize::try_from(step).unwrap_or(0)),
            minutes(passed),
            minutes(CAPTURED_IN - passed)
        );
        log.raw(at + seconds(passed), Writer::Vllm, &line);
    }
    let over = at + seconds(CAPTURED_IN);
    log.raw(over, Writer::Vllm, "\n");
    let text = format!("Graph capturing finished in {CAPTURED_IN:.0} secs, took 1.21 GiB");
    log.vllm(over, WORKER, "INFO", "gpu_model_runner.py:6387", &text);
}

/// Whether CUDA graphs are captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Captures {
    Graphs,
    /// `--enforce-eager`.
    Nothing,
}

/// The servers of the instances.
pub(super) fn listening(log: &mut Log, at: Time, instances: Instances) {
    for port in instances.ports() {
        let text = format!("Starting vLLM API server 0 on http://0.0.0.0:{port}");
        log.vllm(
            at - seconds(0.5),
            API_SERVER,
            "INFO",
            "api_server.py:1351",
            &text,
        );
        let process = format!("\u{1b}[1;36m({API_SERVER})\u{1b}[0;0m INFO:    ");
        for text in [
            "Started server process [871]",
            "Waiting for application startup.",
            "Application startup complete.",
        ] {
            log.raw(at, Writer::Vllm, &format!("{process} {text}\n"));
        }
    }
}

/// The node sees that they are healthy.
pub(super) fn healthy(log: &mut Log, at: Time, instances: Instances) {
    for port in instances.ports() {
        log.node(at, PROXY, "INFO", &format!("127.0.0.1:{port} is UP"));
    }
    let mut say = |text: &str| log.node(at, PROXY, "INFO", text);
    say("vLLM backends are healthy, starting backward compatibility server");
    say("Creating backward compatibility server task on port 5000...");
    say("Starting backward compatibility server on port 5000");
    log.uvicorn(at, "Started server process [61]");
    log.uvicorn(
        at,
        "Uvicorn running on http://0.0.0.0:5000 (Press CTRL+C to quit)",
    );
    let count = instances.count;
    let text = format!("vLLM is up and running with {count} instance(s).");
    log.node(at, RUNNER, "INFO", &text);
    log.node(at, MANAGER, "INFO", "VLLMRunner started");
    let text = "Async startup completed successfully";
    log.node(at, MANAGER, "INFO", text);
}

/// A request through the proxy while nothing serves.
pub(super) fn no_backend(log: &mut Log, at: Time, ports: Option<Instances>) {
    let list = ports.map_or_else(|| "[]".to_owned(), Instances::list);
    let healthy = ports.into_iter().flat_map(Instances::ports);
    let healthy: Vec<String> = healthy.map(|port| format!("{port}: False")).collect();
    let text = format!(
        "No vLLM backend available. Ports: {list}, Healthy: {{{}}}",
        healthy.join(", ")
    );
    log.node(at, PROXY, "WARNING", &text);
}

/// A failed start, with the runner's reason.
pub(super) fn failed(log: &mut Log, at: Time, why: &str) {
    for text in [
        format!("Failed to start InferenceManager: {why}"),
        format!("Async startup failed: {why}"),
    ] {
        log.node(at, MANAGER, "ERROR", &text);
    }
}

/// The watcher counts failed checks of the manager, and stops it at the third (`api/watcher.py`). With the
/// exception of a failed start each check says it (`common/manager.py`).
pub(super) fn unhealthy(log: &mut Log, at: Time, failure: Option<&str>) {
    for count in 1..=3_u64 {
        let at = at + seconds(2.0 * number(count));
        if let Some(why) = failure {
            let text = format!("Manager InferenceManager has failed with exception: {why}");
            log.node(at, COMMON, "ERROR", &text);
        }
        let text = format!("Manager InferenceManager is unhealthy (count: {count}/3)");
        log.node(at, WATCHER, "ERROR", &text);
    }
    let text = "Manager InferenceManager has been unhealthy 3 times in a row. Shutting down the application.";
    log.node(at + seconds(6.0), WATCHER, "CRITICAL", text);
}

/// `_async_stop` (`api/inference/manager.py`).
pub(super) fn stopping(log: &mut Log, at: Time) {
    for text in [
        "Starting vLLM service shutdown...",
        "Terminating vLLM processes and cleaning up state...",
    ] {
        log.node(at, MANAGER, "INFO", text);
    }
    for text in [
        "Stopping vLLM processes...",
        "Sending SIGINT to vLLM process group (PGID 871) for graceful shutdown...",
        "Waiting for 6 processes to terminate...",
    ] {
        log.node(at, RUNNER, "INFO", text);
    }
    let over = at + seconds(6.0);
    log.node(over, RUNNER, "INFO", "vLLM processes stopped.");
    log.node(over, MANAGER, "INFO", "Shutdown complete");
}

/// vLLM ends with an error.
pub(super) fn ended(log: &mut Log, at: Time, why: &str) {
    // The worker knows the cause, and says it first.
    log.vllm(at, WORKER, "ERROR", "multiproc_executor.py:772", why);
    let text = "EngineCore failed to start.";
    log.vllm(at, ENGINE, "ERROR", "core.py:946", text);
    let text = "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}";
    let line = format!("\u{1b}[1;36m({API_SERVER})\u{1b}[0;0m {text}\n");
    log.raw(at, Writer::Vllm, &line);
}

/// The node sees that the instances are gone.
pub(super) fn down(log: &mut Log, at: Time, instances: Instances) {
    for port in instances.ports() {
        let text = format!("127.0.0.1:{port} is DOWN");
        log.node(at + seconds(1.0), PROXY, "INFO", &text);
    }
    let text = "No vLLM backends healthy, stopping backward compatibility server";
    log.node(at + seconds(1.0), PROXY, "INFO", text);
}

/// The node sees that an instance hangs.
pub(super) fn frozen(log: &mut Log, at: Time, instances: Instances, release: MlNodeRelease) {
    if release == MlNodeRelease::V3_0_14 {
        return down(log, at, instances);
    }
    for port in instances.ports() {
        let text = format!(
            "vLLM instance on port {port}: scheduler heartbeat frozen >120s over 3 consecutive checks with running=1 waiting=0 -- reporting unhealthy for restart"
        );
        log.node(at, RUNNER, "ERROR", &text);
    }
}
