//! A confirmation `PoC` whose result is not known yet.

use crate::domain::{ConfirmationEvent, Time};

/// An event that was seen and whose result is not known yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PendingConfirmation {
    pub(crate) event: ConfirmationEvent,
    pub(crate) over: Option<Time>,
    pub(crate) asked: Option<Time>,
}
