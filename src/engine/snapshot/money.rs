//! Money in a snapshot.

use serde::{Deserialize, Serialize};

use crate::domain::{Usd, UsdPerHour};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct MoneySnapshot {
    pub per_hour: UsdPerHour,
    pub sprint: Usd,
    /// What is reserved for what runs.
    pub reserved: Usd,
    /// Each cap with what is used of it.
    pub caps: Vec<CapSnapshot>,
    /// Most that everything rented at the same time may cost.
    pub hour_limit: UsdPerHour,
    /// What everything that may be rented costs now.
    pub hour_used: UsdPerHour,
    /// The account's credit, once read.
    pub credit: Option<Usd>,
    /// Credit that must be left on the account.
    pub credit_floor: Usd,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapSnapshot {
    /// `sprint`, `day`, `month`.
    pub name: String,
    pub limit: Usd,
    /// Spent and reserved in its period.
    pub used: Usd,
}
