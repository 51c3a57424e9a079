use proptest::prelude::*;

use super::*;
use crate::domain::BootTime;

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
    BootTracker::new(workload, at(0), ordered, "org/model".into(), usual())
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

fn serving() -> MlNodeStatus {
    MlNodeStatus {
        state: ServiceState::Inference,
        poc: None,
        inference_healthy: Some(true),
        loaded_model: Some("org/model".into()),
        version: None,
        startup: StartupState::Completed,
        gpus: gpus(4),
        driver: Some(driver(12.8)),
    }
}

fn unknown_hardware() -> MlNodeStatus {
    MlNodeStatus {
        gpus: Vec::new(),
        driver: None,
        ..serving()
    }
}

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
    boot.observe_silence();
    assert!(!boot.is_ready());
}

#[test]
fn loading_line_depends_on_workload() {
    for (workload, stage) in [
        (Workload::MlNode, BootStage::Loading),
        (Workload::Vllm, BootStage::Downloading),
    ] {
        let mut boot = tracker_of(workload);
        boot.observe_line(at(1), "INFO Starting to load model org/model...");
        assert_eq!(boot.stage(), stage, "{workload:?}");
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
            loaded_model: Some("another".into()),
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
        (short.gpus, old.driver) = (gpus(3), Some(driver(12.2)));
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
fn log_lines_are_judged() {
    use Blame::{Host, Nobody, Ours};
    use Workload::{MlNode, Vllm};
    for (workload, blame, line) in [
        (
            MlNode,
            Some(Ours),
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        ),
        (
            MlNode,
            Some(Ours),
            "OSError: [Errno 28] No space left on device",
        ),
        (
            MlNode,
            Some(Ours),
            "huggingface_hub.errors: 401 Client Error: Unauthorized for url",
        ),
        (
            MlNode,
            Some(Host),
            "RuntimeError: CUDA error: no kernel image is available for execution on the device",
        ),
        (
            MlNode,
            Some(Host),
            "torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp",
        ),
        (
            MlNode,
            Some(Nobody),
            "RuntimeError: Engine core initialization failed. See root cause above.",
        ),
        (Vllm, Some(Ours), "sh: 1: exec: vllm: not found"),
        (
            Vllm,
            Some(Ours),
            "vllm: error: unrecognized arguments: --tensor-paralel-size 4",
        ),
        (MlNode, None, "Download stalled for 60s, will retry"),
    ] {
        let mut boot = tracker_of(workload);
        boot.observe_line(at(1), line);
        assert_eq!(blamed(&boot), blame, "{line}");
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
