//! Money as whole micro-dollars, so that sums are exact and comparisons with caps are too.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use derive_more::Add;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::digits::group;
use super::{Duration, InstanceId, Time};

const MICROS: f64 = 1_000_000.0;
const MILLIS_PER_HOUR: i128 = 3_600_000;

/// An amount of US dollars in whole micro-dollars; negative for debt.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, derive_more::Sum)]
pub struct Usd(pub i64);

/// A price in US dollars per hour.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Add, derive_more::Sum,
)]
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

/// What the market charged for a rental until now: charges appear some time after the use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RentalCharge {
    pub instance: InstanceId,
    pub total: Usd,
    pub gpu: Usd,
    pub storage: Usd,
    pub traffic: Usd,
}

/// A sum that was spent, and who counted it. Its mark says which: `$9.44` was billed, `~$9.61` is our own
/// estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spent {
    /// By the market, after the rental was gone.
    Billed(Usd),
    /// By us.
    Estimated(Usd),
}

impl Spent {
    pub fn usd(self) -> Usd {
        match self {
            Spent::Billed(sum) | Spent::Estimated(sum) => sum,
        }
    }

    /// The same part of the sum, counted by the same.
    #[must_use]
    pub fn scaled(self, by: f64) -> Spent {
        let part = Usd::from_dollars(self.usd().dollars() * by);
        match self {
            Spent::Billed(_) => Spent::Billed(part),
            Spent::Estimated(_) => Spent::Estimated(part),
        }
    }

    /// For sentences: `$9.44 billed`, `~$9.61 est.`
    pub fn in_words(self) -> String {
        match self {
            Spent::Billed(_) => format!("{self} billed"),
            Spent::Estimated(_) => format!("{self} est."),
        }
    }
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Spent::Billed(sum) => f.pad(&sum.in_cents()),
            Spent::Estimated(sum) => f.pad(&format!("~{}", sum.in_cents())),
        }
    }
}

impl Sum for Spent {
    /// Billed only if each of them was.
    fn sum<I: Iterator<Item = Spent>>(all: I) -> Spent {
        all.fold(Spent::Billed(Usd::ZERO), |sum, one| {
            let both = sum.usd() + one.usd();
            match (sum, one) {
                (Spent::Billed(_), Spent::Billed(_)) => Spent::Billed(both),
                _ => Spent::Estimated(both),
            }
        })
    }
}

impl RentalPrices {
    /// The cost from `from` to `to`: time, and the download once. The GPU counts from the first
    /// second: a cap must never be too generous.
    pub fn cost(&self, from: Time, to: Time) -> Usd {
        self.cost_with_gpu_from(from, from, to)
    }

    /// The same with GPUs that did not run before `gpu_from`: the market bills them only while the
    /// container runs, and the disk all the time.
    pub fn cost_with_gpu_from(&self, from: Time, gpu_from: Time, to: Time) -> Usd {
        let download = Usd::from_dollars(self.download_per_gb.dollars() * self.download_gb);
        let gpu = self.gpu_price.times(to - gpu_from.max(from));
        gpu + self.storage_price.times(to - from) + download
    }
}

impl Usd {
    pub const ZERO: Usd = Usd(0);

    /// Rounds to the nearest micro-dollar; NaN is zero.
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

    /// The rest of `self` after `spent`, never below zero.
    #[must_use]
    pub fn left_after(self, spent: Usd) -> Usd {
        Usd(self.0.saturating_sub(spent.0).max(0))
    }
}

impl UsdPerHour {
    pub const ZERO: UsdPerHour = UsdPerHour(Usd::ZERO);

    pub fn from_dollars(dollars: f64) -> UsdPerHour {
        UsdPerHour(Usd::from_dollars(dollars))
    }

    /// For serde, which passes a reference.
    pub fn is_zero(&self) -> bool {
        *self == UsdPerHour::ZERO
    }

    /// True if this is over 1 % more than agreed: less can be rounding.
    pub fn exceeds(self, agreed: UsdPerHour) -> bool {
        self.0.0.saturating_mul(100) > agreed.0.0.saturating_mul(101)
    }

    /// The cost of `duration`, rounded up; zero for a negative duration.
    #[must_use]
    pub fn times(self, duration: Duration) -> Usd {
        let millis = i128::from(duration.num_milliseconds().max(0));
        let micros = i128::from(self.0.0) * millis;
        let rounded_up = (micros + MILLIS_PER_HOUR - 1).div_euclid(MILLIS_PER_HOUR);
        Usd(i64::try_from(rounded_up).unwrap_or(i64::MAX))
    }

    /// How long `money` lasts, rounded down; `None` at a price of zero: forever.
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

/// Micro-dollars of a cent.
const MICROS_PER_CENT: u64 = 10_000;
/// Below it an amount keeps four digits.
const TEN_CENTS: u64 = 100_000;

impl Usd {
    /// To the cent: `$5,400.00`.
    pub fn in_cents(self) -> String {
        format!("{}${}", self.sign(), self.size())
    }

    /// The same without its unit, for a column whose heading names it: `5,400.00`.
    pub fn figure(self) -> String {
        format!("{}{}", self.sign(), self.size())
    }

    /// Without its cents: `$5,400`.
    pub fn whole(self) -> String {
        let dollars = self.0.unsigned_abs() / (100 * MICROS_PER_CENT);
        format!("{}${}", self.sign(), group(&dollars.to_string()))
    }

    fn sign(self) -> &'static str {
        if self.0 < 0 { "-" } else { "" }
    }

    fn size(self) -> String {
        let micros = self.0.unsigned_abs();
        let cents = micros.saturating_add(MICROS_PER_CENT / 2) / MICROS_PER_CENT;
        let dollars = group(&(cents / 100).to_string());
        format!("{dollars}.{:02}", cents % 100)
    }
}

impl fmt::Display for Usd {
    /// `$12.34`, `$5,400.00`; amounts under ten cents keep four digits, so that storage prices are not
    /// `$0.00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_small = (1..TEN_CENTS).contains(&self.0.unsigned_abs());
        let text = if is_small {
            format!("{}${:.4}", self.sign(), self.dollars().abs())
        } else {
            self.in_cents()
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
    fn cost_rounds_up_to_micro_dollars() {
        let price = UsdPerHour::from_dollars(1.0);
        assert_eq!(price.times(Duration::hours(2)), Usd::from_dollars(2.0));
        assert_eq!(price.times(Duration::seconds(1)), Usd(278));
        assert_eq!(price.times(Duration::seconds(-5)), Usd::ZERO);
    }

    #[test]
    fn money_lasts_until_it_is_spent() {
        let price = UsdPerHour::from_dollars(4.0);
        let lasts = |dollars| price.lasts(Usd::from_dollars(dollars));
        assert_eq!(lasts(6.0), Some(Duration::minutes(90)));
        assert_eq!(lasts(-1.0), Some(Duration::zero()));
        assert_eq!(UsdPerHour::ZERO.lasts(Usd::from_dollars(1.0)), None);
    }

    #[test]
    fn sum_is_billed_if_all_are() {
        let (billed, own) = (
            Spent::Billed(Usd::from_dollars(8.4)),
            Spent::Estimated(Usd::from_dollars(1.0)),
        );
        assert_eq!(
            [billed, billed].into_iter().sum::<Spent>().to_string(),
            "$16.80"
        );
        assert_eq!(
            [billed, own].into_iter().sum::<Spent>().to_string(),
            "~$9.40"
        );
        assert_eq!(
            (billed.in_words(), own.in_words()),
            ("$8.40 billed".into(), "~$1.00 est.".into())
        );
        assert_eq!(own.scaled(0.5).to_string(), "~$0.50");
    }

    #[test]
    fn overspent_cap_leaves_nothing() {
        assert_eq!(Usd(5).left_after(Usd(7)), Usd::ZERO);
    }

    #[test]
    fn small_amounts_keep_four_digits() {
        assert_eq!(Usd::from_dollars(0.0111).to_string(), "$0.0111");
        assert_eq!(Usd::from_dollars(12.345).to_string(), "$12.35");
        assert_eq!(Usd::from_dollars(-3.0).to_string(), "-$3.00");
    }

    #[test]
    fn thousands_are_grouped_in_every_form() {
        let sum = Usd::from_dollars(5_400.0);
        assert_eq!(sum.to_string(), "$5,400.00");
        assert_eq!(sum.in_cents(), "$5,400.00");
        assert_eq!(sum.figure(), "5,400.00");
        assert_eq!(sum.whole(), "$5,400");
        assert_eq!(UsdPerHour(sum).to_string(), "$5,400.00/h");
        assert_eq!(Spent::Estimated(sum).to_string(), "~$5,400.00");
        assert_eq!(format!("{sum:>11}"), "  $5,400.00");
        assert_eq!(
            Usd::from_dollars(-1_234_567.891).to_string(),
            "-$1,234,567.89"
        );
    }

    #[test]
    fn group_begins_at_a_thousand_also_by_rounding() {
        assert_eq!(Usd::from_dollars(999.99).to_string(), "$999.99");
        assert_eq!(Usd::from_dollars(999.996).to_string(), "$1,000.00");
    }
}
