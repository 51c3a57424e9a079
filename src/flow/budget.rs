//! Caps. Money is reserved before it is spent: a worst case that does not fit is refused.

use derive_more::Display;
use serde::{Deserialize, Serialize};

use crate::domain::{Usd, UsdPerHour};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caps {
    /// Of all rentals at the same time.
    #[serde(default = "no_hourly_cap")]
    pub hour: UsdPerHour,
    /// Of all rentals of the replica's pool at the same time.
    #[serde(default = "no_hourly_cap")]
    pub pool_hour: UsdPerHour,
    pub sprint: Usd,
    /// Of the pool's sprints of an epoch.
    #[serde(default = "no_cap")]
    pub pool_epoch: Usd,
    /// Of all sprints of an epoch.
    #[serde(default = "no_cap")]
    pub epoch: Usd,
    /// Of 24 hours.
    pub day: Usd,
    /// Of 30 days.
    pub month: Usd,
    /// Credit that must be left on the account.
    pub credit_floor: Usd,
}

/// Nothing is ever refused.
impl Default for Caps {
    fn default() -> Caps {
        Caps {
            hour: no_hourly_cap(),
            pool_hour: no_hourly_cap(),
            sprint: no_cap(),
            pool_epoch: no_cap(),
            epoch: no_cap(),
            day: no_cap(),
            month: no_cap(),
            credit_floor: Usd::ZERO,
        }
    }
}

/// Sprints that were saved before this cap existed go without it.
fn no_hourly_cap() -> UsdPerHour {
    UsdPerHour(no_cap())
}

fn no_cap() -> Usd {
    Usd(i64::MAX)
}

/// What counts against the caps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Funds {
    /// The price of everything that is rented.
    pub hour: UsdPerHour,
    /// The same of the pool.
    pub pool_hour: UsdPerHour,
    /// Spent and reserved by this sprint.
    pub sprint: Usd,
    /// Spent and reserved for the sprint's epoch by its pool.
    pub pool_epoch: Usd,
    /// The same by all pools.
    pub epoch: Usd,
    /// Spent and reserved in the last 24 hours.
    pub day: Usd,
    /// Spent and reserved in the last 30 days.
    pub month: Usd,
    /// The account's credit, when it could be read.
    pub credit: Option<Usd>,
    /// The part of it that others have reserved for rent calls that are not answered yet: it may be free again
    /// in a moment.
    pub in_doubt: Usd,
}

impl Funds {
    /// As they are after a rental at this price has reserved its worst case.
    #[must_use]
    pub fn after(&self, price: UsdPerHour, reserved: Usd) -> Funds {
        Funds {
            hour: self.hour + price,
            pool_hour: self.pool_hour + price,
            sprint: self.sprint + reserved,
            pool_epoch: self.pool_epoch + reserved,
            epoch: self.epoch + reserved,
            day: self.day + reserved,
            month: self.month + reserved,
            credit: self.credit.map(|credit| credit.left_after(reserved)),
            in_doubt: self.in_doubt,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cap {
    #[display("budget of an hour (budget.per_hour)")]
    Hour,
    #[display("budget of an hour of this pool (pool.per_hour)")]
    PoolHour,
    #[display("budget of this sprint (budget.per_sprint)")]
    Sprint,
    #[display("budget of an epoch of this pool (pool.per_epoch)")]
    PoolEpoch,
    #[display("budget of an epoch (budget.per_epoch)")]
    Epoch,
    #[display("budget of 24 hours (budget.per_day)")]
    Day,
    #[display("budget of 30 days (budget.per_month)")]
    Month,
    #[display("account's credit")]
    Credit,
}

impl Cap {
    /// The caps of what is spent and reserved, in the order in which they refuse.
    pub const SUMS: [Cap; 5] = [
        Cap::Sprint,
        Cap::PoolEpoch,
        Cap::Epoch,
        Cap::Day,
        Cap::Month,
    ];

    /// How much it allows; `None` if it is not one of [`Cap::SUMS`].
    pub fn limit(self, caps: &Caps) -> Option<Usd> {
        match self {
            Cap::Sprint => Some(caps.sprint),
            Cap::PoolEpoch => Some(caps.pool_epoch),
            Cap::Epoch => Some(caps.epoch),
            Cap::Day => Some(caps.day),
            Cap::Month => Some(caps.month),
            Cap::Hour | Cap::PoolHour | Cap::Credit => None,
        }
    }

    /// What counts against it; `None` if it is not one of [`Cap::SUMS`].
    pub fn used(self, funds: &Funds) -> Option<Usd> {
        match self {
            Cap::Sprint => Some(funds.sprint),
            Cap::PoolEpoch => Some(funds.pool_epoch),
            Cap::Epoch => Some(funds.epoch),
            Cap::Day => Some(funds.day),
            Cap::Month => Some(funds.month),
            Cap::Hour | Cap::PoolHour | Cap::Credit => None,
        }
    }

    /// Whether it limits an hour's price, not a sum.
    pub fn is_of_price(self) -> bool {
        matches!(self, Cap::Hour | Cap::PoolHour)
    }

    /// `hour`, `sprint`, `day`, `month`, `credit`, …
    pub fn name(self) -> &'static str {
        match self {
            Cap::Hour => "hour",
            Cap::PoolHour => "pool hour",
            Cap::Sprint => "sprint",
            Cap::PoolEpoch => "pool epoch",
            Cap::Epoch => "epoch",
            Cap::Day => "day",
            Cap::Month => "month",
            Cap::Credit => "credit",
        }
    }

    /// `hour cap`, `credit`: the credit is no cap of ours.
    pub fn title(self) -> String {
        match self {
            Cap::Credit => self.name().to_owned(),
            cap => format!("{} cap", cap.name()),
        }
    }

    /// The setting that is the cap; the credit is none.
    pub fn setting(self) -> Option<&'static str> {
        match self {
            Cap::Hour => Some("budget.per_hour"),
            Cap::PoolHour => Some("pool.per_hour"),
            Cap::Sprint => Some("budget.per_sprint"),
            Cap::PoolEpoch => Some("pool.per_epoch"),
            Cap::Epoch => Some("budget.per_epoch"),
            Cap::Day => Some("budget.per_day"),
            Cap::Month => Some("budget.per_month"),
            Cap::Credit => None,
        }
    }
}

/// What an offer needs of a cap, beside what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapCheck {
    pub cap: Cap,
    /// The worst case, or the price of an hour.
    pub needed: Usd,
    pub left: Usd,
}

impl CapCheck {
    pub fn holds(&self) -> bool {
        self.needed <= self.left
    }

    /// Why the cap refuses the offer, if it does.
    pub fn refusal(&self) -> Option<Refusal> {
        (!self.holds()).then(|| Refusal {
            cap: self.cap,
            cost: self.needed,
            left: self.left,
            missing: self.needed - self.left,
        })
    }
}

/// Why an offer does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error(
    "{} of {cost} does not fit into the {cap}: {left} is left, {missing} is missing",
    if cap.is_of_price() { "a price per hour" } else { "a worst case" }
)]
pub struct Refusal {
    pub cap: Cap,
    /// The worst case, or the price of an hour.
    pub cost: Usd,
    /// What is left of the cap.
    pub left: Usd,
    pub missing: Usd,
}

/// Whether an offer fits into every cap, or the first that it exceeds. Unknown credit is none (law 3).
pub fn admit(price: UsdPerHour, worst: Usd, funds: &Funds, caps: &Caps) -> Result<(), Refusal> {
    let credit = funds
        .credit
        .unwrap_or(Usd::ZERO)
        .left_after(caps.credit_floor);
    let pool_hour = caps.pool_hour.0.left_after(funds.pool_hour.0);
    let prices = [
        (Cap::Hour, price.0, caps.hour.0.left_after(funds.hour.0)),
        (Cap::PoolHour, price.0, pool_hour),
    ];
    let sums = Cap::SUMS.into_iter().filter_map(|cap| {
        let left = cap.limit(caps)?.left_after(cap.used(funds)?);
        Some((cap, worst, left))
    });
    let limits = prices
        .into_iter()
        .chain(sums)
        .chain([(Cap::Credit, worst, credit)]);
    let refusal = limits
        .map(|(cap, needed, left)| CapCheck { cap, needed, left })
        .find_map(|check| check.refusal());
    refusal.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(worst: f64, funds: &Funds) -> Result<(), Refusal> {
        let caps = Caps {
            hour: UsdPerHour::from_dollars(14.0),
            sprint: Usd::from_dollars(20.0),
            day: Usd::from_dollars(30.0),
            month: Usd::from_dollars(300.0),
            credit_floor: Usd::from_dollars(1.0),
            epoch: Usd::from_dollars(100.0),
            pool_epoch: Usd::from_dollars(60.0),
            pool_hour: UsdPerHour::from_dollars(12.0),
        };
        let price = UsdPerHour::from_dollars(10.0);
        admit(price, Usd::from_dollars(worst), funds, &caps)
    }

    #[test]
    fn only_what_fits_every_cap_is_admitted() {
        let dollars = Usd::from_dollars;
        let rich = Funds {
            credit: Some(dollars(50.0)),
            ..Funds::default()
        };
        assert_eq!(admitted(20.0, &rich), Ok(()));
        let spent = Funds {
            day: dollars(25.0),
            ..rich
        };
        let rented = Funds {
            hour: UsdPerHour(dollars(9.0)),
            ..rich
        };
        let of_epoch = Funds {
            epoch: dollars(95.0),
            ..rich
        };
        let of_pool = Funds {
            pool_epoch: dollars(59.0),
            ..of_epoch
        };
        let pool_rented = Funds {
            pool_hour: UsdPerHour(dollars(4.0)),
            ..of_pool
        };
        let cases = [
            (8.0, spent, Cap::Day, dollars(3.0)),
            (8.0, of_epoch, Cap::Epoch, dollars(3.0)),
            (8.0, of_pool, Cap::PoolEpoch, dollars(7.0)),
            (8.0, pool_rented, Cap::PoolHour, dollars(2.0)),
            (8.0, rented, Cap::Hour, dollars(5.0)),
            (0.01, Funds::default(), Cap::Credit, dollars(0.01)),
        ];
        for (worst, funds, cap, missing) in cases {
            let refusal = admitted(worst, &funds).unwrap_err();
            assert_eq!((refusal.cap, refusal.missing), (cap, missing));
        }
        assert_eq!(
            admitted(8.0, &spent).unwrap_err().to_string(),
            "a worst case of $8.00 does not fit into the budget of 24 hours (budget.per_day): $5.00 is left, $3.00 is missing"
        );
    }
}
