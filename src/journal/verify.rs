//! What a journal holds, once everything in it was read.

use std::path::Path;

use super::spool::Spool;
use super::store::{FILE, SPOOL, visit_all};
use super::{Dump, Entry, JournalError, Ledger, SqliteStorage};
use crate::domain::Time;

/// Every record could be read and added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
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
        let mut sum = Sum::default();
        dump.entries.iter().try_for_each(|entry| sum.add(entry))?;
        Ok(sum.verified(0))
    }
}

#[derive(Default)]
struct Sum {
    ledger: Ledger,
    records: usize,
    span: Option<(Time, Time)>,
}

impl Sum {
    fn add(&mut self, entry: &Entry) -> Result<(), JournalError> {
        self.ledger.apply_entry(entry)?;
        self.records += 1;
        let (first, last) = self.span.unwrap_or((entry.at, entry.at));
        // A clock may have been set back.
        self.span = Some((first.min(entry.at), last.max(entry.at)));
        Ok(())
    }

    fn verified(&self, spooled: usize) -> Verified {
        Verified {
            records: self.records,
            span: self.span,
            open_rentals: self.ledger.open_rentals().len(),
            open_registrations: self.ledger.registrations().len(),
            spooled,
        }
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
    let mut sum = Sum::default();
    visit_all(state_dir, |entry| sum.add(&entry))?;
    Ok(Some(sum.verified(spooled)))
}
