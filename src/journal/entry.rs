//! A record as a storage keeps it: numbered, timed, its body a text that no storage looks into.

use serde::{Deserialize, Serialize};

use super::{EntryId, JournalError, Record};
use crate::domain::{BootTimes, Time};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub id: EntryId,
    /// When it was written; whole microseconds.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub at: Time,
    /// The record as JSON. Kept as it came, so a kind that this program does not know survives it.
    pub body: String,
}

impl Entry {
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
