//! A journal in memory, with a moment to die before and after each write; and one in a file on a
//! disk that fills up.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use pocpit::journal::{Entry, EntryId, JournalError, SqliteStorage, Storage, WriterEpoch};

use crate::played::Stage;

/// What is on the disk: it outlives the program.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    pub writer: WriterEpoch,
    entries: Vec<Arc<Entry>>,
}

/// The disk under a program, watched at each write.
pub struct WatchedStorage {
    pub stage: Arc<Stage>,
    pub disk: Arc<Mutex<Disk>>,
}

impl std::fmt::Debug for WatchedStorage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WatchedStorage")
    }
}

impl WatchedStorage {
    fn change(&mut self, what: &str, writer: WriterEpoch, change: impl FnOnce(&mut Disk)) {
        self.stage.moment(|| format!("before {what}"));
        {
            let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
            assert_eq!(writer, disk.writer, "two writers at once");
            change(&mut disk);
        }
        self.stage.moment(|| format!("after {what}"));
    }
}

impl Storage for WatchedStorage {
    fn current(&self) -> Result<WriterEpoch, JournalError> {
        Ok(self
            .disk
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .writer)
    }

    fn claim(&mut self, writer: WriterEpoch) -> Result<(), JournalError> {
        self.disk
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .writer = writer;
        Ok(())
    }

    fn append(&mut self, writer: WriterEpoch, entries: &[Entry]) -> Result<(), JournalError> {
        let kinds: Vec<&str> = entries.iter().map(kind).collect();
        self.change(&format!("writing {kinds:?}"), writer, |disk| {
            for entry in entries {
                if disk.entries.iter().all(|known| known.id != entry.id) {
                    disk.entries.push(Arc::new(entry.clone()));
                }
            }
        });
        Ok(())
    }

    fn read(&self) -> Result<Vec<Entry>, JournalError> {
        let disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(disk.entries.iter().map(|entry| (**entry).clone()).collect())
    }

    fn compact(
        &mut self,
        writer: WriterEpoch,
        superfluous: &[EntryId],
    ) -> Result<(), JournalError> {
        self.change("compacting", writer, |disk| {
            disk.entries
                .retain(|entry| !superfluous.contains(&entry.id));
        });
        Ok(())
    }
}

/// The kind of record that an entry holds, for the trace.
fn kind(entry: &Entry) -> &str {
    let mut words = entry.body.split('"');
    words.nth(3).unwrap_or("?")
}

/// The journal's database on a disk that is full now and then.
pub struct FillingDisk {
    inner: SqliteStorage,
    is_full: Box<dyn Fn() -> bool + Send>,
}

/// Where the spool of a state directory is.
pub fn spool(state: &Path) -> PathBuf {
    state.join("journal.spool")
}

impl std::fmt::Debug for FillingDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FillingDisk")
    }
}

impl FillingDisk {
    pub fn new(state: &Path, is_full: impl Fn() -> bool + Send + 'static) -> FillingDisk {
        FillingDisk {
            inner: SqliteStorage::open(&state.join("journal.sqlite")).unwrap(),
            is_full: Box::new(is_full),
        }
    }

    fn room(&self) -> Result<(), JournalError> {
        if !(self.is_full)() {
            return Ok(());
        }
        Err(JournalError::Failed {
            place: "journal.sqlite".into(),
            source: "database or disk is full".into(),
        })
    }
}

impl Storage for FillingDisk {
    fn current(&self) -> Result<WriterEpoch, JournalError> {
        self.inner.current()
    }

    fn claim(&mut self, writer: WriterEpoch) -> Result<(), JournalError> {
        self.room()?;
        self.inner.claim(writer)
    }

    fn append(&mut self, writer: WriterEpoch, entries: &[Entry]) -> Result<(), JournalError> {
        self.room()?;
        self.inner.append(writer, entries)
    }

    fn read(&self) -> Result<Vec<Entry>, JournalError> {
        self.inner.read()
    }

    fn compact(
        &mut self,
        writer: WriterEpoch,
        superfluous: &[EntryId],
    ) -> Result<(), JournalError> {
        self.room()?;
        self.inner.compact(writer, superfluous)
    }
}
