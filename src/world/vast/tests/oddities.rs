//! Every oddity of the market is seen from outside.

use serde_json::{Value, json};

use super::{get, odd, pass, rent, request, row, search, send, try_rent, world};
use crate::world::oddity::MarketOddity;
use crate::world::scenario::Scenario;
use crate::world::state::World;

#[test]
fn retired_routes_answer_as_reported() {
    use MarketOddity as O;
    let mut plain = world(Scenario::default());
    rent(&mut plain, json!({}));
    let (status, reply) = get(&mut plain, "v0/instances");
    assert_eq!(
        (status, &reply["error"]),
        (410, &json!("deprecated_endpoint"))
    );
    for (oddity, rows) in [(O::V0ListServed, 1), (O::V0ListEmpty, 0)] {
        let mut world = odd(oddity);
        rent(&mut world, json!({}));
        let (_, reply) = get(&mut world, "v0/instances");
        assert_eq!(
            reply["instances"].as_array().map(Vec::len),
            Some(rows),
            "{oddity:?}"
        );
    }
    let mut moved = odd(O::SingleReadRetired);
    let id = rent(&mut moved, json!({}));
    assert_eq!(get(&mut moved, &format!("v0/instances/{id}")).0, 410);
    let mut listed = odd(O::SingleReadIsList);
    let id = rent(&mut listed, json!({}));
    assert_eq!(row(&mut listed, id)[0]["id"], id);
    for (oddity, gone) in [
        (O::GoneIsEmptyObject, json!({})),
        (O::GoneIsEmptyList, json!([])),
    ] {
        assert_eq!(row(&mut odd(oddity), 5), gone, "{oddity:?}");
    }
    // Of the newer version only the list is there: a destroy says 404 and does nothing.
    let id = rent(&mut plain, json!({}));
    assert_eq!(
        send(
            &mut plain,
            "DELETE",
            &format!("v1/instances/{id}"),
            &json!({})
        )
        .0,
        404
    );
    assert_eq!(row(&mut plain, id)["id"], id);
}

#[test]
fn account_refusals_name_their_cause() {
    let mut deleted = odd(MarketOddity::KeyDeleted);
    let (status, reply) = get(&mut deleted, "v1/instances");
    assert_eq!((status, &reply["error"]), (404, &json!("auth_error")));
    let mut unsure = odd(MarketOddity::TwoFactorMissing);
    assert_eq!(get(&mut unsure, "v0/users/current").0, 200);
    let (status, reply) = get(&mut unsure, "v1/instances");
    assert!(status == 401 && reply["msg"].as_str().unwrap().contains("Two Factor"));
    assert_eq!(try_rent(&mut unsure, json!({})).0, 401);
}

#[test]
fn odd_rows_are_really_odd() {
    use MarketOddity as O;
    let mut strange = odd(O::NotANumber);
    rent(&mut strange, json!({}));
    for path in [("POST", "v0/bundles"), ("GET", "v1/instances")] {
        let said = strange.vast(&request(path.0, path.1, &json!({}))).body;
        assert!(
            said.contains(":NaN") && said.contains(":Infinity"),
            "{path:?}"
        );
    }
    let query = json!({"rentable": {"eq": true}, "type": "on-demand"});
    let unrentable = search(&mut odd(O::UnrentableOffers), &query);
    assert!(unrentable.iter().any(|offer| offer["rentable"] == false));
    let bids = search(&mut odd(O::BidOffers), &query);
    assert!(bids.iter().any(|offer| offer["is_bid"] == true));
    let rows = search(&mut odd(O::OddRows), &query);
    assert!(rows.iter().any(|offer| !offer["id"].is_u64()));
    let hostile = search(&mut odd(O::HostileTexts), &query);
    let attacks = |name: &str| hostile[0][name].as_str().unwrap().contains('\x1b');
    assert!(attacks("gpu_name") && attacks("geolocation"));
    let dear = &search(&mut odd(O::PlatformFee), &json!({"allocated_storage": 100}))[0];
    let part = |name: &str| dear[name].as_f64().unwrap();
    let fee = part("dph_total") - part("dph_base") - part("storage_total_cost");
    assert!((fee / part("dph_base") - 0.04).abs() < 1e-9);
}

#[test]
fn listings_hold_rows_of_no_shape() {
    let mut strange = odd(MarketOddity::OddRows);
    let id = rent(&mut strange, json!({}));
    let (_, list) = get(&mut strange, "v1/instances");
    let rows = list["instances"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["id"] == id));
    assert!(rows.iter().any(|row| row["id"].is_null()));
    assert!(rows.iter().any(|row| row["id"].is_string()));
}

/// With the market's rate limits.
fn strict(oddities: Vec<MarketOddity>) -> World {
    let mut world = odd(MarketOddity::V0ListServed);
    world.scenario.market_oddities = oddities;
    world.scenario.rate_limits = true;
    world
}

#[test]
fn token_buckets_say_how_long_to_wait() {
    let listing = request("GET", "v1/instances", &Value::Null);
    for (oddities, waits) in [(vec![], None), (vec![MarketOddity::TokenBuckets], Some(1))] {
        let mut world = strict(oddities);
        assert_eq!(world.vast(&listing).status, 200);
        let refused = world.vast(&listing);
        assert_eq!(refused.status, 429);
        let header: Option<u64> = refused
            .headers
            .iter()
            .find_map(|(name, value)| (*name == "Retry-After").then(|| value.parse().unwrap()));
        assert_eq!(header, waits);
        let body: Value = serde_json::from_str(&refused.body).unwrap_or_default();
        assert_eq!(body["retry_after"].as_u64(), waits);
        // Whoever waits for it is served.
        pass(&mut world, 1.0);
        assert_eq!(world.vast(&listing).status, 200);
    }
}

#[test]
fn used_up_quota_names_midnight() {
    let mut world = strict(vec![MarketOddity::SearchQuotaExceeded]);
    let refused = world.vast(&request("POST", "v0/bundles", &json!({})));
    let body: Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!(
        (refused.status, &body["error"]),
        (429, &json!("search_quota_exceeded"))
    );
    let midnight: i64 = refused.headers[0].1.parse().unwrap();
    assert_eq!(refused.headers[0].0, "X-RateLimit-Reset");
    let wait = midnight - world.now().timestamp();
    assert!(
        midnight % 86_400 == 0 && (1..=86_400).contains(&wait),
        "{wait}"
    );
    // Only searches have the quota.
    assert_eq!(get(&mut world, "v1/instances").0, 200);
}

#[test]
fn requested_prices_hold_until_accepted() {
    let mut world = odd(MarketOddity::PriceIncreases);
    let (kept, moved) = (rent(&mut world, json!({})), rent(&mut world, json!({})));
    let price = |world: &mut World, id: u64| row(world, id)["dph_total"].clone();
    let agreed = price(&mut world, kept);
    pass(&mut world, 120.0);
    let pending = |world: &mut World| -> Vec<Value> {
        let (_, reply) = get(world, "v0/instances/pending-price-increases");
        reply["pending_price_increases"].as_array().unwrap().clone()
    };
    let requests = pending(&mut world);
    assert_eq!(requests.len(), 2);
    assert!(
        requests
            .iter()
            .all(|r| r["new_gpu_costpersec"].as_f64() > r["old_gpu_costpersec"].as_f64())
    );
    let mut answer = |word: &str, place: usize| {
        let path = format!("v0/instances/{word}-price-increase");
        let body =
            json!({"pending_price_increase_id": requests[place]["pending_price_increase_id"]});
        send(&mut world, "PUT", &path, &body).0
    };
    assert_eq!(answer("reject", 0), 200);
    assert_eq!(answer("reject", 0), 404, "it is answered");
    assert_eq!(answer("accept", 1), 200);
    assert!(pending(&mut world).is_empty());
    // An accepted one holds from the end of the contract.
    assert_eq!(price(&mut world, kept), agreed);
    assert!(price(&mut world, moved).is_f64());
}

#[test]
fn some_machines_pass_unapplied_filters() {
    // Given a search that wants fast and reliable machines with a new driver,
    let query = json!({"inet_down": {"gte": 3_000}, "reliability": {"gte": 0.98}, "cuda_max_good": {"gte": 13.0},
        "disk_space": {"gte": 500}, "gpu_name": {"eq": "RTX 4090"}});
    let at_least =
        |offer: &Value, column: &str| offer[column].as_f64() >= query[column]["gte"].as_f64();
    let columns = ["inet_down", "reliability", "cuda_max_good"];
    let scenario = Scenario {
        machines: 3_000,
        ..Scenario::default()
    };
    let found = search(&mut world(scenario.clone()), &query);
    assert!(
        found
            .iter()
            .all(|offer| columns.iter().all(|column| at_least(offer, column)))
    );
    // when the market does not apply all of it, then others are among them,
    let market_oddities = vec![MarketOddity::UnappliedFilters];
    let found = search(
        &mut world(Scenario {
            market_oddities,
            ..scenario
        }),
        &query,
    );
    for column in columns {
        let wrong = found
            .iter()
            .filter(|offer| !at_least(offer, column))
            .count();
        assert!(wrong > 3 && wrong < found.len(), "{column}: {wrong}");
    }
    // but none that another filter excludes.
    assert!(found.iter().all(|offer| at_least(offer, "disk_space")));
}

#[test]
fn every_oddity_has_a_test() {
    use strum::VariantArray as _;
    let tests = include_str!("oddities.rs");
    for oddity in MarketOddity::VARIANTS {
        let name = format!("{oddity:?}");
        assert!(tests.contains(&format!("::{name}")), "{name}");
    }
}
