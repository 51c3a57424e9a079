//! Identities of writers and entries.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The fencing token of a writer, counted from 1. Claiming the next one fences off the holder of the
/// one before, even if it does not know yet.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct WriterEpoch(pub u32);

impl WriterEpoch {
    #[must_use]
    pub fn next(self) -> WriterEpoch {
        WriterEpoch(self.0.saturating_add(1))
    }
}

impl fmt::Display for WriterEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Identity of an entry: unique, and ordered as written. An entry that reaches a storage twice counts
/// once.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct EntryId {
    pub writer: WriterEpoch,
    /// Counts on from writer to writer.
    pub sequence: u32,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of writer {}", self.sequence, self.writer)
    }
}
