//! Ranking ten thousand offers takes less than 20 ms.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use pocpit::domain::{
    BootEnd, Duration, InstanceId, MachineId, Offer, OfferId, OfferQuery, PastBoot, Time, Usd,
    UsdPerHour, Verification,
};
use pocpit::vast::{RentalHistory, SessionNeeds, rank};

const OFFERS: u32 = 10_000;

fn now() -> Time {
    Time::from_timestamp(1_795_000_000, 0).unwrap()
}

/// All offers are usable: the slowest case, because each is predicted and sorted.
fn offers() -> Vec<Offer> {
    let offer = |number: u32| Offer {
        id: OfferId(u64::from(number)),
        machine: MachineId(u64::from(number / 2)),
        host: None,
        gpu_name: ["H100 SXM", "H200", "A100 SXM4"][number as usize % 3].into(),
        gpu_count: 4,
        gpu_memory_mb: 81_559,
        disk_gb: 800.0,
        disk_mb_per_s: Some(f64::from(1_000 + number % 3_000)),
        download_mbps: f64::from(1_000 + number * 7_919 % 6_000),
        upload_mbps: 1_000.0,
        gpu_price: UsdPerHour::from_dollars(6.0 + f64::from(number * 104_729 % 5_000) / 1_000.0),
        storage_per_gb_month: Usd::from_dollars(0.2),
        download_per_gb: Usd::from_dollars(0.002),
        upload_per_gb: Usd::from_dollars(0.004),
        reliability: 0.95 + f64::from(number % 50) / 1_000.0,
        cuda: Some(12.8),
        driver: None,
        direct_ports: 100,
        location: Some("Washington, US".into()),
        ends_at: Some(now() + Duration::days(20)),
        verified: true,
        public_address: None,
        surcharge: UsdPerHour::ZERO,
        closed: None,
    };
    (0..OFFERS).map(offer).collect()
}

fn boots() -> Vec<PastBoot> {
    let boot = |number: u32| PastBoot {
        instance: InstanceId(u64::from(number)),
        machine: MachineId(u64::from(number)),
        gpu_name: "H100 SXM".into(),
        download_mbps: 2_000.0,
        disk_mb_per_s: None,
        image_gb: 15.0,
        model_gb: 60.0,
        took_seconds: 1_000 + number,
        end: BootEnd::Ready,
        model: None,
        times: None,
    };
    (0..500).map(boot).collect()
}

fn rank_ten_thousand(criterion: &mut Criterion) {
    let query = OfferQuery {
        gpu_names: vec!["H100 SXM".into(), "H200".into(), "A100 SXM4".into()],
        gpu_counts: vec![4],
        min_gpu_memory_mb: 78_000,
        min_total_gpu_memory_mb: 0,
        disk_gb: 250.0,
        max_price: UsdPerHour::from_dollars(14.0),
        min_reliability: 0.95,
        min_download_mbps: 500.0,
        min_cuda: Some(12.4),
        min_direct_ports: 1,
        min_duration: Duration::hours(2),
        verification: Verification::Required,
        countries: vec!["US".into()],
    };
    let needs = SessionNeeds {
        now: now(),
        until: now() + Duration::hours(2),
        at_worst_until: now() + Duration::hours(3),
        boot_within: Some(Duration::minutes(45)),
        image_gb: 15.0,
        model_gb: 60.0,
    };
    let (offers, boots) = (offers(), boots());
    let experience = RentalHistory {
        blocked: &[],
        boots: &boots,
    };
    let usable = rank(offers.clone(), &query, &needs, &experience).usable;
    assert_eq!(
        usable.len(),
        OFFERS as usize,
        "every offer takes its full time"
    );
    criterion.bench_function("rank 10,000 offers", |bencher| {
        bencher.iter_batched(
            || offers.clone(),
            |offers| rank(offers, &query, &needs, &experience),
            BatchSize::LargeInput,
        );
    });
}

criterion_group!(benches, rank_ten_thousand);
criterion_main!(benches);
