//! The SQLite file: written through to the disk before a write returns.

use std::path::{Path, PathBuf};

use rusqlite::{
    Connection, OpenFlags, OptionalExtension as _, Row, Transaction, TransactionBehavior, params,
};

use super::{Entry, EntryId, EntryVisitor, JournalError, Storage, WriterEpoch};
use crate::domain::Time;

/// The schema that this program writes. Raised whenever an older program, which skips unknown records,
/// would add the journal up wrongly.
pub const VERSION: i64 = 3;
/// A grown write-ahead log is truncated to this many bytes.
const LOG_SIZE: i64 = 1_048_576;

const NEW: &str = "
    CREATE TABLE writer (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        epoch INTEGER NOT NULL
    ) STRICT;
    INSERT INTO writer VALUES (1, 0);
    CREATE TABLE entries (
        writer INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        at_micros INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (writer, sequence)
    ) STRICT;";
/// Version 3 has the tables of version 2. One record of a boot feeds history and predictions, and it can
/// be broken off.
const OLDEST_WITH_ENTRIES: i64 = 2;
/// Version 1 knew no writers: its records are those of the writer before the first.
const FROM_1: &str = "
    INSERT INTO entries SELECT 0, id, at_micros, body FROM records;
    DROP TABLE records;";
const READ_1: &str = "SELECT 0, id, at_micros, body FROM records ORDER BY id";
const READ: &str =
    "SELECT writer, sequence, at_micros, body FROM entries ORDER BY writer, sequence";

#[derive(Debug)]
pub struct SqliteStorage {
    pub(super) connection: Connection,
    path: PathBuf,
}

impl SqliteStorage {
    /// Opens or creates the file, and migrates an older version.
    pub fn open(path: &Path) -> Result<SqliteStorage, JournalError> {
        let connection = Connection::open(path).map_err(JournalError::at(path))?;
        let mut storage = SqliteStorage {
            connection,
            path: path.to_owned(),
        };
        storage.prepare()?;
        Ok(storage)
    }

    /// Visits the entries of a file of any known version, without changing it. Returns the last writer.
    pub(super) fn visit_read_only(
        path: &Path,
        visitor: &mut EntryVisitor<'_>,
    ) -> Result<WriterEpoch, JournalError> {
        let sqlite = JournalError::at(path);
        let connection =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(&sqlite)?;
        let (writer, select) = match version(&connection, path)? {
            0 => return Ok(WriterEpoch::default()),
            1 => (WriterEpoch::default(), READ_1),
            _ => (current(&connection).map_err(&sqlite)?, READ),
        };
        visit(&connection, select, path, visitor)?;
        Ok(writer)
    }

    /// Writes a new file with these entries: on the disk when it returns. The file is for no one to use before.
    pub(super) fn create(
        path: &Path,
        writer: WriterEpoch,
        entries: &[Entry],
    ) -> Result<(), JournalError> {
        let sqlite = JournalError::at(path);
        let connection = Connection::open(path).map_err(&sqlite)?;
        let mut storage = SqliteStorage {
            connection,
            path: path.to_owned(),
        };
        // Without a log beside it: the file is renamed.
        let full = storage
            .connection
            .pragma_update(None, "synchronous", "FULL");
        full.map_err(&sqlite)?;
        storage.migrate()?;
        let newest = params![writer.0];
        let set = storage
            .connection
            .execute("UPDATE writer SET epoch = ?1", newest);
        set.map_err(&sqlite)?;
        storage.append(writer, entries)
    }

    /// What SQLite finds wrong with a file, without changing it.
    pub(super) fn damage(path: &Path) -> Result<Option<String>, JournalError> {
        let sqlite = JournalError::at(path);
        let connection =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(&sqlite)?;
        let found: String = connection
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
            .map_err(&sqlite)?;
        Ok((found != "ok").then_some(found))
    }

    fn prepare(&mut self) -> Result<(), JournalError> {
        version(&self.connection, &self.path)?;
        self.set_up().map_err(JournalError::at(&self.path))?;
        self.migrate()
    }

    fn set_up(&self) -> rusqlite::Result<()> {
        let connection = &self.connection;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // An intent must survive a power cut before the call that it announces is made.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "journal_size_limit", LOG_SIZE)
    }

    /// One transaction: killed halfway, the file is as it was.
    fn migrate(&mut self) -> Result<(), JournalError> {
        let found = version(&self.connection, &self.path)?;
        if found == VERSION {
            return Ok(());
        }
        let migrate = |connection| {
            let transaction = begin(connection)?;
            if found < OLDEST_WITH_ENTRIES {
                transaction.execute_batch(NEW)?;
            }
            if found == 1 {
                transaction.execute_batch(FROM_1)?;
            }
            transaction.pragma_update(None, "user_version", VERSION)?;
            transaction.commit()
        };
        migrate(&mut self.connection).map_err(JournalError::at(&self.path))
    }

    /// Runs a write as one transaction of the current writer.
    fn write(
        &mut self,
        writer: WriterEpoch,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), JournalError> {
        let sqlite = JournalError::at(&self.path);
        let transaction = begin(&mut self.connection).map_err(&sqlite)?;
        let current = current(&transaction).map_err(&sqlite)?;
        if current != writer {
            return Err(JournalError::Fenced { writer, current });
        }
        change(&transaction).map_err(&sqlite)?;
        transaction.commit().map_err(&sqlite)
    }
}

impl Storage for SqliteStorage {
    fn current(&self) -> Result<WriterEpoch, JournalError> {
        current(&self.connection).map_err(JournalError::at(&self.path))
    }

    fn claim(&mut self, writer: WriterEpoch) -> Result<(), JournalError> {
        let claim = "UPDATE writer SET epoch = ?1 WHERE epoch = ?1 - 1";
        let changed = self
            .connection
            .execute(claim, params![writer.0])
            .map_err(JournalError::at(&self.path))?;
        if changed == 1 {
            return Ok(());
        }
        let current = self.current()?;
        Err(JournalError::Fenced { writer, current })
    }

    fn append(&mut self, writer: WriterEpoch, entries: &[Entry]) -> Result<(), JournalError> {
        self.write(writer, |transaction| {
            if entries.is_empty() {
                transaction.execute("UPDATE writer SET epoch = epoch", [])?;
            }
            let mut insert =
                transaction.prepare("INSERT OR IGNORE INTO entries VALUES (?1, ?2, ?3, ?4)")?;
            for Entry { id, at, body } in entries {
                insert.execute(params![
                    id.writer.0,
                    id.sequence,
                    at.timestamp_micros(),
                    body
                ])?;
            }
            Ok(())
        })
    }

    fn visit(&self, visitor: &mut EntryVisitor<'_>) -> Result<(), JournalError> {
        visit(&self.connection, READ, &self.path, visitor)
    }

    fn compact(
        &mut self,
        writer: WriterEpoch,
        superfluous: &[EntryId],
    ) -> Result<(), JournalError> {
        self.write(writer, |transaction| {
            let mut delete =
                transaction.prepare("DELETE FROM entries WHERE writer = ?1 AND sequence = ?2")?;
            for id in superfluous {
                delete.execute(params![id.writer.0, id.sequence])?;
            }
            Ok(())
        })
    }
}

fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn current(connection: &Connection) -> rusqlite::Result<WriterEpoch> {
    let epoch = connection
        .query_row("SELECT epoch FROM writer", [], |row| row.get(0))
        .optional()?;
    Ok(WriterEpoch(epoch.unwrap_or_default()))
}

/// The version of a file, if this program knows it; zero for a new one.
fn version(connection: &Connection, path: &Path) -> Result<i64, JournalError> {
    let found = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(JournalError::at(path))?;
    if found > VERSION {
        return Err(JournalError::TooNew {
            path: path.to_owned(),
            found,
            known: VERSION,
        });
    }
    Ok(found)
}

fn visit(
    connection: &Connection,
    select: &str,
    path: &Path,
    visitor: &mut EntryVisitor<'_>,
) -> Result<(), JournalError> {
    let sqlite = JournalError::at(path);
    let mut select = connection.prepare(select).map_err(&sqlite)?;
    let mut entries = select.query_map([], entry).map_err(&sqlite)?;
    entries.try_for_each(|entry| visitor(entry.map_err(&sqlite)?))
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let micros: i64 = row.get(2)?;
    let at = Time::from_timestamp_micros(micros)
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(2, micros))?;
    let id = EntryId {
        writer: WriterEpoch(row.get(0)?),
        sequence: row.get(1)?,
    };
    let body = row.get(3)?;
    Ok(Entry { id, at, body })
}
