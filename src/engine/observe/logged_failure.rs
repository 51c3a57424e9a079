//! Logs a repeated failure only once. Pure.

use crate::domain::{CallError, CallErrorKind};

/// The failure that was logged last.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct LoggedFailure {
    last: Option<(CallErrorKind, Option<u16>)>,
}

impl LoggedFailure {
    /// Whether it differs in kind from the last one. After a good reading, start with a new value.
    pub(crate) fn is_new(&mut self, error: &CallError) -> bool {
        let kind = (error.kind, error.status);
        self.last.replace(kind) != Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_failure_is_logged_once() {
        let failure = |kind| CallError::new("read", kind, "details change: 1, 2, 3");
        let mut last = LoggedFailure::default();
        assert!(last.is_new(&failure(CallErrorKind::NotServed)));
        assert!(!last.is_new(&failure(CallErrorKind::NotServed)));
        assert!(last.is_new(&failure(CallErrorKind::Unanswered)));
        assert!(last.is_new(&failure(CallErrorKind::NotServed)));
    }
}
