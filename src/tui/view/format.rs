//! Times, durations and names as text.

use std::fmt::Display;

use unicode_width::UnicodeWidthStr as _;

use crate::domain::{ChainPhase, Duration, Milestone, Outcome, ReleasePolicy, Time, TimeBand};
use crate::engine::{SprintSnapshot, TunnelRate};

/// `2d 03h`, `3h 07m`, `7m 05s`, `5s`; never negative.
pub fn length(duration: Duration) -> String {
    let seconds = duration.num_seconds().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    if days > 0 {
        format!("{days}d {:02}h", hours % 24)
    } else if hours > 0 {
        format!("{hours}h {:02}m", minutes % 60)
    } else if minutes > 0 {
        format!("{minutes}m {:02}s", seconds % 60)
    } else {
        format!("{seconds}s")
    }
}

/// The same to the minute: `3h 07m`, `7m`, `5s`.
pub fn roughly(duration: Duration) -> String {
    let text = length(duration);
    match text.split_once("m ") {
        Some((minutes, _)) => format!("{minutes}m"),
        None => text,
    }
}

/// `12s ago`.
pub fn ago(then: Option<Time>, now: Time) -> String {
    match then {
        Some(then) => format!("{} ago", length(now - then)),
        None => "never read".to_owned(),
    }
}

/// `14:05 UTC`.
pub fn clock(at: Time) -> String {
    at.format("%H:%M UTC").to_string()
}

/// `1 line`, `2 lines`.
pub fn count<N: Copy + Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// `7m 05s ±1m (03:12 UTC)`, or `now`.
pub fn band(band: TimeBand, now: Time, plus_minus: &str) -> String {
    let clock = clock(band.p50);
    if band.p50 <= now {
        return format!("now (expected {clock})");
    }
    let left = length(band.p50 - now);
    let half = length((band.p90 - band.p10) / 2);
    // In its largest unit.
    let half = half.split(' ').next().unwrap_or_default();
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

/// Breaks a text between words into rows of at most this many columns. A longer word is not broken but
/// cut on the screen: half an address is no use.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    for word in text.split_whitespace() {
        let last = rows.last_mut().filter(|row| !row.is_empty());
        match last {
            Some(row) if row.width() + 1 + word.width() <= columns => {
                row.push(' ');
                row.push_str(word);
            }
            Some(_) => rows.push(word.to_owned()),
            None => rows = vec![word.to_owned()],
        }
    }
    rows
}

/// The first rows of a text, with an ellipsis if there are more.
pub fn wrap_into(text: &str, columns: usize, most: usize, ellipsis: &str) -> Vec<String> {
    let mut rows = wrap(text, columns);
    if rows.len() <= most {
        return rows;
    }
    rows.truncate(most);
    if let Some(last) = rows.last_mut() {
        while last.width() + ellipsis.width() > columns && last.pop().is_some() {}
        last.push_str(ellipsis);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrap_breaks_words_and_marks_cuts() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("", 7), [""]);
        assert_eq!(wrap("a-word-too-long b", 7), ["a-word-too-long", "b"]);
        assert_eq!(wrap_into("one two three", 7, 1, "…"), ["one tw…"]);
        assert_eq!(wrap_into("one two", 7, 1, "…"), ["one two"]);
    }

    #[test]
    fn rough_lengths_drop_seconds() {
        let words = |seconds| roughly(Duration::seconds(seconds));
        assert_eq!(words(59), "59s");
        assert_eq!(words(61), "1m");
        assert_eq!(words(3_720), "1h 02m");
        assert_eq!(words(90_000), "1d 01h");
    }

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
