//! What the database does not take, the spool does; what the spool has, the database gets.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// A database on a disk that is full or not.
#[derive(Debug)]
struct Switched {
    inner: SqliteStorage,
    full: Arc<AtomicBool>,
}

impl Switched {
    fn room(&self) -> Result<(), JournalError> {
        if !self.full.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(JournalError::Failed {
            place: "test".into(),
            source: "database or disk is full".into(),
        })
    }
}

impl Storage for Switched {
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

fn database(dir: &Path) -> SqliteStorage {
    SqliteStorage::open(&dir.join("journal.sqlite")).unwrap()
}

/// What is in the spool, without the blank lines after it.
fn spooled(dir: &Path) -> Vec<u8> {
    let mut bytes = fs::read(spool(dir)).unwrap();
    let held = bytes.len();
    let blank = bytes.iter().rev().take_while(|byte| **byte == b'\n');
    let content = held - blank.count();
    bytes.truncate((content + 1).min(held));
    bytes
}

fn is_blank(dir: &Path) -> bool {
    spooled(dir) == b"\n"
}

fn spool(dir: &Path) -> std::path::PathBuf {
    dir.join("journal.spool")
}

/// A journal on a disk that the switch fills.
fn switched(dir: &Path, full: &Arc<AtomicBool>) -> (Journal, Ledger) {
    let storage = Switched {
        inner: database(dir),
        full: full.clone(),
    };
    Journal::over_spooled(Box::new(storage), &spool(dir)).unwrap()
}

fn checkpoint(note: &str) -> Record {
    Record::Checkpoint {
        sprint: serde_json::json!({ "note": note }),
    }
}

#[test]
fn a_full_database_sends_rentals_to_the_spool_and_the_next_open_brings_them_back() {
    let dir = tempfile::tempdir().unwrap();
    // Given a database that may not grow any more, while a rental is open,
    let storage = database(dir.path());
    storage
        .connection
        .pragma_update(None, "max_page_count", 8)
        .unwrap();
    let (mut journal, mut ledger) =
        Journal::over_spooled(Box::new(storage), &spool(dir.path())).unwrap();
    let mut write = |journal: &mut Journal, minute, record: Record| {
        let kept = journal.append(at(minute), &record).unwrap();
        ledger.apply(at(minute), &record);
        kept
    };
    let intended = write(&mut journal, 0, rent_intended(1));
    assert!(matches!(intended, WriteOutcome::Durable));
    // when it fills up,
    let saved = checkpoint(&"x".repeat(3_000));
    let refused = (1..20).find_map(|minute| match write(&mut journal, minute, saved.clone()) {
        WriteOutcome::Durable => None,
        WriteOutcome::Spooled(error) => Some(error),
    });
    let error = refused.expect("eight pages hold no twenty of these");
    assert!(error.to_string().contains("full"), "{error}");
    // then what the rent call gave is kept all the same,
    let kept = write(&mut journal, 30, rented(1, 5));
    assert!(matches!(kept, WriteOutcome::Spooled(_)));
    let mode = fs::metadata(spool(dir.path()))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(read_only(dir.path()).unwrap(), ledger);
    // and a program that starts when there is room has it in the database alone.
    drop(journal);
    let (_, reopened) = Journal::open(dir.path()).unwrap();
    assert_eq!(reopened, ledger);
    assert_eq!(reopened.open_rentals()[0].instance, Some(InstanceId(5)));
    assert!(is_blank(dir.path()));
}

#[test]
fn as_soon_as_a_write_works_the_spool_is_in_the_journal_in_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let full = Arc::new(AtomicBool::new(false));
    let (mut journal, _) = switched(dir.path(), &full);
    assert!(matches!(
        journal.append(at(0), &checkpoint("first")).unwrap(),
        WriteOutcome::Durable
    ));
    full.store(true, Ordering::Relaxed);
    assert!(journal.recover().is_err());
    for note in ["second", "third"] {
        let kept = journal.append(at(1), &checkpoint(note)).unwrap();
        assert!(matches!(kept, WriteOutcome::Spooled(_)));
    }
    full.store(false, Ordering::Relaxed);
    assert!(matches!(
        journal.append(at(2), &checkpoint("fourth")).unwrap(),
        WriteOutcome::Durable
    ));
    assert!(is_blank(dir.path()));
    drop(journal);
    let notes: Vec<Record> = database(dir.path())
        .read()
        .unwrap()
        .iter()
        .map(|entry| entry.record().unwrap())
        .collect();
    assert_eq!(
        notes,
        ["first", "second", "third", "fourth"].map(checkpoint)
    );
}

#[test]
fn a_start_on_a_full_disk_knows_every_rental_and_claims_the_journal_later() {
    let dir = tempfile::tempdir().unwrap();
    let full = Arc::new(AtomicBool::new(false));
    let (mut before, _) = switched(dir.path(), &full);
    let _ = before.append(at(0), &rent_intended(1)).unwrap();
    full.store(true, Ordering::Relaxed);
    // Two starts that could not write a thing to the database,
    for id in [5, 6] {
        let (mut journal, ledger) = switched(dir.path(), &full);
        assert_eq!(ledger.open_rentals().len(), 1);
        let kept = journal.append(at(1), &rented(1, id)).unwrap();
        assert!(matches!(kept, WriteOutcome::Spooled(_)));
    }
    // then one that can: everything is there, and who wrote before is shut out.
    full.store(false, Ordering::Relaxed);
    let (mut journal, ledger) = switched(dir.path(), &full);
    assert_eq!(ledger.open_rentals()[0].instance, Some(InstanceId(6)));
    assert!(is_blank(dir.path()));
    let _ = journal.append(at(2), &gone(1, 6, 1.0)).unwrap();
    let error = before.append(at(2), &rent_intended(2)).unwrap_err();
    assert!(matches!(error, JournalError::Fenced { .. }), "{error}");
    assert!(is_blank(dir.path()), "a fenced writer keeps nothing");
}

#[test]
fn a_spool_that_comes_back_after_it_was_folded_in_counts_no_second_time() {
    let dir = tempfile::tempdir().unwrap();
    let full = Arc::new(AtomicBool::new(true));
    let (mut journal, mut ledger) = switched(dir.path(), &full);
    for (minute, record) in [
        (0, rent_intended(1)),
        (1, rented(1, 5)),
        (2, gone(1, 5, 9.5)),
    ] {
        let _ = journal.append(at(minute), &record).unwrap();
        ledger.apply(at(minute), &record);
    }
    drop(journal);
    let kept = spooled(dir.path());
    assert!(kept.len() > 100);
    drop(Journal::open(dir.path()).unwrap());
    // As if it was killed between the database's transaction and the removal.
    fs::write(spool(dir.path()), kept).unwrap();
    let (_, reopened) = Journal::open(dir.path()).unwrap();
    assert_eq!(reopened, ledger);
    assert_eq!(database(dir.path()).read().unwrap().len(), 3);
}

#[test]
fn without_a_place_for_a_record_the_append_fails() {
    let dir = tempfile::tempdir().unwrap();
    let full = Arc::new(AtomicBool::new(true));
    let (mut journal, _) = switched(dir.path(), &full);
    fs::remove_file(spool(dir.path())).unwrap();
    fs::create_dir(spool(dir.path())).unwrap();
    assert!(journal.append(at(0), &rent_intended(1)).is_err());
    fs::remove_dir(spool(dir.path())).unwrap();
    let kept = journal.append(at(1), &rent_intended(2)).unwrap();
    assert!(matches!(kept, WriteOutcome::Spooled(_)));
    full.store(false, Ordering::Relaxed);
    journal.recover().unwrap();
    assert_eq!(database(dir.path()).read().unwrap().len(), 1);
}

#[test]
fn a_spool_torn_at_any_byte_gives_the_record_or_what_was_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let full = Arc::new(AtomicBool::new(true));
    let (mut journal, _) = switched(dir.path(), &full);
    let _ = journal.append(at(0), &rent_intended(1)).unwrap();
    let before = spooled(dir.path()).len();
    let old = read_only(dir.path()).unwrap();
    let _ = journal.append(at(1), &rented(1, 5)).unwrap();
    let new = read_only(dir.path()).unwrap();
    assert_ne!(old, new);
    let whole = spooled(dir.path());
    for length in before..whole.len() {
        fs::write(spool(dir.path()), &whole[..length]).unwrap();
        assert_eq!(read_only(dir.path()).unwrap(), old, "torn at {length}");
        // The rest is what the disk held before: blank lines, or nothing that was ever written.
        for (rest, end) in [(b'\n', whole.len() - 1), (0, whole.len())] {
            let mut torn = whole.clone();
            torn[length.min(end)..].fill(rest);
            let expected = if torn == whole { &new } else { &old };
            fs::write(spool(dir.path()), torn).unwrap();
            assert_eq!(
                read_only(dir.path()).unwrap(),
                *expected,
                "{rest} from {length}"
            );
        }
    }
    fs::write(spool(dir.path()), &whole).unwrap();
    assert_eq!(read_only(dir.path()).unwrap(), new);
}

#[test]
fn the_next_line_is_written_over_a_torn_one() {
    let dir = tempfile::tempdir().unwrap();
    let full = Arc::new(AtomicBool::new(true));
    let (mut journal, _) = switched(dir.path(), &full);
    let _ = journal.append(at(0), &rent_intended(1)).unwrap();
    drop(journal);
    let mut torn = spooled(dir.path());
    // Longer than the line that comes.
    torn.extend_from_slice(&[b'7'; 500]);
    fs::write(spool(dir.path()), torn).unwrap();
    let (mut journal, _) = switched(dir.path(), &full);
    let _ = journal.append(at(1), &rented(1, 5)).unwrap();
    let ledger = read_only(dir.path()).unwrap();
    assert_eq!(ledger.open_rentals()[0].instance, Some(InstanceId(5)));
}

#[test]
fn a_damaged_line_costs_no_other_line_and_the_file_is_kept_for_a_person() {
    let dir = tempfile::tempdir().unwrap();
    let full = Arc::new(AtomicBool::new(true));
    let (mut journal, _) = switched(dir.path(), &full);
    for attempt in 1..4 {
        let _ = journal.append(at(0), &rent_intended(attempt)).unwrap();
    }
    drop(journal);
    // One digit of the second reservation, and still a record that can be read.
    let text = String::from_utf8(spooled(dir.path())).unwrap();
    let (first, rest) = text.split_at(text.find('\n').unwrap());
    let bytes = format!("{first}{}", rest.replacen("20000000", "10000000", 1)).into_bytes();
    assert_ne!(bytes, text.as_bytes());
    fs::write(spool(dir.path()), &bytes).unwrap();
    let (_, ledger) = Journal::open(dir.path()).unwrap();
    assert_eq!(ledger.open_rentals().len(), 2);
    assert!(is_blank(dir.path()));
    let damaged = fs::read(dir.path().join("journal.damaged")).unwrap();
    assert!(damaged.starts_with(&bytes));
}

#[test]
fn a_log_torn_at_any_byte_gives_the_record_or_what_was_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(dir.path()).unwrap();
    let _ = journal.append(at(0), &rent_intended(1)).unwrap();
    let log = |dir: &Path| dir.join("journal.sqlite-wal");
    let before = fs::metadata(log(dir.path())).unwrap().len();
    let old = read_only(dir.path()).unwrap();
    let _ = journal.append(at(1), &rented(1, 5)).unwrap();
    let new = read_only(dir.path()).unwrap();
    assert_ne!(old, new);
    // The files as a killed program leaves them, the log cut shorter and shorter.
    let copy = tempfile::tempdir().unwrap();
    let database = "journal.sqlite";
    fs::copy(dir.path().join(database), copy.path().join(database)).unwrap();
    fs::copy(log(dir.path()), log(copy.path())).unwrap();
    assert_eq!(read_only(copy.path()).unwrap(), new);
    let file = fs::OpenOptions::new()
        .write(true)
        .open(log(copy.path()))
        .unwrap();
    let after = file.metadata().unwrap().len();
    for length in (before..after).rev() {
        file.set_len(length).unwrap();
        let _ = fs::remove_file(copy.path().join("journal.sqlite-shm"));
        assert_eq!(read_only(copy.path()).unwrap(), old, "torn at {length}");
    }
}
