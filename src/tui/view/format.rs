//! Names of the cockpit as text; lengths, counts and money are as everywhere else.

pub use crate::domain::format::{
    both_ends, clock, count, cut, estimate, grouped, in_largest_unit, length, listed, roughly,
    second, short, short_id, tallied, tally, wrap, wrap_into,
};
use crate::domain::{ChainPhase, Milestone, Outcome, ReleasePolicy, Time, TimeBand, Usd};
use crate::engine::{SprintSnapshot, TunnelRate};
use crate::tui::theme::Theme;

/// `12s ago`.
pub fn ago(then: Option<Time>, now: Time) -> String {
    match then {
        Some(then) => format!("{} ago", length(now - then)),
        None => "never read".to_owned(),
    }
}

/// `frozen since 03:21, 20m ago`: what was not read for too long.
pub fn frozen(since: Time, now: Time) -> String {
    format!(
        "frozen since {}, {} ago",
        clock(since, now),
        short(now - since)
    )
}

/// A measured figure without decimals: `2,141`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and a negative figure is none"
)]
pub fn whole(figure: f64) -> String {
    grouped(figure.round() as u64)
}

/// What something costs at most: `≤$14.18`.
pub fn worst(cost: Usd, theme: Theme) -> String {
    format!("{}{cost}", theme.glyph("≤", "<="))
}

/// A cap, without cents where they say nothing: `$60`.
pub fn cap(left: Usd, with_cents: bool) -> String {
    if with_cents || left < Usd::from_dollars(10.0) {
        return left.to_string();
    }
    left.whole()
}

/// `7m 05s ±1m (03:12)`, or `now`.
pub fn band(band: TimeBand, now: Time, plus_minus: &str) -> String {
    let clock = clock(band.p50, now);
    if band.p50 <= now {
        return format!("now (expected {clock})");
    }
    let left = length(band.p50 - now);
    let half = in_largest_unit((band.p90 - band.p10) / 2);
    format!("{left} {plus_minus}{half} ({clock})")
}

pub fn phase(phase: ChainPhase) -> &'static str {
    match phase {
        ChainPhase::PoCGenerate => "PoC generation",
        ChainPhase::PoCGenerateWindDown => "PoC generation wind-down",
        ChainPhase::PoCValidate => "PoC validation",
        ChainPhase::PoCValidateWindDown => "PoC validation wind-down",
        ChainPhase::Inference => "inference",
    }
}

pub fn milestone(milestone: Milestone) -> &'static str {
    match milestone {
        Milestone::PocStart => "PoC starts",
        Milestone::PocGenerationEnd => "generation ends",
        Milestone::PocValidationStart => "validation starts",
        Milestone::PocValidationEnd => "validation ends",
        Milestone::SetNewValidators => "weights are set",
        Milestone::ClaimMoney => "rewards are claimed",
        Milestone::InferenceValidationCutoff => "inference cut-off",
    }
}

/// Round trip of the tunnel and bytes per second in both directions, each after a comma; empty before the
/// first request.
pub fn rate(rate: TunnelRate) -> String {
    let Some(milliseconds) = rate.round_trip_ms else {
        return String::new();
    };
    let bytes = rate.sent_per_second + rate.received_per_second;
    let speed = match bytes {
        0..1_000 => format!("{bytes} B/s"),
        1_000..1_000_000 => format!("{} kB/s", bytes / 1_000),
        _ => format!("{}.{} MB/s", bytes / 1_000_000, bytes / 100_000 % 10),
    };
    format!(", {milliseconds} ms, {speed}")
}

/// When a sprint releases its rental.
pub fn release(sprint: &SprintSnapshot) -> String {
    match sprint.aim.serves_for() {
        Some(time) => format!("after {} of serving", length(time)),
        None => policy(sprint.release_policy),
    }
}

fn policy(policy: ReleasePolicy) -> String {
    match policy {
        ReleasePolicy::AfterValidation => "after PoC validation".into(),
        ReleasePolicy::AfterWeight => "once the weight is known".into(),
        ReleasePolicy::AfterConfirmation => "after the first confirmation PoC".into(),
        ReleasePolicy::MinutesAfterStart(n) => format!("{n} min after PoC starts"),
        ReleasePolicy::BlocksAfterStart(n) => format!("{n} blocks after PoC starts"),
        ReleasePolicy::WholeEpoch => "at the epoch's end".into(),
    }
}

pub fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Confirmed { weight } => format!("CONFIRMED: weight {weight} on the chain"),
        Outcome::NoWeight { cause } => format!("NO WEIGHT: {}: {}", cause.name, cause.detail),
        Outcome::Failed { cause } => format!("FAILED: {}: {}", cause.name, cause.detail),
        Outcome::Rehearsed => "REHEARSED: registered with a good status, then released".into(),
        Outcome::Served => "SERVED: requests were answered, then the rental was released".into(),
        Outcome::Aborted => "ABORTED by the operator".into(),
        Outcome::Unknown { cause } => format!("UNKNOWN: {}: {}", cause.name, cause.detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_uses_largest_fitting_unit() {
        let words = |sent_per_second, received_per_second| {
            rate(TunnelRate {
                sent_per_second,
                received_per_second,
                round_trip_ms: Some(23),
            })
        };
        assert_eq!(words(500, 499), ", 23 ms, 999 B/s");
        assert_eq!(words(0, 1_999), ", 23 ms, 1 kB/s");
        assert_eq!(words(1_000_000, 1_270_000), ", 23 ms, 2.2 MB/s");
        assert_eq!(rate(TunnelRate::default()), "");
    }
}
