use super::*;
use crate::domain::{Time, Usd};
use crate::engine::attach::tests::snapshot;
use crate::engine::snapshot::{BootSnapshot, LinkSnapshot, RentalSnapshot};

fn at(second: i64) -> Time {
    Time::UNIX_EPOCH + Duration::seconds(second)
}

fn cap(name: &str, limit: f64, used: f64) -> CapSnapshot {
    CapSnapshot {
        name: name.into(),
        limit: Usd::from_dollars(limit),
        used: Usd::from_dollars(used),
    }
}

#[test]
fn time_left_runs_to_the_first_cap() {
    let time = |caps: Vec<CapSnapshot>, per_hour| {
        let mut snapshot = snapshot(0);
        snapshot.money.per_hour = UsdPerHour::from_dollars(per_hour);
        snapshot.money.reserved = Usd::from_dollars(4.0);
        snapshot.money.caps = caps;
        time_left(&snapshot)
    };
    // Of the sprint's $12, $7 are spent or reserved, $4 of these not spent yet.
    let caps = vec![cap("sprint", 12.0, 7.0), cap("month", 500.0, 100.0)];
    assert_eq!(
        time(caps.clone(), 6.0).unwrap(),
        "the cap of the sprint, $12.00, is used up in 1 h 30 min at this price"
    );
    // An exceeded cap is used up now, and without a price none ever is.
    let over = time(vec![cap("day", 5.0, 30.0)], 6.0).unwrap();
    assert!(over.contains("used up in 0 min"), "{over}");
    assert_eq!(time(caps, 0.0), None);
}

/// Its lease ends at second 3,600.
fn rental() -> RentalSnapshot {
    RentalSnapshot {
        id: InstanceId(7),
        label: "pocpit/north/7/1-0000000a".parse().unwrap(),
        gpus: "4x H100 SXM".into(),
        location: None,
        machine: None,
        status: "running".into(),
        rented_at: at(0),
        price: UsdPerHour::from_dollars(9.6),
        cost: Usd::ZERO,
        lease_until: at(3_600),
        ssh: None,
        link: LinkSnapshot::None,
        boot: BootSnapshot::default(),
        devices: Vec::new(),
        service: None,
        releasing: false,
    }
}

#[test]
fn time_left_runs_to_the_lease_end() {
    let snapshot = Snapshot {
        at: at(780),
        rental: Some(rental()),
        ..snapshot(0)
    };
    assert_eq!(
        time_left(&snapshot).unwrap(),
        "the rental ends itself in 47 min unless its lease is renewed"
    );
}

#[test]
fn money_counts_everything_that_runs() {
    let dollars = UsdPerHour::from_dollars;
    let mut snapshot = snapshot(0);
    let nothing = "this sprint has nothing rented";
    assert_eq!(money(&snapshot, None), nothing);
    // Rentals of the journal that are not the sprint's count too.
    snapshot.money.hour_used = dollars(8.0);
    let journal = "this sprint has nothing rented; by the journal $8.00/h may be running";
    assert_eq!(money(&snapshot, None), journal);
    // The price of the sprint's rental is in the sprint's.
    snapshot.money.per_hour = dollars(8.0);
    snapshot.rental = Some(rental());
    let own = AffectedRental {
        instance: InstanceId(7),
        price: Some(dollars(8.0)),
    };
    let running = "$8.00/h is running, $0.00 so far in this sprint, until 01:00 UTC at the latest";
    assert_eq!(money(&snapshot, Some(own)), running);
}
