//! A journal in memory, with a moment to die before and after each write; and one in a file on a
//! disk that fills up.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use pocpit::journal::{
    Entry, EntryId, EntryVisitor, JournalError, SqliteStorage, Storage, WriterEpoch,
};

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

    fn visit(&self, visitor: &mut EntryVisitor<'_>) -> Result<(), JournalError> {
        let disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = disk.entries.iter();
        entries.try_for_each(|entry| visitor((**entry).clone()))
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

/// What the program's disk takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DiskState {
    #[default]
    Writable,
    /// Only what overwrites: the spool.
    Full,
    ReadOnly,
}

/// The journal's database on a disk that fails now and then.
pub struct FailingDisk {
    inner: SqliteStorage,
    spool: PathBuf,
    state: Box<dyn Fn() -> DiskState + Send>,
}

/// Where the spool of a state directory is.
pub fn spool(state: &Path) -> PathBuf {
    state.join("journal.spool")
}

/// Where it is while nothing can be written to it: in its place is a directory, which stops root too.
fn hidden(spool: &Path) -> PathBuf {
    spool.with_extension("hidden")
}

fn hide_spool(spool: &Path) {
    if !hidden(spool).exists() {
        std::fs::rename(spool, hidden(spool)).unwrap();
        std::fs::create_dir(spool).unwrap();
    }
}

/// Makes it readable again.
pub fn show_spool(spool: &Path) {
    if hidden(spool).exists() {
        std::fs::remove_dir(spool).unwrap();
        std::fs::rename(hidden(spool), spool).unwrap();
    }
}

impl std::fmt::Debug for FailingDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FailingDisk")
    }
}

impl FailingDisk {
    pub fn new(directory: &Path, state: impl Fn() -> DiskState + Send + 'static) -> FailingDisk {
        let spool = spool(directory);
        show_spool(&spool);
        FailingDisk {
            inner: SqliteStorage::open(&directory.join("journal.sqlite")).unwrap(),
            spool,
            state: Box::new(state),
        }
    }

    /// The spool is written only after this has failed.
    fn room(&self) -> Result<(), JournalError> {
        let why = match (self.state)() {
            DiskState::Writable => {
                show_spool(&self.spool);
                return Ok(());
            }
            DiskState::Full => {
                show_spool(&self.spool);
                "database or disk is full"
            }
            DiskState::ReadOnly => {
                hide_spool(&self.spool);
                "attempt to write a readonly database"
            }
        };
        Err(JournalError::Failed {
            place: "journal.sqlite".into(),
            source: why.into(),
        })
    }
}

impl Storage for FailingDisk {
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

    fn visit(&self, visitor: &mut EntryVisitor<'_>) -> Result<(), JournalError> {
        self.inner.visit(visitor)
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
