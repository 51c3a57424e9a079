//! A verdict, with what was read.

use crate::domain::{
    CallError, Finding, ForeignText, Requirement, UnknownEffect, UnknownRules, Verdict,
};

/// In characters. A list of others, of models or of nodes, can have any length.
const LONGEST: usize = 1_000;

fn bounded(text: &str) -> String {
    ForeignText(text).line(LONGEST)
}

pub(super) struct Judged {
    seen: String,
    verdict: Verdict,
}

impl Judged {
    pub(super) fn finding(self, requirement: Requirement, rules: UnknownRules) -> Finding {
        let Judged { seen, mut verdict } = self;
        if let Verdict::Unknown { effect, .. } = &mut verdict
            && requirement.is_reward_rule()
            && rules == UnknownRules::Allow
        {
            *effect = UnknownEffect::Shown;
        }
        if let Verdict::Warning { cause, .. }
        | Verdict::Unmet { cause, .. }
        | Verdict::Unknown { cause, .. } = &mut verdict
        {
            *cause = bounded(cause);
        }
        Finding {
            requirement,
            seen: bounded(&seen),
            verdict,
        }
    }
}

impl From<Verdict> for Judged {
    fn from(verdict: Verdict) -> Judged {
        Judged {
            seen: String::new(),
            verdict,
        }
    }
}

pub(super) fn met(seen: impl Into<String>) -> Judged {
    Judged {
        seen: seen.into(),
        verdict: Verdict::Met,
    }
}

pub(super) fn warning(cause: impl Into<String>, remedy: impl Into<String>) -> Judged {
    let verdict = Verdict::Warning {
        cause: cause.into(),
        remedy: remedy.into(),
    };
    verdict.into()
}

pub(super) fn unmet(cause: impl Into<String>, remedy: impl Into<String>) -> Judged {
    let verdict = Verdict::Unmet {
        cause: cause.into(),
        remedy: remedy.into(),
    };
    verdict.into()
}

/// `cause` says what is unknown. It blocks, because the answer could forbid the rental.
pub(super) fn unknown(cause: &str, error: &CallError, remedy: &str) -> Judged {
    unread(format!("{cause}: {error}"), remedy, UnknownEffect::Blocks)
}

/// The same where no answer would forbid the rental, so it does not block.
pub(super) fn unsure(cause: &str, error: &CallError, remedy: &str) -> Judged {
    unread(format!("{cause}: {error}"), remedy, UnknownEffect::Shown)
}

pub(super) fn unread(cause: String, remedy: &str, effect: UnknownEffect) -> Judged {
    let verdict = Verdict::Unknown {
        cause,
        remedy: remedy.to_owned(),
        effect,
    };
    verdict.into()
}

/// Remedy when the Network Node's report does not decide something, which blocks.
pub(super) const READ_REPORT: &str =
    "check the Network Node's log, or set poc.unknown_rules = \"allow\" to rent without knowing";
/// Remedy when the chain's rules cannot be read, which blocks.
pub(super) const READ_RULES: &str = "set chain.rest to the REST API of a chain node (port 1317; /chain-api/ of the host's proxy is off by default), or poc.unknown_rules = \"allow\" to rent without knowing";
/// The same where it does not block.
pub(super) const READ_REST: &str = "set chain.rest to the REST API of a chain node (port 1317)";
