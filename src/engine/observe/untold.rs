//! What is said once: a failure that stays the same is no news. Pure.

use crate::domain::{CallError, CallErrorKind};

/// The failure that was said last.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Untold {
    last: Option<(CallErrorKind, Option<u16>)>,
}

impl Untold {
    /// Whether it differs in kind from the last one. A good reading in between is a new value.
    pub(crate) fn is_news(&mut self, error: &CallError) -> bool {
        let kind = (error.kind, error.status);
        self.last.replace(kind) != Some(kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_failure_is_said_once() {
        let failure = |kind| CallError::new("read", kind, "details change: 1, 2, 3");
        let mut untold = Untold::default();
        assert!(untold.is_news(&failure(CallErrorKind::NotServed)));
        assert!(!untold.is_news(&failure(CallErrorKind::NotServed)));
        assert!(untold.is_news(&failure(CallErrorKind::Unanswered)));
        assert!(untold.is_news(&failure(CallErrorKind::NotServed)));
    }
}
