//! Whether `poc.execution_timeout` leaves `poc.release` the time that it needs.

use derive_more::Display;

use super::settings::PocConfig;
use super::value::show_duration;
use crate::domain::{Duration, ReleasePolicy};

/// A rule of thumb, because loading a configuration must not need the chain; `pocpit plan` measures.
const TYPICAL_BLOCK: Duration = Duration::milliseconds(5_600);
/// Mainnet's 15,391 blocks.
const TYPICAL_EPOCH: Duration = Duration::hours(24);
/// From the start of the `PoC` until weights are known.
const TYPICAL_WEIGHT: Duration = Duration::minutes(30);
/// From the start of the `PoC` to the end of validation.
const TYPICAL_VALIDATION: Duration = Duration::minutes(20);

/// `poc.execution_timeout` ends a rental before `poc.release` would.
#[derive(Debug, Display, Clone, PartialEq, Eq)]
#[display("{cause}: {remedy}")]
pub struct CutShort {
    pub cause: String,
    pub remedy: String,
}

impl PocConfig {
    /// The conflict between the two settings, if there is one.
    pub fn cut_short(&self) -> Option<CutShort> {
        let (held, length) = holding_time(self.release);
        if held <= self.execution_timeout {
            return None;
        }
        // Rounded up, and an hour to complete a running confirmation PoC.
        let enough = (held + Duration::hours(2) - Duration::milliseconds(1)).num_hours();
        Some(CutShort {
            cause: format!(
                "poc.execution_timeout = \"{}\" releases every rental that long after PoC starts, but poc.release = \"{}\" keeps it {length}. A confirmation PoC after the early release loses the epoch's reward",
                show_duration(self.execution_timeout),
                self.release,
            ),
            remedy: format!(
                "set poc.execution_timeout = \"{enough}h\", or choose a shorter poc.release; `pocpit plan` shows what each costs"
            ),
        })
    }
}

/// Maximum time after the start of the `PoC`, and the same in words.
fn holding_time(release: ReleasePolicy) -> (Duration, String) {
    let time = match release {
        ReleasePolicy::AfterValidation => TYPICAL_VALIDATION,
        ReleasePolicy::AfterWeight => TYPICAL_WEIGHT,
        ReleasePolicy::AfterConfirmation | ReleasePolicy::WholeEpoch => TYPICAL_EPOCH,
        ReleasePolicy::BlocksAfterStart(blocks) => {
            TYPICAL_BLOCK * i32::try_from(blocks).unwrap_or(i32::MAX)
        }
        ReleasePolicy::MinutesAfterStart(minutes) => Duration::minutes(i64::from(minutes)),
    };
    // An epoch's end ends every policy.
    let time = time.min(TYPICAL_EPOCH);
    let shown = if time == TYPICAL_EPOCH {
        format!("{}h", TYPICAL_EPOCH.num_hours())
    } else {
        show_duration(Duration::minutes(time.num_minutes()))
    };
    let words = match release {
        ReleasePolicy::AfterConfirmation => format!("for up to {shown} until one comes"),
        ReleasePolicy::MinutesAfterStart(_) => format!("for {shown}"),
        ReleasePolicy::AfterValidation
        | ReleasePolicy::AfterWeight
        | ReleasePolicy::WholeEpoch
        | ReleasePolicy::BlocksAfterStart(_) => format!("for about {shown}"),
    };
    (time, words)
}
