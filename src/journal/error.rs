//! Why the journal cannot be used.

use std::error::Error;
use std::path::{Path, PathBuf};

use super::{EntryId, WriterEpoch};

/// A failure never changes what the journal holds.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("another pocpit works on {}: close it, or give this one another paths.state_dir", path.display())]
    Locked { path: PathBuf },
    /// Another program has opened the journal for writing since.
    #[error(
        "this pocpit opened the journal as writer {writer}, and writer {current} has taken over since: nothing more is written, rented or registered here; close one of the two"
    )]
    Fenced {
        writer: WriterEpoch,
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
        source: Box<dyn Error + Send + Sync>,
    },
    #[error("the state directory {} cannot be used: {source}", path.display())]
    Directory {
        path: PathBuf,
        source: std::io::Error,
    },
}

impl JournalError {
    /// The journal is another pocpit's: one that runs, or a newer one, which knows what is rented.
    pub fn is_anothers(&self) -> bool {
        matches!(
            self,
            JournalError::Locked { .. } | JournalError::Fenced { .. } | JournalError::TooNew { .. }
        )
    }

    /// Nobody can use the journal: rentals must be taken down without it.
    pub fn is_unusable(&self) -> bool {
        !self.is_anothers()
    }

    /// Names the file that an error is about.
    pub(super) fn at<E: Into<Box<dyn Error + Send + Sync>>>(path: &Path) -> impl Fn(E) -> Self {
        move |source| JournalError::Failed {
            place: path.display().to_string(),
            source: source.into(),
        }
    }
}
