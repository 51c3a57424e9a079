//! What log lines of the workload, and the errors that its API reports, mean.
//!
//! Sources of the texts: CUDA's `cudaGetErrorString`; torch (`c10/cuda`, `torch/cuda/__init__.py`); NCCL
//! (`src/os/linux.cc`, `src/init.cc`); vLLM (`vllm/v1/core/kv_cache_utils.py`, `vllm/v1/worker/utils.py`,
//! `vllm/v1/engine/core.py`, `vllm/v1/executor/multiproc_executor.py`, `vllm/config/*`); argparse;
//! `huggingface_hub` (`utils/_http.py`, `file_download.py`); transformers (`dynamic_module_utils.py`,
//! `models/auto`); Triton (`backends/nvidia/driver.py`); Uvicorn; Gonka v0.2.14
//! (`mlnode/packages/api/src/api/{inference,models}`, `watcher.py`, `entrypoint.sh`). Reports are named
//! where one decided the blame.
//!
//! [`Blame::Ours`](crate::domain::Blame) ends a sprint, so it is for what fails alike everywhere.

use super::fault::{ANOTHER_MACHINE, Fault, NEWER_DRIVER, host, nobody, ours};

const READ_ABOVE: &str = "read the log above this line";
const MORE_MEMORY: &str = "rent more GPU memory or change mlnode.args";
const CHECK_ARGUMENTS: &str = "check mlnode.args against the image's vLLM version";

/// Weightiest first: the first that matches counts.
pub(super) const FAULTS: &[Fault] = &[
    // GPU, driver, host.
    host(
        "the host's driver is too old for the image",
        &[
            "nvidia driver on your system is too old",
            "driver version is insufficient for cuda runtime",
            // 804: the image's newer libcuda is allowed on data centre GPUs only
            // (gpustack/gpustack#1254: driver 535).
            "forward compatibility was attempted on non supported hw",
            "ptx was compiled with an unsupported toolchain",
        ],
    )
    .with_advice(NEWER_DRIVER),
    // 803: the image has an older libcuda (`cuda/compat`) in its path than the host's driver. The line
    // does not say which of them is wrong (llm-d/llm-d#706).
    nobody(
        "image and host have different drivers",
        "retrying on another machine; if it happens on many, the image's LD_LIBRARY_PATH has cuda/compat in it",
        &["unsupported display driver / cuda driver combination"],
    ),
    host(
        "the host's GPU fabric is down",
        // 802, "CUDA error: …" and "CUDA driver error: …": the fabric manager does not run.
        &["system not yet initialized"],
    ),
    host(
        "the host's driver was changed without a restart",
        &[
            "driver/library version mismatch",
            "nvml/rm version mismatch",
        ],
    ),
    host(
        "a GPU has failed",
        &[
            "fallen off the bus",
            "gpu is lost",
            "unable to determine the device handle for gpu",
            "uncorrectable nvlink error",
            "hardware stack error",
        ],
    ),
    host(
        "a GPU has failed",
        // NVRM's numbers of hardware errors: NVIDIA, "Xid Errors". 13, 31, 43 and 45 are programs' own.
        &["nvrm: xid ("],
    )
    .besides(&[
        "): 48,", "): 62,", "): 64,", "): 74,", "): 79,", "): 95,", "): 119,", "): 120,", "): 140,",
    ]),
    host("a GPU's memory is broken", &["uncorrectable ecc error"]),
    host(
        "the host has lost its GPUs",
        &[
            "no cuda gpus are available",
            "no cuda-capable device is detected",
            "found no nvidia driver on your system",
            "couldn't communicate with the nvidia driver",
            // The container runtime mounts it with the driver.
            "libcuda.so.1: cannot open shared object file",
        ],
    ),
    host(
        "another process holds the GPUs",
        &["cuda-capable device(s) is/are busy or unavailable"],
    ),
    // On a fresh machine another tenant's, after a restart a leftover of our own vLLM.
    nobody(
        "another process uses the GPUs' memory",
        "another tenant's, or a leftover of an earlier start; retrying",
        &["is less than desired gpu memory utilization"],
    ),
    host(
        "the GPU is too old for the image",
        &["no kernel image is available"],
    )
    .with_advice("raise vast.min_cuda or choose another GPU"),
    nobody(
        "the GPU does not support the model's format",
        "choose another GPU in vast.gpu_names, or another model",
        &["is not supported for the current gpu"],
    ),
    // NCCL and torch's data loaders use it; the host decides its size.
    host(
        "GPUs cannot communicate: shared memory is too small",
        &[
            "error while creating shared memory segment",
            "insufficient shared memory (shm)",
            "out of shared memory. please try to raise your shared memory limit",
        ],
    ),
    host(
        "GPUs cannot communicate: shared memory is too small",
        &["no space left on device"],
    )
    .besides(&["/dev/shm"]),
    host(
        "the host's disk fails",
        &[
            "[errno 5] input/output error",
            "[errno 30] read-only file system",
        ],
    ),
    // Memory, disk and arguments.
    ours(
        "GPU memory is too small",
        MORE_MEMORY,
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
        // Later versions print no parenthesis before the size.
        &["kv cache is needed, which is larger than"],
    ),
    nobody(
        "the machine's memory is too small",
        "retrying; 1.5 times the GPUs' memory is advised",
        &["cannot allocate memory", "can't allocate memory"],
    ),
    ours(
        "the disk is full",
        "raise vast.disk: image and model must fit",
        &["no space left on device", "disk quota exceeded"],
    ),
    nobody(
        "too many files are open",
        "the image's entrypoint raises the limit as far as the host allows: keep it in the command",
        &["too many open files"],
    ),
    ours(
        "vLLM rejects an argument",
        CHECK_ARGUMENTS,
        &[
            "error: unrecognized arguments",
            "error: argument -",
            "error: ambiguous option",
            "error: the following arguments are required",
            "invalid tool call parser",
            "invalid reasoning parser",
        ],
    ),
    ours(
        "the context is longer than the model's",
        "lower --max-model-len in mlnode.args",
        &["user-specified max_model_len"],
    ),
    ours(
        "the model cannot be split over so many GPUs",
        "change --tensor-parallel-size in mlnode.args",
        &[
            "must be divisible by tensor parallel size",
            "can be caused by too large tensor parallel size",
            "is not divisible by weight quantization block",
        ],
    ),
    // A GPU that is missing, or arguments for more than were rented.
    nobody(
        "the arguments need more GPUs than there are",
        "retrying; --tensor-parallel-size times --pipeline-parallel-size must not exceed the GPUs",
        &[
            "is larger than the number of available gpus",
            "than max local gpu count",
            "invalid device ordinal",
        ],
    ),
    ours(
        "the image does not know the model",
        "a newer vast.image is needed for this mlnode.model",
        &[
            "does not recognize this architecture",
            "are not supported for now",
        ],
    ),
    ours(
        "the model needs its own code",
        "add --trust-remote-code to mlnode.args if you trust the model's authors",
        &[
            "requires you to execute the configuration file in that repo",
            "contains custom code which must be executed",
        ],
    ),
    // The hub.
    ours(
        "the model is gated",
        "accept the model's terms on its page and check the access token in vast.env",
        &["cannot access gated repo"],
    ),
    ours(
        "the model does not exist",
        "check mlnode.model; for a private model also the access token in vast.env",
        &[
            // Also what the hub says of a private model to those without a token.
            "repository not found",
            "repositorynotfounderror",
            "is not a valid model identifier",
        ],
    ),
    ours(
        "the model's revision does not exist",
        "check mlnode.revision",
        &[
            "revision not found",
            "revisionnotfounderror",
            "is not a valid git identifier",
        ],
    ),
    // Signed addresses of the hub's stores expire, and some networks block them.
    nobody(
        "the download was refused",
        "retrying",
        &["403 client error", "401 client error"],
    )
    .besides(&["cdn-lfs", "xethub", "cas-bridge", "cloudfront"]),
    ours(
        "the hub refuses the model",
        "accept the model's terms on its page and check the access token in vast.env",
        &[
            "403 client error",
            "403 forbidden:",
            "401 client error",
            "invalid credentials in authorization header",
        ],
    ),
    nobody(
        "the hub limits our requests",
        "retrying; an access token in vast.env raises the limit",
        &["429 client error", "429 too many requests"],
    ),
    ours(
        "downloads are switched off",
        "remove HF_HUB_OFFLINE from vast.env",
        &["outgoing traffic has been disabled", "offlinemodeisenabled"],
    ),
    nobody(
        "the machine cannot reach the hub",
        ANOTHER_MACHINE,
        &[
            "couldn't connect to 'https://huggingface.co'",
            "failed to resolve 'huggingface.co'",
        ],
    ),
    nobody(
        "the machine cannot resolve names",
        ANOTHER_MACHINE,
        &["temporary failure in name resolution"],
    ),
    nobody(
        "a file of the model is incomplete",
        "retrying with a new download",
        &["error while deserializing header"],
    ),
    nobody(
        "the download stands still",
        "retrying on another machine; MODEL_DOWNLOAD_STALL_TIMEOUT=3600 in vast.env helps slow lines",
        &["download stalled after", "download timeout after 24 hours"],
    ),
    nobody(
        "the downloaded model is not whole",
        "retrying",
        &["download verification failed after retries"],
    ),
    // Image and start.
    ours(
        "the image has no vLLM",
        "check vast.image",
        &["vllm: not found", "no module named 'vllm'"],
    ),
    ours(
        "the image has no PoC module",
        "remove MLNODE_VLLM_MODULE from vast.env, or take an image that has it",
        &["no module named 'gonka_poc"],
    ),
    ours(
        "the image is no MLNode",
        "check vast.image",
        &[
            "can't cd to /app",
            "cd: /app: no such file or directory",
            "/app/entrypoint.sh: no such file or directory",
            "/app/entrypoint.sh: not found",
            "uvicorn: not found",
            "uvicorn: command not found",
            "no module named 'api'",
            "could not import module \"api.app\"",
        ],
    ),
    ours(
        "the image's user ids are taken",
        "set HOST_UID and HOST_GID in vast.env to free ids",
        &["groupadd: gid ", "useradd: uid "],
    ),
    // Its entrypoint links the driver's libcuda.so.1 (v0.2.14 mlnode/packages/api/entrypoint.sh).
    ours(
        "libcuda.so is missing: the image's entrypoint did not run",
        "start the image through /app/entrypoint.sh",
        &["libcuda.so cannot found", "cannot find -lcuda"],
    ),
    // Our own of an earlier start, or a service of the market's image.
    nobody(
        "a port is taken",
        "a leftover of an earlier start, or another service on the machine; retrying",
        &["address already in use"],
    ),
    // What has many causes.
    nobody(
        "a GPU program crashed",
        "retrying; a bug of vLLM or a GPU that is broken",
        &[
            "an illegal memory access was encountered",
            "unspecified launch failure",
            "device-side assert triggered",
            "misaligned address",
        ],
    )
    .consequence(),
    nobody(
        "a process crashed",
        "retrying; shared memory, a disk error or a bug",
        &[
            "bus error",
            "sigbus received",
            "segmentation fault",
            "sigsegv received",
        ],
    )
    .consequence(),
    nobody(
        "a GPU driver error",
        "read dmesg, if the host allows it",
        &["nvrm: xid ("],
    )
    .consequence(),
    nobody(
        "vLLM finds no GPU",
        "read the log above this line; the image may be for another platform",
        &[
            "failed to infer device type",
            "device string must not be empty",
        ],
    )
    .consequence(),
    // The others of a group report it when one of them ends.
    nobody(
        "a vLLM process ended",
        READ_ABOVE,
        &[
            "remote process exited or there was a network error",
            "died unexpectedly",
        ],
    )
    .consequence(),
    host("GPUs cannot communicate", &["nccl error"]).consequence(),
    nobody(
        "the machine cannot reach the hub",
        ANOTHER_MACHINE,
        &[
            "we cannot find the requested files in the local cache",
            "we cannot find the appropriate",
        ],
    )
    .consequence(),
    // Its limit is 1,200 s up to 3.0.14, then VLLM_RUNNER_TIMEOUT: a slow line or disk, or too big a model.
    nobody(
        "vLLM did not start in the time that MLNode waits",
        "download before the load, a newer image with VLLM_RUNNER_TIMEOUT, or a faster machine",
        &["vllm server did not become available within"],
    )
    .consequence(),
    nobody("vLLM hangs", "retrying", &["scheduler heartbeat frozen"]).consequence(),
    // Only that it ended.
    nobody(
        "vLLM did not start",
        READ_ABOVE,
        &[
            "engine core initialization failed",
            "enginecore failed to start",
            "workerproc initialization failed",
            "vllm process exited prematurely",
            "vllm failed to start within the expected timeout",
            "async startup failed",
            "failed to start inferencemanager",
            "failed to start vllm",
        ],
    )
    .end(),
    nobody(
        "vLLM ended",
        READ_ABOVE,
        &[
            "enginecore encountered a",
            "enginedeaderror",
            "vllmrunner is not alive",
            "manager has failed with exception",
            "times in a row. shutting down the application",
            "is unhealthy (count:",
        ],
    )
    .end(),
];
