//! A market that looks like one: the demo's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{pass, search, world};
use crate::world::scenario::Scenario;
use crate::world::state::World;
use crate::world::vast::gpus;

fn demo() -> World {
    world(Scenario::named("happy").unwrap())
}

/// Every offer by its machine: page after page by price, kind by kind.
fn whole_market(world: &mut World) -> BTreeMap<u64, Value> {
    let kinds: BTreeSet<&str> = gpus::names().collect();
    let mut all = BTreeMap::new();
    for kind in kinds {
        let mut least = 0.0;
        loop {
            let query = json!({"gpu_name": {"eq": kind}, "dph_total": {"gte": least}, "order": [["dph_total", "asc"]]});
            let page = search(world, &query);
            let machine = |offer: &Value| offer["machine_id"].as_u64().unwrap();
            all.extend(page.iter().map(|offer| (machine(offer), offer.clone())));
            if page.len() < 64 {
                break;
            }
            least = page.last().unwrap()["dph_total"].as_f64().unwrap();
        }
    }
    all
}

fn values(offers: &BTreeMap<u64, Value>, column: &str) -> BTreeSet<String> {
    offers
        .values()
        .map(|offer| offer[column].to_string())
        .collect()
}

#[test]
fn demo_market_has_variety() {
    let offers = whole_market(&mut demo());
    assert!(offers.len() > 2_000, "{}", offers.len());
    for (column, least) in [
        ("gpu_name", 25),
        ("num_gpus", 5),
        ("geolocation", 20),
        ("verification", 3),
        ("cuda_max_good", 5),
        ("hosting_type", 2),
        ("static_ip", 2),
    ] {
        let found = values(&offers, column);
        assert!(found.len() >= least, "{column}: {found:?}");
    }
    // Hosts have several machines, and some have many.
    let mut of_host = BTreeMap::new();
    for offer in offers.values() {
        *of_host.entry(offer["host_id"].to_string()).or_insert(0) += 1;
    }
    assert!(of_host.values().filter(|count| **count == 1).count() > 10);
    assert!(of_host.values().any(|count| *count > 20), "{of_host:?}");
    // What a machine does not report is null.
    for column in ["cpu_name", "dlperf", "pcie_bw", "disk_name"] {
        let unknown = offers
            .values()
            .filter(|offer| offer[column].is_null())
            .count();
        assert!(
            unknown > 10 && unknown < offers.len() / 5,
            "{column}: {unknown}"
        );
    }
    // Some end within a day, some last for a month.
    let lasts = |offer: &Value| offer["duration"].as_f64().unwrap();
    assert!(offers.values().all(|offer| lasts(offer) > 0.0));
    assert!(
        offers
            .values()
            .filter(|offer| lasts(offer) < 86_400.0)
            .count()
            > 50
    );
    assert!(
        offers
            .values()
            .filter(|offer| lasts(offer) > 30.0 * 86_400.0)
            .count()
            > 50
    );
}

#[test]
fn one_search_shows_64_offers() {
    let mut world = demo();
    for query in [
        json!({"limit": 1_000}),
        json!({"num_gpus": {"eq": 4}, "limit": 1_000}),
        json!({"num_gpus": {"eq": 1}, "limit": 1_000}),
    ] {
        assert_eq!(search(&mut world, &query).len(), 64, "{query}");
    }
}

#[test]
fn prices_move_and_machines_come_and_go() {
    let mut world = demo();
    let before = whole_market(&mut world);
    pass(&mut world, 3_600.0);
    let after = whole_market(&mut world);
    let came = after.keys().filter(|machine| !before.contains_key(machine));
    let gone = before.keys().filter(|machine| !after.contains_key(machine));
    let (came, gone) = (came.count(), gone.count());
    assert!(came > 50 && gone > 50, "{came} {gone}");
    let stayed = after
        .iter()
        .filter_map(|(machine, now)| Some((before.get(machine)?, now)));
    let moved =
        stayed.filter(|(old, now)| old["id"] != now["id"] && old["dph_base"] != now["dph_base"]);
    assert!(moved.count() > 500);
    // The machine itself is the same.
    for (machine, now) in &after {
        let old = before.get(machine).unwrap_or(now);
        for column in [
            "gpu_name",
            "num_gpus",
            "host_id",
            "public_ipaddr",
            "verification",
        ] {
            assert_eq!(old[column], now[column], "{machine}: {column}");
        }
    }
}

#[test]
fn same_seed_makes_same_market() {
    let market = || {
        let mut world = demo();
        pass(&mut world, 5_000.0);
        whole_market(&mut world)
    };
    assert_eq!(market(), market());
}

#[test]
fn wanted_gpus_are_there_at_any_hour() {
    let mut world = demo();
    let query = json!({"gpu_name": {"in": ["H100 SXM"]}, "num_gpus": {"eq": 4}, "verified": {"eq": true},
        "dph_total": {"lte": 14.0}, "disk_space": {"gte": 300}, "inet_down": {"gte": 500}, "cuda_max_good": {"gte": 13.0},
        "duration": {"gte": 86_400}, "allocated_storage": 300});
    for hour in 0..48 {
        let found = search(&mut world, &query).len();
        assert!(found >= 8, "{found} after {hour} h");
        pass(&mut world, 3_600.0);
    }
}

#[test]
fn private_machines_of_a_host_share_an_address() {
    let offers = whole_market(&mut demo());
    let mut machines: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for offer in offers.values() {
        let hosts = machines
            .entry(offer["public_ipaddr"].to_string())
            .or_default();
        hosts.insert(offer["host_id"].to_string());
    }
    assert!(
        machines.values().all(|hosts| hosts.len() == 1),
        "{machines:?}"
    );
    assert!(machines.len() < offers.len() / 2 + offers.len() / 4);
    let of_centres = offers.values().filter(|offer| offer["hosting_type"] == 1);
    let addresses: Vec<String> = of_centres
        .map(|offer| offer["public_ipaddr"].to_string())
        .collect();
    let unique: BTreeSet<&String> = addresses.iter().collect();
    assert_eq!(
        unique.len(),
        addresses.len(),
        "a data centre has an address for each machine"
    );
}
