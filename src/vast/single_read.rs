//! Judges the market's route for a single instance, which is said to be retired after the v0 list. Pure.

use crate::domain::{CallError, CallErrorKind, Finding, Requirement, UnknownEffect, Verdict};

const REMEDY: &str =
    "use a newer pocpit once there is one; until then rentals are read from the list of instances";

/// The finding for the read of an instance that does not exist. It never blocks: the list has every
/// instance too.
pub fn judge_single_read(read: &Result<(), CallError>) -> Finding {
    let verdict = match read {
        Ok(()) => Verdict::Met,
        // A gateway's page, a rate limit or a lost connection says nothing about the route.
        Err(error) if error.is_passing() && error.kind != CallErrorKind::Malformed => {
            Verdict::Unknown {
                cause: error.to_string(),
                remedy: "wait until it is read again, before the next rental".to_owned(),
                effect: UnknownEffect::Shown,
            }
        }
        Err(error) => Verdict::Warning {
            cause: format!("single instances cannot be read as documented: {error}"),
            remedy: REMEDY.to_owned(),
        },
    };
    Finding {
        requirement: Requirement::SingleInstance,
        seen: String::new(),
        verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moved_route_warns_and_never_blocks() {
        use CallErrorKind::{Malformed, NotFound, NotSent, RateLimited, Refused, Unanswered};
        let error = |kind| Err(CallError::new("read", kind, "x"));
        for (read, warns) in [
            (error(Refused), true),
            (error(NotFound), true),
            (error(Malformed), true),
            (error(Unanswered), false),
            (error(RateLimited), false),
            (error(NotSent), false),
        ] {
            let finding = judge_single_read(&read);
            let is_warning = matches!(finding.verdict, Verdict::Warning { .. });
            assert_eq!(is_warning, warns, "{read:?}");
            assert!(!finding.verdict.blocks(), "{read:?}");
            assert!(finding.trouble().is_some());
        }
        assert!(judge_single_read(&Ok(())).trouble().is_none());
    }
}
