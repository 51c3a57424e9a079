mod compaction;
mod full_disk;
mod migration;

use super::*;
use crate::domain::{
    Duration, InstanceId, MachineId, NodeId, OfferId, RentalLabel, RentalPrices, Time, Usd,
    UsdPerHour,
};

const DAY: Duration = Duration::hours(24);

fn at(minute: i64) -> Time {
    Time::from_timestamp(1_790_000_000, 0).unwrap() + Duration::minutes(minute)
}

fn label(attempt: u32) -> RentalLabel {
    format!("pocpit/home/359/{attempt}-abc").parse().unwrap()
}

fn rent_intended(attempt: u32) -> Record {
    Record::RentIntended {
        label: label(attempt),
        offer: OfferId(7),
        machine: MachineId(8),
        host: None,
        prices: RentalPrices {
            gpu_price: UsdPerHour::from_dollars(10.0),
            storage_price: UsdPerHour::ZERO,
            download_per_gb: Usd::ZERO,
            download_gb: 0.0,
        },
        reserved: Usd::from_dollars(20.0),
    }
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

fn folded(records: &[(i64, Record)]) -> Ledger {
    let mut ledger = Ledger::default();
    for (minute, record) in records {
        ledger.apply(at(*minute), record);
    }
    ledger
}

#[test]
fn an_intent_alone_already_reserves_the_worst_case() {
    let ledger = folded(&[(0, rent_intended(1))]);
    assert_eq!(ledger.reserved(at(30)), Usd::from_dollars(20.0));
    assert_eq!(ledger.open_rentals()[0].instance, None);
}

#[test]
fn spent_and_reserved_together_are_the_worst_case_while_a_rental_lives() {
    let ledger = folded(&[(0, rent_intended(1)), (1, rented(1, 5))]);
    let now = at(60);
    assert_eq!(ledger.spent_within(DAY, now), Usd::from_dollars(10.0));
    assert_eq!(ledger.reserved(now), Usd::from_dollars(10.0));
}

#[test]
fn a_settled_rental_counts_by_its_real_cost_and_only_once() {
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
fn a_clock_that_steps_back_raises_nothing() {
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
    assert_eq!(ledger.spent_in_sprint(stepped_back), Usd::from_dollars(9.5));
}

#[test]
fn a_clock_that_is_ahead_by_an_hour_and_was_behind_by_one_empties_no_cap() {
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
fn a_sprint_counts_its_own_rentals_whatever_the_clock_says() {
    let report = compaction::report(359);
    let ledger = folded(&[
        (0, rent_intended(1)),
        (1, rented(1, 5)),
        (60, gone(1, 5, 9.5)),
        (61, Record::SprintEnded { report }),
        (-90, rent_intended(2)),
        (-89, rented(2, 6)),
        (-30, gone(2, 6, 4.0)),
    ]);
    assert_eq!(ledger.spent_in_sprint(at(-30)), Usd::from_dollars(4.0));
    assert_eq!(ledger.spent_within(DAY, at(-30)), Usd::from_dollars(13.5));
}

#[test]
fn a_voided_intent_costs_nothing() {
    let ledger = folded(&[
        (0, rent_intended(1)),
        (
            3,
            Record::RentVoided {
                label: label(1),
                reason: "the offer was gone".into(),
            },
        ),
    ]);
    assert_eq!(ledger.reserved(at(4)), Usd::ZERO);
    assert!(ledger.open_rentals().is_empty());
}

#[test]
fn a_registration_is_open_from_its_intent_to_its_proven_absence() {
    let node = NodeId("vast-5".into());
    let intended = Record::RegisterIntended {
        node: node.clone(),
        instance: InstanceId(5),
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
fn a_machine_is_avoided_until_its_time_is_over() {
    let reason = "its disk was full".to_owned();
    let avoided = Record::MachineAvoided {
        machine: MachineId(8),
        until: at(60),
        reason,
    };
    let ledger = folded(&[(0, avoided)]);
    assert_eq!(ledger.avoided(at(59)).len(), 1);
    assert!(ledger.avoided(at(60)).is_empty());
}

#[test]
fn a_machine_stays_avoided_across_a_restart_until_it_is_allowed_again() {
    let dir = tempfile::tempdir().unwrap();
    let machine = MachineId(8);
    let (mut journal, _) = Journal::open(dir.path()).unwrap();
    let reason = "boot_failed: OCI runtime create failed".to_owned();
    let until = at(60);
    let avoided = Record::MachineAvoided {
        machine,
        until,
        reason: reason.clone(),
    };
    let _ = journal.append(at(0), &avoided).unwrap();
    journal.compact(at(1)).unwrap();
    drop(journal);
    let (mut journal, ledger) = Journal::open(dir.path()).unwrap();
    let known = ledger.avoided(at(2));
    assert_eq!((known.len(), &known[0].reason), (1, &reason));
    let _ = journal
        .append(at(3), &Record::MachineAllowed { machine })
        .unwrap();
    journal.compact(at(4)).unwrap();
    drop(journal);
    assert!(read_only(dir.path()).unwrap().avoided(at(5)).is_empty());
}

#[test]
fn a_dearer_price_counts_from_the_beginning_and_raises_what_is_reserved() {
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

#[test]
fn reopening_gives_the_same_ledger_as_living_on() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, mut ledger) = Journal::open(dir.path()).unwrap();
    for (minute, record) in [
        (0, rent_intended(1)),
        (1, rented(1, 5)),
        (2, rent_intended(2)),
    ] {
        let _ = journal.append(at(minute), &record).unwrap();
        ledger.apply(at(minute), &record);
    }
    drop(journal);
    let (_journal, reopened) = Journal::open(dir.path()).unwrap();
    assert_eq!(reopened, ledger);
    assert_eq!(read_only(dir.path()).unwrap(), ledger);
}

#[test]
fn what_was_appended_survives_a_death_without_a_goodbye() {
    let dir = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(dir.path()).unwrap();
    let _ = journal.append(at(0), &rent_intended(1)).unwrap();
    // The files as a killed program leaves them, write-ahead log included.
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let (_survivor, ledger) = Journal::open(copy.path()).unwrap();
    assert_eq!(ledger.open_rentals().len(), 1);
}

#[test]
fn a_second_cockpit_on_the_same_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (_first, _) = Journal::open(dir.path()).unwrap();
    assert!(matches!(
        Journal::open(dir.path()),
        Err(JournalError::Locked { .. })
    ));
}

#[test]
fn whoever_opens_the_storage_next_shuts_out_the_writer_before() {
    let dir = tempfile::tempdir().unwrap();
    let storage = || Box::new(SqliteStorage::open(&dir.path().join("shared.sqlite")).unwrap());
    let (mut old, _) = Journal::over(storage()).unwrap();
    let _ = old.append(at(0), &rent_intended(1)).unwrap();
    let (mut new, ledger) = Journal::over(storage()).unwrap();
    assert_eq!(ledger.open_rentals().len(), 1);
    let error = old.append(at(1), &rent_intended(2)).unwrap_err();
    assert!(
        matches!(
            error,
            JournalError::Fenced {
                writer: WriterEpoch(1),
                current: WriterEpoch(2)
            }
        ),
        "{error}"
    );
    let _ = new.append(at(2), &rented(1, 5)).unwrap();
    let (_, ledger) = Journal::over(storage()).unwrap();
    assert_eq!(ledger.open_rentals().len(), 1);
}

#[test]
fn an_entry_that_is_written_twice_counts_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut storage = SqliteStorage::open(&dir.path().join("journal.sqlite")).unwrap();
    let writer = WriterEpoch(1);
    let id = EntryId {
        writer,
        sequence: 1,
    };
    let entry = Entry {
        id,
        at: at(0),
        body: serde_json::to_string(&rent_intended(1)).unwrap(),
    };
    storage.claim(writer).unwrap();
    storage
        .append(writer, std::slice::from_ref(&entry))
        .unwrap();
    storage
        .append(writer, std::slice::from_ref(&entry))
        .unwrap();
    assert_eq!(storage.read().unwrap(), [entry]);
}

#[test]
fn a_damaged_file_is_an_error_that_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("journal.sqlite");
    std::fs::write(&file, b"this was a database once").unwrap();
    let error = Journal::open(dir.path()).unwrap_err();
    assert!(error.to_string().contains("pocpit release"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), b"this was a database once");
}

#[test]
fn each_sprint_of_an_epoch_has_the_boots_and_confirmations_of_its_own() {
    use crate::domain::{BootTimes, Confirmation, EpochIndex, SprintReport, Weight};
    let boot = |attempt, ended| Record::BootWatched {
        boot: BootTimes {
            label: label(attempt),
            instance: None,
            machine: MachineId(8),
            host: None,
            gpu_name: "H100 SXM".into(),
            gpu_count: 4,
            started: Vec::new(),
            ended: at(ended),
            fault: None,
        },
    };
    let ended = |weight: Option<u64>| Record::SprintEnded {
        report: SprintReport {
            epoch: Some(EpochIndex(359)),
            weight: weight.map(Weight),
            cost_usd: 5.0,
            ..SprintReport::default()
        },
    };
    let measured = |sequence, confirmed| Record::ConfirmationMeasured {
        confirmation: Confirmation {
            epoch: EpochIndex(359),
            sequence,
            weight: Weight(100),
            confirmed: Weight(confirmed),
        },
    };
    // Given a sprint that failed after two boots, and another one for the same epoch with weight,
    let ledger = folded(&[
        (5, boot(1, 5)),
        (9, boot(2, 9)),
        (10, ended(None)),
        (25, boot(3, 25)),
        (40, ended(Some(1_000))),
        (90, measured(0, 90)),
        (99, measured(1, 60)),
    ]);
    // when the history is asked for, then each has what is its own,
    let history = ledger.history();
    let attempts = |row: usize| -> Vec<u32> {
        let boots = history[row].boots.iter();
        boots.map(|boot| boot.label.attempt).collect()
    };
    assert_eq!((attempts(0), attempts(1)), (vec![1, 2], vec![3]));
    // and what is confirmed is the least of what the epoch's events left of a weight.
    assert_eq!(history[0].confirmation_ratio, None);
    assert_eq!(history[1].confirmation_ratio, Some(0.6));
    assert_eq!(history[1].usd_per_weight, Some(0.005));
}
