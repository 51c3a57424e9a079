//! Known causes of failed boots, by the texts of hosts and containers. Pure tables.

use crate::domain::Blame;

pub(super) struct Pattern {
    /// Lower case; matched whatever the case of the line.
    pub(super) text: &'static str,
    pub(super) name: &'static str,
    pub(super) blame: Blame,
    pub(super) advice: &'static str,
}

const fn pattern(
    text: &'static str,
    name: &'static str,
    blame: Blame,
    advice: &'static str,
) -> Pattern {
    Pattern {
        text,
        name,
        blame,
        advice,
    }
}

/// A part of each pattern of [`LOG`] in the case that programs use: a prefilter that is many times
/// faster than a case-insensitive search, and that hardly any line passes.
pub(super) const SIGNS: &[&str] = &[
    "out of memory",
    "cache blocks",
    "cache is needed",
    "esired GPU memory",
    "esired gpu memory",
    "space left on device",
    "uota exceeded",
    "gated repo",
    "403 Client",
    "403 client",
    "401 Client",
    "401 client",
    "epository Not Found",
    "epository not found",
    "valid model identifier",
    "driver on your system",
    "river version is insufficient",
    "o CUDA GPUs",
    "o cuda gpus",
    "ommunicate with the",
    "system not yet initialized",
    "ECC error",
    "ecc error",
    "busy or unavailable",
    "shared memory segment",
    "kernel image is available",
    "NCCL error",
    "nccl error",
    "core initialization failed",
    "did not become available",
    "vllm: not found",
    "unrecognized arguments",
];

/// Log lines of the workload that are fatal.
pub(super) const LOG: &[Pattern] = &[
    pattern(
        "cuda out of memory",
        "GPU memory is too small",
        Blame::Ours,
        "rent more GPU memory or change mlnode.args",
    ),
    pattern(
        "no available memory for the cache blocks",
        "GPU memory is too small",
        Blame::Ours,
        "rent more GPU memory, or raise --gpu-memory-utilization in mlnode.args",
    ),
    pattern(
        "kv cache is needed, which is larger than",
        "GPU memory is too small for the context",
        Blame::Ours,
        "rent more GPU memory, or lower --max-model-len in mlnode.args",
    ),
    pattern(
        "is less than desired gpu memory utilization",
        "another process uses the GPUs' memory",
        Blame::Host,
        "retrying on another machine",
    ),
    pattern(
        "no space left on device",
        "the disk is full",
        Blame::Ours,
        "raise vast.disk: image and model must fit",
    ),
    pattern(
        "disk quota exceeded",
        "the disk is full",
        Blame::Ours,
        "raise vast.disk: image and model must fit",
    ),
    pattern(
        "cannot access gated repo",
        "the model is gated",
        Blame::Ours,
        "accept the model's terms on its page and check the access token in vast.env",
    ),
    pattern(
        "403 client error",
        "the model is gated",
        Blame::Ours,
        "accept the model's terms on its page and check the access token in vast.env",
    ),
    pattern(
        "401 client error",
        "the model is gated",
        Blame::Ours,
        "check the model's name and the access token in vast.env",
    ),
    pattern(
        "repository not found",
        "the model does not exist",
        Blame::Ours,
        "check mlnode.model",
    ),
    pattern(
        "is not a valid model identifier",
        "the model does not exist",
        Blame::Ours,
        "check mlnode.model",
    ),
    pattern(
        "nvidia driver on your system is too old",
        "the host's driver is too old for the image",
        Blame::Host,
        "retrying on another machine; a higher vast.min_cuda excludes such hosts",
    ),
    pattern(
        "driver version is insufficient for cuda runtime",
        "the host's driver is too old for the image",
        Blame::Host,
        "retrying on another machine; a higher vast.min_cuda excludes such hosts",
    ),
    pattern(
        "no cuda gpus are available",
        "the host has lost its GPUs",
        Blame::Host,
        "retrying on another machine",
    ),
    pattern(
        "couldn't communicate with the nvidia driver",
        "the host has lost its GPUs",
        Blame::Host,
        "retrying on another machine",
    ),
    pattern(
        "error 802: system not yet initialized",
        "the host's GPU fabric is down",
        Blame::Host,
        "retrying on another machine",
    ),
    pattern(
        "uncorrectable ecc error",
        "a GPU's memory is broken",
        Blame::Host,
        "retrying on another machine",
    ),
    pattern(
        "cuda-capable device(s) is/are busy or unavailable",
        "another process holds the GPUs",
        Blame::Host,
        "retrying on another machine",
    ),
    pattern(
        "error while creating shared memory segment",
        "GPUs cannot communicate: shared memory is too small",
        Blame::Host,
        "retrying on another machine",
    ),
    pattern(
        "no kernel image is available",
        "the GPU is too old for the image",
        Blame::Host,
        "raise vast.min_cuda or choose another GPU",
    ),
    pattern(
        "nccl error",
        "GPUs cannot communicate",
        Blame::Host,
        "retrying on another machine",
    ),
    pattern(
        "engine core initialization failed",
        "vLLM did not start",
        Blame::Host,
        "read the log above this line",
    ),
    pattern(
        "vllm server did not become available within timeout",
        "vLLM did not start in time",
        Blame::Host,
        "read the log above this line",
    ),
    pattern(
        "vllm: not found",
        "the image has no vLLM",
        Blame::Ours,
        "check vllm.image",
    ),
    pattern(
        "unrecognized arguments",
        "vLLM rejects an argument",
        Blame::Ours,
        "check mlnode.args against the vLLM version",
    ),
];

/// Texts in the market's status message that mean our image or its login is wrong.
pub(super) const IMAGE: &[Pattern] = &[
    pattern(
        "no matching manifest for",
        "the image does not support the host's CPU",
        Blame::Ours,
        "check vast.image",
    ),
    pattern(
        "manifest unknown",
        "the image does not exist",
        Blame::Ours,
        "check vast.image",
    ),
    pattern(
        "failed to resolve reference",
        "the image does not exist",
        Blame::Ours,
        "check vast.image",
    ),
    pattern(
        "repository does not exist",
        "the image does not exist",
        Blame::Ours,
        "check vast.image",
    ),
    pattern(
        "pull access denied",
        "the image is not public",
        Blame::Ours,
        "check vast.image and its login",
    ),
    pattern(
        "unauthorized",
        "the image is not public",
        Blame::Ours,
        "check vast.image and its login",
    ),
];

/// Texts in the market's status message that mean the host is broken. Matched after [`IMAGE`] and
/// before any progress: "pull access denied" is not progress (acceptance case D44).
pub(super) const HOST: &[Pattern] = &[
    pattern(
        "unsatisfied condition: cuda",
        "the host's driver is too old for the image",
        Blame::Host,
        "retrying on another machine; a higher vast.min_cuda excludes such hosts",
    ),
    pattern(
        "toomanyrequests",
        "the registry rate-limits the host",
        Blame::Host,
        "retrying on another machine",
    ),
    pattern(
        "could not select device driver",
        "the host cannot pass its GPUs to containers",
        Blame::Host,
        "retrying on another machine",
    ),
    pattern(
        "nvidia-container-cli",
        "the host cannot pass its GPUs to containers",
        Blame::Host,
        "retrying on another machine",
    ),
    pattern(
        "oci runtime",
        "the host cannot start containers",
        Blame::Host,
        "retrying on another machine",
    ),
    pattern(
        "unresolvable cdi devices",
        "the host has lost a GPU",
        Blame::Host,
        "retrying on another machine",
    ),
    pattern(
        "error response from daemon",
        "the host's Docker reports an error",
        Blame::Host,
        "retrying on another machine",
    ),
    pattern(
        "failed to start containers",
        "the host cannot start containers",
        Blame::Host,
        "retrying on another machine",
    ),
    pattern(
        "no space left on device",
        "the host's disk is full",
        Blame::Host,
        "retrying on another machine",
    ),
];

/// The first pattern that matches.
pub(super) fn find(patterns: &'static [Pattern], text: &str) -> Option<&'static Pattern> {
    let text = text.to_ascii_lowercase();
    patterns.iter().find(|pattern| text.contains(pattern.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of real programs and hosts, with their meaning.
    const LINES: &[(&str, &str, Blame)] = &[
        (
            "huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error. Repository Not Found for url: https://huggingface.co/api/models/org/none.",
            "the model does not exist",
            Blame::Ours,
        ),
        (
            "RuntimeError: CUDA driver version is insufficient for CUDA runtime version",
            "the host's driver is too old for the image",
            Blame::Host,
        ),
        (
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.",
            "the host has lost its GPUs",
            Blame::Host,
        ),
        (
            "OSError: org/none is not a local folder and is not a valid model identifier listed on 'https://huggingface.co/models'",
            "the model does not exist",
            Blame::Ours,
        ),
        (
            "(VllmWorker TP1 pid=512) ERROR torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 1 has a total capacity of 79.11 GiB of which 1.02 GiB is free.",
            "GPU memory is too small",
            Blame::Ours,
        ),
        (
            "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.",
            "GPU memory is too small",
            Blame::Ours,
        ),
        (
            "ValueError: To serve at least one request with the models's max seq len (196608), (7.75 GiB KV cache is needed, which is larger than the available KV cache memory (3.10 GiB).",
            "GPU memory is too small for the context",
            Blame::Ours,
        ),
        (
            "ValueError: Free memory on device (9.61/79.11 GiB) on startup is less than desired GPU memory utilization (0.9, 71.2 GiB).",
            "another process uses the GPUs' memory",
            Blame::Host,
        ),
        (
            "RuntimeError: Data processing error: CAS service error : IO Error: No space left on device (os error 28)",
            "the disk is full",
            Blame::Ours,
        ),
        (
            "OSError: [Errno 122] Disk quota exceeded: '/root/.cache/huggingface/hub'",
            "the disk is full",
            Blame::Ours,
        ),
        (
            "huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: Root=1-66) Cannot access gated repo for url https://huggingface.co/org/model/resolve/main/config.json.",
            "the model is gated",
            Blame::Ours,
        ),
        (
            "requests.exceptions.HTTPError: 403 Client Error: Forbidden for url: https://huggingface.co/org/model/resolve/main/config.json",
            "the model is gated",
            Blame::Ours,
        ),
        (
            "OSError: org/modle is not a local folder and is not a valid model identifier listed on 'https://huggingface.co/models'",
            "the model does not exist",
            Blame::Ours,
        ),
        (
            "RuntimeError: The NVIDIA driver on your system is too old (found version 12020). Please update your GPU driver",
            "the host's driver is too old for the image",
            Blame::Host,
        ),
        (
            "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 802: system not yet initialized",
            "the host's GPU fabric is down",
            Blame::Host,
        ),
        (
            "RuntimeError: No CUDA GPUs are available",
            "the host has lost its GPUs",
            Blame::Host,
        ),
        (
            "torch.AcceleratorError: CUDA error: uncorrectable ECC error encountered",
            "a GPU's memory is broken",
            Blame::Host,
        ),
        (
            "CUDA error: all CUDA-capable devices are busy: CUDA-capable device(s) is/are busy or unavailable",
            "another process holds the GPUs",
            Blame::Host,
        ),
        (
            "torch.distributed.DistBackendError: NCCL error in: /pytorch/torch/csrc/distributed/c10d/NCCLUtils.cpp:77, unhandled system error",
            "GPUs cannot communicate",
            Blame::Host,
        ),
        (
            "misc/shmutils.cc:87 NCCL WARN Error: failed to extend /dev/shm/nccl-XZ. Error while creating shared memory segment /dev/shm/nccl-XZ (size 9637888)",
            "GPUs cannot communicate: shared memory is too small",
            Blame::Host,
        ),
    ];

    const STATUSES: &[(&str, &str, Blame)] = &[
        (
            "Error response from daemon: manifest for org/node:3.9 not found: manifest unknown: manifest unknown",
            "the image does not exist",
            Blame::Ours,
        ),
        (
            "no matching manifest for linux/arm64/v8 in the manifest list entries",
            "the image does not support the host's CPU",
            Blame::Ours,
        ),
        (
            "Error response from daemon: pull access denied for org/node, repository does not exist or may require 'docker login'",
            "the image does not exist",
            Blame::Ours,
        ),
        (
            "Error response from daemon: toomanyrequests: You have reached your unauthenticated pull rate limit.",
            "the registry rate-limits the host",
            Blame::Host,
        ),
        (
            "Error response from daemon: failed to create task for container: OCI runtime create failed: nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.8, please update your driver to a newer version",
            "the host's driver is too old for the image",
            Blame::Host,
        ),
        (
            "docker: Error response from daemon: could not select device driver \"\" with capabilities: [[gpu]].",
            "the host cannot pass its GPUs to containers",
            Blame::Host,
        ),
        (
            "failed to register layer: write /usr/lib/libtorch.so: no space left on device",
            "the host's disk is full",
            Blame::Host,
        ),
    ];

    #[test]
    fn workload_failures_have_cause_and_advice() {
        for (line, name, blame) in LINES {
            let found = find(LOG, line).unwrap_or_else(|| panic!("not recognised: {line}"));
            assert_eq!((found.name, found.blame), (*name, *blame), "{line}");
            assert!(!found.advice.is_empty(), "{line}");
            assert!(SIGNS.iter().any(|sign| line.contains(sign)), "{line}");
        }
    }

    #[test]
    fn workload_failures_have_prefilter_sign() {
        for pattern in LOG {
            let signs = SIGNS.iter().map(|sign| sign.to_ascii_lowercase());
            let mut signs = signs.filter(|sign| pattern.text.contains(sign.as_str()));
            assert!(signs.next().is_some(), "{}", pattern.text);
        }
    }

    #[test]
    fn host_failures_have_cause_and_advice() {
        for (status, name, blame) in STATUSES {
            let found = find(IMAGE, status)
                .or_else(|| find(HOST, status))
                .unwrap_or_else(|| panic!("not recognised: {status}"));
            assert_eq!((found.name, found.blame), (*name, *blame), "{status}");
            assert!(!found.advice.is_empty(), "{status}");
        }
    }

    #[test]
    fn healthy_boot_lines_match_nothing() {
        for line in [
            "INFO 11-25 00:54:07 [gpu_worker.py:298] Available KV cache memory: 41.22 GiB",
            "INFO 11-25 00:54:07 [kv_cache_utils.py:864] Maximum concurrency for 196,608 tokens per request: 1.87x",
            "Download stalled for 60s, will retry",
            "INFO Automatically detected platform cuda.",
            "WARNING [symm_mem.py:58] SymmMemCommunicator: Device capability 9.0 not supported, communicator is not available.",
            "INFO [pynccl.py:70] vLLM is using nccl==2.27.3",
            "GET /api/v1/inference/up/status HTTP/1.1 200 OK",
            "a3ed95caeb02: Pulling fs layer",
            "5f70bf18a086: Extracting [=====>      ]  1.2GB/3.4GB",
            "success, running ghcr.io/org/mlnode:3.0.10/ssh",
        ] {
            for table in [LOG, IMAGE, HOST] {
                assert_eq!(find(table, line).map(|found| found.name), None, "{line}");
            }
        }
    }
}
