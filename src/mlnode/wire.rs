//! The `MLNode`'s JSON, parsed leniently: old images send little, new ones add fields.

use crate::domain::{GpuDevice, GpuDriver, MlNodeStatus, PocStatus, ServiceState, StartupState};
use crate::http::json::Fields;

/// `GET /api/v1/state`: the status without what other endpoints report.
pub(super) fn state(reply: Fields<'_>) -> Result<MlNodeStatus, String> {
    Ok(MlNodeStatus {
        state: match reply.required("state")? {
            "STOPPED" => ServiceState::Stopped,
            "INFERENCE" => ServiceState::Inference,
            "POW" => ServiceState::Pow,
            "TRAIN" => ServiceState::Train,
            _ => ServiceState::Unknown,
        },
        poc: reply.optional("poc_status")?.map(poc_status),
        inference_healthy: reply.optional("inference_healthy")?,
        loaded_model: reply.optional("loaded_model")?,
        version: reply.optional("version")?,
        startup: StartupState::Unknown,
        gpus: Vec::new(),
        driver: None,
    })
}

fn poc_status(word: &str) -> PocStatus {
    match word {
        "IDLE" => PocStatus::Idle,
        "GENERATING" => PocStatus::Generating,
        "VALIDATING" => PocStatus::Validating,
        "MIXED" => PocStatus::Mixed,
        "NO_BACKENDS" => PocStatus::NoBackends,
        _ => PocStatus::Unknown,
    }
}

/// `GET /api/v1/inference/up/status`.
pub(super) fn startup(reply: Fields<'_>) -> Result<StartupState, String> {
    let error: Option<String> = reply.optional("error")?;
    Ok(match reply.required("status")? {
        "not_started" => StartupState::NotStarted,
        "starting" => StartupState::Starting,
        "completed" => StartupState::Completed,
        "failed" => StartupState::Failed(error.unwrap_or_else(|| "no reason given".into())),
        "cancelled" => StartupState::Cancelled,
        _ => StartupState::Unknown,
    })
}

/// `GET /api/v1/gpu/devices`.
pub(super) fn gpus(reply: Fields<'_>) -> Result<Vec<GpuDevice>, String> {
    reply.rows("devices")?.into_iter().map(gpu).collect()
}

fn gpu(device: Fields<'_>) -> Result<GpuDevice, String> {
    Ok(GpuDevice {
        index: device.optional("index")?.unwrap_or_default(),
        name: device.optional("name")?.unwrap_or_default(),
        total_memory_mb: megabytes(device.optional("total_memory_mb")?),
        used_memory_mb: megabytes(device.optional("used_memory_mb")?),
        utilization_percent: device.optional("utilization_percent")?.unwrap_or_default(),
        temperature_c: device.optional("temperature_c")?,
        available: device.optional("is_available")?.unwrap_or(true),
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates at 0, which is the wanted bound"
)]
fn megabytes(value: Option<f64>) -> u64 {
    value.unwrap_or(0.0).round() as u64
}

/// `GET /api/v1/gpu/driver`.
pub(super) fn driver(reply: Fields<'_>) -> Result<GpuDriver, String> {
    let cuda: Option<&str> = reply.optional("cuda_driver_version")?;
    Ok(GpuDriver {
        version: reply.required("driver_version")?,
        cuda: cuda.and_then(|cuda| cuda.trim().parse().ok()),
    })
}
