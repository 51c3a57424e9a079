//! A dump is read whole or not at all, and a restored journal rents nothing before the operator agrees.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn records() -> Vec<(i64, Record)> {
    vec![
        (0, rent_intended(1)),
        (1, rented(1, 5)),
        (2, rent_intended(4)),
        (3, rented(4, 6)),
        (4, gone(4, 6, 7.5)),
    ]
}

/// The dump of a journal, and its text.
fn dumped() -> (Dump, Vec<u8>) {
    let (dir, journal) = journal_of(&records());
    drop(journal);
    let dump = dump(dir.path(), at(9)).unwrap().unwrap();
    let text = text_of(&dump);
    (dump, text)
}

fn text_of(dump: &Dump) -> Vec<u8> {
    let mut text = Vec::new();
    dump.write(&mut text).unwrap();
    text
}

fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    lines.map(<[u8]>::to_vec).collect()
}

fn spend_of(ledger: &Ledger) -> Usd {
    ledger.spent_within(DAY, at(60))
}

fn journal_file(dir: &Path) -> PathBuf {
    dir.join("journal.sqlite")
}

#[test]
fn dump_is_read_back_as_it_was() {
    let (dump, text) = dumped();
    assert_eq!(dump.entries.len(), 5);
    assert_eq!(Dump::parse(&text).unwrap(), dump);
}

#[test]
fn running_journal_is_dumped_with_its_spool() {
    // Given a journal in use whose last record waits in the spool,
    let (dir, journal) = journal_of(&records());
    drop(journal);
    let (mut journal, _) = full_disk::open(dir.path());
    let _lock = full_disk::lock(dir.path());
    append(&mut journal, &[(5, rent_intended(2))]);
    // when it is dumped, then the record is there.
    let dump = dump(dir.path(), at(9)).unwrap().unwrap();
    assert_eq!(dump.entries.len(), 6);
    let verified = verify(dir.path()).unwrap().unwrap();
    assert_eq!((verified.records, verified.spooled), (6, 1));
    assert_eq!(verified.span, Some((at(0), at(5))));
    assert_eq!(verified.open_rentals, 2);
}

#[test]
fn directory_without_journal_has_no_dump() {
    let dir = tempfile::tempdir().unwrap();
    assert!(dump(dir.path(), at(0)).unwrap().is_none());
    assert!(verify(dir.path()).unwrap().is_none());
}

#[test]
fn changed_byte_of_a_dump_is_found() {
    let (_, text) = dumped();
    for index in 0..text.len() {
        let mut changed = text.clone();
        changed[index] ^= 1;
        assert!(Dump::parse(&changed).is_err(), "byte {index}");
    }
}

#[test]
fn damaged_line_of_a_dump_is_named() {
    let (_, text) = dumped();
    let mut lines = lines(&text);
    let middle = lines[3].len() / 2;
    lines[3][middle] ^= 1;
    let error = Dump::parse(&lines.concat()).unwrap_err();
    assert!(matches!(error, DumpError::Damaged { line: 4 }), "{error}");
}

#[test]
fn dump_that_is_cut_off_is_refused() {
    let (_, text) = dumped();
    for length in 0..text.len() - 1 {
        let error = Dump::parse(&text[..length]).unwrap_err();
        let is_cut = matches!(error, DumpError::CutOff { .. } | DumpError::NotADump);
        assert!(is_cut, "{length} bytes: {error}");
    }
}

#[test]
fn lines_of_a_dump_have_their_order() {
    let (_, text) = dumped();
    let whole = lines(&text);
    let (mut swapped, mut shorter, mut longer) = (whole.clone(), whole.clone(), whole.clone());
    swapped.swap(2, 3);
    shorter.remove(2);
    longer.push(whole[2].clone());
    for changed in [swapped, shorter, longer] {
        let error = Dump::parse(&changed.concat()).unwrap_err();
        assert!(matches!(error, DumpError::Changed), "{error}");
    }
}

#[test]
fn dump_of_a_newer_program_is_refused() {
    let (_, text) = dumped();
    let text = String::from_utf8(text).unwrap();
    for (now, newer) in [
        ("\"dump\":1", "\"dump\":2"),
        ("\"journal\":3", "\"journal\":4"),
    ] {
        let changed = text.replacen(now, newer, 1);
        assert_ne!(changed, text);
        let error = Dump::parse(changed.as_bytes()).unwrap_err();
        assert!(matches!(error, DumpError::TooNew { .. }), "{error}");
    }
}

#[test]
fn restored_journal_adds_up_alike_and_waits_for_the_operator() {
    // Given a directory without a journal,
    let (dump, _) = dumped();
    let dir = tempfile::tempdir().unwrap();
    // when a dump is restored,
    restore(dir.path(), &dump, at(20)).unwrap();
    // then the same is open and spent, and the operator is asked;
    let (mut journal, ledger) = Journal::open(dir.path()).unwrap();
    let open: Vec<_> = ledger.open_rentals().iter().map(|it| it.instance).collect();
    assert_eq!(open, [Some(InstanceId(5))]);
    assert_eq!(spend_of(&ledger), spend_of(&add_up(&dump.entries).unwrap()));
    let lost = ledger.lost().unwrap();
    assert!(lost.contains("restored"), "{lost}");
    // what is recorded now counts, once they agree.
    append(
        &mut journal,
        &[(21, Record::JournalAccepted), (22, gone(1, 5, 3.0))],
    );
    drop(journal);
    let (_, ledger) = Journal::open(dir.path()).unwrap();
    assert_eq!((ledger.lost(), ledger.open_rentals().len()), (None, 0));
}

#[test]
fn journal_that_is_there_is_never_replaced() {
    let (dump, _) = dumped();
    let (dir, journal) = journal_of(&[(0, rent_intended(3))]);
    // In use,
    let error = restore(dir.path(), &dump, at(20)).unwrap_err();
    assert!(
        matches!(error, RestoreError::Journal(JournalError::Locked { .. })),
        "{error}"
    );
    // or not.
    drop(journal);
    let error = restore(dir.path(), &dump, at(20)).unwrap_err();
    assert!(matches!(error, RestoreError::Occupied { .. }), "{error}");
    let ledger = read_only(dir.path()).unwrap();
    assert_eq!(ledger.open_rentals()[0].label, label(3));
}

#[test]
fn restored_journal_keeps_what_a_lost_one_has_left() {
    // Given a directory whose journal is gone, with its log, and a rental in its spool of a later writer than
    // the dump's,
    let (dump, _) = dumped();
    let (dir, journal) = journal_of(&records());
    drop(journal);
    let (mut journal, _) = full_disk::open(dir.path());
    let lock = full_disk::lock(dir.path());
    append(&mut journal, &[(5, rent_intended(2)), (6, rented(2, 8))]);
    drop((journal, lock));
    fs::remove_file(journal_file(dir.path())).unwrap();
    fs::write(dir.path().join("journal.sqlite-wal"), "of the lost one").unwrap();
    // when the dump is restored,
    restore(dir.path(), &dump, at(20)).unwrap();
    // then the log is beside the place that the lost one is moved to, and both rentals are open,
    let log = fs::read_to_string(dir.path().join("journal.sqlite.old-wal"));
    assert_eq!(log.unwrap(), "of the lost one");
    let (mut journal, ledger) = Journal::open(dir.path()).unwrap();
    let open: Vec<_> = ledger.open_rentals().iter().map(|it| it.instance).collect();
    assert_eq!(open, [5, 8].map(|id| Some(InstanceId(id))));
    // and no new record has the id of one from before.
    append(&mut journal, &[(21, gone(2, 8, 1.0))]);
    drop(journal);
    let ledger = read_only(dir.path()).unwrap();
    assert_eq!(ledger.open_rentals().len(), 1);
}

#[test]
fn damaged_database_is_found() {
    let many: Vec<_> = (0..400).map(|minute| (minute, rent_intended(1))).collect();
    let (dir, journal) = journal_of(&many);
    drop(journal);
    assert!(verify(dir.path()).unwrap().is_some());
    let file = journal_file(dir.path());
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 2_000].fill(0xff);
    fs::write(&file, bytes).unwrap();
    assert!(verify(dir.path()).is_err());
}
