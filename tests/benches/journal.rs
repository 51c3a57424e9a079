//! A journal of 100,000 entries with 500 open rentals is opened in less than 2 s. The smaller one shows what an
//! entry costs.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use std::path::Path;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use pocpit::domain::{
    AccountName, Duration, InstanceId, MachineId, OfferId, RentalLabel, RentalPrices, ReplicaId,
    Time, Usd, UsdPerHour,
};
use pocpit::journal::{Entry, EntryId, Journal, Record, SqliteStorage, Storage, WriterEpoch};
use serde_json::json;

/// A rental with its intent, its checkpoints and its end.
const ENTRIES_OF_A_SPRINT: u32 = 10;
const OPEN: u32 = 500;

fn now() -> Time {
    Time::from_timestamp(1_795_000_000, 0).unwrap()
}

fn label(sprint: u32) -> RentalLabel {
    format!("pocpit/home/{}/1-{sprint:x}", sprint / OPEN)
        .parse()
        .unwrap()
}

fn replica(sprint: u32) -> ReplicaId {
    format!("pool/{}", sprint % OPEN + 1).parse().unwrap()
}

/// As large as one of a sprint that proves.
fn checkpoint(sprint: u32, step: u32) -> Record {
    let offers: Vec<_> = (0..8)
        .map(|offer| json!({"id": offer, "machine": sprint, "gpu": "H100 SXM", "price": 9.75, "place": "Washington, US"}))
        .collect();
    Record::Checkpoint {
        replica: replica(sprint),
        sprint: json!({"step": step, "plan": {"lead": 5_400, "order": sprint}, "offers": offers, "notes": "x".repeat(3_000)}),
        clock: None,
    }
}

fn records(sprint: u32, is_open: bool) -> Vec<Record> {
    let mut records = vec![
        Record::RentIntended {
            label: label(sprint),
            replica: replica(sprint),
            account: AccountName::default(),
            offer: OfferId(sprint.into()),
            machine: MachineId(sprint.into()),
            host: None,
            prices: RentalPrices {
                gpu_price: UsdPerHour::from_dollars(9.75),
                storage_price: UsdPerHour::from_dollars(0.05),
                download_per_gb: Usd::from_dollars(0.002),
                download_gb: 230.0,
            },
            reserved: Usd::from_dollars(20.0),
        },
        Record::Rented {
            label: label(sprint),
            instance: InstanceId(sprint.into()),
        },
    ];
    records.extend((0..ENTRIES_OF_A_SPRINT - 3).map(|step| checkpoint(sprint, step)));
    records.push(if is_open {
        checkpoint(sprint, ENTRIES_OF_A_SPRINT)
    } else {
        Record::RentalGone {
            label: label(sprint),
            instance: InstanceId(sprint.into()),
            cost: Usd::from_dollars(8.5),
        }
    });
    records
}

/// A journal with so many entries, the last rentals of which are open.
fn write(directory: &Path, entries: u32) {
    let mut storage = SqliteStorage::open(&directory.join("journal.sqlite")).unwrap();
    let writer = WriterEpoch(1);
    storage.claim(writer).unwrap();
    let sprints = entries / ENTRIES_OF_A_SPRINT;
    let all = (0..sprints).flat_map(|sprint| records(sprint, sprint + OPEN >= sprints));
    let entries: Vec<Entry> = (1..)
        .zip(all)
        .map(|(sequence, record)| Entry {
            id: EntryId { writer, sequence },
            at: now() + Duration::seconds(sequence.into()),
            body: serde_json::to_string(&record).unwrap(),
        })
        .collect();
    storage.append(writer, &entries).unwrap();
}

fn open(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("open");
    group.sample_size(10);
    for entries in [10_000, 100_000] {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), entries);
        group.bench_function(BenchmarkId::from_parameter(entries), |bencher| {
            bencher.iter(|| {
                let (journal, ledger) = Journal::open(directory.path()).unwrap();
                assert_eq!(ledger.open_rentals().len(), OPEN as usize);
                journal
            });
        });
    }
    group.finish();
}

criterion_group!(benches, open);
criterion_main!(benches);
