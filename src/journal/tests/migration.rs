//! Old journals are read, newer ones left unchanged, and a migration is all or nothing.

use std::fs;
use std::path::Path;

use super::*;

fn file(dir: &Path) -> std::path::PathBuf {
    dir.join("journal.sqlite")
}

/// A state directory with a journal of version 1.
fn version_1() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let connection = rusqlite::Connection::open(file(dir.path())).unwrap();
    connection
        .execute_batch(include_str!("version_1.sql"))
        .unwrap();
    dir
}

fn version_of(dir: &Path) -> i64 {
    rusqlite::Connection::open(file(dir))
        .unwrap()
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap()
}

fn set_version(dir: &Path, version: i64) {
    let connection = rusqlite::Connection::open(file(dir)).unwrap();
    connection
        .pragma_update(None, "user_version", version)
        .unwrap();
}

/// A journal of one rental, and after its intent this entry.
fn with_second_entry(body: &str) -> (tempfile::TempDir, rusqlite::Connection) {
    let (dir, journal) = journal_of(&[(0, rent_intended(1))]);
    drop(journal);
    let connection = rusqlite::Connection::open(file(dir.path())).unwrap();
    let insert = "INSERT INTO entries VALUES (1, 2, 0, ?1)";
    connection.execute(insert, [body]).unwrap();
    (dir, connection)
}

/// The record that an old program wrote like this.
fn record(body: &str) -> Record {
    let entry = Entry {
        id: EntryId::default(),
        at: at(0),
        body: body.into(),
    };
    entry.record().unwrap()
}

#[test]
fn version_1_journal_gives_same_ledger() {
    let dir = version_1();
    let unchanged = read_only(dir.path()).unwrap();
    assert_eq!(version_of(dir.path()), 1, "reading changes nothing");
    let (journal, ledger) = Journal::open(dir.path()).unwrap();
    assert_eq!(ledger, unchanged);
    let open: Vec<_> = ledger.open_rentals().into_iter().cloned().collect();
    assert_eq!(open[0].label, label(3));
    assert_eq!(open[0].instance, Some(InstanceId(7)));
    assert_eq!((open[0].intended_at, open[0].gpu_from), (at(102), at(105)));
    assert_eq!((&open[1].label, open[1].instance), (&label(4), None));
    assert_eq!(open.len(), 2);
    // 9.5 for the settled one, and an hour of the open one.
    assert_eq!(
        ledger.spent_within(Duration::hours(24), at(165)),
        Usd::from_dollars(9.5 + 10.0)
    );
    assert_eq!(ledger.reserved(at(165)), Usd::from_dollars(10.0 + 20.0));
    let registrations = ledger.registrations();
    assert_eq!(registrations.len(), 1);
    assert_eq!(registrations[0].node, NodeId("vast-7".into()));
    assert!(registrations[0].registered && !registrations[0].unregistering);
    assert_eq!(ledger.avoided(at(110)).len(), 2);
    assert_eq!(ledger.reports().len(), 1);
    let saved = ledger.checkpoint(&ReplicaId::default()).unwrap().clone();
    serde_json::from_value::<crate::flow::Sprint>(saved).unwrap();
    // It is migrated once.
    drop(journal);
    assert_eq!(version_of(dir.path()), 3);
    let (_, again) = Journal::open(dir.path()).unwrap();
    assert_eq!(again, ledger);
}

#[test]
fn newer_journal_is_refused_and_unchanged() {
    let (dir, journal) = journal_of(&[]);
    drop(journal);
    set_version(dir.path(), 99);
    let before = fs::read(file(dir.path())).unwrap();
    for error in [
        Journal::open(dir.path()).unwrap_err(),
        read_only(dir.path()).unwrap_err(),
    ] {
        assert!(
            matches!(error, JournalError::TooNew { found: 99, .. }),
            "{error}"
        );
    }
    assert_eq!(fs::read(file(dir.path())).unwrap(), before);
}

#[test]
fn killed_migration_is_repeated() {
    let dir = version_1();
    let expected = read_only(dir.path()).unwrap();
    let old = fs::read(file(dir.path())).unwrap();
    let (_journal, _) = Journal::open(dir.path()).unwrap();
    // The migration is in the log only: the file is still the old one.
    assert_eq!(fs::read(file(dir.path())).unwrap(), old);
    let log = fs::read(dir.path().join("journal.sqlite-wal")).unwrap();
    for length in (0..log.len()).step_by(509) {
        let copy = tempfile::tempdir().unwrap();
        fs::write(file(copy.path()), &old).unwrap();
        fs::write(copy.path().join("journal.sqlite-wal"), &log[..length]).unwrap();
        let (_, ledger) = Journal::open(copy.path()).unwrap();
        assert_eq!(ledger, expected, "killed after {length} bytes");
        assert_eq!(version_of(copy.path()), 3);
    }
}

#[test]
fn unknown_record_is_skipped_and_preserved() {
    let newer = r#"{"record":"lease_renewed","instance":5,"until":{"height":7}}"#;
    let (dir, connection) = with_second_entry(newer);
    assert_eq!(read_only(dir.path()).unwrap().open_rentals().len(), 1);
    let (mut journal, ledger) = Journal::open(dir.path()).unwrap();
    assert_eq!(ledger.open_rentals().len(), 1);
    journal.compact(at(1)).unwrap();
    let kept: String = connection
        .query_row("SELECT body FROM entries WHERE sequence = 2", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(kept, newer);
}

#[test]
fn record_without_newer_fields_is_read() {
    let bodies = [
        r#"{"record":"rent_voided","label":"pocpit/home/359/1-abc"}"#,
        r#"{"record":"machine_avoided","machine":8,"until":"2026-09-21T22:33:20Z"}"#,
        r#"{"record":"rent_intended","label":"pocpit/home/359/1-abc","offer":7,"machine":8,"prices":{"gpu_price":10000000,"storage_price":0,"download_per_gb":0,"download_gb":0.0},"reserved":20000000}"#,
        r#"{"record":"sprint_ended","report":{"outcome":"aborted","cost_usd":0.0}}"#,
    ];
    for body in bodies {
        assert_ne!(record(body), Record::Unknown);
    }
}

#[test]
fn split_boot_records_read_like_one() {
    let stages = r#"{"label":"pocpit/home/359/1-abc","machine":8,"host":null,"gpu_name":"H100 SXM","gpu_count":4,"started":[["placed","2026-09-21T14:00:00Z"],["ready","2026-09-21T14:25:00Z"]],"ended":"2026-09-21T14:25:00Z","fault":null}"#;
    let ended = r#""instance":5,"machine":8,"gpu_name":"H100 SXM","download_mbps":2000.0,"disk_mb_per_s":null,"image_gb":15.0,"model_gb":60.0,"took_seconds":1500,"end":"ready""#;
    let before = [
        format!(r#"{{"record":"boot_watched","boot":{stages}}}"#),
        format!(r#"{{"record":"boot_ended","boot":{{{ended}}}}}"#),
    ];
    let now = [format!(
        r#"{{"record":"boot_ended","boot":{{{ended},"model":"org/model","times":{stages}}}}}"#
    )];
    for bodies in [&before[..], &now] {
        let records: Vec<_> = bodies.iter().map(|body| (0, record(body))).collect();
        let ledger = folded(&records);
        assert_eq!(ledger.boots().len(), 1);
        assert_eq!(ledger.boots()[0].took_seconds, 1_500);
        assert_eq!(ledger.boot_times().len(), 1);
        assert_eq!(ledger.boot_times()[0].total(), Some(Duration::minutes(25)));
    }
}

#[test]
fn version_2_journal_is_only_remarked() {
    let (dir, journal) = journal_of(&[(0, rent_intended(1))]);
    drop(journal);
    set_version(dir.path(), 2);
    let (_, ledger) = Journal::open(dir.path()).unwrap();
    assert_eq!(ledger.open_rentals().len(), 1);
    assert_eq!(version_of(dir.path()), 3);
}

#[test]
fn version_2_boot_is_read_and_preserved() {
    let older = r#"{"record":"boot_ended","boot":{"label":"pocpit/north/359/1-0000000a","machine":9,
        "host":4,"gpu_name":"H100 SXM","gpu_count":4,"started":[["placed","2026-11-25T00:31:00Z"]],
        "ended":"2026-11-25T00:41:00Z","fault":"the host is too slow"}}"#;
    let (dir, _) = with_second_entry(older);
    let (mut journal, ledger) = Journal::open(dir.path()).unwrap();
    let [boot] = ledger.boot_times() else {
        panic!("{ledger:?}");
    };
    assert_eq!((boot.machine, boot.instance), (MachineId(9), None));
    assert_eq!(boot.fault.as_deref(), Some("the host is too slow"));
    // Its offer is unknown, so predictions learn nothing from it.
    assert!(ledger.boots().is_empty());
    journal.compact(at(1)).unwrap();
    drop(journal);
    let again = read_only(dir.path()).unwrap();
    assert_eq!(again.boot_times(), ledger.boot_times());
}
