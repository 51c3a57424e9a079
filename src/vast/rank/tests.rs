//! Tests, and the offers that other tests of this module use.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    BootEnd, ClosedOffer, HostId, InstanceId, MachineId, OfferId, Usd, judge_hosts,
};

pub(in crate::vast) fn now() -> Time {
    Time::from_timestamp(1_795_000_000, 0).expect("a valid time")
}

pub(in crate::vast) fn an_offer(id: u64) -> Offer {
    Offer {
        id: OfferId(id),
        machine: MachineId(id * 10),
        host: None,
        gpu_name: "H100 SXM".into(),
        gpu_count: 4,
        gpu_memory_mb: 81_559,
        disk_gb: 800.0,
        disk_mb_per_s: Some(2_000.0),
        download_mbps: 5_000.0,
        upload_mbps: 5_000.0,
        gpu_price: UsdPerHour::from_dollars(8.0),
        storage_per_gb_month: Usd::from_dollars(0.20),
        download_per_gb: Usd::from_dollars(0.002),
        upload_per_gb: Usd::from_dollars(0.004),
        reliability: 0.996,
        cuda: Some(12.8),
        driver: None,
        direct_ports: 100,
        location: Some("Washington, US".into()),
        ends_at: Some(now() + Duration::days(20)),
        verified: true,
        public_address: None,
        surcharge: UsdPerHour::ZERO,
        closed: None,
    }
}

pub(in crate::vast) fn a_query() -> OfferQuery {
    OfferQuery {
        gpu_names: vec!["H100_SXM".into()],
        gpu_counts: vec![4],
        min_gpu_memory_mb: 80_000,
        min_total_gpu_memory_mb: 320_000,
        disk_gb: 300.0,
        max_price: UsdPerHour::from_dollars(12.0),
        min_reliability: 0.98,
        min_download_mbps: 500.0,
        min_cuda: Some(12.8),
        min_direct_ports: 3,
        min_duration: Duration::hours(6),
        verification: Verification::Required,
        countries: vec!["US".into()],
    }
}

fn needs() -> SessionNeeds {
    SessionNeeds {
        now: now(),
        until: now() + Duration::hours(2),
        at_worst_until: now() + Duration::hours(8),
        boot_within: Some(Duration::hours(1)),
        image_gb: 15.0,
        model_gb: 120.0,
    }
}

fn avoided(machine: u64) -> [AvoidedMachine; 1] {
    [AvoidedMachine {
        machine: MachineId(machine),
        until: now() + Duration::hours(5),
        reason: "boot_failed: OCI runtime create failed".into(),
        failed_boots: 1,
        host: None,
        host_until: None,
        address: None,
    }]
}

fn ranked(offers: Vec<Offer>) -> RankedOffers {
    rank(offers, &a_query(), &needs(), &RentalHistory::default())
}

fn reason(change: impl FnOnce(&mut Offer)) -> String {
    let mut offer = an_offer(1);
    change(&mut offer);
    let experience = RentalHistory {
        blocked: &avoided(999),
        boots: &[],
    };
    let ranked = rank(vec![offer], &a_query(), &needs(), &experience);
    let rejected = ranked.rejected.into_iter().next();
    rejected.map(|(_, reason)| reason).unwrap_or_default()
}

#[test]
fn gpu_name_spelling_does_not_matter() {
    for name in ["H100 SXM", "H100_SXM", "h100 sxm"] {
        assert_eq!(reason(|o| o.gpu_name = name.into()), "", "{name}");
    }
}

#[test]
fn each_wanted_count_is_usable() {
    let query = OfferQuery {
        gpu_counts: vec![4, 8],
        ..a_query()
    };
    let reason = |gpu_count: u32| {
        let offer = Offer {
            gpu_count,
            ..an_offer(1)
        };
        let ranked = rank(vec![offer], &query, &needs(), &RentalHistory::default());
        let rejected = ranked.rejected.into_iter().next();
        rejected.map(|(_, reason)| reason)
    };
    assert_eq!((reason(4), reason(8)), (None, None));
    assert_eq!(reason(6).as_deref(), Some("6 GPUs, need 4 or 8"));
}

#[test]
fn country_stands_before_its_region() {
    for (location, country, shown) in [
        (Some("Washington, US"), Some("US"), "US Washington"),
        (
            Some("British Columbia, CA "),
            Some("CA"),
            "CA British Columbia",
        ),
        (Some(", US"), Some("US"), "US"),
        (Some("NO"), Some("NO"), "NO"),
        (Some("Somewhere"), None, "Somewhere"),
        (Some("Washington, DC, US"), Some("US"), "US Washington, DC"),
        (Some(""), None, ""),
        (None, None, "unknown"),
    ] {
        let offer = Offer {
            location: location.map(str::to_owned),
            ..an_offer(1)
        };
        assert_eq!(offer.country(), country, "{location:?}");
        assert_eq!(offer.country_and_region(), shown, "{location:?}");
    }
}

#[test]
fn hard_limits_reject_with_reason() {
    assert!(reason(|o| o.gpu_name = "H100 PCIE".into()).contains("not a wanted GPU"));
    assert!(reason(|o| o.gpu_count = 8).contains("8 GPUs, need 4"));
    assert!(reason(|o| o.gpu_memory_mb = 49_140).contains("MB per GPU"));
    assert!(reason(|o| o.disk_gb = 299.0).contains("disk"));
    assert!(reason(|o| o.gpu_price = UsdPerHour::from_dollars(11.95)).contains("with the disk"));
    assert!(reason(|o| o.gpu_price = UsdPerHour::ZERO).contains("implausible"));
    assert!(reason(|o| o.reliability = f64::NAN).contains("reliability"));
    assert!(reason(|o| o.download_mbps = 100.0).contains("Mbit/s"));
    assert!(reason(|o| o.cuda = None).contains("unknown"));
    assert!(reason(|o| o.cuda = Some(12.4)).contains("12.4"));
    assert!(reason(|o| o.direct_ports = 2).contains("direct ports"));
    assert!(reason(|o| o.location = Some("Paris, FR".into())).contains("country"));
    assert!(reason(|o| o.verified = false).contains("verified"));
    assert!(reason(|o| o.ends_at = None).contains("no end"));
    assert!(reason(|o| o.ends_at = Some(now() + Duration::hours(8))).contains("offer ends at"));
    assert!(reason(|o| o.machine = MachineId(999)).contains("avoided"));
    assert!(reason(|o| o.download_mbps = 510.0).contains("to boot"));
    let closed = ClosedOffer::NotRentable;
    assert!(reason(|o| o.closed = Some(closed)).contains("not rentable"));
    assert!(reason(|o| o.closed = Some(ClosedOffer::Bid)).contains("bid"));
}

#[test]
fn avoided_machine_under_new_id_is_recognized() {
    let mut blocked = avoided(999);
    blocked[0].host = Some(HostId(5));
    blocked[0].address = Some("203.0.113.42".into());
    let experience = RentalHistory {
        blocked: &blocked,
        boots: &[],
    };
    let rejected = |change: fn(&mut Offer)| {
        let mut offer = an_offer(1);
        offer.host = Some(HostId(6));
        offer.public_address = Some("203.0.113.43".into());
        change(&mut offer);
        let ranked = rank(vec![offer], &a_query(), &needs(), &experience);
        let rejected = ranked.rejected.into_iter().next();
        rejected.map(|(_, reason)| reason)
    };
    assert_eq!(rejected(|_| ()), None);
    let by_address = rejected(|o| o.public_address = Some("203.0.113.42".into())).unwrap();
    assert!(
        by_address.starts_with("address 203.0.113.42 is"),
        "{by_address}"
    );
    // Unknown is not the same.
    let unknown = rejected(|o| (o.host, o.public_address) = (None, None));
    assert_eq!(unknown, None);
}

#[test]
fn other_machines_of_avoided_host_rank_lower() {
    let mut blocked = avoided(999);
    blocked[0].host = Some(HostId(5));
    let experience = RentalHistory {
        blocked: &blocked,
        boots: &[],
    };
    let mut cheap = an_offer(1);
    cheap.host = Some(HostId(5));
    cheap.gpu_price = UsdPerHour::from_dollars(7.0);
    let offers = || vec![cheap.clone(), an_offer(2)];
    let first = |blocked| {
        let experience = RentalHistory {
            blocked,
            boots: &[],
        };
        rank(offers(), &a_query(), &needs(), &experience).usable[0]
            .offer
            .id
    };
    assert_eq!((first(&[]), first(&blocked)), (OfferId(1), OfferId(2)));
    // It is better than none.
    let alone = rank(vec![cheap.clone()], &a_query(), &needs(), &experience);
    assert_eq!(alone.usable.len(), 1);
}

#[test]
fn second_failing_machine_condemns_its_host() {
    let at = |hours| now() + Duration::hours(hours);
    let failed = |machine: u64, host: u64, address: &str, until| AvoidedMachine {
        machine: MachineId(machine),
        host: Some(HostId(host)),
        address: Some(address.into()),
        until,
        ..avoided(machine)[0].clone()
    };
    let verdict = |mut blocked: Vec<AvoidedMachine>| {
        judge_hosts(&mut blocked);
        let mut offer = an_offer(1);
        offer.host = Some(HostId(5));
        let experience = RentalHistory {
            blocked: &blocked,
            boots: &[],
        };
        let ranked = rank(vec![offer], &a_query(), &needs(), &experience);
        let rejected = ranked.rejected.into_iter().next();
        rejected.map(|(_, reason)| reason)
    };
    let first = || failed(901, 5, "203.0.113.1", at(3));
    // One machine's fault is its own, and so is that of a machine that came back under a new id,
    assert_eq!(verdict(vec![first()]), None);
    let same = failed(902, 5, "203.0.113.1", at(9));
    assert_eq!(verdict(vec![first(), same]), None);
    // that of another host's machine, or one that the operator avoids.
    assert_eq!(
        verdict(vec![first(), failed(903, 6, "203.0.113.3", at(9))]),
        None
    );
    let mut unwanted = failed(904, 5, "203.0.113.4", at(9));
    unwanted.host = None;
    assert_eq!(verdict(vec![first(), unwanted]), None);
    // Two machines' faults are their host's, until the first of them is forgotten.
    let reason = verdict(vec![first(), failed(905, 5, "203.0.113.5", at(9))]).unwrap();
    let until = at(3).format("%F %R");
    let expected = format!("host 5 is avoided until {until} UTC: several of its machines failed");
    assert!(reason.starts_with(&expected), "{reason}");
}

#[test]
fn surcharge_counts_and_is_told() {
    let with_fee = |dollars: f64| {
        let mut offer = an_offer(1);
        offer.surcharge = UsdPerHour::from_dollars(dollars);
        ranked(vec![offer])
    };
    let (without, with) = (with_fee(0.0), with_fee(0.5));
    let (without, with) = (&without.usable[0], &with.usable[0]);
    assert_eq!(with.price.0.0 - without.price.0.0, 500_000);
    assert!(with.worst_cost > without.worst_cost && with.gpu_cost > without.gpu_cost);
    assert!(with.why().contains("$0.50/h of it a fee"), "{}", with.why());
    assert!(!without.why().contains("fee"));
    // And the limit is for all of it.
    assert!(with_fee(4.0).usable.is_empty());
}

#[test]
fn gpus_cost_nothing_while_image_is_pulled() {
    let row = &ranked(vec![an_offer(1)]).usable[0];
    let all = row.offer.gpu_price.times(row.session);
    let booting = row.offer.gpu_price.times(row.boot.median);
    assert!(row.gpu_cost < all && row.gpu_cost > Usd(all.0 - booting.0));
    // A cap must never be too generous.
    assert!(row.worst_cost >= all);
}

#[test]
fn small_cheap_offers_are_rejected() {
    let mut offers: Vec<Offer> = (1..=5).map(an_offer).collect();
    for small in &mut offers {
        small.gpu_memory_mb = 8_192;
        small.gpu_price = UsdPerHour::from_dollars(0.1);
    }
    offers.push(an_offer(6));
    let ranked = ranked(offers);
    assert_eq!(ranked.usable.len(), 1);
    assert_eq!(ranked.usable[0].offer.id, OfferId(6));
    assert_eq!(ranked.rejected.len(), 5);
}

#[test]
fn traffic_price_affects_ranking() {
    let mut cheap_hour = an_offer(1);
    cheap_hour.gpu_price = UsdPerHour::from_dollars(7.5);
    cheap_hour.download_per_gb = Usd::from_dollars(0.05);
    let ranked = ranked(vec![cheap_hour, an_offer(2)]);
    assert_eq!(ranked.usable[0].offer.id, OfferId(2));
    assert!(ranked.usable[0].worst_cost > ranked.usable[0].expected_cost());
}

#[test]
fn unreliable_host_ranks_lower() {
    let mut shaky = an_offer(1);
    shaky.reliability = 0.981;
    shaky.gpu_price = UsdPerHour::from_dollars(7.8);
    let ranked = ranked(vec![shaky, an_offer(2)]);
    assert_eq!(ranked.usable[0].offer.id, OfferId(2));
}

#[test]
fn slow_machine_ranks_lower_or_out() {
    // Given two machines alike, one of which has always taken three times as long,
    let slow = an_offer(1);
    let boot = |number| PastBoot {
        instance: InstanceId(number),
        machine: slow.machine,
        gpu_name: slow.gpu_name.clone(),
        download_mbps: slow.download_mbps,
        disk_mb_per_s: slow.disk_mb_per_s,
        image_gb: 15.0,
        model_gb: 120.0,
        took_seconds: 3 * 750,
        end: BootEnd::Ready,
        model: None,
        times: None,
    };
    let boots: Vec<PastBoot> = (0..10).map(boot).collect();
    let experience = RentalHistory {
        blocked: &[],
        boots: &boots,
    };
    let ranked = |within| {
        let needs = SessionNeeds {
            boot_within: Some(within),
            ..needs()
        };
        let mut dearer = an_offer(2);
        dearer.gpu_price = UsdPerHour::from_dollars(8.1);
        rank(vec![slow.clone(), dearer], &a_query(), &needs, &experience)
    };
    // when there is little time, then the other one is the best although it costs more,
    let usable = ranked(Duration::minutes(38)).usable;
    let order: Vec<u64> = usable.iter().map(|row| row.offer.id.0).collect();
    assert_eq!(order, [2, 1]);
    assert!(usable[1].chance() < usable[0].chance() - 0.1);
    assert_eq!(usable[1].own_boots.machine_ready, 10);
    // when there is too little, then the slow one is out, with the reason,
    let rejected = ranked(Duration::minutes(30)).rejected;
    assert!(
        rejected[0].1.contains("min to boot, 30 min left"),
        "{rejected:?}"
    );
    // and when there is plenty, then the cheaper hour wins.
    assert_eq!(ranked(Duration::hours(5)).usable[0].offer.id.0, 1);
}

#[test]
fn small_disk_or_slow_line_is_refused() {
    type Case = (fn(&mut Offer), &'static [&'static str]);
    // Given a model of 230 GB, and forty minutes to boot,
    let needs = SessionNeeds {
        boot_within: Some(Duration::minutes(40)),
        model_gb: 230.0,
        ..needs()
    };
    let refusal = |change: fn(&mut Offer)| {
        let mut offer = an_offer(1);
        change(&mut offer);
        let experience = RentalHistory::default();
        let ranked = rank(vec![offer], &a_query(), &needs, &experience);
        ranked.rejected.into_iter().next().map(|(_, reason)| reason)
    };
    // then a machine that can do it is fine, and each other one is out with the reason.
    assert_eq!(refusal(|_| {}), None);
    let cases: [Case; 3] = [
        (
            |offer| offer.disk_gb = 260.0,
            &["260 GB of disk, need 300 GB"],
        ),
        (
            |offer| offer.download_mbps = 1_200.0,
            &[
                "40 min left",
                "the model's 230 GB alone take about 51 min at 1200 Mbit/s",
            ],
        ),
        (
            |offer| offer.cuda = Some(12.4),
            &["driver supports CUDA 12.4, need 12.8"],
        ),
    ];
    for (change, parts) in cases {
        let reason = refusal(change).expect("a reason");
        for part in parts {
            assert!(reason.contains(part), "{part}: {reason}");
        }
    }
}

#[test]
fn hanging_driver_is_refused() {
    let mut offer = an_offer(1);
    offer.gpu_name = "B200".into();
    offer.driver = Some("595.71.05".into());
    let query = OfferQuery {
        gpu_names: Vec::new(),
        ..a_query()
    };
    let ranked = rank(vec![offer], &query, &needs(), &RentalHistory::default());
    assert!(
        ranked.rejected[0]
            .1
            .contains("driver 595.71.05 hangs on B200")
    );
}

#[test]
fn rank_reports_every_cost_part() {
    let ranked = ranked(vec![an_offer(1)]);
    let row = &ranked.usable[0];
    let reasons = row.reasons();
    for name in [
        "GPUs",
        "disk",
        "traffic",
        "boot",
        "in time",
        "works",
        "ranked by",
    ] {
        assert!(reasons.iter().any(|(reason, _)| *reason == name), "{name}");
    }
    let parts = row.gpu_cost + row.storage_cost + row.traffic_cost;
    assert_eq!(row.expected_cost(), parts);
    assert!(row.cost_of_success() > parts, "no offer is certain");
    assert!(row.why().contains(&row.cost_of_success().to_string()));
}

fn any_offer() -> impl Strategy<Value = Offer> {
    let numbers = (
        1..50_u64,
        1..6_u32,
        40_000..90_000_u64,
        0.0..900.0_f64,
        0.0..9_000.0_f64,
    );
    let rest = (
        -1.0..14.0_f64,
        0.9..1.0_f64,
        0..6_u32,
        0..30_i64,
        any::<bool>(),
    );
    (numbers, rest).prop_map(
        |((id, gpus, memory, disk, down), (price, reliable, ports, days, ok))| {
            let mut offer = an_offer(id);
            offer.gpu_count = gpus.min(4);
            offer.gpu_memory_mb = memory;
            offer.disk_gb = disk;
            offer.download_mbps = down;
            offer.gpu_price = UsdPerHour::from_dollars(price);
            offer.reliability = reliable;
            offer.direct_ports = ports;
            offer.ends_at = Some(now() + Duration::days(days));
            offer.verified = ok;
            offer
        },
    )
}

proptest! {
    #[test]
    fn ranking_keeps_every_offer_and_limit(offers in prop::collection::vec(any_offer(), 0..60)) {
        let query = OfferQuery { min_gpu_memory_mb: 60_000, min_total_gpu_memory_mb: 0, ..a_query() };
        let experience = RentalHistory { blocked: &avoided(70), boots: &[] };
        let ranked = rank(offers.clone(), &query, &needs(), &experience);
        let mut ids: Vec<_> = ranked.usable.iter().map(|row| row.offer.id).collect();
        ids.extend(ranked.rejected.iter().map(|(offer, _)| offer.id));
        ids.sort();
        let mut expected: Vec<_> = offers.iter().map(|offer| offer.id).collect();
        expected.sort();
        prop_assert_eq!(ids, expected);
        for row in &ranked.usable {
            prop_assert!(row.price <= query.max_price && row.offer.gpu_count == 4);
            prop_assert!(row.offer.gpu_memory_mb >= 54_000 && row.offer.disk_gb >= query.disk_gb);
            prop_assert!(row.offer.reliability >= query.min_reliability && row.offer.verified);
            prop_assert!(row.offer.direct_ports >= 3 && row.offer.machine != MachineId(70));
            prop_assert!(row.offer.ends_at > Some(needs().at_worst_until));
            prop_assert!(row.worst_cost >= row.expected_cost());
        }
    }

    #[test]
    fn ranking_ignores_reply_order(
        prices in prop::collection::vec(100..1_000_u32, 1..30),
        turn in 0..30_usize,
    ) {
        let offers: Vec<Offer> = (1..).zip(&prices).map(|(id, cents)| {
            let mut offer = an_offer(id);
            offer.gpu_price = UsdPerHour::from_dollars(f64::from(*cents / 100));
            offer
        }).collect();
        let mut turned = offers.clone();
        turned.rotate_left(turn % prices.len());
        prop_assert_eq!(ranked(offers), ranked(turned));
    }
}
