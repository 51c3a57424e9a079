//! What a rental takes in time and money. Pure: offers and times in, estimates out.

use serde::{Deserialize, Serialize};

use crate::domain::{Duration, Offer, Usd};

/// How long a boot takes, from renting to a loaded model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootEstimate {
    /// Half of all boots are faster.
    pub p50: Duration,
    /// One in twenty is slower.
    pub p95: Duration,
}

/// Share of the advertised bandwidth that a registry or model hub really gives.
const USABLE_BANDWIDTH: f64 = 0.5;
/// More than this no single download gets, whatever the host advertises.
const MOST_MBPS: f64 = 4_000.0;
/// An offer without a measured bandwidth is taken to be this slow.
const LEAST_MBPS: f64 = 10.0;
/// Placing, container, SSH, start of the API, CUDA graphs.
const FIXED_SECONDS: f64 = 240.0;
/// Layers are compressed: unpacking writes this much more than was downloaded.
const UNPACKED: f64 = 2.5;
/// Disk bandwidth that is assumed where none was measured, in MB/s.
const USUAL_DISK: f64 = 500.0;
/// The slow end of the distribution of downloads and of everything else.
const SLOW_TRANSFER: f64 = 2.0;
const SLOW_REST: f64 = 1.8;
const MEGABITS_PER_GB: f64 = 8_000.0;
const MEGABYTES_PER_GB: f64 = 1_000.0;
/// No estimate is longer: two days mean "never".
const LONGEST_SECONDS: f64 = 172_800.0;

/// Predicts a boot: image and model over the host's bandwidth, unpacking and loading over its
/// disk, and a fixed part. The bandwidth is halved because advertised numbers are measured
/// against a near peer.
pub fn predicted_boot(offer: &Offer, image_gb: f64, model_gb: f64) -> BootEstimate {
    let mbps = (offer.download_mbps * USABLE_BANDWIDTH).clamp(LEAST_MBPS, MOST_MBPS);
    let transfer = (image_gb + model_gb).max(0.0) * MEGABITS_PER_GB / mbps;
    let disk_mb_per_s = offer
        .disk_mb_per_s
        .filter(|speed| *speed > 0.0)
        .unwrap_or(USUAL_DISK);
    let written_gb = (image_gb * UNPACKED + model_gb).max(0.0);
    let rest = FIXED_SECONDS + written_gb * MEGABYTES_PER_GB / disk_mb_per_s.max(1.0);
    BootEstimate {
        p50: seconds(transfer + rest),
        p95: seconds(transfer * SLOW_TRANSFER + rest * SLOW_REST),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped to two days before the cast"
)]
fn seconds(seconds: f64) -> Duration {
    let known = if seconds.is_nan() {
        LONGEST_SECONDS
    } else {
        seconds
    };
    let bounded = known.clamp(0.0, LONGEST_SECONDS);
    Duration::seconds(bounded.ceil() as i64)
}

/// Cost of a session: GPU and disk for `length`, and the downloads of the start.
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
    fn the_price_of_a_session_is_the_documented_arithmetic() {
        let mut offer = an_offer(1);
        offer.gpu_price = UsdPerHour::from_dollars(0.40);
        offer.storage_per_gb_month = Usd::from_dollars(0.20);
        offer.download_per_gb = Usd::from_dollars(0.01);
        assert_eq!(offer.price_with_disk(40.0), UsdPerHour(Usd(411_111)));
        let cost = session_cost(&offer, 40.0, Duration::hours(2), 15.0);
        assert_eq!(cost, Usd(822_222 + 150_000));
    }

    #[test]
    fn a_session_costs_what_it_accrues() {
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

    #[test]
    fn a_slow_host_boots_later_and_p95_is_later_than_p50() {
        let fast = an_offer(1);
        let mut slow = an_offer(2);
        slow.download_mbps = 100.0;
        let fast_boot = predicted_boot(&fast, 15.0, 120.0);
        let slow_boot = predicted_boot(&slow, 15.0, 120.0);
        assert!(fast_boot.p50 < fast_boot.p95);
        assert!(slow_boot.p50 > fast_boot.p50 + Duration::hours(1));
    }

    #[test]
    fn nonsense_numbers_give_a_bounded_estimate() {
        let mut offer = an_offer(1);
        offer.download_mbps = f64::NAN;
        offer.disk_mb_per_s = Some(-3.0);
        let boot = predicted_boot(&offer, f64::MAX, f64::MAX);
        assert!(boot.p95 <= Duration::days(2) && boot.p50 >= Duration::zero());
    }
}
