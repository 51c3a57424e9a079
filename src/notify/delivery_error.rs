//! Why a notice was not delivered.

use super::secrets::Secrets;
use crate::domain::{CallError, CallErrorKind};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct DeliveryError {
    /// For people, without secrets.
    pub why: String,
    pub hint: String,
    pub kind: FailureKind,
}

/// Whether another attempt can succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    Transient,
    /// The service rejected it and would again.
    Permanent,
}

impl DeliveryError {
    pub(super) fn new(error: &CallError, hint: String) -> DeliveryError {
        use CallErrorKind::{Ambiguous, Malformed, NotSent, RateLimited, Unanswered};
        DeliveryError {
            why: error.to_string(),
            hint,
            // `Ambiguous` too: a duplicate notice does no harm. `Malformed`: something in between answered.
            kind: match error.kind {
                Ambiguous | Unanswered | NotSent | RateLimited | Malformed => {
                    FailureKind::Transient
                }
                _ => FailureKind::Permanent,
            },
        }
    }

    pub(super) fn redacted(mut self, secrets: &Secrets) -> DeliveryError {
        self.why = secrets.redact(&self.why);
        self
    }
}
