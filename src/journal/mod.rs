//! Durable memory: intents before effects, outcomes after them, and what they add up to.
//!
//! Records are only appended; state is the fold over them ([`Ledger`]). One program at a time holds the
//! journal of a state directory. Each opening of a [`Storage`] for writing claims the next
//! [`WriterEpoch`], which fences off the previous writer.

mod compact;
mod dump;
mod entry;
mod error;
mod history;
mod ids;
mod ledger;
mod line;
mod record;
mod restore;
#[cfg(test)]
pub(crate) mod samples;
mod spool;
mod sqlite;
mod storage;
mod store;
mod traces;
mod verify;

pub use dump::{Dump, DumpError};
pub use entry::Entry;
pub use error::JournalError;
pub use history::{HistorySource, PastSprint};
pub use ids::{EntryId, WriterEpoch};
pub use ledger::{Ledger, OpenRegistration, OpenRental, SprintSpending, Whose};
pub use record::Record;
pub use restore::{RestoreError, restore};
pub use sqlite::{SqliteStorage, VERSION};
pub use storage::{EntryVisitor, Storage};
pub use store::{Journal, WriteOutcome, dump, make_private_dir, read_only};
pub use verify::{Verified, verify};

#[cfg(test)]
mod tests;
