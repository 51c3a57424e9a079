//! What a rental's watchdog, which ends it after its lease, makes of that lease.

use serde::{Deserialize, Serialize};

/// Whether the watchdog would end the rental in time: read from the rental, never assumed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchdogCheck {
    #[default]
    NotRead,
    /// It runs and counts down our lease.
    Verified,
    /// What is wrong.
    Failed(String),
}
