//! The `MLNode`'s JSON, parsed leniently: old images send little, new ones add fields.

use crate::domain::{
    Backends, GpuDevice, GpuDriver, InferencePort, MlNodeStatus, NonceCount, PocStatus,
    ServiceState, StartupState, Weights,
};
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
        weights: Weights::Unknown,
        port: InferencePort::Silent,
        backends: None,
        gpus: None,
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

/// `GET /api/v1/inference/up/status`. It says `in_progress`, and before v0.2.4 `starting`.
pub(super) fn startup(reply: Fields<'_>) -> Result<StartupState, String> {
    let error: Option<String> = reply.optional("error")?;
    Ok(match reply.required("status")? {
        "not_started" => StartupState::NotStarted,
        "in_progress" | "starting" => StartupState::Starting,
        "completed" => StartupState::Completed,
        "failed" => StartupState::Failed(error.unwrap_or_else(|| "no reason given".into())),
        "cancelled" => StartupState::Cancelled,
        _ => StartupState::Unknown,
    })
}

/// `POST /api/v1/models/status` (gonka v0.2.13 `mlnode/packages/api/src/api/models/types.py`).
pub(super) fn weights(reply: Fields<'_>) -> Result<Weights, String> {
    let progress = reply.child("progress");
    Ok(match reply.required("status")? {
        "NOT_FOUND" => Weights::Absent,
        "DOWNLOADING" => Weights::Downloading {
            elapsed_seconds: progress.number("elapsed_seconds"),
            cached_gb: None,
        },
        "PARTIAL" => Weights::Partial {
            error: reply.text("error_message"),
        },
        "DOWNLOADED" => Weights::Downloaded,
        _ => Weights::Unknown,
    })
}

/// The reply to `POST /api/v1/models/download`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DownloadReply {
    UnderWay,
    Downloaded,
    /// `HF_HUB_OFFLINE` is set: nothing is downloaded.
    Ignored,
}

pub(super) fn download(reply: Fields<'_>) -> Result<DownloadReply, String> {
    Ok(match reply.required("status")? {
        "DOWNLOADED" => DownloadReply::Downloaded,
        "IGNORED" => DownloadReply::Ignored,
        _ => DownloadReply::UnderWay,
    })
}

/// `GET /api/v1/models/space`: whole files only.
pub(super) fn cached_gb(reply: Fields<'_>) -> Result<f64, String> {
    reply.required("cache_size_gb")
}

/// `GET /v1/models`: of each card where its model was loaded from, and the name that requests may use.
/// vLLM lists the model that it was started with first, and adapters after it.
pub(super) fn served_models(reply: Fields<'_>) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for card in reply.rows("data")? {
        let id = card.required("id")?;
        names.extend(card.text("root"));
        names.push(id);
    }
    names.dedup();
    Ok(names)
}

/// `GET /api/v1/inference/pow/status`: an instance that does not answer has the status `ERROR`.
pub(super) fn backends(reply: Fields<'_>) -> Result<Backends, String> {
    let rows = reply.rows("backends")?;
    let healthy = rows
        .iter()
        .filter(|row| row.text("status").is_some_and(|word| word != "ERROR"));
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Ok(Backends {
        healthy: number(healthy.count()),
        all: number(rows.len()),
        nonces: nonces(&rows),
    })
}

/// The sum over the instances that generate; an idle one has no statistics.
fn nonces(backends: &[Fields<'_>]) -> Option<NonceCount> {
    let counts = backends.iter().filter_map(|row| {
        let stats = row.child("stats");
        Some(NonceCount {
            total: whole(stats.number("total_processed")?),
            per_minute: whole(stats.number("nonces_per_second")? * 60.0),
        })
    });
    counts.reduce(|sum, count| NonceCount {
        total: sum.total.saturating_add(count.total),
        per_minute: sum.per_minute.saturating_add(count.per_minute),
    })
}

/// `GET /api/v1/gpu/devices`. A reply without the list says nothing; an empty list says that there are no
/// GPUs (gonka v0.2.13 `mlnode/packages/api/src/api/gpu/manager.py`).
pub(super) fn gpus(reply: Fields<'_>) -> Result<Vec<GpuDevice>, String> {
    if reply.get("devices").is_none() {
        return Err("it has no devices".into());
    }
    reply.rows("devices")?.into_iter().map(gpu).collect()
}

fn gpu(device: Fields<'_>) -> Result<GpuDevice, String> {
    Ok(GpuDevice {
        index: device.optional("index")?.unwrap_or_default(),
        name: device.name("name").unwrap_or_default(),
        total_memory_mb: whole(device.optional("total_memory_mb")?.unwrap_or_default()),
        used_memory_mb: whole(device.optional("used_memory_mb")?.unwrap_or_default()),
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
fn whole(value: f64) -> u64 {
    value.round() as u64
}

/// `GET /api/v1/gpu/driver`.
pub(super) fn driver(reply: Fields<'_>) -> Result<GpuDriver, String> {
    let cuda: Option<&str> = reply.optional("cuda_driver_version")?;
    Ok(GpuDriver {
        version: reply.required("driver_version")?,
        cuda: cuda.and_then(|cuda| cuda.trim().parse().ok()),
    })
}
