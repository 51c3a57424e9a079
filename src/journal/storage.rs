//! Where the entries are stored.

use std::fmt;

use super::{Entry, EntryId, JournalError, WriterEpoch};

/// Takes one entry after the other: a journal may be larger than what should be in memory.
pub type EntryVisitor<'a> = dyn FnMut(Entry) -> Result<(), JournalError> + 'a;

/// Stores entries durably, for one writer at a time.
///
/// Every write is all or nothing, is on the disk when it returns, and fails with
/// [`JournalError::Fenced`] when `writer` is not the current one, without changing anything.
pub trait Storage: fmt::Debug + Send {
    /// The writer that claimed last; zero if none ever did.
    fn current(&self) -> Result<WriterEpoch, JournalError>;

    /// Makes `writer` the current one. Fenced unless it follows the current one: another was faster.
    fn claim(&mut self, writer: WriterEpoch) -> Result<(), JournalError>;

    /// Adds entries, except those whose id is there already. Writes to the disk even without entries, so
    /// that an empty call tests whether a write works.
    fn append(&mut self, writer: WriterEpoch, entries: &[Entry]) -> Result<(), JournalError>;

    /// Visits every entry, in the order of their ids. Ends with the visitor's first error.
    fn visit(&self, visitor: &mut EntryVisitor<'_>) -> Result<(), JournalError>;

    /// Removes entries that no longer count.
    fn compact(&mut self, writer: WriterEpoch, superfluous: &[EntryId])
    -> Result<(), JournalError>;
}
