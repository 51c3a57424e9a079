//! Compaction changes no answer and keeps the file small.

use std::fmt::Debug;
use std::fs;

use proptest::prelude::*;

use super::super::compact::{SETTLED_RETAINED, superfluous};
use super::super::ledger::CLOCK_ALLOWANCE;
use super::*;
use crate::domain::{BootEnd, Cause, PastBoot};

/// Everything that the ledger can be asked at `now`.
fn answers(ledger: &Ledger, now: Time) -> impl PartialEq + Debug {
    let windows = [Duration::hours(5), Duration::hours(24), Duration::days(30)];
    (
        ledger.open_rentals(),
        (ledger.registrations(), ledger.removed_registrations()),
        windows.map(|window| ledger.spent_within(window, now)),
        ledger.reserved(now),
        ledger.avoided(now),
        ledger.boots(),
        ledger.checkpoints().collect::<Vec<_>>(),
        [1, 4].map(|attempt| ledger.reserved_by(&replica(attempt), now)),
        ledger.reports(),
        ledger.boot_times(),
        ledger.confirmations(),
        ledger.charges_known(),
    )
}

pub(super) fn entries(records: &[(i64, Record)]) -> Vec<Entry> {
    let entry = |(sequence, (minute, record)): (u32, &(i64, Record))| Entry {
        id: EntryId {
            writer: WriterEpoch(1),
            sequence,
        },
        at: at(*minute),
        body: serde_json::to_string(record).unwrap(),
    };
    (1..).zip(records).map(entry).collect()
}

fn without(mut entries: Vec<Entry>, superfluous: &[EntryId]) -> Vec<Entry> {
    entries.retain(|entry| !superfluous.contains(&entry.id));
    entries
}

fn boot(instance: u64, machine: u64, end: BootEnd) -> PastBoot {
    PastBoot {
        instance: InstanceId(instance),
        machine: MachineId(machine),
        gpu_name: "H100 SXM".into(),
        download_mbps: 2_000.0,
        disk_mb_per_s: Some(1_500.0),
        image_gb: 15.0,
        model_gb: 60.0,
        took_seconds: 1_500,
        end,
        model: Some("org/model".into()),
        times: None,
    }
}

fn any_end() -> impl Strategy<Value = BootEnd> {
    prop_oneof![
        Just(BootEnd::Ready),
        Just(BootEnd::Failed),
        Just(BootEnd::BrokenOff)
    ]
}

fn repriced(attempt: u32, cents: i64) -> Record {
    let Record::RentIntended {
        label, mut prices, ..
    } = rent_intended(attempt)
    else {
        panic!("not what it is");
    };
    prices.gpu_price = UsdPerHour(Usd(cents * 10_000));
    Record::RentalRepriced {
        label,
        prices,
        reserved: Usd(cents * 30_000),
    }
}

fn any_record() -> impl Strategy<Value = Record> {
    let (attempt, id) = (|| 1..6_u32, || 1..4_u64);
    let instance = move || id().prop_map(InstanceId);
    let node = move || id().prop_map(|id| NodeId(format!("vast-{id}")));
    let minute = || 0..130_000_i64;
    prop_oneof![
        3 => attempt().prop_map(rent_intended),
        3 => (attempt(), id()).prop_map(|(attempt, id)| rented(attempt, id)),
        1 => (instance(), minute()).prop_map(|(instance, until)| Record::GpuIdleUntil {
            instance,
            until: at(until)
        }),
        1 => attempt().prop_map(voided),
        2 => instance().prop_map(|instance| Record::DestroyIntended { instance }),
        2 => (attempt(), id()).prop_map(|(attempt, id)| gone(attempt, id, 9.5)),
        2 => (node(), instance())
            .prop_map(|(node, instance)| Record::RegisterIntended {
                node,
                instance,
                network_node: NetworkNodeName::default(),
            }),
        1 => node().prop_map(|node| Record::Registered { node }),
        1 => node().prop_map(|node| Record::UnregisterIntended { node }),
        1 => node().prop_map(|node| Record::Unregistered { node }),
        1 => (id(), minute()).prop_map(|(id, until)| avoided(id, until, "no CUDA")),
        1 => attempt().prop_map(|attempt| Record::BootWatched { boot: watched(attempt) }),
        1 => id().prop_map(|sequence| measured(sequence, 100, 90)),
        1 => (attempt(), id(), minute()).prop_map(|(attempt, id, ended)| Record::RentalCharged {
            label: label(attempt),
            replica: replica(attempt),
            ended: at(ended),
            estimate: Usd::ZERO,
            charge: charge(id, 9.7),
        }),
        1 => id().prop_map(|id| Record::MachineAllowed { machine: MachineId(id) }),
        1 => (attempt(), minute()).prop_map(|(attempt, cents)| repriced(attempt, cents)),
        1 => (id(), id(), any_end(), prop::option::of(attempt())).prop_map(|(id, machine, end, seen)| {
            let times = seen.map(watched);
            Record::BootEnded { boot: PastBoot { times, ..boot(id, machine, end) } }
        }),
        1 => (attempt(), id()).prop_map(|(attempt, id)| Record::Checkpoint {
            replica: replica(attempt),
            sprint: id.into(),
            clock: None,
        }),
        1 => (attempt(), id()).prop_map(|(attempt, id)| Record::SprintEnded {
            report: SprintReport { replica: replica(attempt), ..report(id, Some(1_234)) },
        }),
        1 => (attempt(), id()).prop_map(|(attempt, id)| Record::EpochNotTried {
            replica: replica(attempt),
            epoch: EpochIndex(id),
            cause: Cause::new("too_late", "the PoC was too near"),
            network_node: NetworkNodeName::default(),
        }),
    ]
}

/// What compaction drops of these entries.
fn dropped_of(entries: &[Entry], now: Time, settled_retained: usize) -> Vec<EntryId> {
    let visit = |visitor: &mut EntryVisitor<'_>| entries.iter().cloned().try_for_each(visitor);
    superfluous(visit, now, settled_retained).unwrap()
}

/// Records at any times: a clock can step.
fn any_records(most: usize) -> impl Strategy<Value = Vec<(i64, Record)>> {
    proptest::collection::vec((0..130_000_i64, any_record()), 0..most)
}

proptest! {
    #[test]
    fn compaction_changes_no_answer(
        before in any_records(80),
        after in any_records(20),
        compacted_at in 0..130_000_i64,
        later in 0..100_000_i64,
        settled_retained in 0..4_usize,
    ) {
        let whole = entries(&before);
        let dropped = dropped_of(&whole, at(compacted_at), settled_retained);
        let small = without(whole.clone(), &dropped);
        // Compacting again drops nothing more.
        prop_assert_eq!(dropped_of(&small, at(compacted_at), settled_retained), []);
        let mut whole = add_up(&whole).unwrap();
        let mut small = add_up(&small).unwrap();
        let now = at(compacted_at + later);
        prop_assert_eq!(answers(&small, now), answers(&whole, now));
        // And later records mean the same.
        apply(&mut whole, &after);
        apply(&mut small, &after);
        prop_assert_eq!(answers(&small, now), answers(&whole, now));
    }
}

/// The records of a day with two rentals, its sprint saved many times.
fn a_day(day: u32) -> Vec<(i64, Record)> {
    let minute = i64::from(day) * 24 * 60;
    let node = NodeId(format!("vast-{day}"));
    let instance = InstanceId(u64::from(day));
    let intended = Record::RegisterIntended {
        node: node.clone(),
        instance,
        network_node: NetworkNodeName::default(),
    };
    let mut records = vec![
        (minute, rent_intended(2 * day)),
        (minute, gone(2 * day, 1, 0.5)),
        (minute, rent_intended(2 * day + 1)),
        (minute, rented(2 * day + 1, instance.0)),
        (minute, intended),
        (minute, Record::Registered { node: node.clone() }),
        (minute, Record::UnregisterIntended { node: node.clone() }),
        (minute, Record::Unregistered { node }),
    ];
    let sprint = serde_json::json!({ "like a sprint": "x".repeat(5_000) });
    let saved = (
        minute,
        Record::Checkpoint {
            replica: ReplicaId::default(),
            sprint,
            clock: None,
        },
    );
    let destroyed = (minute, Record::DestroyIntended { instance });
    for _ in 0..60 {
        records.extend([saved.clone(), destroyed.clone()]);
    }
    let boot = PastBoot {
        times: Some(watched(2 * day + 1)),
        ..boot(instance.0, 8, BootEnd::Ready)
    };
    let report = report(u64::from(day), Some(1_234));
    records.extend([
        (minute + 200, gone(2 * day + 1, instance.0, 9.5)),
        (minute + 30, Record::BootEnded { boot }),
        (minute + 200, Record::SprintEnded { report }),
    ]);
    records
}

#[test]
fn year_of_epochs_stays_under_3_mb() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.sqlite");
    let mut storage = SqliteStorage::open(&path).unwrap();
    let writer = WriterEpoch(1);
    storage.claim(writer).unwrap();
    let (mut sequence, mut written) = (0, 0);
    for day in 0..365 {
        let mut batch = entries(&a_day(day));
        for entry in &mut batch {
            sequence += 1;
            entry.id.sequence = sequence;
            written += entry.body.len();
        }
        storage.append(writer, &batch).unwrap();
        let now = batch.last().unwrap().at;
        let dropped = dropped_of(&stored(&storage), now, SETTLED_RETAINED);
        storage.compact(writer, &dropped).unwrap();
    }
    assert!(written > 100_000_000, "{written}");
    let size = |name: &str| fs::metadata(dir.path().join(name)).unwrap().len();
    let (file, log) = (size("journal.sqlite"), size("journal.sqlite-wal"));
    // SQLite moves the log into the file at a thousand pages.
    let longest_log = 1_000 * 4_096 + 100_000;
    assert!(log < longest_log && file < 3_000_000, "{file} {log}");
    drop(storage);
    let file = size("journal.sqlite");
    assert!(file < 3_000_000, "{file}");
    assert_eq!(read_only(dir.path()).unwrap().reports().len(), 365);
}

#[test]
fn settled_rental_stays_within_cap_window() {
    let whole = entries(&[(0, rent_intended(1)), (0, gone(1, 5, 9.5))]);
    let month_later = at(0) + Duration::days(30) + CLOCK_ALLOWANCE;
    let dropped = dropped_of(&whole, month_later, 0);
    assert_eq!(dropped, []);
    let dropped = dropped_of(&whole, month_later + Duration::microseconds(1), 0);
    assert_eq!(dropped.len(), 2);
}

#[test]
fn compaction_by_wrong_clock_raises_no_cap() {
    let mut records = Vec::new();
    for attempt in 1..20 {
        records.push((i64::from(attempt), rent_intended(attempt)));
        records.push((i64::from(attempt), gone(attempt, 5, 9.5)));
    }
    let whole = entries(&records);
    let year_ahead = at(20) + Duration::days(365);
    let dropped = dropped_of(&whole, year_ahead, SETTLED_RETAINED);
    let small = add_up(&without(whole.clone(), &dropped)).unwrap();
    let whole = add_up(&whole).unwrap();
    assert_eq!(answers(&small, at(20)), answers(&whole, at(20)));
}

#[test]
fn killed_compaction_loses_nothing() {
    let (dir, mut journal) = journal_of(&a_day(1));
    append(&mut journal, &[(5_000, rent_intended(9))]);
    let log = dir.path().join("journal.sqlite-wal");
    let before = usize::try_from(fs::metadata(&log).unwrap().len()).unwrap();
    let whole = read_only(dir.path()).unwrap();
    let now = at(60 * 24 * 60);
    journal.compact(now).unwrap();
    let small = read_only(dir.path()).unwrap();
    assert_eq!(answers(&small, now), answers(&whole, now));
    let database = fs::read(dir.path().join("journal.sqlite")).unwrap();
    let log = fs::read(log).unwrap();
    assert!(
        log.len() > before,
        "the compaction went to the end of the log"
    );
    let copy = tempfile::tempdir().unwrap();
    for length in (before..log.len()).step_by(127) {
        fs::write(copy.path().join("journal.sqlite"), &database).unwrap();
        fs::write(copy.path().join("journal.sqlite-wal"), &log[..length]).unwrap();
        let _ = fs::remove_file(copy.path().join("journal.sqlite-shm"));
        let ledger = read_only(copy.path()).unwrap();
        assert_eq!(answers(&ledger, now), answers(&whole, now), "{length}");
    }
}
