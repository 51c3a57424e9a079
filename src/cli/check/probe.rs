//! One thing that was asked, in words and as JSON.

use std::fmt;

use serde::Serialize;

use crate::cli::Exit;
use crate::domain::Verdict;

/// One thing that was asked, and what came of it.
#[derive(Debug, Serialize)]
pub(super) struct Probe {
    pub what: String,
    /// What was seen.
    pub seen: String,
    #[serde(flatten)]
    pub verdict: Verdict,
}

impl Probe {
    pub fn met(what: &str, seen: impl Into<String>) -> Probe {
        Probe {
            what: what.into(),
            seen: seen.into(),
            verdict: Verdict::Met,
        }
    }

    pub fn unmet(what: &str, cause: impl Into<String>, remedy: impl Into<String>) -> Probe {
        Probe {
            what: what.into(),
            seen: String::new(),
            verdict: Verdict::Unmet {
                cause: cause.into(),
                remedy: remedy.into(),
            },
        }
    }

    pub fn unknown(what: &str, cause: &impl fmt::Display, remedy: impl Into<String>) -> Probe {
        Probe {
            what: what.into(),
            seen: String::new(),
            verdict: Verdict::Unknown {
                cause: cause.to_string(),
                remedy: remedy.into(),
            },
        }
    }
}

/// What is wrong weighs more than what nobody could tell; neither is fine.
pub(super) fn exit_of(probes: &[Probe]) -> Exit {
    let has = |is: fn(&Verdict) -> bool| probes.iter().any(|probe| is(&probe.verdict));
    if has(|verdict| matches!(verdict, Verdict::Unmet { .. })) {
        return Exit::Failed;
    }
    if has(|verdict| matches!(verdict, Verdict::Unknown { .. })) {
        return Exit::Unknown;
    }
    Exit::Done
}

pub(super) fn in_words(probes: &[Probe]) -> String {
    let mut lines = Vec::new();
    for probe in probes {
        let (word, text) = match &probe.verdict {
            Verdict::Met => ("ok", &probe.seen),
            Verdict::Unmet { cause, .. } => ("FAILED", cause),
            Verdict::Unknown { cause, .. } => ("UNKNOWN", cause),
        };
        lines.push(format!("{word:<8}{:<13} {text}", probe.what));
        if let Verdict::Unmet { remedy, .. } | Verdict::Unknown { remedy, .. } = &probe.verdict {
            lines.push(format!("{:<22}{remedy}", ""));
        }
    }
    let bad = probes.iter().filter(|one| one.verdict != Verdict::Met);
    lines.push(match bad.count() {
        0 => "Nothing is in the way of a sprint.".to_owned(),
        count => format!("{count} of {} are not as they should be.", probes.len()),
    });
    lines.join("\n")
}
