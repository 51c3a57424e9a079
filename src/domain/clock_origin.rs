//! Where a clock was when nothing had elapsed.

use serde::{Deserialize, Serialize};

use super::Time;

/// Holds for one run of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockOrigin {
    pub boot_id: String,
    pub at: Time,
}
