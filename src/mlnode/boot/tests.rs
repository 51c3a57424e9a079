use proptest::prelude::*;

use super::*;
use crate::domain::{
    Backends, BootTime, GpuDevice, GpuDriver, InferencePort, RunState, ServiceState,
};

fn at(second: i64) -> Time {
    Time::from_timestamp(1_790_000_000 + second, 0).unwrap()
}

fn usual() -> StageTimes {
    let time = BootTime {
        median: Duration::minutes(2),
        spread: 0.5,
    };
    let stages = BootStage::ALL.iter().copied();
    let stages = stages.filter(|stage| *stage != BootStage::Ready);
    StageTimes(stages.map(|stage| (stage, time)).collect())
}

fn tracker_of(workload: Workload) -> BootTracker {
    let ordered = OrderedMachine {
        gpus: 4,
        gpu_memory_mb: 80_000,
        cuda: Some(12.8),
    };
    BootTracker::new(BootOrder {
        workload,
        rented_at: at(0),
        stage_known_from: at(0),
        machine: ordered,
        model: WorkloadModel {
            id: "org/model".into(),
            revision: None,
            args: vec!["--tensor-parallel-size".into(), "2".into()],
        },
        model_gb: 200.0,
        usual: usual(),
    })
}

fn tracker() -> BootTracker {
    tracker_of(Workload::MlNode)
}

fn instance(actual: ActualStatus, message: &str) -> Instance {
    Instance {
        actual,
        intended: Some("running".into()),
        status_message: Some(message.into()),
        ..crate::domain::samples::instance(1)
    }
}

fn gpus(count: u32) -> Vec<GpuDevice> {
    let gpu = |index| GpuDevice {
        index,
        name: "NVIDIA H100 80GB HBM3".into(),
        total_memory_mb: 81_559,
        used_memory_mb: 70_000,
        utilization_percent: 0.0,
        temperature_c: None,
        available: true,
    };
    (0..count).map(gpu).collect()
}

fn driver(cuda: f64) -> GpuDriver {
    GpuDriver {
        version: "570.124.06".into(),
        cuda: Some(cuda),
    }
}

#[test]
fn resumed_boot_has_a_stage_once_its_files_are_known() {
    let resumed = || {
        let mut boot = tracker();
        boot.order.stage_known_from = at(900);
        boot
    };
    let mut boot = resumed();
    boot.observe_instance(at(721), &instance(ActualStatus::Running, ""));
    assert!(!boot.knows_stage(at(722)));
    boot.observe_status(at(725), &idle());
    // What it has of the weights decides how much is left.
    assert!(!boot.knows_stage(at(725)));
    boot.observe_status(at(730), &downloaded());
    assert!(boot.knows_stage(at(730)));
    // A node that does not answer for so long has not got far.
    assert!(resumed().knows_stage(at(900)));
}

fn serving() -> MlNodeStatus {
    MlNodeStatus {
        state: ServiceState::Inference,
        poc: None,
        inference_healthy: Some(true),
        loaded_model: Some("org/model".into()),
        version: None,
        startup: StartupState::Completed,
        weights: Weights::Unknown,
        port: InferencePort::Healthy {
            models: vec!["org/model".into()],
        },
        backends: Some(Backends {
            healthy: 2,
            all: 2,
            nonces: None,
        }),
        gpus: Some(gpus(4)),
        driver: Some(driver(12.8)),
    }
}

fn unknown_hardware() -> MlNodeStatus {
    MlNodeStatus {
        gpus: None,
        driver: None,
        ..serving()
    }
}

/// The API answers, and nothing is under way.
fn idle() -> MlNodeStatus {
    MlNodeStatus {
        state: ServiceState::Stopped,
        inference_healthy: None,
        loaded_model: None,
        startup: StartupState::NotStarted,
        port: InferencePort::Silent,
        backends: None,
        ..serving()
    }
}

fn downloaded() -> MlNodeStatus {
    MlNodeStatus {
        weights: Weights::Downloaded,
        ..idle()
    }
}

/// From the first second of a load on.
fn loading() -> MlNodeStatus {
    MlNodeStatus {
        state: ServiceState::Inference,
        inference_healthy: Some(false),
        startup: StartupState::Starting,
        ..idle()
    }
}

fn failed(why: &str) -> MlNodeStatus {
    MlNodeStatus {
        startup: StartupState::Failed(why.into()),
        ..loading()
    }
}

fn record(state: RunState, restarts: u32, status: Option<i32>) -> RunRecord {
    RunRecord {
        state,
        restarts,
        status,
        at: at(i64::from(restarts) * 100),
    }
}

const OUT_OF_MEMORY: &str =
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB";
const NCCL: &str =
    "torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp, unhandled error";

fn blamed(boot: &BootTracker) -> Option<Blame> {
    boot.fault().map(|fault| fault.blame)
}

#[test]
fn boot_advances_through_stages() {
    let mut boot = tracker();
    boot.observe_instance(
        at(10),
        &instance(ActualStatus::Loading, "a1b2: Pulling fs layer"),
    );
    assert_eq!(boot.stage(), BootStage::PullingImage);
    boot.observe_instance(
        at(200),
        &instance(ActualStatus::Running, "success, running image/ssh"),
    );
    boot.observe_link(at(240), true);
    for (second, line, stage, progress) in [
        (
            250,
            "INFO: Uvicorn running on http://0.0.0.0:8080",
            BootStage::Api,
            None,
        ),
        (
            300,
            "Fetching 30 files:  42%|####2     | 13/30",
            BootStage::Downloading,
            Some(0.42),
        ),
        (
            900,
            "Loading safetensors checkpoint shards:  50% Completed | 4/8 [00:12<00:12,  3.1s/it]",
            BootStage::Loading,
            Some(0.5),
        ),
        (
            1_000,
            "Capturing CUDA graph shapes: 100%|##########| 35/35",
            BootStage::Graphs,
            Some(1.0),
        ),
    ] {
        boot.observe_line(at(second), line);
        assert_eq!((boot.stage(), boot.progress()), (stage, progress), "{line}");
    }
    boot.observe_status(at(1_060), &serving());
    assert!(boot.is_ready());
    assert_eq!(boot.expected_left(at(1_060)).p50, Duration::zero());
}

/// Lines of `vllm serve`, as vLLM's users show them: 0.11 in vllm-project/vllm#29335, the download in
/// a log of 0.20, the banner of older ones in vllm-project/vllm#24162.
const VLLM_LINES: [(i64, BootStage, &str); 10] = [
    (
        115,
        BootStage::Api,
        "(APIServer pid=1) INFO 11-24 11:42:50 [api_server.py:1912] vLLM API server version 0.11.2",
    ),
    (
        116,
        BootStage::Api,
        "(APIServer pid=1) INFO 11-24 11:42:50 [utils.py:253] non-default args: {'model_tag': 'org/model'}",
    ),
    (
        140,
        BootStage::Api,
        "(EngineCore_DP0 pid=441) INFO 11-24 11:43:10 [core.py:93] Initializing a V1 LLM engine (v0.11.2) with config: model='org/model'",
    ),
    (
        150,
        BootStage::Downloading,
        "(Worker_TP0 pid=512) INFO 11-24 11:43:12 [gpu_model_runner.py:3259] Starting to load model org/model...",
    ),
    (
        700,
        BootStage::Loading,
        "(Worker_TP0 pid=512) INFO 11-24 11:52:30 [weight_utils.py:440] Time spent downloading weights for org/model: 551.511670 seconds",
    ),
    (
        760,
        BootStage::Loading,
        "Loading safetensors checkpoint shards:  50% Completed | 4/8 [00:12<00:12,  3.1s/it]",
    ),
    (
        800,
        BootStage::Loading,
        "(Worker_TP0 pid=512) INFO 11-24 11:54:10 [default_loader.py:314] Loading weights took 95.50 seconds",
    ),
    (
        801,
        BootStage::Graphs,
        "(Worker_TP0 pid=512) INFO 11-24 11:54:11 [gpu_model_runner.py:3338] Model loading took 54.1377 GiB memory and 97.200487 seconds",
    ),
    (
        830,
        BootStage::Graphs,
        "Capturing CUDA graphs (mixed prefill-decode, PIECEWISE): 100%|##########| 51/51 [00:01<00:00, 33.44it/s]",
    ),
    (
        850,
        BootStage::Graphs,
        "(APIServer pid=1) INFO:     Application startup complete.",
    ),
];

#[test]
fn vllm_boot_advances_through_stages() {
    let mut boot = tracker_of(Workload::Vllm);
    boot.observe_instance(
        at(100),
        &instance(
            ActualStatus::Running,
            "success, running vllm/vllm-openai/ssh",
        ),
    );
    boot.observe_link(at(110), true);
    for (second, stage, line) in VLLM_LINES {
        boot.observe_line(at(second), line);
        assert_eq!((boot.stage(), boot.fault()), (stage, None), "{line}");
    }
    assert_eq!(boot.progress(), Some(1.0));
    assert!(!boot.is_ready(), "only the node's status makes it ready");
    boot.observe_status(at(860), &unknown_hardware());
    assert!(boot.is_ready());
    boot.observe_silence(at(870));
    assert!(!boot.is_ready());
}

/// With models on the disk vLLM loads them; without, it downloads them first and says nothing.
#[test]
fn launch_is_a_silent_download_without_files() {
    for line in [
        "2026-11-29 03:04:05,678 - api.inference.vllm.runner - INFO - Starting vLLM instance 0 on port 5001 with GPUs 0,1,2,3 (sleep: 0s)",
        "(Worker_TP0 pid=512) INFO 11-24 11:43:12 [gpu_model_runner.py:3259] Starting to load model org/model...",
        "(Worker_TP0 pid=42) INFO 06-14 04:57:13 [model_runner.py:269] Loading model from scratch...",
    ] {
        for workload in [Workload::MlNode, Workload::Vllm] {
            let mut boot = tracker_of(workload);
            boot.observe_line(at(1), line);
            let own = workload == Workload::MlNode || !line.contains("instance 0");
            assert_eq!(boot.stage() == BootStage::Downloading, own, "{line}");
        }
        let mut boot = tracker();
        boot.observe_status(at(1), &downloaded());
        boot.observe_line(at(2), line);
        assert_eq!(boot.stage(), BootStage::Loading, "{line}");
    }
}

#[test]
fn every_loader_marks_the_load() {
    for line in [
        "(Worker_TP0 pid=512) Loading safetensors checkpoint shards:  50% Completed | 4/8 [00:12<00:12,  3.1s/it]",
        "Loading safetensors using Fastsafetensor loader:  50% Completed | 1/2 [00:00<00:00,  1.23it/s]",
        "Loading safetensors using Runai Model Streamer:  50% Completed | 594/1188 [01:13<00:00, 16.21it/s]",
        "Multi-thread loading shards:  50% Completed | 4/8 [00:12<00:12,  3.1s/it]",
    ] {
        let mut boot = tracker();
        boot.observe_line(at(1), line);
        assert_eq!(
            (boot.stage(), boot.progress()),
            (BootStage::Loading, Some(0.5)),
            "{line}"
        );
    }
}

#[test]
fn stalled_pull_is_reported() {
    let mut boot = tracker();
    let loading = instance(ActualStatus::Loading, "a1b2c3d4e5f6: Downloading");
    for (second, detail) in [
        (10, "0 of 1 known layers"),
        (310, "no news from the host for 5 min"),
    ] {
        boot.observe_instance(at(second), &loading);
        assert!(boot.detail().contains(detail), "{}", boot.detail());
        assert_eq!(boot.progress(), None, "{detail}");
    }
}

#[test]
fn api_without_model_is_not_ready() {
    let mut boot = tracker();
    for (second, status) in (1..).zip([
        MlNodeStatus {
            state: ServiceState::Stopped,
            loaded_model: None,
            ..serving()
        },
        MlNodeStatus {
            port: InferencePort::Healthy {
                models: vec!["another".into()],
            },
            ..serving()
        },
        MlNodeStatus {
            inference_healthy: Some(false),
            ..serving()
        },
    ]) {
        boot.observe_status(at(second), &status);
        assert!(!boot.is_ready(), "{status:?}");
    }
}

#[test]
fn boot_is_behind_after_p90() {
    let mut boot = tracker();
    boot.observe_instance(at(20), &instance(ActualStatus::Loading, "pulling"));
    // Two stages of two minutes: the p90 is 6 min 45 s.
    assert!(!boot.is_behind(at(400)));
    assert!(boot.is_behind(at(410)));
    // In the next stage the same delay is within the p90 again.
    boot.observe_link(at(410), true);
    assert!(!boot.is_behind(at(420)));
    assert!(boot.is_behind(at(3_000)));
    boot.observe_status(at(3_010), &serving());
    assert!(!boot.is_behind(at(9_000)), "it is over");
}

#[test]
fn wrong_machine_fails_before_download() {
    let not_started = MlNodeStatus {
        state: ServiceState::Stopped,
        loaded_model: None,
        startup: StartupState::NotStarted,
        ..serving()
    };
    for status in [not_started, serving()] {
        let (mut short, mut old) = (status.clone(), status);
        (short.gpus, old.driver) = (Some(gpus(3)), Some(driver(12.2)));
        for (status, evidence) in [
            (short, "3 of 4 ordered GPUs"),
            (old, "supports CUDA 12.2, 12.8 was ordered"),
        ] {
            let mut boot = tracker();
            boot.observe_status(at(1), &status);
            assert!(!boot.is_ready(), "{status:?}");
            let fault = boot.fault().unwrap();
            assert_eq!(fault.blame, Blame::Host, "{status:?}");
            assert!(fault.evidence.contains(evidence), "{}", fault.evidence);
        }
    }
}

#[test]
fn unknown_hardware_is_no_fault() {
    let mut boot = tracker();
    boot.observe_status(at(1), &unknown_hardware());
    assert!(boot.is_ready());
    let newer = MlNodeStatus {
        driver: Some(driver(13.0)),
        ..serving()
    };
    boot.observe_status(at(2), &newer);
    assert_eq!(boot.fault(), None);
}

#[test]
fn market_statuses_are_judged() {
    let runtime = "Error response from daemon: failed to create task: OCI runtime create failed";
    for (actual, message, blame) in [
        (
            ActualStatus::Loading,
            "Error: pull access denied for x",
            Some(Blame::Ours),
        ),
        (ActualStatus::Loading, "manifest unknown", Some(Blame::Ours)),
        (ActualStatus::Created, runtime, Some(Blame::Host)),
        (ActualStatus::Exited, "", Some(Blame::Host)),
        (ActualStatus::Offline, "", Some(Blame::Host)),
        // The image's name is no fault.
        (
            ActualStatus::Running,
            "success, running my/image-pull:1/ssh",
            None,
        ),
    ] {
        let mut boot = tracker();
        let running = actual == ActualStatus::Running;
        boot.observe_instance(at(1), &instance(actual, message));
        assert_eq!(blamed(&boot), blame, "{message}");
        assert_eq!(boot.stage() == BootStage::Container, running, "{message}");
    }
}

#[test]
fn contract_born_stopped_never_boots() {
    for actual in [
        ActualStatus::Provisioning,
        ActualStatus::Created,
        ActualStatus::Stopped,
    ] {
        let mut boot = tracker();
        let stopped = Instance {
            intended: Some("stopped".into()),
            ..instance(actual, "")
        };
        boot.observe_instance(at(1), &stopped);
        assert_eq!(blamed(&boot), Some(Blame::Host));
    }
    // The node's own word counts more.
    let mut boot = tracker();
    boot.observe_status(at(1), &serving());
    let stopped = Instance {
        intended: Some("stopped".into()),
        ..instance(ActualStatus::Running, "")
    };
    boot.observe_instance(at(2), &stopped);
    assert_eq!(blamed(&boot), None);
}

/// A prompt may hold any words, and so may a line of vLLM that goes on.
#[test]
fn log_line_never_ends_an_answering_node() {
    for status in [idle(), loading(), serving()] {
        let mut boot = tracker();
        boot.observe_status(at(100), &status);
        for line in [
            OUT_OF_MEMORY,
            NCCL,
            "RuntimeError: No CUDA GPUs are available",
        ] {
            boot.observe_line(at(110), line);
        }
        for second in [120, 200, 4_000] {
            boot.observe_status(at(second), &status);
            assert_eq!((boot.fault(), boot.setback(at(second))), (None, None));
        }
        assert_eq!(boot.is_ready(), status == serving());
    }
}

/// The real node's state is INFERENCE from the first second of a load.
#[test]
fn load_in_progress_is_not_ready() {
    let mut boot = tracker();
    boot.observe_status(at(100), &downloaded());
    assert_eq!(boot.model(), ModelState::Idle);
    boot.observe_status(at(110), &loading());
    assert!(!boot.is_ready());
    assert_eq!(
        (boot.stage(), boot.model()),
        (BootStage::Loading, ModelState::Loading)
    );
    let cases = [
        ("port silent", InferencePort::Silent, Some(true)),
        ("port unhealthy", InferencePort::Unhealthy, Some(true)),
        ("unhealthy", serving().port, Some(false)),
        (
            "another model",
            InferencePort::Healthy {
                models: vec!["other".into()],
            },
            Some(true),
        ),
        ("old image, port silent", InferencePort::Silent, None),
    ];
    for (case, port, inference_healthy) in cases {
        boot.observe_status(
            at(200),
            &MlNodeStatus {
                inference_healthy,
                port,
                ..serving()
            },
        );
        assert!(!boot.is_ready(), "{case}");
    }
    // Old images do not say whether it is healthy: its port does.
    let old = MlNodeStatus {
        inference_healthy: None,
        loaded_model: None,
        startup: StartupState::Unknown,
        ..serving()
    };
    boot.observe_status(at(210), &old);
    assert!(boot.is_ready());
}

#[test]
fn one_silent_port_costs_no_readiness() {
    let mut boot = tracker();
    boot.observe_status(at(100), &serving());
    let silent = MlNodeStatus {
        port: InferencePort::Silent,
        ..serving()
    };
    boot.observe_status(at(110), &silent);
    assert!(boot.is_ready(), "unknown is not lost");
    boot.observe_status(at(150), &silent);
    assert!(!boot.is_ready());
    boot.observe_status(at(160), &serving());
    assert!(boot.is_ready());
}

#[test]
fn failed_start_is_explained_by_log() {
    for (line, why, name, blame) in [
        (
            OUT_OF_MEMORY,
            "vLLM process exited prematurely: None",
            "GPU memory is too small",
            Blame::Ours,
        ),
        (
            NCCL,
            "vLLM process exited prematurely: None",
            "GPUs cannot communicate",
            Blame::Host,
        ),
        (
            "",
            "vLLM process exited prematurely: None",
            "vLLM did not start",
            Blame::Nobody,
        ),
        ("", OUT_OF_MEMORY, "GPU memory is too small", Blame::Ours),
    ] {
        let mut boot = tracker();
        boot.observe_status(at(100), &loading());
        boot.observe_line(at(110), line);
        boot.observe_status(at(120), &failed(why));
        let found = boot
            .fault()
            .cloned()
            .or_else(|| boot.setback(at(120)))
            .unwrap();
        assert_eq!(
            (found.name.as_str(), found.blame),
            (name, blame),
            "{line} {why}"
        );
        // Only what would fail alike everywhere ends it at once.
        assert_eq!(boot.fault().is_some(), blame == Blame::Ours, "{line} {why}");
        assert!(boot.detail().contains(name), "{}", boot.detail());
    }
}

#[test]
fn late_log_line_still_names_the_cause() {
    const PREMATURE: &str = "vLLM process exited prematurely: None";
    const EXITED: &str = "pocpit: the workload ended with status 1";
    // Given a log that is always a little later than the API,
    let mut boot = tracker();
    boot.observe_status(at(100), &loading());
    for (run, began) in [(1, 100), (2, 200), (3, 300)] {
        assert_eq!(boot.fault(), None, "run {run}");
        // when the API shows the failure first,
        boot.observe_status(at(began), &loading());
        boot.observe_status(at(began + 50), &failed(PREMATURE));
        let name = |boot: &BootTracker| boot.setback(at(began + 50)).map(|found| found.name);
        assert_eq!(name(&boot).as_deref(), Some("vLLM did not start"));
        // then the log's cause takes its place, once, and after the run's end no line does.
        for line in [PREMATURE, NCCL, NCCL, EXITED, OUT_OF_MEMORY] {
            boot.observe_line(at(began + 55), line);
        }
        assert_eq!(name(&boot).as_deref(), Some("GPUs cannot communicate"));
    }
    let fault = boot.fault().unwrap();
    assert!(fault.evidence.starts_with("3 times: "), "{fault:?}");
    assert_eq!(fault.blame, Blame::Host);
}

#[test]
fn short_run_keeps_the_cause_that_came_before_its_record() {
    let mut boot = tracker();
    boot.observe_record(at(10), record(RunState::Running, 0, None));
    boot.observe_record(at(20), record(RunState::Ended, 0, Some(1)));
    // Given a second run that fails within seconds,
    boot.observe_line(at(21), "pocpit: the workload ended with status 1");
    boot.observe_line(at(27), NCCL);
    // when the record shows it later than the log,
    boot.observe_record(at(30), record(RunState::Running, 1, Some(1)));
    boot.observe_record(at(40), record(RunState::Ended, 1, Some(1)));
    // then its cause is known.
    let found = boot.setback(at(40)).unwrap();
    assert_eq!(found.name, "GPUs cannot communicate");
}

#[test]
fn exited_workload_begins_a_new_run() {
    let mut boot = tracker();
    boot.observe_link(at(20), true);
    boot.observe_record(at(25), record(RunState::Running, 0, None));
    boot.observe_status(at(30), &downloaded());
    boot.observe_status(at(100), &serving());
    assert_eq!((boot.run(), boot.stage()), (1, BootStage::Ready));
    // It ends, and says so before anybody misses an answer.
    boot.observe_record(at(200), record(RunState::Ended, 0, Some(137)));
    let setback = boot.setback(at(200)).unwrap();
    assert!(
        setback.evidence.contains("exit 137"),
        "{}",
        setback.evidence
    );
    assert!(!boot.is_ready() && boot.fault().is_none());
    boot.observe_silence(at(205));
    boot.observe_record(at(210), record(RunState::Running, 1, Some(137)));
    assert_eq!((boot.run(), boot.stage()), (2, BootStage::Ssh));
    assert!(
        boot.detail()
            .contains("restarted after: the workload ended: exit 137"),
        "{}",
        boot.detail()
    );
    // Its files are still there.
    boot.observe_status(at(240), &downloaded());
    assert_eq!(
        (boot.stage(), boot.model()),
        (BootStage::Api, ModelState::Idle)
    );
    let with_files = boot.expected_left(at(240)).p50;
    assert!(
        with_files
            < usual()
                .left(BootStage::Api, Duration::zero(), DownloadLeft::Unknown)
                .p50
    );
    boot.observe_status(at(250), &loading());
    boot.observe_status(at(600), &serving());
    assert!(boot.is_ready());
    assert_eq!(boot.setback(at(600)), None);
}

#[test]
fn each_end_counts_once() {
    // The API says that the start failed, goes silent, ends, and the script starts it again.
    let mut boot = tracker();
    boot.observe_record(at(1), record(RunState::Running, 0, None));
    for round in 0..2 {
        let (begin, restarts) = (100 + i64::from(round) * 300, round);
        boot.observe_status(at(begin), &loading());
        boot.observe_status(
            at(begin + 100),
            &failed("vLLM process exited prematurely: None"),
        );
        boot.observe_silence(at(begin + 110));
        boot.observe_record(at(begin + 140), record(RunState::Ended, restarts, Some(1)));
        // The new process may answer before its record is read.
        if round == 0 {
            boot.observe_status(at(begin + 160), &idle());
        }
        boot.observe_record(
            at(begin + 165),
            record(RunState::Running, restarts + 1, Some(1)),
        );
        assert_eq!(boot.run(), round + 2);
        assert_eq!(boot.fault(), None, "round {round}");
    }
    // The third time the same is final, and another machine is to be chosen.
    boot.observe_status(at(800), &loading());
    boot.observe_status(at(900), &failed("vLLM process exited prematurely: None"));
    let fault = boot.fault().unwrap();
    assert_eq!(
        (fault.name.as_str(), fault.blame),
        ("vLLM did not start", Blame::Host)
    );
    assert!(fault.evidence.starts_with("3 times"), "{}", fault.evidence);
}

#[test]
fn restart_without_record_shows_in_the_api() {
    let mut boot = tracker();
    boot.observe_status(at(100), &serving());
    boot.observe_silence(at(110));
    boot.observe_silence(at(130));
    boot.observe_status(at(150), &idle());
    assert_eq!(boot.run(), 2);
    assert_eq!(boot.setback(at(150)).unwrap().name, "the workload ended");
    // One call that failed is no news.
    let mut boot = tracker();
    boot.observe_status(at(100), &loading());
    boot.observe_silence(at(110));
    let unread = MlNodeStatus {
        startup: StartupState::Unknown,
        ..idle()
    };
    boot.observe_status(at(120), &unread);
    assert_eq!((boot.run(), boot.setback(at(120))), (1, None));
    // The Network Node stops and starts a model too: that is no end.
    let mut boot = tracker();
    boot.observe_status(at(100), &serving());
    boot.observe_status(at(110), &idle());
    assert_eq!((boot.run(), boot.setback(at(110))), (1, None));
    assert_eq!((boot.is_ready(), boot.stage()), (false, BootStage::Api));
}

#[test]
fn broken_vllm_is_told_before_its_node_ends() {
    let broken = MlNodeStatus {
        inference_healthy: Some(false),
        ..serving()
    };
    for (line, name) in [
        ("", "the model is no longer served"),
        (NCCL, "GPUs cannot communicate"),
    ] {
        let mut boot = tracker();
        boot.observe_status(at(100), &serving());
        boot.observe_line(at(105), line);
        boot.observe_status(at(110), &broken);
        let told = boot.setback(at(110)).unwrap();
        assert_eq!((told.name.as_str(), boot.run()), (name, 1));
        // It may recover.
        boot.observe_status(at(120), &serving());
        assert_eq!(boot.setback(at(120)), None);
    }
}

#[test]
fn late_log_explains_why_the_model_was_stopped() {
    let stopped_at = |second| {
        let mut boot = tracker();
        boot.observe_status(at(100), &serving());
        boot.observe_status(at(second), &idle());
        boot
    };
    // Given a Network Node that stops a broken model to load it again,
    let mut boot = stopped_at(110);
    assert_eq!(boot.setback(at(110)), None);
    boot.observe_status(at(112), &loading());
    // when the log says what broke it, then that is told until it serves again.
    boot.observe_line(at(113), NCCL);
    let told = boot.setback(at(113)).unwrap();
    assert_eq!(
        (told.name.as_str(), boot.run()),
        ("GPUs cannot communicate", 1)
    );
    boot.observe_status(at(400), &serving());
    assert_eq!(boot.setback(at(400)), None);
    // What the next load says, or what comes much later, explains no stop.
    let mut boot = stopped_at(110);
    boot.observe_line(at(112), "Starting vLLM instance 0 on port 5001");
    boot.observe_line(at(113), NCCL);
    assert_eq!(boot.setback(at(113)), None);
    let mut boot = stopped_at(110);
    boot.observe_line(at(150), NCCL);
    assert_eq!(boot.setback(at(150)), None);
}

#[test]
fn served_model_makes_no_failure_ours() {
    let mut boot = tracker();
    boot.observe_record(at(1), record(RunState::Running, 0, None));
    boot.observe_status(at(100), &serving());
    boot.observe_line(at(190), OUT_OF_MEMORY);
    boot.observe_record(at(200), record(RunState::Ended, 0, Some(1)));
    assert_eq!(boot.fault(), None);
    assert_eq!(
        boot.setback(at(200)).unwrap().name,
        "GPU memory is too small"
    );
    // What it has outlived is no cause.
    let mut boot = tracker();
    boot.observe_status(at(100), &serving());
    boot.observe_line(at(110), OUT_OF_MEMORY);
    boot.observe_status(at(500), &serving());
    boot.observe_record(at(600), record(RunState::Ended, 0, Some(139)));
    let setback = boot.setback(at(600)).unwrap();
    assert_eq!(
        (setback.name.as_str(), setback.evidence.as_str()),
        ("the workload ended", "exit 139: signal 11")
    );
}

#[test]
fn silence_quotes_the_last_cause() {
    let mut boot = tracker();
    boot.observe_status(at(100), &serving());
    boot.observe_line(
        at(104),
        "torch.AcceleratorError: CUDA error: unspecified launch failure",
    );
    boot.observe_silence(at(105));
    boot.observe_silence(at(115));
    let setback = boot.setback(at(115)).unwrap();
    assert_eq!(setback.name, "the node does not answer");
    let quoted = "silent for 10 s; its log says: torch.AcceleratorError";
    assert!(setback.evidence.contains(quoted), "{}", setback.evidence);
}

#[test]
fn silence_is_told_after_two_polls() {
    let mut boot = tracker();
    boot.observe_status(at(100), &serving());
    boot.observe_silence(at(105));
    assert_eq!(boot.setback(at(105)), None);
    assert!(boot.is_ready());
    boot.observe_silence(at(115));
    assert_eq!(
        boot.setback(at(115)).unwrap().name,
        "the node does not answer"
    );
    assert!(!boot.is_ready() && !boot.answers());
    boot.observe_status(at(120), &serving());
    assert_eq!(boot.setback(at(120)), None);
    // At the ends of a download the API has no time.
    let downloading = MlNodeStatus {
        weights: Weights::Downloading {
            elapsed_seconds: Some(10.0),
            cached_gb: Some(50.0),
        },
        ..idle()
    };
    let mut boot = tracker();
    boot.observe_status(at(100), &downloading);
    assert_eq!(
        (boot.stage(), boot.progress(), boot.model()),
        (BootStage::Downloading, Some(0.25), ModelState::Downloading)
    );
    boot.observe_silence(at(110));
    assert_eq!(boot.setback(at(170)), None);
    assert!(boot.setback(at(210)).is_some());
}

#[test]
fn lost_download_is_ordered_again_unless_ours() {
    let partial = |why: &str| MlNodeStatus {
        weights: Weights::Partial {
            error: Some(why.into()),
        },
        ..idle()
    };
    let mut boot = tracker();
    boot.observe_status(at(100), &partial("Repository not found: org/model"));
    assert_eq!(blamed(&boot), Some(Blame::Ours));
    let mut boot = tracker();
    for (second, status) in [
        (100, partial("connection reset")),
        (110, partial("connection reset")),
        (120, idle()),
    ] {
        boot.observe_status(at(second), &status);
        assert_eq!((blamed(&boot), boot.model()), (None, ModelState::Idle));
    }
    assert_eq!(
        boot.setback(at(120)).unwrap().name,
        "the model's download failed"
    );
}

#[test]
fn empty_gpu_list_is_a_fault() {
    let none = MlNodeStatus {
        gpus: Some(Vec::new()),
        ..idle()
    };
    let mut boot = tracker();
    boot.observe_status(at(1), &none);
    let fault = boot.fault().unwrap();
    assert_eq!(
        (fault.name.as_str(), fault.blame),
        ("the machine has no GPUs", Blame::Host)
    );
    // Not on a node that has served its model.
    let mut boot = tracker();
    boot.observe_status(at(1), &serving());
    boot.observe_status(
        at(2),
        &MlNodeStatus {
            gpus: Some(gpus(3)),
            ..serving()
        },
    );
    assert_eq!(boot.fault(), None);
    assert!(boot.is_ready() && boot.warning().unwrap().contains("3 of 4"));
}

#[test]
fn missing_instances_are_told() {
    let mut boot = tracker();
    let half = MlNodeStatus {
        backends: Some(Backends {
            healthy: 1,
            all: 2,
            nonces: None,
        }),
        ..serving()
    };
    boot.observe_status(at(1), &half);
    // Four GPUs, two for each instance.
    assert!(boot.is_ready());
    assert!(boot.warning().unwrap().contains("1 of 2 instances"));
    boot.observe_status(at(2), &serving());
    assert_eq!(boot.warning(), None);
}

#[test]
fn lost_work_is_told_and_ends_nothing() {
    // Each line of the plugin that says that work is lost,
    for line in [
        "ERROR 11-29 03:04:05 [callbacks.py:103] Callback to http://api:9100/v2/poc-batches/x failed after 10 attempts, dropping 640 artifacts",
        "ERROR 11-29 03:04:05 [callbacks.py:247] Callback to http://api:9100/v2/poc-batches/x/validated failed after 10 attempts, giving up",
        "WARNING 11-29 03:04:05 [callbacks.py:161] Callback queue full, dropped 1 callbacks total",
        "ERROR 11-29 03:04:05 [callbacks.py:214] Callback worker loop crashed: no session",
        "WARNING 11-29 03:04:05 [generate_queue.py:294] Callback queue not initialized, skipping callback for 1a2b3c4d",
        "WARNING 11-29 03:04:05 [routes.py:417] PoC timed out (#1), engine busy",
        "ERROR 11-29 03:04:05 [routes.py:447] PoC generation crashed: CUDA out of memory",
        "WARNING 11-29 03:04:05 [routes.py:563] PoC generation task failed, gate deactivated: dead",
        "ERROR 11-29 03:04:05 [routes.py:594] PoC init: failed between gate.activate() and task spawn; gate deactivated (init-generate-failed) before re-raising",
        "WARNING 11-29 03:04:05 [poc_model_runner.py:468] NaN in 3/32 hidden states (GPU fault?)",
        "ERROR 11-29 03:04:05 [poc_model_runner.py:471] All 32 nonces produced NaN — batch rejected",
        "WARNING 11-29 03:04:05 [poc_model_runner.py:498] NaN in FP16 output — 2 nonces filtered",
        "ERROR 11-29 03:04:05 [generate_queue.py:187] Generate job 1a2b3c4d failed: no backend",
        "ERROR 11-29 03:04:05 [generate_queue.py:203] Generate worker error: no backend",
    ] {
        let mut boot = tracker();
        boot.observe_status(at(1), &serving());
        boot.observe_line(at(2), line);
        boot.observe_status(at(3), &serving());
        // is told for a while, and ends nothing.
        assert!(boot.is_ready() && boot.fault().is_none(), "{line}");
        let lost = boot.lost_work(at(3)).unwrap_or_else(|| panic!("{line}"));
        assert!(!lost.advice.is_empty() && !lost.evidence.is_empty());
        assert_eq!(boot.lost_work(at(3_000)), None);
    }
}

#[test]
fn retried_work_is_not_lost() {
    for line in [
        "WARNING 11-29 03:04:05 [callbacks.py:110] Callback to http://api:9100/v2/poc-batches/x failed (attempt 1/10, next backoff 1.0s)",
        "WARNING 11-29 03:04:05 [callbacks.py:239] Callback to http://api:9100/v2/poc-batches/x/validated HTTP 503 (attempt 1/10)",
        "WARNING 11-29 03:04:05 [callbacks.py:241] Callback to http://api:9100/v2/poc-batches/x/validated failed: timeout (attempt 2/10)",
        "INFO 11-29 03:04:05 [callbacks.py:97] Callback to http://api:9100/v2/poc-batches/x succeeded after 3 attempts",
        "INFO 11-29 03:04:05 [generate_queue.py:188] PoC queue job 1a2b3c4d completed: 200 nonces in 9.81s (20/s)",
    ] {
        let mut boot = tracker();
        boot.observe_status(at(1), &serving());
        boot.observe_line(at(2), line);
        assert_eq!(boot.lost_work(at(3)), None, "{line}");
    }
}

#[test]
fn last_words_count_without_any_answer() {
    // Given a rental whose script writes no record, and whose workload never answered,
    for (workload, line, blame) in [
        (Workload::Vllm, "sh: 1: exec: vllm: not found", Blame::Ours),
        (Workload::MlNode, NCCL, Blame::Host),
    ] {
        let mut boot = tracker_of(workload);
        boot.observe_link(at(50), true);
        boot.observe_line(at(60), line);
        boot.observe_silence(at(70));
        assert_eq!(boot.fault(), None, "it may go on");
        boot.observe_silence(at(95));
        assert_eq!(blamed(&boot), Some(blame), "{line}");
    }
    // With a record its exit status decides.
    let mut boot = tracker_of(Workload::Vllm);
    boot.observe_record(at(55), record(RunState::Running, 0, None));
    boot.observe_line(at(60), NCCL);
    boot.observe_silence(at(600));
    assert_eq!((boot.fault(), boot.setback(at(600))), (None, None));
    boot.observe_record(at(610), record(RunState::Ended, 0, Some(1)));
    assert_eq!(
        boot.setback(at(610)).unwrap().name,
        "GPUs cannot communicate"
    );
}

#[test]
fn command_that_cannot_run_is_ours() {
    let mut boot = tracker();
    boot.observe_record(at(10), record(RunState::Ended, 0, Some(127)));
    assert_eq!(blamed(&boot), Some(Blame::Ours));
}

#[test]
fn records_are_read_and_others_are_not() {
    let read = super::record::parse("state=ended restarts=2 status=137 at=1790000200\n");
    assert_eq!(read, Some(record(RunState::Ended, 2, Some(137))));
    let first = super::record::parse("state=running restarts=0 at=1790000000");
    assert_eq!(first, Some(record(RunState::Running, 0, None)));
    for other in [
        "",
        "state=ended",
        "state=paused restarts=0 at=1",
        "No such file",
        "restarts=x state=ended at=1",
    ] {
        assert_eq!(super::record::parse(other), None, "{other}");
    }
}

#[test]
fn instances_follow_the_arguments() {
    let count = |args: &[&str]| {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        super::hardware::instances(8, &args)
    };
    for (args, wanted) in [
        (&[][..], Some(8)),
        (&["--tensor-parallel-size", "4"], Some(2)),
        (
            &["--tensor-parallel-size=2", "--pipeline-parallel-size", "2"],
            Some(2),
        ),
        (&["-tp", "16"], Some(1)),
        (&["--tensor-parallel-size", "many"], None),
    ] {
        assert_eq!(count(args), wanted, "{args:?}");
    }
}

#[test]
fn long_denied_key_is_our_fault() {
    const DENIED: &str = "Permission denied (publickey)";
    let mut late = tracker();
    late.observe_denial(at(100), DENIED);
    late.observe_denial(at(690), DENIED);
    late.observe_link(at(695), true);
    late.observe_denial(at(1_200), DENIED);
    assert_eq!(late.fault(), None);
    let mut wrong = tracker();
    wrong.observe_denial(at(100), DENIED);
    wrong.observe_denial(at(700), DENIED);
    assert_eq!(blamed(&wrong), Some(Blame::Ours));
}

proptest! {
    #[test]
    fn no_line_panics_or_reverts_stage(lines in prop::collection::vec(".{0,80}", 0..40)) {
        let mut boot = tracker();
        let mut last = boot.stage();
        for (second, line) in (0..).zip(lines) {
            boot.observe_line(at(second), &line);
            boot.observe_line(at(second), &format!("Fetching {line}%"));
            prop_assert!(boot.stage() >= last);
            last = boot.stage();
        }
    }
}
