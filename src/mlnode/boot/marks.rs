//! What lines of a workload's log say about its stage. Pure.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::domain::{BootStage, Workload};
use crate::mlnode::{faults, suspects};

/// What a line means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Stage(BootStage),
    /// vLLM starts. It now downloads what is not on the disk, without logging it.
    Launch,
    /// The node is at its `PoC`.
    Work,
}

/// Texts of every workload. Sources: vLLM's
/// `model_executor/model_loader/weight_utils.py` ("… checkpoint shards", "… using Fastsafetensor loader",
/// "… using Runai Model Streamer", "Multi-thread loading shards", "Time spent downloading weights"),
/// `v1/worker/gpu_model_runner.py`, and `v1/worker/gpu/model_runner.py` of its V2 runner, which starts with
/// "Loading model from scratch".
const MARKS: &[(&str, Mark)] = &[
    ("Uvicorn running on", Mark::Stage(BootStage::Api)),
    ("Fetching", Mark::Stage(BootStage::Downloading)),
    (
        "Time spent downloading weights",
        Mark::Stage(BootStage::Loading),
    ),
    ("Starting to load model", Mark::Launch),
    ("Loading model from scratch", Mark::Launch),
    ("Loading safetensors", Mark::Stage(BootStage::Loading)),
    (
        "Multi-thread loading shards",
        Mark::Stage(BootStage::Loading),
    ),
    ("Loading weights took", Mark::Stage(BootStage::Loading)),
    ("Model loading took", Mark::Stage(BootStage::Graphs)),
    (
        "Dynamo bytecode transform time",
        Mark::Stage(BootStage::Graphs),
    ),
    ("torch.compile takes", Mark::Stage(BootStage::Graphs)),
    ("torch.compile took", Mark::Stage(BootStage::Graphs)),
    ("Capturing CUDA graph", Mark::Stage(BootStage::Graphs)),
];

/// Sources: `api/models/manager.py`, `api/inference/vllm/runner.py` of gonka v0.2.13 to v0.2.16, and
/// `poc/routes.py` of gonka-poc.
const MLNODE_MARKS: &[(&str, Mark)] = &[
    ("Starting download for", Mark::Stage(BootStage::Downloading)),
    (
        "Download subprocess started",
        Mark::Stage(BootStage::Downloading),
    ),
    (
        "Starting stall monitor for",
        Mark::Stage(BootStage::Downloading),
    ),
    (
        "Download completed for",
        Mark::Stage(BootStage::Downloading),
    ),
    (
        "Successfully downloaded and verified model",
        Mark::Stage(BootStage::Downloading),
    ),
    ("gpus per instance:", Mark::Launch),
    ("Starting vLLM instance", Mark::Launch),
    (
        "vLLM is up and running with",
        Mark::Stage(BootStage::Graphs),
    ),
    ("PoC /init/generate:", Mark::Work),
    ("PoC generation started", Mark::Work),
    ("PoC stopped:", Mark::Work),
    ("PoC /generate:", Mark::Work),
    ("PoC queue job", Mark::Work),
    ("Generated: ", Mark::Work),
];

/// vLLM alone prints a banner. Its server listens only after the load; until then there is nothing but the
/// log.
/// Sources of the texts: `log_version_and_model` and `log_non_default_args` in
/// `vllm/entrypoints/serve/utils/api_utils.py` (before: "vLLM API server version" in `api_server.py`).
const VLLM_MARKS: &[(&str, Mark)] = &[
    ("vLLM API server version", Mark::Stage(BootStage::Api)),
    ("vLLM server version", Mark::Stage(BootStage::Api)),
    ("non-default args:", Mark::Stage(BootStage::Api)),
];

/// Whether a line has any text that matters, to the stage or to causes. One search for all: hardly a line
/// in a thousand has one, and the exact matching that follows is slow.
pub(super) fn matters(line: &str) -> bool {
    static WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
        let marks = [MARKS, MLNODE_MARKS, VLLM_MARKS].concat();
        let marks = marks.iter().map(|(mark, _)| *mark);
        let others = faults::SIGNS.iter().chain(faults::WORK_SIGNS);
        let others = others.chain(suspects::MLNODE_STARTS).copied();
        let others = others.chain([suspects::ENDED]);
        AhoCorasick::builder()
            // This kind allows a vectorized search.
            .match_kind(MatchKind::LeftmostFirst)
            .build(others.chain(marks))
            .ok()
    });
    WORDS.as_ref().is_none_or(|words| words.is_match(line))
}

/// What a line means for the stage.
pub(super) fn mark(workload: Workload, line: &str) -> Option<Mark> {
    let own = match workload {
        Workload::MlNode => MLNODE_MARKS,
        Workload::Vllm => VLLM_MARKS,
    };
    own.iter()
        .chain(MARKS)
        .find(|(text, _)| line.contains(text))
        .map(|(_, mark)| *mark)
}

/// The first `NN%` of a line, as 0 to 1.
pub(super) fn percent(line: &str) -> Option<f64> {
    let end = line.find('%')?;
    let digits = line[..end]
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |before| before + 1);
    let digits = line.get(digits..end)?;
    let percent: u8 = digits.parse().ok()?;
    (percent <= 100).then(|| f64::from(percent) / 100.0)
}
