//! Identities of writers and entries.

use derive_more::Display;
use serde::{Deserialize, Serialize};

/// The fencing token of a writer, counted from 1. Claiming the next one fences off the previous writer,
/// even before it notices.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WriterEpoch(pub u32);

impl WriterEpoch {
    #[must_use]
    pub fn next(self) -> WriterEpoch {
        WriterEpoch(self.0.saturating_add(1))
    }
}

/// The id of an entry: unique, and ordered as written. An entry that reaches a storage twice counts once.
#[derive(Debug, Display, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[display("{sequence} of writer {writer}")]
#[derive(Serialize, Deserialize)]
pub struct EntryId {
    pub writer: WriterEpoch,
    /// Counts on from writer to writer.
    pub sequence: u32,
}
