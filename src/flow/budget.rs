//! Caps. Money is reserved before it is spent: a worst case that does not fit is refused.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::event::Funds;
use crate::domain::{Usd, UsdPerHour};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caps {
    /// Of everything that is rented at the same time.
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

/// A sprint that was saved before this cap was there began without it.
fn no_hourly_cap() -> UsdPerHour {
    UsdPerHour(Usd(i64::MAX))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cap {
    /// The price of everything that is rented at the same time.
    Hour,
    Sprint,
    /// 24 hours.
    Day,
    /// 30 days.
    Month,
    Credit,
}

impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cap::Hour => "budget of an hour (budget.per_hour)",
            Cap::Sprint => "budget of this sprint (budget.per_sprint)",
            Cap::Day => "budget of 24 hours (budget.per_day)",
            Cap::Month => "budget of 30 days (budget.per_month)",
            Cap::Credit => "account's credit",
        })
    }
}

/// Why an offer does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
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
    /// How much too little that is.
    pub missing: Usd,
}

/// Whether an offer fits into every cap; the first cap that it breaks otherwise. An account whose
/// credit is not known has none (law 3).
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
    let broken = limits.into_iter().find(|(_, cost, left)| cost > left);
    broken.map_or(Ok(()), |(cap, cost, left)| {
        Err(Refusal {
            cap,
            cost,
            left,
            missing: cost - left,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps() -> Caps {
        Caps {
            hour: UsdPerHour::from_dollars(14.0),
            sprint: Usd::from_dollars(20.0),
            day: Usd::from_dollars(30.0),
            month: Usd::from_dollars(300.0),
            credit_floor: Usd::from_dollars(1.0),
        }
    }

    fn funds() -> Funds {
        Funds {
            credit: Some(Usd::from_dollars(50.0)),
            ..Funds::default()
        }
    }

    fn asked(worst: f64, funds: &Funds) -> Result<(), Refusal> {
        let price = UsdPerHour::from_dollars(10.0);
        admit(price, Usd::from_dollars(worst), funds, &caps())
    }

    #[test]
    fn a_worst_case_that_fits_every_cap_is_admitted() {
        assert_eq!(asked(20.0, &funds()), Ok(()));
    }

    #[test]
    fn the_refusal_names_the_cap_and_what_is_missing() {
        let spent = Funds {
            day: Usd::from_dollars(25.0),
            ..funds()
        };
        let refusal = asked(8.0, &spent).unwrap_err();
        assert_eq!(refusal.cap, Cap::Day);
        assert_eq!(refusal.missing, Usd::from_dollars(3.0));
        assert_eq!(
            refusal.to_string(),
            "a worst case of $8.00 does not fit into the budget of 24 hours (budget.per_day): $5.00 is left, $3.00 is missing"
        );
    }

    #[test]
    fn two_rentals_at_once_must_fit_into_the_budget_of_an_hour() {
        let rented = Funds {
            hour: UsdPerHour::from_dollars(9.0),
            ..funds()
        };
        let refusal = asked(8.0, &rented).unwrap_err();
        assert_eq!(
            (refusal.cap, refusal.missing),
            (Cap::Hour, Usd::from_dollars(5.0))
        );
    }

    #[test]
    fn unknown_credit_admits_nothing() {
        let refusal = asked(0.01, &Funds::default()).unwrap_err();
        assert_eq!(refusal.cap, Cap::Credit);
    }
}
