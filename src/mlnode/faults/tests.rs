use super::*;
use crate::domain::Blame::{self, Host, Nobody, Ours};

/// Lines of real programs, with what they show. Most are from public reports: vllm-project/vllm#6976,
/// #7514, #8974, #9312, #11643, #18831, #24541, #32468, #36099, llm-d/llm-d#352 and #706,
/// gpustack/gpustack#1254 and #2723, MiniMax-AI/MiniMax-M2.5#9, QwenLM/Qwen3-VL#264, gonka-ai/gonka#1421.
const LINES: &[(&str, Blame, &[&str])] = &[
    (
        "the host's driver is too old for the image",
        Host,
        &[
            "RuntimeError: CUDA driver version is insufficient for CUDA runtime version",
            "RuntimeError: The NVIDIA driver on your system is too old (found version 12020). Please update your GPU driver",
            "ERROR 03-26 05:25:01 engine.py:389] Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling NumCudaDevices() that might have already set an error? Error 804: forward compatibility was attempted on non supported HW",
            "RuntimeError: CUDA error: the provided PTX was compiled with an unsupported toolchain.",
        ],
    ),
    (
        "image and host have different drivers",
        Nobody,
        &[
            "(EngineCore_DP0 pid=68) ERROR 02-06 16:34:06 [core.py:936] RuntimeError: Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling NumCudaDevices() that might have already set an error? Error 803: system has unsupported display driver / cuda driver combination",
        ],
    ),
    (
        "the host's GPU fabric is down",
        Host,
        &[
            "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 802: system not yet initialized",
            "ERROR 10-15 09:00:49 [multiproc_executor.py:628] RuntimeError: CUDA driver error: system not yet initialized",
        ],
    ),
    (
        "the host's driver was changed without a restart",
        Host,
        &[
            "Failed to initialize NVML: Driver/library version mismatch",
            "pynvml.NVMLError_LibRmVersionMismatch: RM has detected an NVML/RM version mismatch.",
        ],
    ),
    (
        "a GPU has failed",
        Host,
        &[
            "NVRM: Xid (PCI:0000:3b:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.",
            "[ 4711.100] NVRM: Xid (PCI:0000:86:00): 119, pid=3301, name=python3, Timeout after 45s of waiting for RPC response from GPU1 GSP!",
            "Unable to determine the device handle for GPU0000:3B:00.0: Unknown Error",
            "pynvml.NVMLError_GpuIsLost: GPU is lost",
        ],
    ),
    (
        "a GPU driver error",
        Nobody,
        &[
            "NVRM: Xid (PCI:0000:3b:00): 31, pid=4411, name=python3, Ch 00000008, intr 00000000. MMU Fault",
        ],
    ),
    (
        "a GPU's memory is broken",
        Host,
        &["torch.AcceleratorError: CUDA error: uncorrectable ECC error encountered"],
    ),
    (
        "the host has lost its GPUs",
        Host,
        &[
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.",
            "RuntimeError: No CUDA GPUs are available",
            "RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU",
            "ImportError: libcuda.so.1: cannot open shared object file: No such file or directory",
            "RuntimeError: CUDA error: no CUDA-capable device is detected",
        ],
    ),
    (
        "another process holds the GPUs",
        Host,
        &[
            "CUDA error: all CUDA-capable devices are busy: CUDA-capable device(s) is/are busy or unavailable",
        ],
    ),
    (
        "another process uses the GPUs' memory",
        Nobody,
        &[
            "ValueError: Free memory on device (9.61/79.11 GiB) on startup is less than desired GPU memory utilization (0.9, 71.2 GiB).",
        ],
    ),
    (
        "the GPU is too old for the image",
        Host,
        &["RuntimeError: CUDA error: no kernel image is available for execution on the device"],
    ),
    (
        "the GPU does not support the model's format",
        Nobody,
        &[
            "ValueError: The quantization method fp8 is not supported for the current GPU. Minimum capability: 90. Current capability: 86.",
        ],
    ),
    (
        "GPUs cannot communicate: shared memory is too small",
        Host,
        &[
            "misc/shmutils.cc:87 NCCL WARN Error: failed to extend /dev/shm/nccl-XZ. Error while creating shared memory segment /dev/shm/nccl-XZ (size 9637888)",
            "[2025-10-13 09:06:25] host:3663:4044 [0] misc/shmutils.cc:129 NCCL WARN Error while creating shared memory segment /dev/shm/nccl-Ewjreo (size 33030528), error: No space left on device (28)",
            "OSError: [Errno 28] No space left on device: '/dev/shm/psm_1a2b3c4d'",
            "ERROR: Unexpected bus error encountered in worker. This might be caused by insufficient shared memory (shm).",
        ],
    ),
    (
        "the host's disk fails",
        Host,
        &["OSError: [Errno 5] Input/output error: '/root/.cache/hub/blobs/4f1c'"],
    ),
    (
        "GPU memory is too small",
        Ours,
        &[
            "(VllmWorker TP1 pid=512) ERROR torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 1 has a total capacity of 79.11 GiB of which 1.02 GiB is free.",
            "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.",
        ],
    ),
    (
        "GPU memory is too small for the context",
        Ours,
        &[
            "ValueError: To serve at least one request with the models's max seq len (196608), (7.75 GiB KV cache is needed, which is larger than the available KV cache memory (3.10 GiB).",
            "ValueError: To serve at least one request with the model's max seq len (1645057), 87.86 GiB KV cache is needed, which is larger than the available KV cache memory (71.03 GiB)",
        ],
    ),
    (
        "the machine's memory is too small",
        Nobody,
        &[
            "OSError: [Errno 12] Cannot allocate memory",
            "RuntimeError: [enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory: you tried to allocate 2415919104 bytes.",
        ],
    ),
    (
        "the disk is full",
        Ours,
        &[
            "RuntimeError: Data processing error: CAS service error : IO Error: No space left on device (os error 28)",
            "OSError: [Errno 122] Disk quota exceeded: '/root/.cache/huggingface/hub'",
        ],
    ),
    (
        "too many files are open",
        Nobody,
        &["OSError: [Errno 24] Too many open files: '/proc/self/stat'"],
    ),
    (
        "vLLM rejects an argument",
        Ours,
        &[
            "api_server.py: error: unrecognized arguments: --tensor-paralel-size 4",
            "api_server.py: error: argument --tool-call-parser: invalid choice: 'llama3_json' (choose from 'mistral', 'hermes')",
            "(APIServer pid=966592) KeyError: 'invalid tool call parser: openai (chose from { deepseek_v3, glm45, minimax })'",
        ],
    ),
    (
        "the context is longer than the model's",
        Ours,
        &[
            "ValueError: User-specified max_model_len (262144) is greater than the derived max_model_len (max_position_embeddings=196608 or model_max_length=None in model's config.json).",
        ],
    ),
    (
        "the model cannot be split over so many GPUs",
        Ours,
        &[
            "ValueError: Total number of attention heads (48) must be divisible by tensor parallel size (5).",
            "ValueError: The output_size of gate's and up's weight = 192 is not divisible by weight quantization block_n = 128.",
            "ERROR 02-22 00:01:41 engine.py:400] The input size is not aligned with the quantized weight shape. This can be caused by too large tensor parallel size.",
        ],
    ),
    (
        "the arguments need more GPUs than there are",
        Nobody,
        &[
            "RuntimeError: please ensure that world_size (8) is less than than max local gpu count (4)",
            "RuntimeError: CUDA error: invalid device ordinal",
        ],
    ),
    (
        "the image does not know the model",
        Ours,
        &[
            "ValueError: The checkpoint you are trying to load has model type `glm5_next` but Transformers does not recognize this architecture. This could be because of an issue with the checkpoint, or because your version of Transformers is out of date.",
            "ValueError: Model architectures ['Glm5NextForCausalLM'] are not supported for now. Supported architectures: dict_keys(['LlamaForCausalLM'])",
        ],
    ),
    (
        "the model needs its own code",
        Ours,
        &[
            "ValueError: Loading org/model requires you to execute the configuration file in that repo on your local machine. Make sure you have read the code there to avoid malicious use, then set the option `trust_remote_code=True` to remove this error.",
            "ValueError: The repository `org/model` contains custom code which must be executed to correctly load the model.",
        ],
    ),
    (
        "the model is gated",
        Ours,
        &[
            "huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: Root=1-66) Cannot access gated repo for url https://huggingface.co/org/model/resolve/main/config.json.",
            "Cannot access gated repo for url https://huggingface.co/org/model/resolve/main/config.json.",
        ],
    ),
    (
        "the model does not exist",
        Ours,
        &[
            "huggingface_hub.errors.RepositoryNotFoundError: 404 Client Error. Repository Not Found for url: https://huggingface.co/api/models/org/none.",
            "huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error. (Request ID: Root=1-693a1619)",
            "OSError: org/modle is not a local folder and is not a valid model identifier listed on 'https://huggingface.co/models'",
            "Repository not found: org/none",
        ],
    ),
    (
        "the model's revision does not exist",
        Ours,
        &[
            "huggingface_hub.errors.RevisionNotFoundError: 404 Client Error.",
            "Revision not found: 0123456789abcdef0123456789abcdef01234567",
        ],
    ),
    (
        "the download was refused",
        Nobody,
        &[
            "requests.exceptions.HTTPError: 403 Client Error: Forbidden for url: https://cas-bridge.xethub.hf.co/xet-bridge-us/6543?X-Amz-Expires=3600",
        ],
    ),
    (
        "the hub refuses the model",
        Ours,
        &[
            "requests.exceptions.HTTPError: 403 Client Error: Forbidden for url: https://huggingface.co/org/model/resolve/main/config.json",
            "requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://huggingface.co/org/model/resolve/main/config.json",
            "403 Forbidden: Please enable access to public gated repositories in your fine-grained token settings.",
        ],
    ),
    (
        "the hub limits our requests",
        Nobody,
        &[
            "requests.exceptions.HTTPError: 429 Client Error: Too Many Requests for url: https://huggingface.co/api/models/org/model",
            "429 Too Many Requests: you have reached your 'api' rate limit.",
        ],
    ),
    (
        "downloads are switched off",
        Ours,
        &[
            "huggingface_hub.errors.LocalEntryNotFoundError: Cannot find the requested files in the disk cache and outgoing traffic has been disabled. To enable hf.co look-ups and downloads online, set 'local_files_only' to False.",
        ],
    ),
    (
        "the machine cannot reach the hub",
        Nobody,
        &[
            "OSError: We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in the cached files.",
            "huggingface_hub.errors.LocalEntryNotFoundError: An error happened while trying to locate the file on the Hub and we cannot find the requested files in the local cache. Please check your connection and try again or make sure your Internet connection is on.",
        ],
    ),
    (
        "the machine cannot resolve names",
        Nobody,
        &["httpx.ConnectError: [Errno -3] Temporary failure in name resolution"],
    ),
    (
        "a file of the model is incomplete",
        Nobody,
        &[
            "safetensors_rust.SafetensorError: Error while deserializing header: MetadataIncompleteBuffer",
        ],
    ),
    (
        "the download stands still",
        Nobody,
        &["Download stalled after 3 retries"],
    ),
    (
        "the image has no vLLM",
        Ours,
        &[
            "sh: 1: exec: vllm: not found",
            "/usr/bin/python3.12: Error while finding module specification for 'vllm.entrypoints.openai.api_server' (ModuleNotFoundError: No module named 'vllm')",
        ],
    ),
    (
        "the image has no PoC module",
        Ours,
        &["ModuleNotFoundError: No module named 'gonka_poc'"],
    ),
    (
        "the image is no MLNode",
        Ours,
        &[
            "sh: 1: cd: can't cd to /app",
            "bash: line 1: cd: /app: No such file or directory",
            "bash: line 1: /app/entrypoint.sh: No such file or directory",
            "/app/entrypoint.sh: line 28: exec: uvicorn: not found",
            "ERROR:    Error loading ASGI app. Could not import module \"api.app\".",
        ],
    ),
    (
        "the image's user ids are taken",
        Ours,
        &[
            "groupadd: GID '1001' already exists",
            "useradd: UID 1000 is not unique",
        ],
    ),
    (
        "libcuda.so is missing: the image's entrypoint did not run",
        Ours,
        &[
            "AssertionError: libcuda.so cannot found!",
            "/usr/bin/ld: cannot find -lcuda: No such file or directory",
        ],
    ),
    (
        "a port is taken",
        Nobody,
        &[
            "OSError: [Errno 98] Address already in use",
            "ERROR:    [Errno 98] error while attempting to bind on address ('0.0.0.0', 8080): address already in use",
            "[2024-09-05T00:38:34Z] ERROR:    [Errno 98] error while attempting to bind on address ('0.0.0.0', 5001): [errno 98] address already in use",
        ],
    ),
    (
        "a GPU program crashed",
        Nobody,
        &[
            "[rank0]:[E219 12:14:43.351647859 ProcessGroupNCCL.cpp:1595] [PG ID 2 PG GUID 3 Rank 0] Process group watchdog thread terminated with exception: CUDA error: an illegal memory access was encountered",
            "RuntimeError: CUDA error: unspecified launch failure",
        ],
    ),
    (
        "a process crashed",
        Nobody,
        &[
            "Fatal Python error: Bus error",
            "(RayWorker pid=3554640) *** SIGBUS received at time=1692931519 on cpu 133 ***",
        ],
    ),
    (
        "vLLM finds no GPU",
        Nobody,
        &[
            "RuntimeError: Failed to infer device type, please set the environment variable `VLLM_LOGGING_LEVEL=DEBUG` to turn on verbose logging to help debug the issue.",
        ],
    ),
    (
        "a vLLM process ended",
        Nobody,
        &[
            "ERROR 11-08 11:01:29 [multiproc_executor.py:135] Worker proc VllmWorker-3 died unexpectedly, shutting down executor.",
            "ERROR 01-16 17:16:49 [core_client.py:605] Engine core proc EngineCore_DP0 died unexpectedly, shutting down client.",
            "torch.distributed.DistBackendError: NCCL error in: /pytorch/NCCLUtils.cpp:77, remote process exited or there was a network error, NCCL version 2.27.3",
        ],
    ),
    (
        "GPUs cannot communicate",
        Host,
        &[
            "torch.distributed.DistBackendError: NCCL error in: /pytorch/torch/csrc/distributed/c10d/NCCLUtils.cpp:77, unhandled system error",
        ],
    ),
    (
        "vLLM did not start in the time that MLNode waits",
        Nobody,
        &[
            "2026-11-29 03:24:05,678 - api.inference.vllm.runner - ERROR - vLLM server did not become available within timeout.",
            "2026-11-29 04:04:05,678 - api.inference.vllm.runner - ERROR - vLLM server did not become available within 3600 seconds.",
        ],
    ),
    (
        "vLLM hangs",
        Nobody,
        &[
            "2026-11-29 04:04:05,678 - api.inference.vllm.runner - ERROR - vLLM instance on port 5001: scheduler heartbeat frozen >120s over 3 consecutive checks with running=4 waiting=9 -- reporting unhealthy for restart",
        ],
    ),
    (
        "vLLM did not start",
        Nobody,
        &[
            "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}",
            "(EngineCore pid=395145) ERROR 06-03 12:30:47 [core.py:1165] Exception: WorkerProc initialization failed due to an exception in a background process. See stack trace for root cause.",
            "vLLM process exited prematurely: None",
            "2026-11-29 03:24:05,678 - api.inference.manager - ERROR - Async startup failed: vLLM process exited prematurely: None",
            "2026-11-29 03:24:05,678 - api.inference.manager - ERROR - Failed to start InferenceManager: vLLM failed to start within the expected timeout: None",
        ],
    ),
    (
        "vLLM ended",
        Nobody,
        &[
            "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.",
            "2026-11-29 03:24:05,678 - api.watcher - ERROR - Manager InferenceManager is unhealthy (count: 2/3)",
            "2026-11-29 03:24:05,678 - common.manager - ERROR - Manager InferenceManager has failed with exception: vLLM process exited",
            "2026-11-29 03:24:07,678 - api.watcher - CRITICAL - Manager InferenceManager has been unhealthy 3 times in a row. Shutting down the application.",
        ],
    ),
];

/// Lines of healthy starts and of healthy nodes.
const INNOCENT: &[&str] = &[
    "INFO 11-25 00:54:07 [gpu_worker.py:298] Available KV cache memory: 41.22 GiB",
    "INFO 11-25 00:54:07 [kv_cache_utils.py:864] Maximum concurrency for 196,608 tokens per request: 1.87x",
    "Download stalled for 60s, will retry",
    "2026-11-29 03:04:05,678 - api.models.manager - WARNING - Download stalled for MiniMaxAI/MiniMax-M2.7:latest, will retry",
    "2026-11-29 03:04:05,678 - api.models.manager - WARNING - Download failed for org/m:latest, will retry: OSError: [Errno 28] No space left on device",
    "INFO Automatically detected platform cuda.",
    "WARNING [symm_mem.py:58] SymmMemCommunicator: Device capability 9.0 not supported, communicator is not available.",
    "INFO [pynccl.py:70] vLLM is using nccl==2.27.3",
    "GET /api/v1/inference/up/status HTTP/1.1 200 OK",
    "a3ed95caeb02: Pulling fs layer",
    "5f70bf18a086: Extracting [=====>      ]  1.2GB/3.4GB",
    "success, running ghcr.io/org/mlnode:3.0.10/ssh",
    // What users send.
    "INFO 04-10 03:35:45 [logger.py:39] Received request chatcmpl-b654: prompt: '<|im_start|>user\\nWhy does torch say CUDA out of memory?<|im_end|>', params: SamplingParams(n=1)",
    "Received request chatcmpl-b654: prompt: 'CUDA out of memory', params: SamplingParams(n=1)",
    "(APIServer pid=1) INFO:     10.80.23.18:51408 - \"POST /v1/chat/completions?q=CUDA+out+of+memory HTTP/1.1\" 200 OK",
    "10.80.23.18:51408 - \"GET /CUDA out of memory HTTP/1.1\" 404 Not Found",
    "(APIServer pid=1) ERROR 05-12 01:48:42 [serving_chat.py:72] pydantic_core.ValidationError: 1 validation error input_value='No space left on device', input_type=str",
    "{\"role\": \"user\", \"content\": \"Engine core initialization failed\"}",
    // What is tried again, or only warned of.
    "(APIServer pid=90980) ERROR 12-11 00:53:43 [repo_utils.py:65] 429 Client Error: Too Many Requests for url: https://huggingface.co/api/models/org/model, retrying 1 of 2",
    "(APIServer pid=90980) ERROR 12-11 00:53:45 [repo_utils.py:63] Error retrieving file list: 401 Client Error: Unauthorized for url: https://huggingface.co/api/models/org/model/tree/main?recursive=True&expand=False",
    "'(MaxRetryError('Failed to resolve 'huggingface.co''))' thrown while requesting HEAD https://huggingface.co/org/model. Retrying in 1s [Retry 1/5].",
    "/usr/local/lib/python3.12/dist-packages/torch/cuda/__init__.py:182: UserWarning: CUDA initialization: The NVIDIA driver on your system is too old (found version 12020).",
    "WARNING 12-19 08:56:01 [interface.py:221] Failed to import from vllm._C with ImportError('libcuda.so.1: cannot open shared object file: No such file or directory')",
    "host:421780:421780 [0] NCCL INFO NET/Plugin: Plugin load returned 2 : libnccl-net.so: cannot open shared object file: No such file or directory",
    "[rank0]:[W1129 03:04:05.678901234 ProcessGroupNCCL.cpp:1250] Warning: NCCL error: remote process exited",
    "Exception ignored in: <function _MultiProcessingDataLoaderIter.__del__>: OSError: [Errno 24] Too many open files",
    "2026-11-29 03:04:05,678 - api.proxy - INFO - No vLLM backend available. Ports: [5001], Healthy: {5001: False}",
    // Files that a model may lack.
    "huggingface_hub.errors.EntryNotFoundError: 404 Client Error. Entry Not Found for url: https://huggingface.co/org/model/resolve/main/generation_config.json.",
    "pocpit: the workload ended with status 137; restart 1 in 5 s",
];

const STATUSES: &[(&str, Blame, &[&str])] = &[
    (
        "the image does not exist",
        Ours,
        &[
            "Error response from daemon: manifest for org/node:3.9 not found: manifest unknown: manifest unknown",
            "Error response from daemon: pull access denied for org/node, repository does not exist or may require 'docker login'",
        ],
    ),
    (
        "the image does not support the host's CPU",
        Ours,
        &["no matching manifest for linux/arm64/v8 in the manifest list entries"],
    ),
    (
        "the registry rate-limits the host",
        Host,
        &[
            "Error response from daemon: toomanyrequests: You have reached your unauthenticated pull rate limit.",
        ],
    ),
    (
        "the host's driver is too old for the image",
        Host,
        &[
            "Error response from daemon: failed to create task for container: OCI runtime create failed: nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.8, please update your driver to a newer version",
        ],
    ),
    (
        "the host cannot pass its GPUs to containers",
        Host,
        &[
            "docker: Error response from daemon: could not select device driver \"\" with capabilities: [[gpu]].",
        ],
    ),
    (
        "the host's disk is full",
        Host,
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
fn workload_failures_are_all_tested() {
    for fault in LOG.faults {
        let tested = LINES.iter().any(|(name, ..)| *name == fault.name);
        assert!(
            tested || fault.name == "the downloaded model is not whole",
            "{}",
            fault.name
        );
    }
}

#[test]
fn workload_failures_have_prefilter_sign() {
    for (table, signs) in [(LOG, SIGNS), (WORK, WORK_SIGNS)] {
        for text in table.faults.iter().flat_map(|fault| fault.texts) {
            let mut signs = signs.iter().map(|sign| sign.to_ascii_lowercase());
            assert!(signs.any(|sign| text.contains(&sign)), "{text}");
        }
    }
}

#[test]
fn weightier_failures_are_found_first() {
    let weights: Vec<Weight> = LOG.faults.iter().map(|fault| fault.weight).collect();
    assert!(weights.is_sorted_by(|first, then| first >= then));
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
fn innocent_lines_convict_nobody() {
    for line in INNOCENT {
        for table in [LOG, WORK] {
            assert_eq!(find(table, line).map(|found| found.name), None, "{line}");
        }
    }
}

#[test]
fn healthy_statuses_match_nothing() {
    for status in [
        "a3ed95caeb02: Pulling fs layer",
        "5f70bf18a086: Extracting [=====>      ]  1.2GB/3.4GB",
        "success, running ghcr.io/org/mlnode:3.0.10/ssh",
    ] {
        for table in [IMAGE, HOST] {
            assert_eq!(
                find(table, status).map(|found| found.name),
                None,
                "{status}"
            );
        }
    }
}

/// Whatever a line says: behind these words it is a warning, progress, or a user's text.
#[test]
fn innocent_beginnings_convict_nobody() {
    let beginnings = [
        "INFO 11-24 11:54:11 [core.py:843] ",
        "(EngineCore_DP0 pid=441) (Worker_TP0 pid=512) WARNING 11-24 11:54:11 [core.py:843] ",
        "(APIServer pid=1) DEBUG 11-24 11:54:11 [core.py:843] ",
        "INFO:     ",
        "[2026-11-24T11:54:11Z] WARNING:  ",
        "2026-11-29 03:04:05,678 - api.inference.vllm.runner - INFO - ",
        "2026-11-29 03:04:05,678 - api.models.manager - WARNING - ",
        "/usr/lib/python3/site.py:12: UserWarning: ",
        "host:1:2 [0] NCCL INFO ",
        "[rank3]:[W1129 03:04:05.678 ProcessGroupNCCL.cpp:1] ",
        "ERROR 11-24 11:54:11 [x.py:1] Received request chatcmpl-1: prompt: '",
        "ERROR 11-24 11:54:11 [x.py:1] ValidationError input_value='",
        "10.0.0.1:5 - \"POST /",
        "Retrying in 2s: ",
    ];
    for line in LINES.iter().flat_map(|(_, _, lines)| *lines) {
        for beginning in beginnings {
            let line = format!("{beginning}{line}");
            assert_eq!(find(LOG, &line).map(|found| found.name), None, "{line}");
        }
    }
}

#[test]
fn lines_of_any_characters_are_read() {
    for line in [
        "",
        "é",
        "(",
        "[",
        "] - ",
        "ERROR",
        "[W123",
        "[w1",
        "\u{130}prompt:",
        "((((((",
        " - INFO - ",
    ] {
        let long = line.repeat(300);
        for line in [line, &long] {
            assert!(find(LOG, line).is_none(), "{line}");
        }
    }
}

#[test]
fn lost_work_has_cause_and_advice() {
    for (line, name) in [
        (
            "2026-11-29 03:04:05,678 - gonka_poc.poc.callbacks - WARNING - Callback to http://api:9100/v2/poc-batches/m/generated failed after 10 attempts, dropping 640 artifacts",
            Some("the Network Node did not take proofs, and they are lost"),
        ),
        (
            "Callback to http://api:9100/v2/poc-batches/m/validated failed after 10 attempts, giving up",
            Some("the Network Node did not take proofs, and they are lost"),
        ),
        (
            "WARNING 11-29 03:04:05 [routes.py:1] PoC timed out (#1), engine busy",
            Some("the PoC waits for vLLM, which is busy with something else"),
        ),
        (
            "ERROR 11-29 03:04:05 [routes.py:1] PoC generation crashed: CUDA out of memory",
            Some("the PoC computes nothing any more"),
        ),
        (
            "Callback to http://api:9100/v2/poc-batches/m/generated failed (attempt 1/10, next backoff 1.0s)",
            None,
        ),
    ] {
        assert_eq!(find(WORK, line).map(|found| found.name), name, "{line}");
    }
}
