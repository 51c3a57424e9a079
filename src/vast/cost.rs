//! Time and cost of a rental. Pure.

use crate::domain::{BootStage, Duration, Offer, Usd};

/// Fraction of the advertised bandwidth that a registry or model hub delivers.
const USABLE_BANDWIDTH: f64 = 0.5;
/// Limit of a single download, whatever the host advertises.
const MOST_MBPS: f64 = 4_000.0;
/// Assumed when no bandwidth was measured.
const LEAST_MBPS: f64 = 10.0;
/// Unpacked size of compressed layers, relative to the download.
const UNPACKED: f64 = 2.5;
/// Disk bandwidth assumed when none was measured, in MB/s.
const USUAL_DISK: f64 = 500.0;
const MEGABITS_PER_GB: f64 = 8_000.0;
const MEGABYTES_PER_GB: f64 = 1_000.0;
/// Limit of estimates: two days mean "never".
const LONGEST_SECONDS: f64 = 172_800.0;

/// What the duration of a boot depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct BootWork {
    /// Advertised, in Mbit/s.
    pub download_mbps: f64,
    /// Advertised, in MB/s.
    pub disk_mb_per_s: Option<f64>,
    pub image_gb: f64,
    pub model_gb: f64,
}

impl BootWork {
    /// Seconds of the whole boot, by the advertised numbers.
    pub(super) fn seconds(&self) -> f64 {
        let stages = BootStage::ALL.iter();
        bounded(stages.map(|stage| self.unbounded(*stage)).sum())
    }

    /// The part of a boot in which no container runs: the market bills only the disk for it.
    pub(super) fn idle_share(&self) -> f64 {
        let idle = [BootStage::Placed, BootStage::PullingImage];
        let idle: f64 = idle.iter().map(|stage| self.unbounded(*stage)).sum();
        bounded(idle) / self.seconds()
    }

    pub(super) fn stage_seconds(&self, stage: BootStage) -> f64 {
        bounded(self.unbounded(stage))
    }

    /// Image and model are downloaded, unpacking and loading use the disk. The other stages depend on
    /// neither.
    fn unbounded(&self, stage: BootStage) -> f64 {
        let disk = self.disk_mb_per_s.filter(|speed| *speed > 0.0);
        let disk = disk.unwrap_or(USUAL_DISK).max(1.0);
        let transfer = |gb| transfer_seconds(self.download_mbps, gb);
        let written = |gb: f64| gb.max(0.0) * MEGABYTES_PER_GB / disk;
        match stage {
            BootStage::PullingImage => transfer(self.image_gb) + written(self.image_gb * UNPACKED),
            BootStage::Downloading => transfer(self.model_gb),
            BootStage::Loading => written(self.model_gb),
            BootStage::Placed => 30.0,
            BootStage::Container => 60.0,
            BootStage::Ssh => 40.0,
            BootStage::Api => 25.0,
            BootStage::Graphs => 85.0,
            BootStage::Ready => 0.0,
        }
    }
}

/// How long a download takes at this advertised bandwidth.
pub(super) fn download_time(advertised_mbps: f64, gb: f64) -> Duration {
    bounded_seconds(transfer_seconds(advertised_mbps, gb))
}

/// The bandwidth is halved because it is advertised against a nearby peer.
fn transfer_seconds(advertised_mbps: f64, gb: f64) -> f64 {
    let mbps = (advertised_mbps * USABLE_BANDWIDTH).clamp(LEAST_MBPS, MOST_MBPS);
    gb.max(0.0) * MEGABITS_PER_GB / mbps
}

fn bounded(seconds: f64) -> f64 {
    if seconds.is_nan() {
        LONGEST_SECONDS
    } else {
        seconds.clamp(1.0, LONGEST_SECONDS)
    }
}

/// A whole number of seconds, rounded up; at most two days.
#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped to two days before the cast"
)]
pub(super) fn bounded_seconds(seconds: f64) -> Duration {
    Duration::seconds(bounded(seconds).ceil() as i64)
}

/// Cost of a session: GPU and disk for `length`, plus the initial downloads.
pub fn session_cost(offer: &Offer, disk_gb: f64, length: Duration, download_gb: f64) -> Usd {
    offer.price_with_disk(disk_gb).times(length) + traffic(offer.download_per_gb, download_gb)
}

/// Price of a transfer, rounded up to a whole micro-dollar.
pub(super) fn traffic(per_gb: Usd, gb: f64) -> Usd {
    Usd::from_dollars((per_gb.dollars() * gb.max(0.0) * 1e6).ceil() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{RentalPrices, Time, UsdPerHour};
    use crate::vast::rank::tests::an_offer;

    fn at(seconds: i64) -> Time {
        Time::from_timestamp(1_800_000_000 + seconds, 0).expect("a valid time")
    }

    #[test]
    fn session_cost_follows_documented_formula() {
        let mut offer = an_offer(1);
        offer.gpu_price = UsdPerHour::from_dollars(0.40);
        offer.storage_per_gb_month = Usd::from_dollars(0.20);
        offer.download_per_gb = Usd::from_dollars(0.01);
        assert_eq!(offer.price_with_disk(40.0), UsdPerHour(Usd(411_111)));
        let cost = session_cost(&offer, 40.0, Duration::hours(2), 15.0);
        assert_eq!(cost, Usd(822_222 + 150_000));
    }

    #[test]
    fn session_cost_equals_accrued_cost() {
        let offer = an_offer(1);
        let prices = RentalPrices {
            gpu_price: offer.gpu_price,
            storage_price: offer.storage_price(200.0),
            download_per_gb: offer.download_per_gb,
            download_gb: 150.0,
        };
        let length = Duration::minutes(95);
        let predicted = session_cost(&offer, 200.0, length, 150.0);
        assert_eq!(prices.cost(at(0), at(95 * 60)), predicted);
    }
}
