//! The journal: records over a storage, by the one writer.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::{Entry, EntryId, JournalError, Ledger, Record, SqliteStorage, Storage, WriterEpoch};
use crate::domain::Time;

const FILE: &str = "journal.sqlite";
const LOCK: &str = "lock";

/// The journal, held by one program at a time.
#[derive(Debug)]
pub struct Journal {
    storage: Box<dyn Storage>,
    writer: WriterEpoch,
    /// The number of the last entry that was tried. One that failed may still have been written, so
    /// its number is not used again.
    sequence: u32,
    /// Released when the journal is dropped, or by the system when the program dies.
    _lock: Option<File>,
}

impl Journal {
    /// Opens or makes the journal of a state directory and adds it up.
    pub fn open(state_dir: &Path) -> Result<(Journal, Ledger), JournalError> {
        let lock = lock(state_dir)?;
        let storage = SqliteStorage::open(&file(state_dir))?;
        Journal::start(Box::new(storage), Some(lock))
    }

    /// The journal that `storage` holds, opened for writing: whoever wrote to it before no longer can.
    pub fn over(storage: Box<dyn Storage>) -> Result<(Journal, Ledger), JournalError> {
        Journal::start(storage, None)
    }

    fn start(
        mut storage: Box<dyn Storage>,
        lock: Option<File>,
    ) -> Result<(Journal, Ledger), JournalError> {
        let writer = storage.current()?.next();
        storage.claim(writer)?;
        let entries = storage.read()?;
        let ledger = add_up(&entries)?;
        let sequence = entries.last().map_or(0, |entry| entry.id.sequence);
        let journal = Journal {
            storage,
            writer,
            sequence,
            _lock: lock,
        };
        Ok((journal, ledger))
    }

    /// Adds a record. When this returns it is on the disk.
    pub fn append(&mut self, at: Time, record: &Record) -> Result<(), JournalError> {
        let entry = self.entry(at, record)?;
        self.storage.append(self.writer, &[entry])
    }

    fn entry(&mut self, at: Time, record: &Record) -> Result<Entry, JournalError> {
        self.sequence = self.sequence.saturating_add(1);
        let id = EntryId {
            writer: self.writer,
            sequence: self.sequence,
        };
        let body = serde_json::to_string(record).map_err(|error| JournalError::Unreadable {
            id,
            detail: error.to_string(),
        })?;
        Ok(Entry { id, at, body })
    }
}

/// What the journal of a state directory adds up to, without holding it.
pub fn read_only(state_dir: &Path) -> Result<Ledger, JournalError> {
    let path = file(state_dir);
    if !path.exists() {
        return Ok(Ledger::default());
    }
    add_up(&SqliteStorage::read_only(&path)?)
}

fn add_up(entries: &[Entry]) -> Result<Ledger, JournalError> {
    let mut ledger = Ledger::default();
    for entry in entries {
        ledger.apply(entry.at, &entry.record()?);
    }
    Ok(ledger)
}

fn file(state_dir: &Path) -> PathBuf {
    state_dir.join(FILE)
}

/// Holds the state directory for this program alone.
fn lock(state_dir: &Path) -> Result<File, JournalError> {
    let directory = |source| JournalError::Directory {
        path: state_dir.to_owned(),
        source,
    };
    make_private_dir(state_dir).map_err(directory)?;
    let lock = File::create(state_dir.join(LOCK)).map_err(directory)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(JournalError::Locked {
            path: state_dir.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(directory(source)),
    }
}

/// Makes a directory for the operator alone: what is rented and spent is nobody else's business.
pub fn make_private_dir(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}
