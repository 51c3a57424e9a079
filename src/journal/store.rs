//! The journal: records in a storage, by one writer.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::compact::{SETTLED_RETAINED, superfluous};
use super::spool::Spool;
use super::traces::{self, Traces};
use super::{
    Dump, Entry, EntryId, EntryVisitor, JournalError, Ledger, Record, SqliteStorage, Storage,
    WriterEpoch,
};
use crate::domain::Time;

pub(super) const FILE: &str = "journal.sqlite";
pub(super) const SPOOL: &str = "journal.spool";
const LOCK: &str = "lock";

/// The journal, held by one program at a time.
#[derive(Debug)]
pub struct Journal {
    storage: Box<dyn Storage>,
    spool: Option<Spool>,
    writer: WriterEpoch,
    /// The storage knows this writer. Until then, the first write that works claims.
    claimed: bool,
    /// The number of the last attempted entry. A failed one may still have been written, so its number is
    /// not reused.
    sequence: u32,
    /// Released when the journal is dropped, or by the system when the program dies.
    _lock: Option<File>,
}

#[derive(Debug)]
#[must_use = "money may only be spent on a durable record"]
pub enum WriteOutcome {
    /// In the journal: its effect may run.
    Durable,
    /// On the disk in the spool, because the storage failed with this error: it survives a restart, but no
    /// money may be spent on it.
    Spooled(JournalError),
}

impl Journal {
    /// Opens or creates the journal of a state directory and adds it up.
    pub fn open(state_dir: &Path) -> Result<(Journal, Ledger), JournalError> {
        let file = state_dir.join(FILE);
        let traces = Traces::read(state_dir, &file);
        let lock = lock(state_dir)?;
        let storage = SqliteStorage::open(&file)?;
        let loss = traces.loss(storage.current()?);
        let spool = Spool::open(&state_dir.join(SPOOL))?;
        let (mut journal, mut ledger) = Journal::start(Box::new(storage), Some(spool), Some(lock))?;
        if let Some(reason) = loss {
            journal.record_loss(&mut ledger, reason)?;
        }
        if journal.claimed {
            traces::mark(state_dir, journal.writer);
        }
        Ok((journal, ledger))
    }

    /// Recorded before the mark is written: after a crash in between, the next start finds the loss again.
    fn record_loss(&mut self, ledger: &mut Ledger, reason: String) -> Result<(), JournalError> {
        tracing::error!("{reason}");
        // No clock is needed: it lasts until the operator agrees.
        let (at, record) = (Time::default(), Record::JournalLost { reason });
        if let WriteOutcome::Spooled(error) = self.append(at, &record)? {
            tracing::error!("{error}");
        }
        ledger.apply(at, &record);
        Ok(())
    }

    /// Opens the journal in `storage` for writing, which fences off the previous writer. Without a spool
    /// file, a record that the storage does not take is lost.
    pub fn over(
        storage: Box<dyn Storage>,
        spool: Option<&Path>,
    ) -> Result<(Journal, Ledger), JournalError> {
        Journal::start(storage, spool.map(Spool::open).transpose()?, None)
    }

    fn start(
        storage: Box<dyn Storage>,
        spool: Option<Spool>,
        lock: Option<File>,
    ) -> Result<(Journal, Ledger), JournalError> {
        let mut journal = Journal {
            writer: storage.current()?.next(),
            claimed: false,
            sequence: 0,
            storage,
            spool,
            _lock: lock,
        };
        // A full disk is no reason to forget what is rented.
        match journal.claim() {
            Err(fenced @ JournalError::Fenced { .. }) => return Err(fenced),
            Err(error) => tracing::error!("the journal is read and cannot be written: {error}"),
            Ok(()) => {}
        }
        let (mut ledger, mut sequence) = (Ledger::default(), 0);
        let stored = |visitor: &mut EntryVisitor<'_>| journal.storage.visit(visitor);
        merge(journal.spooled(), stored, |entry| {
            sequence = entry.id.sequence;
            ledger.apply_entry(&entry)
        })?;
        journal.sequence = sequence;
        if !journal.spooled().is_empty()
            && let Err(error) = journal.recover()
        {
            tracing::error!("the spool cannot be written to the journal yet: {error}");
        }
        Ok((journal, ledger))
    }

    /// Adds a record to the storage, or to the spool when that fails. A fenced writer writes to neither.
    pub fn append(&mut self, at: Time, record: &Record) -> Result<WriteOutcome, JournalError> {
        let entry = self.entry(at, record)?;
        let error = match self.write(Some(&entry)) {
            Ok(()) => return Ok(WriteOutcome::Durable),
            Err(fenced @ JournalError::Fenced { .. }) => return Err(fenced),
            Err(error) => error,
        };
        let Some(spool) = &mut self.spool else {
            return Err(error);
        };
        spool.add(entry)?;
        Ok(WriteOutcome::Spooled(error))
    }

    /// Moves the spool's entries to the storage. With an empty spool it tests whether a write works.
    pub fn recover(&mut self) -> Result<(), JournalError> {
        self.write(None)
    }

    /// Drops what no longer changes the sum at `now` or later. Must not be called while a rent call
    /// is in flight: this is slow, and the reply must be recorded immediately.
    pub fn compact(&mut self, now: Time) -> Result<(), JournalError> {
        // The spool's entries must be in their place before their neighbours go.
        self.recover()?;
        if self.spool.as_ref().is_some_and(|spool| !spool.is_clear()) {
            return Ok(());
        }
        let superfluous =
            superfluous(|visitor| self.storage.visit(visitor), now, SETTLED_RETAINED)?;
        if superfluous.is_empty() {
            return Ok(());
        }
        self.storage.compact(self.writer, &superfluous)
    }

    fn spooled(&self) -> &[Entry] {
        self.spool.as_ref().map_or(&[], Spool::entries)
    }

    fn claim(&mut self) -> Result<(), JournalError> {
        if !self.claimed {
            self.storage.claim(self.writer)?;
            self.claimed = true;
        }
        Ok(())
    }

    /// Writes to the storage, the spool's entries first, so that the order stays that of writing.
    fn write(&mut self, entry: Option<&Entry>) -> Result<(), JournalError> {
        self.claim()?;
        let entries: Vec<Entry> = self.spooled().iter().chain(entry).cloned().collect();
        self.storage.append(self.writer, &entries)?;
        if let Some(spool) = &mut self.spool
            && let Err(error) = spool.clear()
        {
            // Its entries are known by their ids and will not count twice.
            tracing::warn!("the spool is in the journal but cannot be cleared: {error}");
        }
        Ok(())
    }

    fn entry(&mut self, at: Time, record: &Record) -> Result<Entry, JournalError> {
        self.sequence = self.sequence.saturating_add(1);
        let id = EntryId {
            writer: self.writer,
            sequence: self.sequence,
        };
        Entry::of(id, at, record)
    }
}

/// Visits the stored entries and those of the spool in the order of their ids, each once. Returns what reading
/// the stored ones returns.
fn merge<T>(
    spooled: &[Entry],
    stored: impl FnOnce(&mut EntryVisitor<'_>) -> Result<T, JournalError>,
    mut visitor: impl FnMut(Entry) -> Result<(), JournalError>,
) -> Result<T, JournalError> {
    let mut spooled = spooled.to_vec();
    spooled.sort_by_key(|entry| entry.id);
    spooled.dedup_by_key(|entry| entry.id);
    let mut spooled = spooled.into_iter().peekable();
    let read = stored(&mut |entry| {
        while let Some(before) = spooled.next_if(|next| next.id < entry.id) {
            visitor(before)?;
        }
        spooled.next_if(|next| next.id == entry.id);
        visitor(entry)
    })?;
    spooled.try_for_each(visitor)?;
    Ok(read)
}

/// Visits every entry of a state directory without locking it. Returns the last writer.
pub(super) fn visit_all(
    state_dir: &Path,
    visitor: impl FnMut(Entry) -> Result<(), JournalError>,
) -> Result<WriterEpoch, JournalError> {
    let path = state_dir.join(FILE);
    // Before the database: an entry that is moved there meanwhile is then in both, not in neither.
    let spool = Spool::read(&state_dir.join(SPOOL))?;
    let stored = |visitor: &mut EntryVisitor<'_>| {
        if path.exists() {
            SqliteStorage::visit_read_only(&path, visitor)
        } else {
            Ok(WriterEpoch::default())
        }
    };
    merge(spool.entries(), stored, visitor)
}

/// The journal of a state directory as it is now, without locking it; `None` if there is none.
pub fn dump(state_dir: &Path, now: Time) -> Result<Option<Dump>, JournalError> {
    if !state_dir.join(FILE).exists() {
        return Ok(None);
    }
    let mut entries = Vec::new();
    let writer = visit_all(state_dir, |entry| {
        entries.push(entry);
        Ok(())
    })?;
    Ok(Some(Dump {
        at: now,
        writer,
        entries,
    }))
}

/// Adds up the journal of a state directory without locking it. A loss that no start has recorded yet counts
/// too.
pub fn read_only(state_dir: &Path) -> Result<Ledger, JournalError> {
    let path = state_dir.join(FILE);
    // Before the journal: its writer marks the directory after it.
    let traces = Traces::read(state_dir, &path);
    let mut ledger = Ledger::default();
    let writer = visit_all(state_dir, |entry| ledger.apply_entry(&entry))?;
    if let Some(reason) = traces.loss(writer) {
        ledger.apply(Time::default(), &Record::JournalLost { reason });
    }
    Ok(ledger)
}

/// Locks the state directory for this program.
pub(super) fn lock(state_dir: &Path) -> Result<File, JournalError> {
    let directory = |source| JournalError::Directory {
        path: state_dir.to_owned(),
        source,
    };
    let locked = || JournalError::Locked {
        path: state_dir.to_owned(),
    };
    make_private_dir(state_dir).map_err(directory)?;
    // Not truncated: in a shared directory the name may be taken.
    let mut options = File::options();
    let options = options.create(true).truncate(false).write(true);
    let path = state_dir.join(LOCK);
    let lock = match options.open(&path) {
        Ok(lock) => lock,
        // On a disk that has become read-only, another pocpit may still run.
        Err(_) if is_held(&path) => return Err(locked()),
        Err(error) => return Err(directory(error)),
    };
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(locked()),
        Err(TryLockError::Error(source)) => Err(directory(source)),
    }
}

fn is_held(lock: &Path) -> bool {
    let lock = File::open(lock);
    lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

/// Creates a directory that only the operator can read.
pub fn make_private_dir(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}
