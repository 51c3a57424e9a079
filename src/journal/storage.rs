//! What keeps the entries. A file now; a database that several hosts share can be another.

use std::fmt;

use super::{Entry, EntryId, JournalError, WriterEpoch};

/// Keeps entries durably, for one writer at a time.
///
/// Every write is all or nothing, is on the disk when it returns, and fails with
/// [`JournalError::Fenced`] when `writer` is not the current one, without changing anything.
pub trait Storage: fmt::Debug + Send {
    /// The writer that claimed last; zero when nobody ever did.
    fn current(&self) -> Result<WriterEpoch, JournalError>;

    /// Makes `writer` the current one. Fenced when it is not the one after the current: somebody
    /// else was faster.
    fn claim(&mut self, writer: WriterEpoch) -> Result<(), JournalError>;

    /// Adds entries; those whose id is there already are left as they are. Writes to the disk even
    /// when there is nothing to add, so that an empty call tells whether a write works.
    fn append(&mut self, writer: WriterEpoch, entries: &[Entry]) -> Result<(), JournalError>;

    /// Every entry, in the order of their ids.
    fn read(&self) -> Result<Vec<Entry>, JournalError>;

    /// Removes entries that no longer count.
    fn compact(&mut self, writer: WriterEpoch, superfluous: &[EntryId])
    -> Result<(), JournalError>;
}
