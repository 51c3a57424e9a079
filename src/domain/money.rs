//! Money as whole micro-dollars, so that sums are exact and comparisons with caps are too.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Duration, Time};

const MICROS: f64 = 1_000_000.0;
const MILLIS_PER_HOUR: i128 = 3_600_000;

/// An amount of US dollars in whole micro-dollars; negative for debt.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Usd(pub i64);

/// A price in US dollars per hour.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct UsdPerHour(pub Usd);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RentalPrices {
    pub gpu_price: UsdPerHour,
    pub storage_price: UsdPerHour,
    /// A downloaded gigabyte.
    pub download_per_gb: Usd,
    /// Gigabytes that a start downloads: image and model.
    pub download_gb: f64,
}

impl RentalPrices {
    /// What it costs from `from` to `to`: time, and the download once. The GPU is counted from the
    /// first second: a cap must never be too generous.
    pub fn cost(&self, from: Time, to: Time) -> Usd {
        self.cost_with_gpu_from(from, from, to)
    }

    /// The same when it is known that the GPUs did not run before `gpu_from`: the market counts them
    /// only while the container runs, and the disk all the time.
    pub fn cost_with_gpu_from(&self, from: Time, gpu_from: Time, to: Time) -> Usd {
        let download = Usd::from_dollars(self.download_per_gb.dollars() * self.download_gb);
        let gpu = self.gpu_price.times(to - gpu_from.max(from));
        gpu + self.storage_price.times(to - from) + download
    }
}

impl Usd {
    /// No money at all.
    pub const ZERO: Usd = Usd(0);

    /// The nearest whole number of micro-dollars; not a number counts as zero.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, which is the wanted bound"
    )]
    pub fn from_dollars(dollars: f64) -> Usd {
        Usd((dollars * MICROS).round() as i64)
    }

    /// For display and JSON only: floating point is never summed or compared.
    #[expect(
        clippy::cast_precision_loss,
        reason = "display only; exact below nine billion dollars"
    )]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / MICROS
    }

    /// What is left of `self` after `spent`, never below zero.
    #[must_use]
    pub fn left_after(self, spent: Usd) -> Usd {
        Usd(self.0.saturating_sub(spent.0).max(0))
    }
}

impl UsdPerHour {
    /// A price of nothing.
    pub const ZERO: UsdPerHour = UsdPerHour(Usd::ZERO);

    /// A price from dollars per hour.
    pub fn from_dollars(dollars: f64) -> UsdPerHour {
        UsdPerHour(Usd::from_dollars(dollars))
    }

    /// True when this is more than what was agreed, and by more than rounding: by over a hundredth.
    pub fn exceeds(self, agreed: UsdPerHour) -> bool {
        self.0.0.saturating_mul(100) > agreed.0.0.saturating_mul(101)
    }

    /// What `duration` costs at this price, rounded up; nothing for a negative duration.
    #[must_use]
    pub fn times(self, duration: Duration) -> Usd {
        let millis = i128::from(duration.num_milliseconds().max(0));
        let micros = i128::from(self.0.0) * millis;
        let rounded_up = (micros + MILLIS_PER_HOUR - 1).div_euclid(MILLIS_PER_HOUR);
        Usd(i64::try_from(rounded_up).unwrap_or(i64::MAX))
    }

    /// How long `money` lasts at this price, rounded down; absent at no price, where it lasts for ever.
    pub fn lasts(self, money: Usd) -> Option<Duration> {
        let millis = i128::from(money.0.max(0)) * MILLIS_PER_HOUR;
        let millis = millis.checked_div(i128::from(self.0.0.max(0)))?;
        Duration::try_milliseconds(i64::try_from(millis).ok()?)
    }
}

impl Add for Usd {
    type Output = Usd;
    fn add(self, other: Usd) -> Usd {
        Usd(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Usd) {
        *self = *self + other;
    }
}

impl Sub for Usd {
    type Output = Usd;
    fn sub(self, other: Usd) -> Usd {
        Usd(self.0.saturating_sub(other.0))
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Usd>>(amounts: I) -> Usd {
        amounts.fold(Usd::ZERO, Add::add)
    }
}

impl Add for UsdPerHour {
    type Output = UsdPerHour;
    fn add(self, other: UsdPerHour) -> UsdPerHour {
        UsdPerHour(self.0 + other.0)
    }
}

impl Sum for UsdPerHour {
    fn sum<I: Iterator<Item = UsdPerHour>>(prices: I) -> UsdPerHour {
        prices.fold(UsdPerHour::ZERO, Add::add)
    }
}

impl fmt::Display for Usd {
    /// `$12.34`; amounts under ten cents keep four digits, so that storage prices are not `$0.00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let dollars = self.dollars().abs();
        let text = if dollars > 0.0 && dollars < 0.1 {
            format!("{sign}${dollars:.4}")
        } else {
            format!("{sign}${dollars:.2}")
        };
        f.pad(&text)
    }
}

impl fmt::Display for UsdPerHour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/h", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_times_a_duration_is_rounded_up_to_a_whole_micro_dollar() {
        let price = UsdPerHour::from_dollars(1.0);
        assert_eq!(price.times(Duration::hours(2)), Usd::from_dollars(2.0));
        assert_eq!(price.times(Duration::seconds(1)), Usd(278));
        assert_eq!(price.times(Duration::seconds(-5)), Usd::ZERO);
    }

    #[test]
    fn money_lasts_as_long_as_it_pays_for() {
        let price = UsdPerHour::from_dollars(4.0);
        let lasts = |dollars| price.lasts(Usd::from_dollars(dollars));
        assert_eq!(lasts(6.0), Some(Duration::minutes(90)));
        assert_eq!(lasts(-1.0), Some(Duration::zero()));
        assert_eq!(UsdPerHour::ZERO.lasts(Usd::from_dollars(1.0)), None);
    }

    #[test]
    fn nothing_is_left_of_a_cap_that_is_overspent() {
        assert_eq!(Usd(5).left_after(Usd(7)), Usd::ZERO);
    }

    #[test]
    fn small_amounts_keep_their_digits() {
        assert_eq!(Usd::from_dollars(0.0111).to_string(), "$0.0111");
        assert_eq!(Usd::from_dollars(12.345).to_string(), "$12.35");
        assert_eq!(Usd::from_dollars(-3.0).to_string(), "-$3.00");
    }
}
