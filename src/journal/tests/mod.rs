mod compaction;
mod dump;
mod full_disk;
mod migration;

use super::*;
use crate::domain::{
    Aim, BootStage, BootTimes, Confirmation, Duration, EpochIndex, HostId, InstanceId, MachineId,
    NetworkNodeName, NodeId, OutcomeKind, RentalCharge, RentalLabel, RentalPrices, ReplicaId,
    SprintReport, StepSpan, Time, Usd, UsdPerHour, Weight,
};

const DAY: Duration = Duration::hours(24);

fn at(minute: i64) -> Time {
    Time::from_timestamp(1_790_000_000, 0).unwrap() + Duration::minutes(minute)
}

fn label(attempt: u32) -> RentalLabel {
    format!("pocpit/home/359/{attempt}-abc").parse().unwrap()
}

/// Every fourth rent call is of another replica.
fn replica(attempt: u32) -> ReplicaId {
    if attempt.is_multiple_of(4) {
        "other/2".parse().unwrap()
    } else {
        ReplicaId::default()
    }
}

fn rent_intended(attempt: u32) -> Record {
    samples::rent_intended(label(attempt), replica(attempt))
}

fn rented(attempt: u32, id: u64) -> Record {
    Record::Rented {
        label: label(attempt),
        instance: InstanceId(id),
    }
}

fn gone(attempt: u32, id: u64, dollars: f64) -> Record {
    Record::RentalGone {
        label: label(attempt),
        instance: InstanceId(id),
        cost: Usd::from_dollars(dollars),
    }
}

fn voided(attempt: u32) -> Record {
    Record::RentVoided {
        label: label(attempt),
        reason: "the offer was gone".into(),
    }
}

fn avoided(machine: u64, until: i64, reason: &str) -> Record {
    Record::MachineAvoided {
        machine: MachineId(machine),
        until: at(until),
        reason: reason.into(),
        host: None,
        address: None,
    }
}

fn folded(records: &[(i64, Record)]) -> Ledger {
    let mut ledger = Ledger::default();
    apply(&mut ledger, records);
    ledger
}

fn apply(ledger: &mut Ledger, records: &[(i64, Record)]) {
    for (minute, record) in records {
        ledger.apply(at(*minute), record);
    }
}

/// What entries add up to, in their order.
fn add_up(entries: &[Entry]) -> Result<Ledger, JournalError> {
    let mut ledger = Ledger::default();
    let mut entries = entries.iter();
    entries.try_for_each(|entry| ledger.apply_entry(entry))?;
    Ok(ledger)
}

/// Every entry of a storage.
fn stored(storage: &impl Storage) -> Vec<Entry> {
    let mut entries = Vec::new();
    let visited = storage.visit(&mut |entry| {
        entries.push(entry);
        Ok(())
    });
    visited.unwrap();
    entries
}

fn append(journal: &mut Journal, records: &[(i64, Record)]) {
    for (minute, record) in records {
        let _ = journal.append(at(*minute), record).unwrap();
    }
}

/// A journal in a directory of its own.
fn journal_of(records: &[(i64, Record)]) -> (tempfile::TempDir, Journal) {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(dir.path()).unwrap();
    append(&mut journal, records);
    (dir, journal)
}

fn report(epoch: u64, weight: Option<u64>) -> SprintReport {
    let span = |step| StepSpan {
        step,
        started: at(0),
        ended: Some(at(5)),
        started_height: None,
    };
    SprintReport {
        outcome: if weight.is_some() {
            OutcomeKind::Confirmed
        } else {
            OutcomeKind::Failed
        },
        epoch: Some(EpochIndex(epoch)),
        weight: weight.map(Weight),
        participant_weight: Some(Weight(3_000)),
        cost_usd: 5.0,
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
        replica: replica(attempt),
        instance: None,
        machine: MachineId(8),
        host: Some(HostId(9)),
        gpu_name: "H100 SXM".into(),
        gpu_count: 4,
        started: stages.zip((0..).map(|minute| at(2 * minute))).collect(),
        ended: at(16),
        fault: None,
        meaning: crate::domain::StageMeaning::Stated,
        runs: 1,
    }
}

fn measured(sequence: u64, before: u64, confirmed: u64) -> Record {
    Record::ConfirmationMeasured {
        confirmation: Confirmation {
            epoch: EpochIndex(359),
            sequence,
            weight: Weight(700),
            confirmed: Weight(confirmed),
            before: Some(Weight(before)),
        },
        network_node: NetworkNodeName::default(),
    }
}

#[test]
fn intent_alone_reserves_worst_case() {
    let ledger = folded(&[(0, rent_intended(1))]);
    assert_eq!(ledger.reserved(at(30)), Usd::from_dollars(20.0));
    assert_eq!(ledger.open_rentals()[0].instance, None);
}

#[test]
fn spent_plus_reserved_is_worst_case() {
    let ledger = folded(&[(0, rent_intended(1)), (1, rented(1, 5))]);
    let now = at(60);
    assert_eq!(ledger.spent_within(DAY, now), Usd::from_dollars(10.0));
    assert_eq!(ledger.reserved(now), Usd::from_dollars(10.0));
}

#[test]
fn settled_rental_counts_real_cost_once() {
    let ledger = folded(&[
        (0, rent_intended(1)),
        (1, rented(1, 5)),
        (60, gone(1, 5, 9.5)),
        (61, gone(1, 5, 9.5)),
    ]);
    assert_eq!(ledger.spent_within(DAY, at(90)), Usd::from_dollars(9.5));
    assert_eq!(ledger.reserved(at(90)), Usd::ZERO);
    assert!(ledger.open_rentals().is_empty());
}

#[test]
fn unseen_rental_settles_at_its_worst_case() {
    let ledger = folded(&[(0, rent_intended(1)), (1, rented(1, 5))]);
    let cost = |seen: Option<i64>, ended| match ledger.settlement(
        seen.map(at),
        at(ended),
        InstanceId(5),
    ) {
        Some(Record::RentalGone { cost, .. }) => cost.dollars(),
        other => panic!("{other:?}"),
    };
    // Given one that nobody saw for a day, when it is gone, then its lease has ended it;
    assert!((cost(None, 24 * 60) - 20.0).abs() < 1e-9);
    assert!((cost(Some(30), 24 * 60) - 20.0).abs() < 1e-9);
    // one that was seen beyond its lease has cost all of that time,
    assert!((cost(Some(180), 181) - 30.0).abs() < 1e-9);
    // and one that ended early has cost no more than until then.
    assert!((cost(None, 60) - 10.0).abs() < 1e-9);
}

#[test]
fn clock_step_back_raises_no_cap() {
    let ledger = folded(&[
        (0, rent_intended(1)),
        (1, rented(1, 5)),
        (600, gone(1, 5, 9.5)),
    ]);
    let stepped_back = at(-600);
    assert_eq!(
        ledger.spent_within(DAY, stepped_back),
        Usd::from_dollars(9.5)
    );
    assert_eq!(
        ledger.spent_in_sprint(&ReplicaId::default(), stepped_back),
        Usd::from_dollars(9.5)
    );
}

#[test]
fn two_hour_clock_error_empties_no_cap() {
    let ledger = folded(&[
        (-60, rent_intended(1)),
        (-59, rented(1, 5)),
        (0, gone(1, 5, 9.5)),
    ]);
    let (day, hour) = (24 * 60, 60);
    assert_eq!(
        ledger.spent_within(DAY, at(day + 2 * hour)),
        Usd::from_dollars(9.5)
    );
    assert_eq!(ledger.spent_within(DAY, at(day + 2 * hour + 1)), Usd::ZERO);
}

#[test]
fn epoch_counts_what_its_rentals_cost_and_may_cost() {
    // Given a rental that is gone and a rent call of one pool, and a rental of another pool that runs,
    let ledger = folded(&[
        (0, rent_intended(1)),
        (1, rented(1, 5)),
        (0, rent_intended(4)),
        (1, rented(4, 6)),
        (60, gone(1, 5, 9.5)),
        (61, rent_intended(2)),
    ]);
    let (ours, other) = (replica(1), replica(4));
    let of = |epoch, whose| {
        let sum = ledger.committed_in_epoch(EpochIndex(epoch), whose, at(61));
        sum.dollars()
    };
    // then an epoch has the cost of what is gone and the worst case of what is not, by pool and in all,
    assert!((of(359, Whose::Everybodys) - 49.5).abs() < 1e-9);
    assert!((of(359, Whose::OfPool(&ours.pool)) - 29.5).abs() < 1e-9);
    assert!((of(359, Whose::OfPool(&other.pool)) - 20.0).abs() < 1e-9);
    assert!(of(360, Whose::Everybodys).abs() < 1e-9);
    // what is not answered yet is in doubt for the others alone,
    assert_eq!(ledger.reserved_in_doubt(&other), Usd::from_dollars(20.0));
    assert_eq!(ledger.reserved_in_doubt(&ours), Usd::ZERO);
    // and the price of an hour is that of what may be rented.
    let hour = |whose| ledger.price_of_open_rentals(whose).0.dollars();
    assert!((hour(Whose::Everybodys) - 20.0).abs() < 1e-9);
    assert!((hour(Whose::OfPool(&other.pool)) - 10.0).abs() < 1e-9);
}

#[test]
fn second_rental_of_another_replica_is_a_hedge() {
    let mut records = vec![
        (0, rent_intended(1)),
        (1, rented(1, 5)),
        (2, rent_intended(2)),
    ];
    let sibling: ReplicaId = "default/7".parse().unwrap();
    let (ours, other) = (replica(1), replica(4));
    let hedges = |records: &[(i64, Record)]| {
        let ledger = folded(records);
        [&ours, &sibling, &other].map(|id| ledger.hedges_of(id))
    };
    // Given one replica with two rentals, then its siblings count a hedge, and no other pool does.
    assert_eq!(hedges(&records), [0, 1, 0]);
    records.push((9, gone(1, 5, 1.0)));
    assert_eq!(hedges(&records), [0, 0, 0]);
}

/// Two replicas rent side by side; the sprint of one ends.
#[test]
fn replicas_have_sprints_of_their_own() {
    let (ours, other) = (replica(1), replica(4));
    let saved = |replica: &ReplicaId, step: &str| Record::Checkpoint {
        replica: replica.clone(),
        sprint: step.into(),
        clock: None,
    };
    let ended = SprintReport {
        replica: ours.clone(),
        ..report(359, Some(100))
    };
    let mut records = vec![
        (0, rent_intended(1)),
        (0, rent_intended(4)),
        (1, rented(1, 5)),
        (1, rented(4, 6)),
        (2, saved(&ours, "booting")),
        (2, saved(&other, "booting")),
        (0, Record::BootWatched { boot: watched(4) }),
        (60, gone(1, 5, 9.5)),
        (61, Record::SprintEnded { report: ended }),
    ];
    // Given one sprint that ended, then the other one goes on, with its money and its clock,
    let ledger = folded(&records);
    assert_eq!(ledger.checkpoint(&ours), None);
    assert_eq!(ledger.checkpoint(&other), Some(&"booting".into()));
    assert_eq!(ledger.spent_in_sprint(&ours, at(61)), Usd::ZERO);
    let spent = ledger.spent_in_sprint(&other, at(60)).dollars();
    assert!((spent - 10.0).abs() < 1e-9, "{spent}");
    assert_eq!(ledger.reserved_by(&ours, at(60)), Usd::ZERO);
    let reserved = ledger.reserved_by(&other, at(60)).dollars();
    assert!((reserved - 10.0).abs() < 1e-9, "{reserved}");
    // and the fleet's caps count both.
    let day = ledger.spent_within(DAY, at(60)).dollars();
    assert!((day - 19.5).abs() < 1e-9, "{day}");
    // Each has its own rows of history: a boot that ended in the other's time is not its own.
    records.extend([
        (90, gone(4, 6, 15.0)),
        (
            91,
            Record::SprintEnded {
                report: SprintReport {
                    replica: other.clone(),
                    ..report(359, Some(90))
                },
            },
        ),
    ]);
    let ledger = folded(&records);
    let history = ledger.history();
    let boots = history
        .iter()
        .map(|past| (&past.report.replica, past.boots.len()));
    assert_eq!(boots.collect::<Vec<_>>(), [(&ours, 0), (&other, 1)]);
}

#[test]
fn sprint_counts_own_rentals_despite_clock() {
    let report = report(359, None);
    let ledger = folded(&[
        (0, rent_intended(1)),
        (1, rented(1, 5)),
        (60, gone(1, 5, 9.5)),
        (61, Record::SprintEnded { report }),
        (-90, rent_intended(2)),
        (-89, rented(2, 6)),
        (-30, gone(2, 6, 4.0)),
    ]);
    assert_eq!(
        ledger.spent_in_sprint(&ReplicaId::default(), at(-30)),
        Usd::from_dollars(4.0)
    );
    assert_eq!(ledger.spent_within(DAY, at(-30)), Usd::from_dollars(13.5));
}

#[test]
fn voided_intent_costs_nothing() {
    let ledger = folded(&[(0, rent_intended(1)), (3, voided(1))]);
    assert_eq!(ledger.reserved(at(4)), Usd::ZERO);
    assert!(ledger.open_rentals().is_empty());
}

#[test]
fn registration_is_open_until_proven_absent() {
    let node = NodeId("vast-5".into());
    let intended = Record::RegisterIntended {
        node: node.clone(),
        instance: InstanceId(5),
        network_node: NetworkNodeName::default(),
    };
    let mut ledger = folded(&[(0, intended)]);
    assert!(!ledger.registrations()[0].registered);
    ledger.apply(at(1), &Record::Registered { node: node.clone() });
    ledger.apply(at(2), &Record::UnregisterIntended { node: node.clone() });
    assert!(ledger.registrations()[0].registered && ledger.registrations()[0].unregistering);
    ledger.apply(at(3), &Record::Unregistered { node });
    assert!(ledger.registrations().is_empty());
}

#[test]
fn machine_is_avoided_until_expiry() {
    let ledger = folded(&[(0, avoided(8, 60, "its disk was full"))]);
    assert_eq!(ledger.avoided(at(59)).len(), 1);
    assert!(ledger.avoided(at(60)).is_empty());
}

#[test]
fn host_is_avoided_while_two_machines_are() {
    let failed = |machine, until| {
        let mut record = avoided(machine, until, "no CUDA");
        if let Record::MachineAvoided { host, .. } = &mut record {
            *host = Some(HostId(5));
        }
        (0, record)
    };
    let mut ledger = folded(&[failed(8, 60), failed(9, 90)]);
    let hosts = |ledger: &Ledger, now| -> Vec<_> {
        let known = ledger.avoided(at(now));
        known.iter().map(|one| one.host_until).collect()
    };
    // When one of the machines is forgotten, or allowed again, then the host is no longer at fault.
    assert_eq!(hosts(&ledger, 59), [Some(at(60)); 2]);
    assert_eq!(hosts(&ledger, 60), [None]);
    let machine = MachineId(9);
    ledger.apply(at(1), &Record::MachineAllowed { machine });
    assert_eq!(hosts(&ledger, 2), [None]);
}

#[test]
fn avoided_machine_survives_restart_until_allowed() {
    let machine = MachineId(8);
    let reason = "boot_failed: OCI runtime create failed";
    let (dir, mut journal) = journal_of(&[(0, avoided(8, 60, reason))]);
    journal.compact(at(1)).unwrap();
    drop(journal);
    let (mut journal, ledger) = Journal::open(dir.path()).unwrap();
    let known = ledger.avoided(at(2));
    assert_eq!((known.len(), known[0].reason.as_str()), (1, reason));
    append(&mut journal, &[(3, Record::MachineAllowed { machine })]);
    journal.compact(at(4)).unwrap();
    drop(journal);
    assert!(read_only(dir.path()).unwrap().avoided(at(5)).is_empty());
}

#[test]
fn price_increase_counts_from_the_beginning() {
    let mut ledger = folded(&[(0, rent_intended(1)), (0, rented(1, 5))]);
    let (before, reserved) = (ledger.spent_within(DAY, at(60)), ledger.reserved(at(0)));
    let open = ledger.open_rentals()[0].clone();
    let twice = |price: UsdPerHour| UsdPerHour(Usd(price.0.0 * 2));
    let record = Record::RentalRepriced {
        label: open.label,
        prices: RentalPrices {
            gpu_price: twice(open.prices.gpu_price),
            storage_price: twice(open.prices.storage_price),
            ..open.prices
        },
        reserved: Usd(open.reserved.0 * 2),
    };
    ledger.apply(at(1), &record);
    assert!(ledger.spent_within(DAY, at(60)) > before);
    assert!(ledger.reserved(at(0)) > reserved);
}

fn charge(id: u64, dollars: f64) -> RentalCharge {
    RentalCharge {
        instance: InstanceId(id),
        total: Usd::from_dollars(dollars),
        gpu: Usd::from_dollars(dollars),
        storage: Usd::ZERO,
        traffic: Usd::ZERO,
    }
}

#[test]
fn charges_stand_beside_the_estimate() {
    let rentals = [
        (0, rent_intended(1)),
        (0, rented(1, 5)),
        (0, rent_intended(2)),
        (0, rented(2, 6)),
        (60, gone(1, 5, 10.0)),
        (60, gone(2, 6, 2.0)),
        (
            61,
            Record::SprintEnded {
                report: report(359, Some(1_234)),
            },
        ),
    ];
    let (dir, mut journal) = journal_of(&rentals);
    let mut ledger = folded(&rentals);
    let charged = |ledger: &Ledger| ledger.history()[0].charged_usd;
    // Unknown until both are charged; those of others are nobody's.
    assert_eq!(ledger.charge_record(at(0), charge(77, 1.0)), None);
    for (id, dollars, known) in [(5, 9.0, None), (6, 2.5, Some(11.5)), (5, 10.5, Some(13.0))] {
        let record = ledger.charge_record(at(0), charge(id, dollars)).unwrap();
        append(&mut journal, &[(70, record.clone())]);
        ledger.apply(at(70), &record);
        assert_eq!(charged(&ledger), known);
        // The same again says nothing new.
        assert_eq!(ledger.charge_record(at(0), charge(id, dollars)), None);
    }
    let difference = ledger.history()[0].charge_difference_usd.unwrap();
    assert!((difference - 8.0).abs() < 1e-9, "{difference}");
    // Caps count whatever is more.
    assert_eq!(ledger.spent_within(DAY, at(70)), Usd::from_dollars(13.0));
    // Charges read from later on may be a part.
    assert_eq!(ledger.charge_record(at(1), charge(5, 1.0)), None);
    journal.compact(at(80)).unwrap();
    drop(journal);
    let reopened = read_only(dir.path()).unwrap();
    assert_eq!(charged(&reopened), Some(13.0));
}

#[test]
fn reopened_ledger_equals_live_one() {
    let records = [
        (0, rent_intended(1)),
        (1, rented(1, 5)),
        (2, rent_intended(2)),
    ];
    let ledger = folded(&records);
    let (dir, journal) = journal_of(&records);
    drop(journal);
    let (_journal, reopened) = Journal::open(dir.path()).unwrap();
    assert_eq!(reopened, ledger);
    assert_eq!(read_only(dir.path()).unwrap(), ledger);
}

#[test]
fn appended_record_survives_a_kill() {
    let (dir, _journal) = journal_of(&[(0, rent_intended(1))]);
    let copy = tempfile::tempdir().unwrap();
    // The files as a killed program leaves them, write-ahead log included.
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let (_survivor, ledger) = Journal::open(copy.path()).unwrap();
    assert_eq!(ledger.open_rentals().len(), 1);
}

#[test]
fn second_cockpit_on_directory_is_refused() {
    let (dir, _first) = journal_of(&[]);
    assert!(matches!(
        Journal::open(dir.path()),
        Err(JournalError::Locked { .. })
    ));
}

#[test]
fn next_writer_fences_off_the_previous() {
    let dir = tempfile::tempdir().unwrap();
    let storage = || Box::new(SqliteStorage::open(&dir.path().join("shared.sqlite")).unwrap());
    let (mut old, _) = Journal::over(storage(), None).unwrap();
    append(&mut old, &[(0, rent_intended(1))]);
    let (mut new, ledger) = Journal::over(storage(), None).unwrap();
    assert_eq!(ledger.open_rentals().len(), 1);
    let error = old.append(at(1), &rent_intended(2)).unwrap_err();
    let JournalError::Fenced { writer, current } = error else {
        panic!("{error}");
    };
    assert_eq!((writer, current), (WriterEpoch(1), WriterEpoch(2)));
    append(&mut new, &[(2, rented(1, 5))]);
    let (_, ledger) = Journal::over(storage(), None).unwrap();
    assert_eq!(ledger.open_rentals().len(), 1);
}

#[test]
fn entry_written_twice_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut storage = SqliteStorage::open(&dir.path().join("journal.sqlite")).unwrap();
    let writer = WriterEpoch(1);
    let entries = compaction::entries(&[(0, rent_intended(1))]);
    storage.claim(writer).unwrap();
    storage.append(writer, &entries).unwrap();
    storage.append(writer, &entries).unwrap();
    assert_eq!(stored(&storage), entries);
}

#[test]
fn damaged_journal_is_left_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("journal.sqlite");
    std::fs::write(&file, b"this was a database once").unwrap();
    let error = Journal::open(dir.path()).unwrap_err();
    assert!(error.to_string().contains("pocpit release"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), b"this was a database once");
}

#[test]
fn history_assigns_boots_to_their_sprints() {
    let boot = |attempt, ended| Record::BootWatched {
        boot: BootTimes {
            ended: at(ended),
            ..watched(attempt)
        },
    };
    let ended = |weight| Record::SprintEnded {
        report: report(359, weight),
    };
    // Given a sprint that failed after two boots, and another one for the same epoch with weight,
    let ledger = folded(&[
        (5, boot(1, 5)),
        (9, boot(2, 9)),
        (10, ended(None)),
        (25, boot(3, 25)),
        (40, ended(Some(1_000))),
        (90, measured(0, 100, 90)),
        (99, measured(1, 90, 45)),
    ]);
    // when the history is asked for, then each has what is its own,
    let history = ledger.history();
    let attempts = |row: usize| -> Vec<u32> {
        let boots = history[row].boots.iter();
        boots.map(|boot| boot.label.attempt).collect()
    };
    assert_eq!((attempts(0), attempts(1)), (vec![1, 2], vec![3]));
    // and what is confirmed is what the epoch's events left of the confirmation weight.
    assert_eq!(history[0].confirmation_ratio, None);
    assert_eq!(history[1].confirmation_ratio, Some(0.45));
    assert_eq!(history[1].usd_per_weight, Some(0.005));
}

#[test]
fn held_lock_counts_on_read_only_disk() {
    let scratch = tempfile::tempdir().unwrap();
    // Given a lock that cannot be opened for writing, as on a read-only disk,
    let lock = scratch.path().join("lock");
    std::fs::create_dir(&lock).unwrap();
    let held = std::fs::File::open(&lock).unwrap();
    held.try_lock().unwrap();
    // then its holder is left alone, and without one the journal is unusable.
    let error = Journal::open(scratch.path()).unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    assert!(!error.is_unusable());
    drop(held);
    let error = Journal::open(scratch.path()).unwrap_err();
    assert!(error.is_unusable(), "{error}");
}

/// Ways to lose a journal. Its write-ahead log goes with it, as when a person tidies up.
const LOSSES: [fn(&std::path::Path); 3] = [
    |journal| std::fs::remove_file(journal).unwrap(),
    |journal| std::fs::write(journal, "").unwrap(),
    // An older copy.
    |journal| {
        let copy = journal.with_extension("copy");
        std::fs::copy(copy, journal).unwrap();
    },
];

#[test]
fn lost_journal_is_noticed_until_accepted() {
    for lose in LOSSES {
        let scratch = tempfile::tempdir().unwrap();
        let journal = scratch.path().join("journal.sqlite");
        let open = || Journal::open(scratch.path()).unwrap();
        assert_eq!(open().1.lost(), None, "a first start");
        std::fs::copy(&journal, journal.with_extension("copy")).unwrap();
        let (mut older, _) = open();
        append(&mut older, &[(0, rent_intended(1)), (1, rented(1, 5))]);
        drop(older);
        // Given a journal that is gone, empty, or an older copy,
        lose(&journal);
        for log in ["journal.sqlite-wal", "journal.sqlite-shm"] {
            let _ = std::fs::remove_file(scratch.path().join(log));
        }
        // then that is noticed, before any start,
        let unopened = read_only(scratch.path()).unwrap();
        assert!(unopened.lost().is_some());
        // once and for all starts,
        for _ in 0..2 {
            let (mut anew, ledger) = open();
            let reason = ledger.lost().unwrap_or_default().to_owned();
            assert!(reason.contains("last opened by writer 2"), "{reason}");
            anew.compact(at(1)).unwrap();
        }
        assert!(read_only(scratch.path()).unwrap().lost().is_some());
        // until the operator agrees, once and for all starts too.
        append(&mut open().0, &[(2, Record::JournalAccepted)]);
        for _ in 0..2 {
            let (mut anew, ledger) = open();
            assert_eq!(
                (ledger.lost(), ledger.is_suspiciously_blank()),
                (None, false)
            );
            anew.compact(at(1)).unwrap();
        }
    }
}

#[test]
fn traces_tell_of_a_journal_without_mark() {
    for trace in ["journal.spool", "told.json", "journal.damaged"] {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::write(scratch.path().join(trace), "").unwrap();
        let (_, ledger) = Journal::open(scratch.path()).unwrap();
        let reason = ledger.lost().unwrap_or_default();
        assert!(reason.contains(trace), "{trace}: {reason}");
    }
    // A first start that died before it wrote its journal leaves none,
    let scratch = tempfile::tempdir().unwrap();
    for name in ["lock", "journal.sqlite"] {
        std::fs::write(scratch.path().join(name), "").unwrap();
        let (journal, ledger) = Journal::open(scratch.path()).unwrap();
        assert_eq!(ledger.lost(), None, "{name}");
        drop(journal);
        std::fs::remove_file(scratch.path().join("journal.mark")).unwrap();
        std::fs::remove_file(scratch.path().join("journal.spool")).unwrap();
        std::fs::remove_file(scratch.path().join("journal.sqlite")).unwrap();
    }
    // and one that an older pocpit left whole has no mark, and is not lost.
    let scratch = tempfile::tempdir().unwrap();
    drop(Journal::open(scratch.path()).unwrap());
    std::fs::remove_file(scratch.path().join("journal.mark")).unwrap();
    assert_eq!(Journal::open(scratch.path()).unwrap().1.lost(), None);
}
