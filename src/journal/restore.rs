//! A dump becomes the journal of a state directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::spool::Spool;
use super::store::{FILE, SPOOL, lock};
use super::traces;
use super::{Dump, Entry, EntryId, JournalError, Record, SqliteStorage};
use crate::atomic_file;
use crate::domain::Time;

/// Until it is whole.
const FRESH: &str = "journal.restored";
/// What SQLite left beside a journal that was moved away: it would be read into the one that takes its name.
const LOG: &str = "journal.sqlite-wal";
/// The log's index, which SQLite makes anew.
const LOG_INDEX: &str = "journal.sqlite-shm";
/// The log of a journal that was moved to `journal.sqlite.old`.
const LOG_OF_MOVED: &str = "journal.sqlite.old-wal";

/// Why a dump was not restored. The state directory is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("there is a journal, which a restore would replace: move it away first, {} to {}.old", path.display(), path.display())]
    Occupied { path: PathBuf },
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Makes a dump the journal of a state directory that has none. Nothing is rented until the operator agrees to
/// what is not in it. What waits in the spool there is kept, and counts.
pub fn restore(state_dir: &Path, dump: &Dump, now: Time) -> Result<(), RestoreError> {
    let _lock = lock(state_dir)?;
    let path = state_dir.join(FILE);
    if fs::metadata(&path).is_ok_and(|file| file.len() > 0) {
        return Err(RestoreError::Occupied { path });
    }
    let spool = Spool::read(&state_dir.join(SPOOL))?;
    let known = spool.entries().iter().map(|entry| entry.id.writer);
    // Above every writer that was here: no later entry may have the id of one that is there.
    let newest = known
        .chain([dump.writer, traces::marked(state_dir)])
        .max()
        .unwrap_or_default()
        .next();
    let sequence = dump.entries.iter().chain(spool.entries());
    let sequence = sequence.map(|entry| entry.id.sequence).max();
    let id = EntryId {
        writer: newest,
        sequence: sequence.unwrap_or_default().saturating_add(1),
    };
    let reason = format!(
        "the journal of {} was restored, a newer one is lost",
        dump.at.format("%Y-%m-%d %H:%M UTC")
    );
    let lost = Entry::of(id, now, &Record::JournalLost { reason })?;
    let entries: Vec<Entry> = dump.entries.iter().cloned().chain([lost]).collect();
    let fresh = state_dir.join(FRESH);
    if_there(fs::remove_file(&fresh)).map_err(JournalError::at(&fresh))?;
    SqliteStorage::create(&fresh, newest, &entries)?;
    let log = state_dir.join(LOG);
    let moved = fs::rename(&log, state_dir.join(LOG_OF_MOVED));
    if_there(moved)
        .and_then(|()| if_there(fs::remove_file(state_dir.join(LOG_INDEX))))
        .map_err(JournalError::at(&log))?;
    fs::rename(&fresh, &path)
        .and_then(|()| atomic_file::sync_name(&path))
        .map_err(JournalError::at(&path))?;
    Ok(())
}

/// A file that is not there needs nothing.
fn if_there(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
