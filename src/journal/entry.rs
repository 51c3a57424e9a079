//! A record as a storage keeps it: numbered, timed, its body a text that no storage looks into.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{JournalError, Record};
use crate::domain::{BootTimes, Time};

/// Which opening for writing this is, counted from 1. Whoever claims the next one shuts out the
/// holder of the one before it, even one that does not know it yet.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct WriterEpoch(pub u32);

impl WriterEpoch {
    /// The one that the next opening for writing claims.
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

/// Which entry: no two have the same, and their order is the order in which they were written. An
/// entry that reaches a storage twice is known by it and counts once.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct EntryId {
    /// Who wrote it.
    pub writer: WriterEpoch,
    /// Its number; it goes on from writer to writer.
    pub sequence: u32,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of writer {}", self.sequence, self.writer)
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Which.
    pub id: EntryId,
    /// When it was written; whole microseconds.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub at: Time,
    /// The record as JSON. Kept as it came, so a kind that this program does not know survives it.
    pub body: String,
}

impl Entry {
    /// The record in it.
    pub fn record(&self) -> Result<Record, JournalError> {
        let record = serde_json::from_str(&self.body);
        record
            .or_else(|error| older(&self.body).ok_or(error))
            .map_err(|error| JournalError::Unreadable {
                id: self.id,
                detail: error.to_string(),
            })
    }
}

/// A record whose name has another meaning today.
fn older(body: &str) -> Option<Record> {
    #[derive(Deserialize)]
    #[serde(tag = "record", rename_all = "snake_case")]
    enum Older {
        /// Journals of version 2 say so what [`Record::BootWatched`] says.
        BootEnded { boot: BootTimes },
    }
    let Older::BootEnded { boot } = serde_json::from_str(body).ok()?;
    Some(Record::BootWatched { boot })
}
