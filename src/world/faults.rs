//! Faults that a scenario has: of workloads, by chance, and planned ones of single calls.

use serde::{Deserialize, Serialize};

/// What goes wrong with a workload. Seconds count from the first time that it serves its model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum WorkloadFault {
    /// The `MLNode` ends, once; its vLLM processes keep running.
    Exits { after: f64 },
    /// The same, and those processes take a minute to end.
    LeavesStubbornOrphan { after: f64 },
    /// vLLM ends, once.
    VllmCrashes { after: f64 },
    /// vLLM hangs, once.
    VllmFreezes { after: f64 },
    /// A generation ends with an error, once. Seconds count from its start.
    GenerationCrashes { after: f64 },
    /// The first start of a model fails, the next one works.
    FirstStartFails,
    /// The load takes longer than the node waits, each time.
    LoadTakesTooLong,
    /// Hugging Face does not know the model.
    DownloadRefused,
    /// The node finds fault with each order to start the model.
    StartRefused,
    /// A request whose text names a fault is logged. Nothing is wrong.
    AlarmingPrompt { after: f64 },
    /// vLLM answers no health check for a while, once, and recovers. The Network Node loads the model
    /// again then; an `MLNode` up to 3.0.14 ends itself.
    Unresponsive { after: f64 },
}

/// Rates of random faults, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RandomFaults {
    /// Per rental: the image pull never ends.
    pub endless_pulls: f64,
    /// Per rental: the host cannot start the container.
    pub broken_hosts: f64,
    /// Per rental: the model's download stalls.
    pub stalled_downloads: f64,
    /// Per rental: loading the model fails with a host fault.
    pub failing_loads: f64,
    /// Per rental: the host reclaims the machine within 90 minutes.
    pub vanishing: f64,
    /// Per rental: it costs 20 % more than offered.
    pub dearer: f64,
    /// Per rental: its watchdog does not run.
    pub dead_watchdogs: f64,
    /// Per rental: its clock is a day behind.
    pub wrong_clocks: f64,
    /// Per rental: its SSH server refuses remote forwards.
    pub refused_forwards: f64,
    /// Per rental: no SSH server answers.
    pub silent_ssh: f64,
    /// Per rental: the SSH key takes up to four minutes longer.
    pub late_keys: f64,
    /// Per rental: the `MLNode` ends within six hours of serving its model.
    pub workload_exits: f64,
    /// Per rental: the same, and its vLLM takes a minute to end.
    pub stubborn_orphans: f64,
    /// Per rental: vLLM ends within six hours of serving its model.
    pub vllm_crashes: f64,
    /// Per rental: vLLM hangs within six hours of serving its model.
    pub vllm_freezes: f64,
    /// Per rental: the first start of the model fails.
    pub first_start_failures: f64,
    /// Per rental: the load takes longer than the node waits.
    pub endless_loads: f64,
    /// Per rental: a request whose text names a fault is logged.
    pub alarming_prompts: f64,
    /// Per rental: vLLM answers no health check for a while within six hours of serving its model.
    pub unresponsive: f64,
    /// Per destroy request: acknowledged without effect.
    pub deaf_destroys: f64,
    /// Per epoch: validation is shorter than predicted in the epoch before.
    pub parameter_changes: f64,
    /// Per ten minutes: the public API reports a stuck height.
    pub stale_heights: f64,
    /// Per minute: the public API reports a height that is hundreds of blocks off.
    pub height_jumps: f64,
    /// Mean confirmation `PoC`s per epoch.
    pub confirmations: f64,
    /// Per epoch and host: somebody challenges it (from v0.2.16).
    pub challenges: f64,
    /// Per node and round: it is preserved and keeps serving.
    pub preserved: f64,
    /// Per epoch: the chain halts for some minutes in the hour before its `PoC`.
    pub halts: f64,
    /// Per epoch: the chain's REST API answers with a proxy's page for some minutes around its `PoC`.
    pub rest_outages: f64,
    /// Per epoch: the setup report is answered with 500 for some minutes around its `PoC`.
    pub report_outages: f64,
    /// Per epoch: nothing reaches the callback for up to two minutes around its `PoC`.
    pub refused_callbacks: f64,
    /// Per epoch and API: a proxy in front resets connections or answers with its own page for some
    /// minutes around its `PoC`.
    pub gateway_resets: f64,
    /// Per epoch: the Network Node's API service (dapi) restarts in the hour before its `PoC` or after it.
    pub dapi_restarts: f64,
    /// Per restart of dapi: its file of nodes lacks the last change, so that a registration is lost or
    /// comes back.
    pub stale_node_files: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// `vast`, `public`, `rpc` or `admin`; `admin-2` is that of the second host.
    pub service: String,
    /// Matches when `METHOD /path` contains it.
    pub call: String,
    /// Only the nth matching request, from 1.
    #[serde(default)]
    pub nth: Option<u64>,
    /// Chance per matching request.
    #[serde(default)]
    pub probability: Option<f64>,
    pub kind: FaultKind,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// Responds with this instead; no effect.
    Status { status: u16, body: String },
    /// Responds with a gateway's HTML page instead; no effect.
    GatewayPage { status: u16 },
    /// The connection closes; no effect.
    DropBefore,
    /// Takes effect, but the connection closes without a response.
    DropAfter,
    Delay {
        /// World seconds.
        seconds: f64,
    },
    /// Takes effect, but the response is truncated.
    Malformed,
}
