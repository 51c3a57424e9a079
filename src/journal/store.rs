//! The SQLite file: append-only, written through to the disk before `append` returns.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::{Connection, OpenFlags, params};

use super::{Ledger, Record};
use crate::domain::Time;

/// The schema that this program writes.
const VERSION: i64 = 1;
const FILE: &str = "journal.sqlite";
const LOCK: &str = "lock";

/// Why the journal cannot be used. The file is never changed by a failure.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Another cockpit holds the state directory.
    #[error("another pocpit works on {}: close it, or give this one another paths.state_dir", path.display())]
    Locked {
        /// The state directory.
        path: PathBuf,
    },
    /// The file was written by a newer program.
    #[error("the journal {} has version {found}, this program knows {VERSION}: install a newer pocpit; the file was left as it is", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
    },
    /// A record cannot be read.
    #[error(
        "record {id} of the journal cannot be read: {detail}; the file was left as it is, and `pocpit release` works without it"
    )]
    Unreadable {
        /// Row of the record.
        id: i64,
        /// Why.
        detail: String,
    },
    /// SQLite failed.
    #[error("the journal {} failed: {source}; check the disk, and `pocpit release` works without it", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The directory or the lock failed.
    #[error("the state directory {} cannot be used: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// The journal, held by one program at a time.
#[derive(Debug)]
pub struct Journal {
    connection: Mutex<Connection>,
    path: PathBuf,
    /// Released when the journal is dropped, or by the system when the program dies.
    _lock: Option<File>,
}

impl Journal {
    /// Opens or makes the journal of a state directory and adds it up.
    pub fn open(state_dir: &Path) -> Result<(Journal, Ledger), JournalError> {
        let directory = |source| JournalError::Directory {
            path: state_dir.to_owned(),
            source,
        };
        make_private_dir(state_dir).map_err(directory)?;
        let lock = File::create(state_dir.join(LOCK)).map_err(directory)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JournalError::Locked {
                    path: state_dir.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(directory(source)),
        }
        let path = state_dir.join(FILE);
        let connection = Connection::open(&path).map_err(|source| sqlite(&path, source))?;
        Journal::prepare(connection, path, Some(lock))
    }

    /// A journal that is gone when the program ends: for tests.
    pub fn open_in_memory() -> Result<(Journal, Ledger), JournalError> {
        let path = PathBuf::from(":memory:");
        let connection = Connection::open_in_memory().map_err(|source| sqlite(&path, source))?;
        Journal::prepare(connection, path, None)
    }

    fn prepare(
        connection: Connection,
        path: PathBuf,
        lock: Option<File>,
    ) -> Result<(Journal, Ledger), JournalError> {
        migrate(&connection, &path)?;
        let ledger = fold(&read(&connection, &path)?);
        Ok((
            Journal {
                connection: Mutex::new(connection),
                path,
                _lock: lock,
            },
            ledger,
        ))
    }

    /// Adds a record. When this returns it is on the disk.
    pub fn append(&self, at: Time, record: &Record) -> Result<(), JournalError> {
        let body = serde_json::to_string(record).map_err(|error| JournalError::Unreadable {
            id: 0,
            detail: error.to_string(),
        })?;
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let insert = "INSERT INTO records (at_micros, body) VALUES (?1, ?2)";
        connection
            .execute(insert, params![at.timestamp_micros(), body])
            .map_err(|source| sqlite(&self.path, source))?;
        Ok(())
    }

    /// Every record, oldest first.
    pub fn records(&self) -> Result<Vec<(Time, Record)>, JournalError> {
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        read(&connection, &self.path)
    }
}

/// What the journal of a state directory adds up to, without holding it.
pub fn read_only(state_dir: &Path) -> Result<Ledger, JournalError> {
    let path = state_dir.join(FILE);
    if !path.exists() {
        return Ok(Ledger::default());
    }
    let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(|source| sqlite(&path, source))?;
    check_version(&connection, &path)?;
    Ok(fold(&read(&connection, &path)?))
}

fn fold(records: &[(Time, Record)]) -> Ledger {
    let mut ledger = Ledger::default();
    for (at, record) in records {
        ledger.apply(*at, record);
    }
    ledger
}

fn check_version(connection: &Connection, path: &Path) -> Result<i64, JournalError> {
    let found = connection
        .query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))
        .map_err(|source| sqlite(path, source))?;
    if found > VERSION {
        return Err(JournalError::TooNew {
            path: path.to_owned(),
            found,
        });
    }
    Ok(found)
}

fn migrate(connection: &Connection, path: &Path) -> Result<(), JournalError> {
    let found = check_version(connection, path)?;
    let run = || -> rusqlite::Result<()> {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // An intent must survive a power cut before the call that it announces is made.
        connection.pragma_update(None, "synchronous", "FULL")?;
        if found < 1 {
            connection.execute_batch(
                "BEGIN;
                 CREATE TABLE records (
                     id INTEGER PRIMARY KEY AUTOINCREMENT,
                     at_micros INTEGER NOT NULL,
                     body TEXT NOT NULL
                 ) STRICT;
                 PRAGMA user_version = 1;
                 COMMIT;",
            )?;
        }
        Ok(())
    };
    run().map_err(|source| sqlite(path, source))
}

fn read(connection: &Connection, path: &Path) -> Result<Vec<(Time, Record)>, JournalError> {
    let failed = |source| sqlite(path, source);
    let mut select = connection
        .prepare("SELECT id, at_micros, body FROM records ORDER BY id")
        .map_err(failed)?;
    let mut rows = select.query([]).map_err(failed)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let id: i64 = row.get(0).map_err(failed)?;
        let micros: i64 = row.get(1).map_err(failed)?;
        let body: String = row.get(2).map_err(failed)?;
        let unreadable = |detail: String| JournalError::Unreadable { id, detail };
        let at = Time::from_timestamp_micros(micros)
            .ok_or_else(|| unreadable(format!("{micros} is not a time")))?;
        let record = serde_json::from_str(&body).map_err(|error| unreadable(error.to_string()))?;
        records.push((at, record));
    }
    Ok(records)
}

fn sqlite(path: &Path, source: rusqlite::Error) -> JournalError {
    JournalError::Sqlite {
        path: path.to_owned(),
        source,
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
