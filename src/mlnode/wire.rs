//! The `MLNode`'s JSON, parsed leniently: old images send little, new ones add fields.

use serde::Deserialize;

use crate::domain::{GpuDevice, GpuDriver, PocStatus, ServiceState, StartupState};

/// `GET /api/v1/state`.
#[derive(Debug, Deserialize)]
pub(super) struct State {
    pub(super) state: String,
    #[serde(default)]
    pub(super) version: Option<String>,
    #[serde(default)]
    pub(super) poc_status: Option<String>,
    #[serde(default)]
    pub(super) inference_healthy: Option<bool>,
    #[serde(default)]
    pub(super) loaded_model: Option<String>,
}

/// `GET /api/v1/inference/up/status`.
#[derive(Debug, Deserialize)]
pub(super) struct Startup {
    status: String,
    #[serde(default)]
    error: Option<String>,
}

/// `GET /api/v1/gpu/devices`.
#[derive(Debug, Deserialize)]
pub(super) struct Gpus {
    #[serde(default)]
    pub(super) devices: Vec<Gpu>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Gpu {
    #[serde(default)]
    index: u32,
    #[serde(default)]
    name: String,
    #[serde(default)]
    total_memory_mb: Option<f64>,
    #[serde(default)]
    used_memory_mb: Option<f64>,
    #[serde(default)]
    utilization_percent: Option<f64>,
    #[serde(default)]
    temperature_c: Option<f64>,
    #[serde(default)]
    is_available: Option<bool>,
}

/// `GET /api/v1/gpu/driver`.
#[derive(Debug, Deserialize)]
pub(super) struct Driver {
    driver_version: String,
    #[serde(default)]
    cuda_driver_version: Option<String>,
}

pub(super) fn service_state(word: &str) -> ServiceState {
    match word {
        "STOPPED" => ServiceState::Stopped,
        "INFERENCE" => ServiceState::Inference,
        "POW" => ServiceState::Pow,
        "TRAIN" => ServiceState::Train,
        _ => ServiceState::Unknown,
    }
}

pub(super) fn poc_status(word: &str) -> PocStatus {
    match word {
        "IDLE" => PocStatus::Idle,
        "GENERATING" => PocStatus::Generating,
        "VALIDATING" => PocStatus::Validating,
        "MIXED" => PocStatus::Mixed,
        "NO_BACKENDS" => PocStatus::NoBackends,
        _ => PocStatus::Unknown,
    }
}

impl From<Startup> for StartupState {
    fn from(startup: Startup) -> StartupState {
        match startup.status.as_str() {
            "not_started" => StartupState::NotStarted,
            "starting" => StartupState::Starting,
            "completed" => StartupState::Completed,
            "failed" => {
                StartupState::Failed(startup.error.unwrap_or_else(|| "no reason given".into()))
            }
            "cancelled" => StartupState::Cancelled,
            _ => StartupState::Unknown,
        }
    }
}

impl From<Driver> for GpuDriver {
    fn from(driver: Driver) -> GpuDriver {
        let cuda = driver.cuda_driver_version;
        GpuDriver {
            version: driver.driver_version,
            cuda: cuda.and_then(|cuda| cuda.trim().parse().ok()),
        }
    }
}

impl From<Gpu> for GpuDevice {
    fn from(gpu: Gpu) -> GpuDevice {
        GpuDevice {
            index: gpu.index,
            name: gpu.name,
            total_memory_mb: megabytes(gpu.total_memory_mb),
            used_memory_mb: megabytes(gpu.used_memory_mb),
            utilization_percent: gpu.utilization_percent.unwrap_or(0.0),
            temperature_c: gpu.temperature_c,
            available: gpu.is_available.unwrap_or(true),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates at 0, which is the wanted bound"
)]
fn megabytes(value: Option<f64>) -> u64 {
    value.unwrap_or(0.0).round() as u64
}
