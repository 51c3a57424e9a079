//! What compaction drops changes no answer, and keeps the file small.

use std::fs;

use proptest::prelude::*;

use super::super::compact::{SETTLED_KEPT, superfluous};
use super::super::ledger::CLOCK_ALLOWANCE;
use super::*;
use crate::domain::{
    Aim, AvoidedMachine, BootEnd, BootStage, BootTimes, Cause, Confirmation, EpochIndex, HostId,
    OutcomeKind, PastBoot, SprintReport, StepSpan, Weight,
};

/// Everything that the ledger can be asked at `now`.
#[derive(Debug, PartialEq)]
struct Answers {
    rentals: Vec<OpenRental>,
    registrations: Vec<OpenRegistration>,
    spent: Vec<Usd>,
    reserved: Usd,
    avoided: Vec<AvoidedMachine>,
    boots: Vec<PastBoot>,
    checkpoint: Option<serde_json::Value>,
    reports: Vec<(Time, SprintReport)>,
    watched: Vec<BootTimes>,
    confirmations: Vec<Confirmation>,
}

fn answers(ledger: &Ledger, now: Time) -> Answers {
    let windows = [Duration::hours(5), Duration::hours(24), Duration::days(30)];
    Answers {
        rentals: ledger.open_rentals().into_iter().cloned().collect(),
        registrations: ledger.registrations().into_iter().cloned().collect(),
        spent: windows
            .map(|window| ledger.spent_within(window, now))
            .to_vec(),
        reserved: ledger.reserved(now),
        avoided: ledger.avoided(now),
        boots: ledger.boots().to_vec(),
        checkpoint: ledger.checkpoint().cloned(),
        reports: ledger.reports().to_vec(),
        watched: ledger.boot_times().to_vec(),
        confirmations: ledger.confirmations().to_vec(),
    }
}

fn entries(records: &[(i64, Record)]) -> Vec<Entry> {
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

fn added_up(entries: &[Entry]) -> Ledger {
    let mut ledger = Ledger::default();
    for entry in entries {
        ledger.apply(entry.at, &entry.record().unwrap());
    }
    ledger
}

pub(super) fn report(epoch: u64) -> SprintReport {
    let span = |step| StepSpan {
        step,
        started: at(0),
        ended: Some(at(5)),
        started_height: None,
    };
    SprintReport {
        outcome: OutcomeKind::Confirmed,
        epoch: Some(EpochIndex(epoch)),
        weight: Some(Weight(1_234)),
        participant_weight: Some(Weight(3_000)),
        cost_usd: 9.5,
        rentals_left: Some(0),
        registrations_left: Some(0),
        proxy_registered: Some(true),
        node: Some(NodeId("vast-5".into())),
        steps: Aim::Proof.steps().into_iter().map(span).collect(),
        ..SprintReport::default()
    }
}

fn watched(attempt: u32) -> BootTimes {
    let stages = BootStage::ALL.iter().copied();
    BootTimes {
        label: label(attempt),
        instance: None,
        machine: MachineId(8),
        host: Some(HostId(9)),
        gpu_name: "H100 SXM".into(),
        gpu_count: 4,
        started: stages.zip((0..).map(|minute| at(2 * minute))).collect(),
        ended: at(16),
        fault: None,
    }
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
    let (attempt, id) = (|| 1..4_u32, || 1..4_u64);
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
        1 => attempt().prop_map(|attempt| Record::RentVoided {
            label: label(attempt),
            reason: "the offer was gone".into()
        }),
        2 => instance().prop_map(|instance| Record::DestroyIntended { instance }),
        2 => (attempt(), id()).prop_map(|(attempt, id)| gone(attempt, id, 9.5)),
        2 => (node(), instance())
            .prop_map(|(node, instance)| Record::RegisterIntended { node, instance }),
        1 => node().prop_map(|node| Record::Registered { node }),
        1 => node().prop_map(|node| Record::UnregisterIntended { node }),
        1 => node().prop_map(|node| Record::Unregistered { node }),
        1 => (id(), minute()).prop_map(|(id, until)| Record::MachineAvoided {
            machine: MachineId(id),
            until: at(until),
            reason: "no CUDA".into()
        }),
        1 => attempt().prop_map(|attempt| Record::BootWatched { boot: watched(attempt) }),
        1 => id().prop_map(|sequence| Record::ConfirmationMeasured {
            confirmation: Confirmation {
                epoch: EpochIndex(359),
                sequence,
                weight: Weight(100),
                confirmed: Weight(90),
            }
        }),
        1 => id().prop_map(|id| Record::MachineAllowed { machine: MachineId(id) }),
        1 => (attempt(), minute()).prop_map(|(attempt, cents)| repriced(attempt, cents)),
        1 => (id(), id(), any_end(), prop::option::of(attempt())).prop_map(|(id, machine, end, seen)| {
            let times = seen.map(watched);
            Record::BootEnded { boot: PastBoot { times, ..boot(id, machine, end) } }
        }),
        1 => id().prop_map(|id| Record::Checkpoint { sprint: id.into() }),
        1 => id().prop_map(|id| Record::SprintEnded { report: report(id) }),
        1 => id().prop_map(|id| Record::EpochNotTried {
            epoch: EpochIndex(id),
            cause: Cause::new("too_late", "the PoC was too near"),
        }),
    ]
}

/// Records at any times: a clock can step.
fn any_records(most: usize) -> impl Strategy<Value = Vec<(i64, Record)>> {
    proptest::collection::vec((0..130_000_i64, any_record()), 0..most)
}

proptest! {
    #[test]
    fn a_compacted_journal_answers_like_the_whole_one(
        before in any_records(80),
        after in any_records(20),
        compacted_at in 0..130_000_i64,
        later in 0..100_000_i64,
        settled_kept in 0..4_usize,
    ) {
        let whole = entries(&before);
        let dropped = superfluous(&whole, at(compacted_at), settled_kept).unwrap();
        let small = without(whole.clone(), &dropped);
        // Compacting what is compact drops nothing more.
        prop_assert_eq!(superfluous(&small, at(compacted_at), settled_kept).unwrap(), []);
        let (mut whole, mut small) = (added_up(&whole), added_up(&small));
        let now = at(compacted_at + later);
        prop_assert_eq!(answers(&small, now), answers(&whole, now));
        // And whatever is written afterwards means the same.
        for (minute, record) in &after {
            whole.apply(at(*minute), record);
            small.apply(at(*minute), record);
        }
        prop_assert_eq!(answers(&small, now), answers(&whole, now));
    }
}

/// What a day with two rentals writes: its sprint saved after each of many moves.
fn a_day(day: u32) -> Vec<(i64, Record)> {
    let minute = i64::from(day) * 24 * 60;
    let node = NodeId(format!("vast-{day}"));
    let instance = InstanceId(u64::from(day));
    let mut records = vec![
        (minute, rent_intended(2 * day)),
        (minute, gone(2 * day, 1, 0.5)),
        (minute, rent_intended(2 * day + 1)),
        (minute, rented(2 * day + 1, instance.0)),
        (
            minute,
            Record::RegisterIntended {
                node: node.clone(),
                instance,
            },
        ),
        (minute, Record::Registered { node: node.clone() }),
        (minute, Record::UnregisterIntended { node: node.clone() }),
        (minute, Record::Unregistered { node }),
    ];
    for _ in 0..60 {
        let sprint = serde_json::json!({ "like a sprint": "x".repeat(5_000) });
        records.push((minute, Record::Checkpoint { sprint }));
        records.push((minute, Record::DestroyIntended { instance }));
    }
    records.push((minute + 200, gone(2 * day + 1, instance.0, 9.5)));
    records.push((
        minute + 30,
        Record::BootEnded {
            boot: PastBoot {
                times: Some(watched(2 * day + 1)),
                ..boot(instance.0, 8, BootEnd::Ready)
            },
        },
    ));
    let report = report(u64::from(day));
    records.push((minute + 200, Record::SprintEnded { report }));
    records
}

#[test]
fn a_year_of_epochs_stays_under_three_megabytes() {
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
        let dropped = superfluous(&storage.read().unwrap(), now, SETTLED_KEPT).unwrap();
        storage.compact(writer, &dropped).unwrap();
    }
    assert!(written > 100_000_000, "{written}");
    let size = |name: &str| fs::metadata(dir.path().join(name)).unwrap().len();
    assert!(
        size("journal.sqlite") + size("journal.sqlite-wal") < 5_000_000,
        "{} {}",
        size("journal.sqlite"),
        size("journal.sqlite-wal")
    );
    drop(storage);
    assert!(
        size("journal.sqlite") < 3_000_000,
        "{}",
        size("journal.sqlite")
    );
    assert_eq!(read_only(dir.path()).unwrap().reports().len(), 365);
}

#[test]
fn a_settled_rental_stays_as_long_as_a_cap_looks_back() {
    let whole = entries(&[(0, rent_intended(1)), (0, gone(1, 5, 9.5))]);
    let month_later = at(0) + Duration::days(30) + CLOCK_ALLOWANCE;
    let dropped = superfluous(&whole, month_later, 0).unwrap();
    assert_eq!(dropped, []);
    let dropped = superfluous(&whole, month_later + Duration::microseconds(1), 0).unwrap();
    assert_eq!(dropped.len(), 2);
}

#[test]
fn a_clock_that_was_a_year_ahead_at_a_compaction_raises_no_cap() {
    let mut records = Vec::new();
    for attempt in 1..20 {
        records.push((i64::from(attempt), rent_intended(attempt)));
        records.push((i64::from(attempt), gone(attempt, 5, 9.5)));
    }
    let whole = entries(&records);
    let year_ahead = at(20) + Duration::days(365);
    let dropped = superfluous(&whole, year_ahead, SETTLED_KEPT).unwrap();
    let small = added_up(&without(whole.clone(), &dropped));
    assert_eq!(answers(&small, at(20)), answers(&added_up(&whole), at(20)));
}

#[test]
fn a_compaction_that_is_killed_anywhere_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(dir.path()).unwrap();
    for (minute, record) in a_day(1).into_iter().chain([(5_000, rent_intended(9))]) {
        let _ = journal.append(at(minute), &record).unwrap();
    }
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
