//! Signs that a state directory had another journal before the one in it. A journal that begins anew forgets
//! what was spent, so that must not go unnoticed.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::WriterEpoch;
use crate::atomic_file;

/// A file beside the journal with its newest writer.
const MARK: &str = "journal.mark";
/// Files that only a program with a journal leaves in a state directory. The lock is none: it comes before
/// the journal, and the first start may die in between.
const TRACES: [&str; 7] = [
    "journal.spool",
    "journal.damaged",
    "journal.sqlite-wal",
    "journal.sqlite-shm",
    "told.json",
    "rental_logs",
    "cockpit.sock",
];

#[derive(Debug, Default, Serialize, Deserialize)]
struct Mark {
    writer: WriterEpoch,
}

/// What a directory says about the journal that should be in it, before it is opened.
#[derive(Debug)]
pub(super) struct Traces {
    mark: WriterEpoch,
    /// The first file of an older journal, if there is no journal now.
    left: Option<&'static str>,
}

impl Traces {
    pub(super) fn read(state_dir: &Path, journal: &Path) -> Traces {
        let is_new = fs::metadata(journal).map_or(true, |file| file.len() == 0);
        let is_left = |name: &&str| state_dir.join(name).symlink_metadata().is_ok();
        let left = is_new.then(|| TRACES.into_iter().find(is_left)).flatten();
        Traces {
            mark: marked(state_dir),
            left,
        }
    }

    /// Why the journal cannot be the one that was here, given the writer that it knew last.
    pub(super) fn loss(&self, known: WriterEpoch) -> Option<String> {
        if known < self.mark {
            return Some(format!(
                "the journal was last opened by writer {}, and this one by writer {known}: it was emptied, removed or replaced by an older copy",
                self.mark
            ));
        }
        let left = self.left?;
        Some(format!(
            "the journal is empty or missing, but `{left}` of an older journal is there"
        ))
    }
}

/// The newest writer that left its mark; zero if none did.
pub(super) fn marked(state_dir: &Path) -> WriterEpoch {
    // A mark that cannot be read says nothing.
    let mark: Mark = atomic_file::read(&state_dir.join(MARK)).unwrap_or_default();
    mark.writer
}

/// Leaves the mark of a writer.
pub(super) fn mark(state_dir: &Path, writer: WriterEpoch) {
    if let Err(error) = atomic_file::write(&state_dir.join(MARK), &Mark { writer }) {
        tracing::warn!("cannot write {MARK}: {error}");
    }
}
