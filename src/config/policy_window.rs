//! Whether `poc.execution_timeout` leaves `poc.release` the time that it needs.

use super::settings::PocConfig;
use super::value::show_duration;
use crate::domain::{Duration, ReleasePolicy};

/// Rule of thumb, because loading a configuration must not need the chain; `pocpit plan` measures.
const TYPICAL_BLOCK: Duration = Duration::milliseconds(5_600);
/// Mainnet's 15,391 blocks.
const TYPICAL_EPOCH: Duration = Duration::hours(24);
/// From the start of the `PoC` until weights are known.
const TYPICAL_WEIGHT: Duration = Duration::minutes(30);
/// From its start to the end of validation.
const TYPICAL_VALIDATION: Duration = Duration::minutes(20);
/// A running confirmation `PoC` is always completed.
const SPARE: Duration = Duration::hours(1);

/// `poc.execution_timeout` ends a rental before `poc.release` would.
#[derive(Debug, Clone, PartialEq, Eq)]
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
        let enough = whole_hours(held) + SPARE;
        Some(CutShort {
            cause: format!(
                "poc.execution_timeout = \"{}\" releases every rental that long after PoC starts, but poc.release = \"{}\" keeps it {length}. A confirmation PoC after the early release loses the epoch's reward",
                show_duration(self.execution_timeout),
                self.release,
            ),
            remedy: format!(
                "set poc.execution_timeout = \"{}h\", or choose a shorter poc.release; `pocpit plan` shows what each costs",
                enough.num_hours()
            ),
        })
    }
}

/// Maximum time after the start of `PoC`, also in words.
fn holding_time(release: ReleasePolicy) -> (Duration, String) {
    let about = |time: Duration| format!("for about {}", show_duration(whole_minutes(time)));
    match release {
        ReleasePolicy::AfterValidation => (TYPICAL_VALIDATION, about(TYPICAL_VALIDATION)),
        ReleasePolicy::AfterWeight => (TYPICAL_WEIGHT, about(TYPICAL_WEIGHT)),
        ReleasePolicy::AfterConfirmation => (
            TYPICAL_EPOCH,
            format!("for up to {} until one comes", show_hours(TYPICAL_EPOCH)),
        ),
        ReleasePolicy::WholeEpoch => (
            TYPICAL_EPOCH,
            format!("for about {}", show_hours(TYPICAL_EPOCH)),
        ),
        ReleasePolicy::BlocksAfterStart(blocks) => {
            // An epoch's end ends every policy.
            let blocks = i32::try_from(blocks).unwrap_or(i32::MAX);
            let time = (TYPICAL_BLOCK * blocks).min(TYPICAL_EPOCH);
            (time, about(time))
        }
        ReleasePolicy::MinutesAfterStart(minutes) => {
            let time = Duration::minutes(i64::from(minutes)).min(TYPICAL_EPOCH);
            (time, format!("for {}", show_duration(time)))
        }
    }
}

fn show_hours(time: Duration) -> String {
    format!("{}h", time.num_hours())
}

fn whole_minutes(time: Duration) -> Duration {
    Duration::minutes(time.num_minutes())
}

fn whole_hours(time: Duration) -> Duration {
    let hours = Duration::hours(time.num_hours());
    if hours < time {
        hours + Duration::hours(1)
    } else {
        hours
    }
}
