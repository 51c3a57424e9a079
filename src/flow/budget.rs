//! Caps. Money is reserved before it is spent: a worst case that does not fit is refused.

use serde::{Deserialize, Serialize};

use super::event::Funds;
use crate::domain::Usd;

/// The operator's caps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caps {
    /// Of one sprint.
    pub sprint: Usd,
    /// Of 24 hours.
    pub day: Usd,
    /// Of 30 days.
    pub month: Usd,
    /// Credit that must be left on the account.
    pub credit_floor: Usd,
}

/// Why a worst case does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error(
    "a worst case of {worst} does not fit into the {cap}: {left} is left, {missing} is missing"
)]
pub struct Refusal {
    /// Which cap.
    pub cap: String,
    /// The worst case.
    pub worst: Usd,
    /// What is left of the cap.
    pub left: Usd,
    /// How much too little that is.
    pub missing: Usd,
}

/// Whether `worst` fits into every cap; the first cap that it breaks otherwise. An account whose
/// credit is not known has none (law 3).
pub fn admit(worst: Usd, funds: &Funds, caps: &Caps) -> Result<(), Refusal> {
    let credit = funds
        .credit
        .unwrap_or(Usd::ZERO)
        .left_after(caps.credit_floor);
    let limits = [
        (
            "budget of this sprint",
            caps.sprint.left_after(funds.sprint),
        ),
        ("budget of 24 hours", caps.day.left_after(funds.day)),
        ("budget of 30 days", caps.month.left_after(funds.month)),
        ("account's credit", credit),
    ];
    for (cap, left) in limits {
        if worst > left {
            let cap = cap.to_owned();
            return Err(Refusal {
                cap,
                worst,
                left,
                missing: worst - left,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps() -> Caps {
        Caps {
            sprint: Usd::from_dollars(20.0),
            day: Usd::from_dollars(30.0),
            month: Usd::from_dollars(300.0),
            credit_floor: Usd::from_dollars(1.0),
        }
    }

    #[test]
    fn a_worst_case_that_fits_every_cap_is_admitted() {
        let funds = Funds {
            credit: Some(Usd::from_dollars(50.0)),
            ..Funds::default()
        };
        assert_eq!(admit(Usd::from_dollars(20.0), &funds, &caps()), Ok(()));
    }

    #[test]
    fn the_refusal_names_the_cap_and_what_is_missing() {
        let funds = Funds {
            day: Usd::from_dollars(25.0),
            credit: Some(Usd::from_dollars(50.0)),
            ..Funds::default()
        };
        let refusal = admit(Usd::from_dollars(8.0), &funds, &caps()).unwrap_err();
        assert_eq!(refusal.cap, "budget of 24 hours");
        assert_eq!(refusal.missing, Usd::from_dollars(3.0));
    }

    #[test]
    fn unknown_credit_admits_nothing() {
        let refusal = admit(Usd(1), &Funds::default(), &caps()).unwrap_err();
        assert_eq!(refusal.cap, "account's credit");
    }
}
