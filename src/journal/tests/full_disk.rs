//! The spool takes what the database does not, and hands it over later.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;

/// Locks the database until it is dropped: meanwhile, it takes no writes.
pub(super) fn lock(dir: &Path) -> rusqlite::Connection {
    let connection = database(dir).connection;
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
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

/// A journal that does not wait for a locked database.
pub(super) fn open(dir: &Path) -> (Journal, Ledger) {
    let storage = database(dir);
    storage
        .connection
        .busy_timeout(std::time::Duration::ZERO)
        .unwrap();
    Journal::over(Box::new(storage), Some(&spool(dir))).unwrap()
}

/// A journal whose database is locked.
fn locked() -> (tempfile::TempDir, rusqlite::Connection, Journal) {
    let dir = tempfile::tempdir().unwrap();
    let lock = lock(dir.path());
    let (journal, _) = open(dir.path());
    (dir, lock, journal)
}

fn is_spooled(journal: &mut Journal, minute: i64, record: &Record) -> bool {
    let outcome = journal.append(at(minute), record).unwrap();
    matches!(outcome, WriteOutcome::Spooled(_))
}

fn checkpoint(note: &str) -> Record {
    Record::Checkpoint {
        replica: ReplicaId::default(),
        sprint: serde_json::json!({ "note": note }),
        clock: None,
    }
}

#[test]
fn full_database_spools_until_next_open() {
    let dir = tempfile::tempdir().unwrap();
    // Given a database that may not grow, while a rental is open,
    let storage = database(dir.path());
    storage
        .connection
        .pragma_update(None, "max_page_count", 8)
        .unwrap();
    let (mut journal, mut ledger) =
        Journal::over(Box::new(storage), Some(&spool(dir.path()))).unwrap();
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
    // then the outcome of the rent call is spooled,
    let kept = write(&mut journal, 30, rented(1, 5));
    assert!(matches!(kept, WriteOutcome::Spooled(_)));
    let permissions = fs::metadata(spool(dir.path())).unwrap().permissions();
    assert_eq!(permissions.mode() & 0o777, 0o600);
    assert_eq!(read_only(dir.path()).unwrap(), ledger);
    // and the next start with room moves it to the database.
    drop(journal);
    let (_, reopened) = Journal::open(dir.path()).unwrap();
    assert_eq!(reopened, ledger);
    assert_eq!(reopened.open_rentals()[0].instance, Some(InstanceId(5)));
    assert!(is_blank(dir.path()));
}

#[test]
fn first_working_write_flushes_spool_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(dir.path());
    assert!(!is_spooled(&mut journal, 0, &checkpoint("first")));
    let lock = lock(dir.path());
    assert!(journal.recover().is_err());
    for note in ["second", "third"] {
        assert!(is_spooled(&mut journal, 1, &checkpoint(note)));
    }
    drop(lock);
    assert!(!is_spooled(&mut journal, 2, &checkpoint("fourth")));
    assert!(is_blank(dir.path()));
    drop(journal);
    let entries = stored(&database(dir.path()));
    let notes = entries.iter().map(|entry| entry.record().unwrap());
    let notes: Vec<Record> = notes.collect();
    assert_eq!(
        notes,
        ["first", "second", "third", "fourth"].map(checkpoint)
    );
}

#[test]
fn start_on_full_disk_claims_later() {
    let dir = tempfile::tempdir().unwrap();
    let (mut before, _) = open(dir.path());
    append(&mut before, &[(0, rent_intended(1))]);
    let lock = lock(dir.path());
    // Given two starts that cannot write to the database,
    for id in [5, 6] {
        let (mut journal, ledger) = open(dir.path());
        assert_eq!(ledger.open_rentals().len(), 1);
        assert!(is_spooled(&mut journal, 1, &rented(1, id)));
    }
    // when one can, then everything is there, and earlier writers are fenced off.
    drop(lock);
    let (mut journal, ledger) = open(dir.path());
    assert_eq!(ledger.open_rentals()[0].instance, Some(InstanceId(6)));
    assert!(is_blank(dir.path()));
    append(&mut journal, &[(2, gone(1, 6, 1.0))]);
    let error = before.append(at(2), &rent_intended(2)).unwrap_err();
    assert!(matches!(error, JournalError::Fenced { .. }), "{error}");
    assert!(is_blank(dir.path()), "a fenced writer keeps nothing");
}

#[test]
fn restored_spool_is_not_counted_twice() {
    let (dir, lock, mut journal) = locked();
    let records = [
        (0, rent_intended(1)),
        (1, rented(1, 5)),
        (2, gone(1, 5, 9.5)),
    ];
    append(&mut journal, &records);
    drop((journal, lock));
    let kept = spooled(dir.path());
    assert!(kept.len() > 100);
    drop(Journal::open(dir.path()).unwrap());
    // As if it was killed between the database's transaction and clearing the spool.
    fs::write(spool(dir.path()), kept).unwrap();
    let (_, reopened) = Journal::open(dir.path()).unwrap();
    assert_eq!(reopened, folded(&records));
    assert_eq!(stored(&database(dir.path())).len(), 3);
}

#[test]
fn append_fails_without_any_storage() {
    let (dir, lock, mut journal) = locked();
    fs::remove_file(spool(dir.path())).unwrap();
    fs::create_dir(spool(dir.path())).unwrap();
    assert!(journal.append(at(0), &rent_intended(1)).is_err());
    fs::remove_dir(spool(dir.path())).unwrap();
    assert!(is_spooled(&mut journal, 1, &rent_intended(2)));
    drop(lock);
    journal.recover().unwrap();
    assert_eq!(stored(&database(dir.path())).len(), 1);
}

#[test]
fn torn_spool_yields_whole_records_only() {
    let (dir, _lock, mut journal) = locked();
    append(&mut journal, &[(0, rent_intended(1))]);
    let before = spooled(dir.path()).len();
    let old = read_only(dir.path()).unwrap();
    append(&mut journal, &[(1, rented(1, 5))]);
    let new = read_only(dir.path()).unwrap();
    assert_ne!(old, new);
    let whole = spooled(dir.path());
    for length in before..whole.len() {
        fs::write(spool(dir.path()), &whole[..length]).unwrap();
        assert_eq!(read_only(dir.path()).unwrap(), old, "torn at {length}");
        // The rest is what the disk held before: blank lines, or blocks that were never written.
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
fn next_line_overwrites_a_torn_one() {
    let (dir, _lock, mut journal) = locked();
    append(&mut journal, &[(0, rent_intended(1))]);
    drop(journal);
    let mut torn = spooled(dir.path());
    // Longer than the line that comes.
    torn.extend_from_slice(&[b'7'; 500]);
    fs::write(spool(dir.path()), torn).unwrap();
    let (mut journal, _) = open(dir.path());
    append(&mut journal, &[(1, rented(1, 5))]);
    let ledger = read_only(dir.path()).unwrap();
    assert_eq!(ledger.open_rentals()[0].instance, Some(InstanceId(5)));
}

#[test]
fn damaged_spool_line_costs_only_itself() {
    let (dir, lock, mut journal) = locked();
    append(
        &mut journal,
        &[1, 2, 3].map(|attempt| (0, rent_intended(attempt))),
    );
    drop((journal, lock));
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
fn torn_wal_yields_whole_records_only() {
    let (dir, mut journal) = journal_of(&[(0, rent_intended(1))]);
    let log = |dir: &Path| dir.join("journal.sqlite-wal");
    let before = fs::metadata(log(dir.path())).unwrap().len();
    let old = read_only(dir.path()).unwrap();
    append(&mut journal, &[(1, rented(1, 5))]);
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
