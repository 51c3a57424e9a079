//! Why the journal cannot be used.

use std::error::Error;
use std::path::PathBuf;

use super::{EntryId, WriterEpoch};

/// Why the journal cannot be used. What it holds is never changed by a failure.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another cockpit holds the state directory.
    #[error("another pocpit works on {}: close it, or give this one another paths.state_dir", path.display())]
    Locked { path: PathBuf },
    /// Somebody else opened the journal for writing since.
    #[error(
        "this pocpit opened the journal as writer {writer}, and writer {current} has taken over since: nothing more is written, rented or registered here; close one of the two"
    )]
    Fenced {
        writer: WriterEpoch,
        /// Who may.
        current: WriterEpoch,
    },
    /// The file was written by a newer program.
    #[error("the journal {} has version {found}, this program knows {known}: install a newer pocpit; the file was left as it is", path.display())]
    TooNew {
        path: PathBuf,
        found: i64,
        /// The newest version that can be read.
        known: i64,
    },
    #[error(
        "record {id} of the journal cannot be read: {detail}; it was left as it is, and `pocpit release` works without it"
    )]
    Unreadable { id: EntryId, detail: String },
    /// The storage failed.
    #[error(
        "the journal {place} failed: {source}; check the disk, and `pocpit release` works without it"
    )]
    Failed {
        place: String,
        /// What the storage says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The directory or the lock failed.
    #[error("the state directory {} cannot be used: {source}", path.display())]
    Directory {
        path: PathBuf,
        source: std::io::Error,
    },
}
