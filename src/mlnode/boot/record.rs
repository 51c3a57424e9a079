//! The onstart script's record of the workload's runs. Pure.

use crate::domain::{RunRecord, RunState, Time, plausible_time};

/// Parses `state=running|ended restarts=K status=N at=UNIXSECONDS`. `None` for anything else, as on
/// rentals with an older script.
pub fn parse(text: &str) -> Option<RunRecord> {
    let field = |name: &str| {
        let fields = text.split_whitespace();
        // The last one: what the shell prints first is not the script's.
        let mut values = fields.filter_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        values.next_back()
    };
    let state = match field("state")? {
        "running" => RunState::Running,
        "ended" => RunState::Ended,
        _ => return None,
    };
    Some(RunRecord {
        state,
        restarts: field("restarts")?.parse().ok()?,
        status: field("status").and_then(|status| status.parse().ok()),
        at: Time::from_timestamp(field("at")?.parse().ok()?, 0).and_then(plausible_time)?,
    })
}

/// What an exit status means: shells give 128 + N for signal N.
pub(super) fn describe(status: Option<i32>) -> String {
    match status {
        None => "its exit status is unknown".to_owned(),
        Some(137) => "exit 137: it was killed, perhaps out of memory".to_owned(),
        Some(status @ 129..=192) => format!("exit {status}: signal {}", status - 128),
        Some(status) => format!("exit {status}"),
    }
}
