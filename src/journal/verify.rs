//! What a journal holds, once everything in it was read.

use std::path::Path;

use super::spool::Spool;
use super::store::{FILE, SPOOL, read_all};
use super::{Dump, Entry, JournalError, SqliteStorage, WriterEpoch, add_up};
use crate::domain::Time;

/// Every record could be read and added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The writer that it knew last.
    pub writer: WriterEpoch,
    pub records: usize,
    /// Times of the first and the last record.
    pub span: Option<(Time, Time)>,
    pub open_rentals: usize,
    pub open_registrations: usize,
    /// Records that wait for the database to take them.
    pub spooled: usize,
}

impl Verified {
    /// Adds up a dump.
    pub fn dump(dump: &Dump) -> Result<Verified, JournalError> {
        Verified::of(dump.writer, &dump.entries)
    }

    fn of(writer: WriterEpoch, entries: &[Entry]) -> Result<Verified, JournalError> {
        let ledger = add_up(entries)?;
        let times = || entries.iter().map(|entry| entry.at);
        Ok(Verified {
            writer,
            records: entries.len(),
            span: times().min().zip(times().max()),
            open_rentals: ledger.open_rentals().len(),
            open_registrations: ledger.registrations().len(),
            spooled: 0,
        })
    }
}

/// Reads everything of a state directory's journal, which may be in use; `None` if there is none.
pub fn verify(state_dir: &Path) -> Result<Option<Verified>, JournalError> {
    let path = state_dir.join(FILE);
    if !path.exists() {
        return Ok(None);
    }
    if let Some(found) = SqliteStorage::damage(&path)? {
        return Err(JournalError::at(&path)(found));
    }
    let spooled = Spool::read(&state_dir.join(SPOOL))?.entries().len();
    let (writer, entries) = read_all(state_dir)?;
    let verified = Verified::of(writer, &entries)?;
    Ok(Some(Verified {
        spooled,
        ..verified
    }))
}
