use super::*;
use crate::domain::Blame;

const END: &str = "RuntimeError: Engine core initialization failed. See root cause above.";
const LATER_END: &str = "2026-11-29 03:24:05,678 - api.inference.manager - ERROR - Async startup failed: vLLM process exited prematurely: None";
const OUT_OF_MEMORY: &str = "(Worker_TP1 pid=512) ERROR 11-24 11:54:11 [x.py:1] torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.";
const WORKER_DIED: &str = "ERROR 11-08 11:01:29 [multiproc_executor.py:135] Worker proc VllmWorker-3 died unexpectedly, shutting down executor.";
const NO_GPU: &str = "RuntimeError: No CUDA GPUs are available";
const STATUS_1: &str = "pocpit: the workload ended with status 1; restart 1 in 5 s";
const MLNODE_START: &str = "2026-11-29 03:04:05,678 - api.models.manager - INFO - ModelManager initialized with cache_dir: /root/.cache/hub, stall_timeout: 600.0s (10.0 min)";
const VLLM_START: &str = "2026-11-29 03:04:05,678 - api.inference.vllm.runner - INFO - Starting vLLM instance 0 on port 5001 with GPUs 0,1 (sleep: 0s)";
const NEXT_VLLM_START: &str = "2026-11-29 03:04:05,678 - api.inference.vllm.runner - INFO - Starting vLLM instance 1 on port 5002 with GPUs 2,3 (sleep: 5s)";

fn now() -> Time {
    "2026-11-29T03:04:05Z".parse().unwrap()
}

fn after(lines: &[&str]) -> Suspects {
    let mut suspects = Suspects::new(Workload::MlNode);
    for line in lines {
        suspects.observe(now(), line);
    }
    suspects
}

fn name_after(lines: &[&str]) -> Option<String> {
    after(lines).cause().map(|cause| cause.name.clone())
}

#[test]
fn specific_cause_beats_generic_end() {
    let memory = Some("GPU memory is too small".to_owned());
    for lines in [
        &[VLLM_START, OUT_OF_MEMORY, WORKER_DIED, END, LATER_END][..],
        // A dying group says its last words in any order.
        &[VLLM_START, WORKER_DIED, END, OUT_OF_MEMORY, LATER_END],
        &[VLLM_START, END, OUT_OF_MEMORY, NO_GPU],
        &[
            VLLM_START,
            NEXT_VLLM_START,
            OUT_OF_MEMORY,
            STATUS_1,
            LATER_END,
        ],
    ] {
        assert_eq!(name_after(lines), memory, "{lines:?}");
    }
}

#[test]
fn end_alone_blames_nobody() {
    let suspects = after(&[VLLM_START, END, LATER_END]);
    let cause = suspects.cause().unwrap();
    assert_eq!(
        (cause.name.as_str(), cause.blame),
        ("vLLM did not start", Blame::Nobody)
    );
    assert_eq!(name_after(&[VLLM_START]), None);
}

#[test]
fn causes_of_earlier_runs_are_forgotten() {
    for lines in [
        &[OUT_OF_MEMORY, STATUS_1, MLNODE_START][..],
        &[OUT_OF_MEMORY, VLLM_START],
        &[
            VLLM_START,
            OUT_OF_MEMORY,
            STATUS_1,
            MLNODE_START,
            VLLM_START,
        ],
    ] {
        assert_eq!(name_after(lines), None, "{lines:?}");
    }
    let lost = Some("the host has lost its GPUs".to_owned());
    assert_eq!(name_after(&[OUT_OF_MEMORY, STATUS_1, NO_GPU]), lost);
    assert_eq!(
        name_after(&[OUT_OF_MEMORY, STATUS_1, MLNODE_START, NO_GPU]),
        lost
    );
}

#[test]
fn outlived_cause_gives_way_to_a_later_one() {
    // Given a cause that the workload survived, when another one is seen much later, then that counts;
    let mut suspects = after(&[VLLM_START, NO_GPU]);
    let soon = now() + Duration::seconds(59);
    suspects.observe(soon, OUT_OF_MEMORY);
    assert_eq!(suspects.cause().unwrap().evidence, NO_GPU);
    let late = now() + Duration::seconds(60);
    suspects.observe(late, OUT_OF_MEMORY);
    assert_eq!(suspects.cause().unwrap().seen_at, late);
    // but no word about the end displaces it.
    suspects.observe(late + Duration::minutes(10), END);
    assert_eq!(suspects.cause().unwrap().seen_at, late);
}

#[test]
fn last_words_of_a_run_keep_its_cause() {
    // Given a run that ended, when what is left of it still writes, then its cause stays.
    let lines = [VLLM_START, OUT_OF_MEMORY, STATUS_1, WORKER_DIED, END];
    assert_eq!(
        name_after(&lines),
        Some("GPU memory is too small".to_owned())
    );
}

#[test]
fn error_of_the_api_adds_a_cause() {
    let end = "vLLM process exited prematurely: None";
    let name = |suspects: &Suspects, error| {
        suspects
            .best_with_error(now(), error)
            .map(|best| best.fault.name)
    };
    assert_eq!(
        name(&after(&[OUT_OF_MEMORY]), end).as_deref(),
        Some("GPU memory is too small")
    );
    assert_eq!(
        name(&after(&[END]), "Repository not found: org/none").as_deref(),
        Some("the model does not exist")
    );
    assert_eq!(name(&after(&[]), "nobody knows"), None);
}

#[test]
fn evidence_shows_the_telling_words() {
    let far = format!(
        "ERROR {} Error 802: system not yet initialized",
        "x".repeat(400)
    );
    let suspects = after(&[&far]);
    let evidence = &suspects.cause().unwrap().evidence;
    assert!(evidence.contains("Error 802: system not yet"), "{evidence}");
    assert!(evidence.chars().count() <= 200);
    let near = after(&[NO_GPU]);
    assert_eq!(near.cause().unwrap().evidence, NO_GPU);
}

#[test]
fn advice_names_the_workloads_image() {
    let mut suspects = Suspects::new(Workload::Vllm);
    suspects.observe(now(), "sh: 1: exec: vllm: not found");
    assert_eq!(suspects.cause().unwrap().advice, "check vllm.image");
}

#[test]
fn lost_work_is_no_cause() {
    let line = "PoC generation crashed: engine is dead";
    assert_eq!(name_after(&[line]), None);
    let trouble = work_trouble(now(), Workload::MlNode, line).unwrap();
    assert_eq!(trouble.blame, Blame::Nobody);
}
