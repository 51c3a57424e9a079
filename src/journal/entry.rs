//! A record as it is stored: numbered, timed, its body opaque to the storage.

use serde::{Deserialize, Serialize};

use super::{EntryId, JournalError, Ledger, Record};
use crate::domain::{BootTimes, Time};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub id: EntryId,
    /// Whole microseconds.
    #[serde(with = "chrono::serde::ts_microseconds")]
    pub at: Time,
    /// The record as JSON, preserved as it came: so an unknown kind survives.
    pub body: String,
}

impl Entry {
    pub(super) fn of(id: EntryId, at: Time, record: &Record) -> Result<Entry, JournalError> {
        let body = serde_json::to_string(record).map_err(|error| JournalError::Unreadable {
            id,
            detail: error.to_string(),
        })?;
        Ok(Entry { id, at, body })
    }

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

impl Ledger {
    pub(super) fn apply_entry(&mut self, entry: &Entry) -> Result<(), JournalError> {
        self.apply(entry.at, &entry.record()?);
        Ok(())
    }
}

/// A record whose name has another meaning today.
fn older(body: &str) -> Option<Record> {
    #[derive(Deserialize)]
    #[serde(tag = "record", rename_all = "snake_case")]
    enum Older {
        /// In journals of version 2: what is [`Record::BootWatched`] today.
        BootEnded { boot: BootTimes },
    }
    let Older::BootEnded { boot } = serde_json::from_str(body).ok()?;
    Some(Record::BootWatched { boot })
}
