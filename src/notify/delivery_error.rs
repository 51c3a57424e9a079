//! Why a notice was not delivered.

use super::secrets::Secrets;
use crate::domain::{CallError, CallErrorKind};

/// Why a notice was not delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct DeliveryError {
    /// For people, without secrets.
    pub why: String,
    pub hint: String,
    /// Whether another attempt can succeed.
    pub retry: Retry,
}

/// Whether another attempt can succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The failure may be temporary.
    Later,
    /// The service rejected it and would again.
    Never,
}

impl DeliveryError {
    pub(super) fn new(error: &CallError, hint: String) -> DeliveryError {
        use CallErrorKind::{Ambiguous, NotSent, RateLimited};
        DeliveryError {
            why: error.to_string(),
            hint,
            // `Ambiguous` too: a duplicate notice does no harm.
            retry: match error.kind {
                Ambiguous | NotSent | RateLimited => Retry::Later,
                _ => Retry::Never,
            },
        }
    }

    pub(super) fn redacted(mut self, secrets: &Secrets) -> DeliveryError {
        self.why = secrets.redact(&self.why);
        self
    }
}
