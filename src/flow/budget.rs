//! Caps. Money is reserved before it is spent: a worst case that does not fit is refused.

use derive_more::Display;
use serde::{Deserialize, Serialize};

use crate::domain::{Usd, UsdPerHour};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caps {
    /// Of all rentals at the same time.
    #[serde(default = "no_hourly_cap")]
    pub hour: UsdPerHour,
    pub sprint: Usd,
    /// Of 24 hours.
    pub day: Usd,
    /// Of 30 days.
    pub month: Usd,
    /// Credit that must be left on the account.
    pub credit_floor: Usd,
}

/// Sprints that were saved before this cap existed go without it.
fn no_hourly_cap() -> UsdPerHour {
    UsdPerHour(Usd(i64::MAX))
}

/// What counts against the caps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Funds {
    /// The price of everything that is rented.
    pub hour: UsdPerHour,
    /// Spent and reserved by this sprint.
    pub sprint: Usd,
    /// Spent and reserved in the last 24 hours.
    pub day: Usd,
    /// Spent and reserved in the last 30 days.
    pub month: Usd,
    /// The account's credit, when it could be read.
    pub credit: Option<Usd>,
}

impl Funds {
    /// As they are after a rental at this price has reserved its worst case.
    #[must_use]
    pub fn after(&self, price: UsdPerHour, reserved: Usd) -> Funds {
        Funds {
            hour: self.hour + price,
            sprint: self.sprint + reserved,
            day: self.day + reserved,
            month: self.month + reserved,
            credit: self.credit.map(|credit| credit.left_after(reserved)),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cap {
    #[display("budget of an hour (budget.per_hour)")]
    Hour,
    #[display("budget of this sprint (budget.per_sprint)")]
    Sprint,
    #[display("budget of 24 hours (budget.per_day)")]
    Day,
    #[display("budget of 30 days (budget.per_month)")]
    Month,
    #[display("account's credit")]
    Credit,
}

impl Cap {
    /// `hour`, `sprint`, `day`, `month`, `credit`.
    pub fn name(self) -> &'static str {
        match self {
            Cap::Hour => "hour",
            Cap::Sprint => "sprint",
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
            Cap::Sprint => Some("budget.per_sprint"),
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
    match cap { Cap::Hour => "a price per hour", _ => "a worst case" }
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
    let limits = [
        (Cap::Hour, price.0, caps.hour.0.left_after(funds.hour.0)),
        (Cap::Sprint, worst, caps.sprint.left_after(funds.sprint)),
        (Cap::Day, worst, caps.day.left_after(funds.day)),
        (Cap::Month, worst, caps.month.left_after(funds.month)),
        (Cap::Credit, worst, credit),
    ];
    let refusal = limits
        .into_iter()
        .find_map(|(cap, needed, left)| CapCheck { cap, needed, left }.refusal());
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
        let cases = [
            (8.0, spent, Cap::Day, dollars(3.0)),
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
