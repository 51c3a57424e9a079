//! Whether the bands that the operator sees hold what they promise.

use pocpit::domain::{
    BootEnd, BootStage, DownloadLeft, Duration, MachineId, Offer, OfferId, PastBoot, StageTimes,
    Usd, UsdPerHour,
};
use pocpit::vast::stage_times;

/// So many boots are learned from before the first prediction is judged.
const LEARNED_FIRST: usize = 20;

/// Of the predictions that were judged, so many held; and by how much the middle was wrong.
#[derive(Debug, Default)]
pub struct Calibration {
    pub judged: u32,
    /// The end came within p10 to p90.
    pub within: u32,
    /// How far the end was from p50, as a part of what was left; the middle one of all.
    pub median_error: f64,
    /// p90 in units of p10; the middle one of all.
    pub width: f64,
}

impl Calibration {
    pub fn share(&self) -> f64 {
        f64::from(self.within) / f64::from(self.judged.max(1))
    }
}

/// Predicts each boot from those before it, at the beginning of `stage`.
pub fn judge(boots: &[PastBoot], stage: BootStage) -> Calibration {
    let mut calibration = Calibration::default();
    let (mut errors, mut widths) = (Vec::new(), Vec::new());
    for (index, boot) in boots.iter().enumerate().skip(LEARNED_FIRST) {
        let Some(truth) = left_from(boot, stage) else {
            continue;
        };
        let usual: StageTimes = stage_times(
            &boots[..index],
            &offer_of(boot),
            boot.image_gb,
            boot.model_gb,
        );
        let left = usual.left(stage, Duration::zero(), DownloadLeft::Unknown);
        calibration.judged += 1;
        calibration.within += u32::from((left.p10..=left.p90).contains(&truth));
        widths.push(left.p90.as_seconds_f64() / left.p10.as_seconds_f64());
        let (truth, told) = (truth.as_seconds_f64(), left.p50.as_seconds_f64());
        errors.push((told - truth).abs() / truth.max(1.0));
    }
    calibration.median_error = middle(errors);
    calibration.width = middle(widths);
    calibration
}

fn middle(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}

/// From the beginning of this stage to a loaded model, where observed.
fn left_from(boot: &PastBoot, stage: BootStage) -> Option<Duration> {
    let times = boot.times.as_ref().filter(|_| boot.end == BootEnd::Ready)?;
    let began = |wanted: BootStage| {
        let found = times.started.iter().find(|(stage, _)| *stage == wanted);
        found.map(|(_, at)| *at)
    };
    Some(began(BootStage::Ready)? - began(stage)?)
}

/// What an offer of that machine says of how it boots.
fn offer_of(boot: &PastBoot) -> Offer {
    Offer {
        id: OfferId(1),
        machine: MachineId(boot.machine.0),
        host: None,
        gpu_name: boot.gpu_name.clone(),
        gpu_count: 4,
        gpu_memory_mb: 81_559,
        disk_gb: 500.0,
        disk_mb_per_s: boot.disk_mb_per_s,
        download_mbps: boot.download_mbps,
        upload_mbps: boot.download_mbps,
        gpu_price: UsdPerHour::from_dollars(8.0),
        storage_per_gb_month: Usd::from_dollars(0.1),
        download_per_gb: Usd::ZERO,
        upload_per_gb: Usd::ZERO,
        reliability: 0.99,
        cuda: None,
        driver: None,
        direct_ports: 10,
        location: None,
        ends_at: None,
        verified: true,
        public_address: None,
        surcharge: UsdPerHour::ZERO,
        closed: None,
    }
}
