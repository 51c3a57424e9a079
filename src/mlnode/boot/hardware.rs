//! Compares the hardware that a node reports with what was ordered. Pure.

use crate::domain::{GpuDevice, GpuDriver, MlNodeStatus, OrderedMachine};

/// Share of the ordered memory that must be usable: drivers reserve some.
const MEMORY_SLACK_PERCENT: u64 = 90;

/// Versions are floats: 12.8 may come as 12.800000001.
const CUDA_SLACK: f64 = 0.001;

/// How the machine falls short of the order: a name, and the evidence. A GPU that fell off the bus, or a
/// driver older than advertised, shows only here. What could not be read is no evidence.
pub(super) fn shortcoming(
    ordered: &OrderedMachine,
    status: &MlNodeStatus,
) -> Option<(&'static str, String)> {
    let gpus = status.gpus.as_deref();
    let driver = status.driver.as_ref();
    gpus.and_then(|gpus| missing_gpus(ordered, gpus))
        .or_else(|| {
            let evidence = driver.and_then(|driver| old_driver(ordered, driver))?;
            Some(("the host's driver is older than ordered", evidence))
        })
}

fn missing_gpus(ordered: &OrderedMachine, gpus: &[GpuDevice]) -> Option<(&'static str, String)> {
    if gpus.is_empty() {
        let evidence = "the node's list of GPUs is empty: its container sees none";
        return Some(("the machine has no GPUs", evidence.to_owned()));
    }
    let least = ordered.gpu_memory_mb * MEMORY_SLACK_PERCENT / 100;
    let usable = |gpu: &&GpuDevice| gpu.available && gpu.total_memory_mb >= least;
    let (count, wanted) = (gpus.iter().filter(usable).count(), ordered.gpus);
    let evidence = format!("{count} of {wanted} ordered GPUs have {least} MB usable");
    (count < wanted as usize).then_some(("GPUs are missing", evidence))
}

fn old_driver(ordered: &OrderedMachine, driver: &GpuDriver) -> Option<String> {
    let (ordered, supported) = (ordered.cuda?, driver.cuda?);
    let version = &driver.version;
    (supported < ordered - CUDA_SLACK)
        .then(|| format!("driver {version} supports CUDA {supported}, {ordered} was ordered"))
}

/// How many instances of vLLM fit on the GPUs: one takes `TP × PP` of them
/// (gonka v0.2.13 `api/inference/vllm/runner.py`). Unknown when an argument cannot be read.
pub(super) fn instances(gpus: u32, args: &[String]) -> Option<u32> {
    let parallel = |names: &[&str]| -> Option<u32> {
        for (at, arg) in args.iter().enumerate() {
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (arg.as_str(), args.get(at + 1).map(String::as_str)),
            };
            if names.contains(&name) {
                return value?.parse().ok().filter(|count| *count > 0);
            }
        }
        Some(1)
    };
    let tensor = parallel(&["--tensor-parallel-size", "-tp"])?;
    let pipeline = parallel(&["--pipeline-parallel-size", "-pp"])?;
    Some((gpus / tensor.checked_mul(pipeline)?).max(1))
}
