//! Known causes of failed boots, by the texts of hosts and containers. Pure tables.

use crate::domain::Blame;

pub(super) struct Fault {
    /// Lower case; matched whatever the case of the line.
    texts: &'static [&'static str],
    pub(super) name: &'static str,
    pub(super) blame: Blame,
    pub(super) advice: &'static str,
}

const fn ours(name: &'static str, advice: &'static str, texts: &'static [&'static str]) -> Fault {
    Fault {
        texts,
        name,
        blame: Blame::Ours,
        advice,
    }
}

const fn host(name: &'static str, texts: &'static [&'static str]) -> Fault {
    Fault {
        blame: Blame::Host,
        ..ours(name, "retrying on another machine", texts)
    }
}

impl Fault {
    const fn with_advice(self, advice: &'static str) -> Fault {
        Fault { advice, ..self }
    }
}

/// A part of each text of [`LOG`] in the case that programs use: a prefilter that is many times
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
pub(super) const LOG: &[Fault] = &[
    ours(
        "GPU memory is too small",
        "rent more GPU memory or change mlnode.args",
        &["cuda out of memory"],
    ),
    ours(
        "GPU memory is too small",
        "rent more GPU memory, or raise --gpu-memory-utilization in mlnode.args",
        &["no available memory for the cache blocks"],
    ),
    ours(
        "GPU memory is too small for the context",
        "rent more GPU memory, or lower --max-model-len in mlnode.args",
        &["kv cache is needed, which is larger than"],
    ),
    host(
        "another process uses the GPUs' memory",
        &["is less than desired gpu memory utilization"],
    ),
    ours(
        "the disk is full",
        "raise vast.disk: image and model must fit",
        &["no space left on device", "disk quota exceeded"],
    ),
    ours(
        "the model is gated",
        "accept the model's terms on its page and check the access token in vast.env",
        &["cannot access gated repo", "403 client error"],
    ),
    ours(
        "the model is gated",
        "check the model's name and the access token in vast.env",
        &["401 client error"],
    ),
    ours(
        "the model does not exist",
        "check mlnode.model",
        &["repository not found", "is not a valid model identifier"],
    ),
    host(
        "the host's driver is too old for the image",
        &[
            "nvidia driver on your system is too old",
            "driver version is insufficient for cuda runtime",
        ],
    )
    .with_advice("retrying on another machine; a higher vast.min_cuda excludes such hosts"),
    host(
        "the host has lost its GPUs",
        &[
            "no cuda gpus are available",
            "couldn't communicate with the nvidia driver",
        ],
    ),
    host(
        "the host's GPU fabric is down",
        &["error 802: system not yet initialized"],
    ),
    host("a GPU's memory is broken", &["uncorrectable ecc error"]),
    host(
        "another process holds the GPUs",
        &["cuda-capable device(s) is/are busy or unavailable"],
    ),
    host(
        "GPUs cannot communicate: shared memory is too small",
        &["error while creating shared memory segment"],
    ),
    host(
        "the GPU is too old for the image",
        &["no kernel image is available"],
    )
    .with_advice("raise vast.min_cuda or choose another GPU"),
    host("GPUs cannot communicate", &["nccl error"]),
    host("vLLM did not start", &["engine core initialization failed"])
        .with_advice("read the log above this line"),
    host(
        "vLLM did not start in time",
        &["vllm server did not become available within timeout"],
    )
    .with_advice("read the log above this line"),
    ours(
        "the image has no vLLM",
        "check vllm.image",
        &["vllm: not found"],
    ),
    ours(
        "vLLM rejects an argument",
        "check mlnode.args against the vLLM version",
        &["unrecognized arguments"],
    ),
];

/// Texts in the market's status message that mean our image or its login is wrong.
pub(super) const IMAGE: &[Fault] = &[
    ours(
        "the image does not support the host's CPU",
        "check vast.image",
        &["no matching manifest for"],
    ),
    ours(
        "the image does not exist",
        "check vast.image",
        &[
            "manifest unknown",
            "failed to resolve reference",
            "repository does not exist",
        ],
    ),
    ours(
        "the image is not public",
        "check vast.image and its login",
        &["pull access denied", "unauthorized"],
    ),
];

/// Texts in the market's status message that mean the host is broken. Matched after [`IMAGE`] and
/// before any progress: "pull access denied" is not progress (acceptance case D44).
pub(super) const HOST: &[Fault] = &[
    host(
        "the host's driver is too old for the image",
        &["unsatisfied condition: cuda"],
    )
    .with_advice("retrying on another machine; a higher vast.min_cuda excludes such hosts"),
    host("the registry rate-limits the host", &["toomanyrequests"]),
    host(
        "the host cannot pass its GPUs to containers",
        &["could not select device driver", "nvidia-container-cli"],
    ),
    host("the host cannot start containers", &["oci runtime"]),
    host("the host has lost a GPU", &["unresolvable cdi devices"]),
    host(
        "the host's Docker reports an error",
        &["error response from daemon"],
    ),
    host(
        "the host cannot start containers",
        &["failed to start containers"],
    ),
    host("the host's disk is full", &["no space left on device"]),
];

/// The first fault with a text that matches.
pub(super) fn find(faults: &'static [Fault], line: &str) -> Option<&'static Fault> {
    let line = line.to_ascii_lowercase();
    let matches = |fault: &&Fault| fault.texts.iter().any(|text| line.contains(text));
    faults.iter().find(matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Faults, with lines of real programs and hosts that show them.
    const LINES: &[(&str, Blame, &[&str])] = &[
        (
            "the model does not exist",
            Blame::Ours,
            &[
                "huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error. Repository Not Found for url: https://huggingface.co/api/models/org/none.",
                "OSError: org/none is not a local folder and is not a valid model identifier listed on 'https://huggingface.co/models'",
                "OSError: org/modle is not a local folder and is not a valid model identifier listed on 'https://huggingface.co/models'",
            ],
        ),
        (
            "the host's driver is too old for the image",
            Blame::Host,
            &[
                "RuntimeError: CUDA driver version is insufficient for CUDA runtime version",
                "RuntimeError: The NVIDIA driver on your system is too old (found version 12020). Please update your GPU driver",
            ],
        ),
        (
            "the host has lost its GPUs",
            Blame::Host,
            &[
                "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.",
                "RuntimeError: No CUDA GPUs are available",
            ],
        ),
        (
            "GPU memory is too small",
            Blame::Ours,
            &[
                "(VllmWorker TP1 pid=512) ERROR torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 1 has a total capacity of 79.11 GiB of which 1.02 GiB is free.",
                "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.",
            ],
        ),
        (
            "GPU memory is too small for the context",
            Blame::Ours,
            &[
                "ValueError: To serve at least one request with the models's max seq len (196608), (7.75 GiB KV cache is needed, which is larger than the available KV cache memory (3.10 GiB).",
            ],
        ),
        (
            "another process uses the GPUs' memory",
            Blame::Host,
            &[
                "ValueError: Free memory on device (9.61/79.11 GiB) on startup is less than desired GPU memory utilization (0.9, 71.2 GiB).",
            ],
        ),
        (
            "the disk is full",
            Blame::Ours,
            &[
                "RuntimeError: Data processing error: CAS service error : IO Error: No space left on device (os error 28)",
                "OSError: [Errno 122] Disk quota exceeded: '/root/.cache/huggingface/hub'",
            ],
        ),
        (
            "the model is gated",
            Blame::Ours,
            &[
                "huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: Root=1-66) Cannot access gated repo for url https://huggingface.co/org/model/resolve/main/config.json.",
                "requests.exceptions.HTTPError: 403 Client Error: Forbidden for url: https://huggingface.co/org/model/resolve/main/config.json",
            ],
        ),
        (
            "the host's GPU fabric is down",
            Blame::Host,
            &[
                "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 802: system not yet initialized",
            ],
        ),
        (
            "a GPU's memory is broken",
            Blame::Host,
            &["torch.AcceleratorError: CUDA error: uncorrectable ECC error encountered"],
        ),
        (
            "another process holds the GPUs",
            Blame::Host,
            &[
                "CUDA error: all CUDA-capable devices are busy: CUDA-capable device(s) is/are busy or unavailable",
            ],
        ),
        (
            "GPUs cannot communicate",
            Blame::Host,
            &[
                "torch.distributed.DistBackendError: NCCL error in: /pytorch/torch/csrc/distributed/c10d/NCCLUtils.cpp:77, unhandled system error",
            ],
        ),
        (
            "GPUs cannot communicate: shared memory is too small",
            Blame::Host,
            &[
                "misc/shmutils.cc:87 NCCL WARN Error: failed to extend /dev/shm/nccl-XZ. Error while creating shared memory segment /dev/shm/nccl-XZ (size 9637888)",
            ],
        ),
    ];

    const STATUSES: &[(&str, Blame, &[&str])] = &[
        (
            "the image does not exist",
            Blame::Ours,
            &[
                "Error response from daemon: manifest for org/node:3.9 not found: manifest unknown: manifest unknown",
                "Error response from daemon: pull access denied for org/node, repository does not exist or may require 'docker login'",
            ],
        ),
        (
            "the image does not support the host's CPU",
            Blame::Ours,
            &["no matching manifest for linux/arm64/v8 in the manifest list entries"],
        ),
        (
            "the registry rate-limits the host",
            Blame::Host,
            &[
                "Error response from daemon: toomanyrequests: You have reached your unauthenticated pull rate limit.",
            ],
        ),
        (
            "the host's driver is too old for the image",
            Blame::Host,
            &[
                "Error response from daemon: failed to create task for container: OCI runtime create failed: nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.8, please update your driver to a newer version",
            ],
        ),
        (
            "the host cannot pass its GPUs to containers",
            Blame::Host,
            &[
                "docker: Error response from daemon: could not select device driver \"\" with capabilities: [[gpu]].",
            ],
        ),
        (
            "the host's disk is full",
            Blame::Host,
            &["failed to register layer: write /usr/lib/libtorch.so: no space left on device"],
        ),
    ];

    #[test]
    fn workload_failures_have_cause_and_advice() {
        for (name, blame, lines) in LINES {
            for line in *lines {
                let found = find(LOG, line).unwrap_or_else(|| panic!("not recognised: {line}"));
                assert_eq!((found.name, found.blame), (*name, *blame), "{line}");
                assert!(!found.advice.is_empty(), "{line}");
                assert!(SIGNS.iter().any(|sign| line.contains(sign)), "{line}");
            }
        }
    }

    #[test]
    fn workload_failures_have_prefilter_sign() {
        for text in LOG.iter().flat_map(|fault| fault.texts) {
            let mut signs = SIGNS.iter().map(|sign| sign.to_ascii_lowercase());
            assert!(signs.any(|sign| text.contains(&sign)), "{text}");
        }
    }

    #[test]
    fn host_failures_have_cause_and_advice() {
        for (name, blame, statuses) in STATUSES {
            for status in *statuses {
                let found = find(IMAGE, status)
                    .or_else(|| find(HOST, status))
                    .unwrap_or_else(|| panic!("not recognised: {status}"));
                assert_eq!((found.name, found.blame), (*name, *blame), "{status}");
                assert!(!found.advice.is_empty(), "{status}");
            }
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
