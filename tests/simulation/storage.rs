//! A journal in memory, with a moment to die before and after each write.

use std::sync::{Arc, Mutex, PoisonError};

use pocpit::journal::{Entry, EntryId, JournalError, Storage, WriterEpoch};

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
