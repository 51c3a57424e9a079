//! Two accounts of one operator: neither sees what is the other's.

use serde_json::{Value, json};

use super::{odd, pass, request, world};
use crate::domain::Usd;
use crate::world::account::AccountId;
use crate::world::oddity::MarketOddity;
use crate::world::scenario::Scenario;
use crate::world::state::World;

fn two_accounts(scenario: Scenario) -> (World, [AccountId; 2]) {
    let world = world(Scenario {
        accounts: 2,
        ..scenario
    });
    let accounts: Vec<AccountId> = world.accounts().collect();
    (world, accounts.try_into().unwrap())
}

fn send(world: &mut World, by: AccountId, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let mut request = request(method, path, body);
    request.bearer = Some(by.api_key());
    let response = world.vast(&request);
    let body = serde_json::from_str(&response.body);
    (response.status, body.unwrap_or_default())
}

fn get(world: &mut World, by: AccountId, path: &str) -> (u16, Value) {
    send(world, by, "GET", path, &Value::Null)
}

/// Asks that are for rent, the cheapest first.
fn asks(world: &mut World, by: AccountId) -> Vec<u64> {
    let query = json!({"num_gpus": {"eq": 4}, "order": [["dph_total", "asc"]]});
    let (_, found) = send(world, by, "POST", "v0/bundles", &query);
    let offers = found["offers"].as_array().unwrap().iter();
    offers.map(|offer| offer["id"].as_u64().unwrap()).collect()
}

fn try_rent(world: &mut World, by: AccountId, ask: u64) -> (u16, Value) {
    let order =
        json!({"image": "net/image:1", "disk": 100, "label": "pocpit/ours", "onstart": "run"});
    send(world, by, "PUT", &format!("v0/asks/{ask}"), &order)
}

fn rent(world: &mut World, by: AccountId) -> u64 {
    let ask = asks(world, by)[0];
    let (status, reply) = try_rent(world, by, ask);
    assert_eq!(status, 200, "{reply}");
    pass(world, 10.0);
    reply["new_contract"].as_u64().unwrap()
}

fn listed(world: &mut World, by: AccountId) -> Vec<u64> {
    let (_, list) = get(world, by, "v1/instances");
    let rows = list["instances"].as_array().unwrap().iter();
    rows.map(|row| row["id"].as_u64().unwrap()).collect()
}

fn credit(world: &mut World, by: AccountId) -> f64 {
    get(world, by, "v0/users/current").1["credit"]
        .as_f64()
        .unwrap()
}

#[test]
fn instances_of_another_account_do_not_exist() {
    // Given a rental of each account,
    let (mut world, [first, second]) = two_accounts(Scenario::default());
    let (ours, theirs) = (rent(&mut world, first), rent(&mut world, second));
    assert_eq!(listed(&mut world, first), [ours]);
    assert_eq!(listed(&mut world, second), [theirs]);
    // when the first one asks for the other's, or would change or end it,
    let (status, read) = get(&mut world, first, &format!("v0/instances/{theirs}"));
    assert_eq!((status, &read["instances"]), (200, &Value::Null));
    let label = json!({"label": "stolen"});
    for (method, path) in [
        ("DELETE", format!("v0/instances/{theirs}")),
        ("PUT", format!("v0/instances/{theirs}")),
        ("PUT", format!("v0/instances/request_logs/{theirs}")),
        ("DELETE", "v0/instances".to_owned()),
    ] {
        let body = match path.as_str() {
            "v0/instances" => json!({"instance_ids": [theirs]}),
            _ => label.clone(),
        };
        // then it is told what is told of an id that nobody has, and nothing happens.
        let unknown = path.replace(&theirs.to_string(), "99");
        let of_nobody = match path.as_str() {
            "v0/instances" => json!({"instance_ids": [99]}),
            _ => label.clone(),
        };
        let (status, reply) = send(&mut world, first, method, &path, &body);
        let (of_unknown, expected) = send(&mut world, first, method, &unknown, &of_nobody);
        assert_eq!(
            (status, &reply["error"]),
            (of_unknown, &expected["error"]),
            "{path}"
        );
        assert_eq!(status, 404, "{path}");
    }
    let row = get(&mut world, second, &format!("v0/instances/{theirs}")).1;
    assert_eq!(row["instances"]["label"], "pocpit/ours");
    // The truth says whose each one is.
    let rentals = world.truth().rentals;
    let rentals: Vec<_> = rentals.iter().map(|one| (one.id, one.account)).collect();
    assert_eq!(rentals, [(ours, first), (theirs, second)]);
}

#[test]
fn keys_templates_and_bills_are_of_one_account() {
    let (mut world, [first, second]) = two_accounts(Scenario::default());
    // Given a key, a template and a rental of the first account,
    let key = json!({"ssh_key": "ssh-ed25519 AAAA of the first"});
    assert_eq!(send(&mut world, first, "POST", "v0/ssh", &key).0, 200);
    let template = json!({"name": "ours", "image": "net/image"});
    let (_, created) = send(&mut world, first, "POST", "v0/template", &template);
    rent(&mut world, first);
    pass(&mut world, 3_600.0);
    // then the second one has none of them, and pays nothing,
    assert_eq!(
        get(&mut world, first, "v0/ssh").1.as_array().unwrap().len(),
        1
    );
    assert_eq!(get(&mut world, second, "v0/ssh").1, json!([]));
    assert_eq!(
        get(&mut world, first, "v0/template").1["templates_found"],
        1
    );
    assert_eq!(get(&mut world, second, "v0/template").1["success"], false);
    let bills = |world: &mut World, by| {
        let (_, rows) = get(world, by, "v0/invoices");
        let rows = rows.as_array().unwrap().iter();
        rows.filter(|row| row["type"] == "charge").count()
    };
    assert!(bills(&mut world, first) > 0 && bills(&mut world, second) == 0);
    assert!(credit(&mut world, first) < 250.0);
    assert!((credit(&mut world, second) - 250.0).abs() < f64::EPSILON);
    // and cannot order by the other's template.
    let ask = asks(&mut world, second)[0];
    let order = json!({"template_hash_id": created["template"]["hash_id"], "disk": 100});
    let (status, _) = send(&mut world, second, "PUT", &format!("v0/asks/{ask}"), &order);
    assert_eq!(status, 400);
}

#[test]
fn rented_offer_is_gone_for_all_accounts() {
    let (mut world, [first, second]) = two_accounts(Scenario::default());
    let ask = asks(&mut world, second)[0];
    assert_eq!(try_rent(&mut world, first, ask).0, 200);
    let (status, reply) = try_rent(&mut world, second, ask);
    assert_eq!((status, &reply["error"]), (410, &json!("no_such_ask")));
    assert!(!asks(&mut world, second).contains(&ask));
}

#[test]
fn empty_account_leaves_the_other_running() {
    // Given two accounts with money for some hours, and the first one's used up,
    let (mut world, [first, second]) = two_accounts(Scenario {
        credit: 40.0,
        ..Scenario::default()
    });
    let ours = [rent(&mut world, first), rent(&mut world, first)];
    pass(&mut world, 3.0 * 3_600.0);
    let theirs = rent(&mut world, second);
    while credit(&mut world, first) > 0.0 {
        pass(&mut world, 600.0);
    }
    pass(&mut world, 60.0);
    let status = |world: &mut World, by, id| {
        let (_, row) = get(world, by, &format!("v0/instances/{id}"));
        row["instances"]["intended_status"].clone()
    };
    // then its machines are stopped and it rents no more, and nothing changes for the second one.
    for id in ours {
        assert_eq!(status(&mut world, first, id), "stopped");
    }
    assert_eq!(status(&mut world, second, theirs), "running");
    let ask = asks(&mut world, first)[0];
    let (_, refused) = try_rent(&mut world, first, ask);
    assert_eq!(refused["error"], "insufficient_credit");
    assert_eq!(try_rent(&mut world, second, ask).0, 200);
    // What was spent is spent by both.
    let spent = 80.0 - credit(&mut world, first) - credit(&mut world, second);
    let difference = world.spend().dollars() - spent;
    assert!(difference.abs() < 0.01, "{} and {spent}", world.spend());
    assert!(world.spend() > Usd::from_dollars(40.0));
}

#[test]
fn rate_limits_are_of_one_account() {
    let (mut world, [first, second]) = two_accounts(Scenario::default());
    world.scenario.rate_limits = true;
    let mut list = |by| get(&mut world, by, "v1/instances").0;
    assert_eq!([list(first), list(second), list(first)], [200, 200, 429]);
}

#[test]
fn only_known_keys_are_served() {
    let (mut world, [_, second]) = two_accounts(Scenario::default());
    let mut with_key = |key: &str| {
        let mut request = request("GET", "v1/instances", &Value::Null);
        request.bearer = Some(key.to_owned());
        world.vast(&request).status
    };
    assert_eq!(with_key(&second.api_key()), 200);
    assert_eq!(with_key("simulated-vast-key-3"), 401);
    // In a world with one account the second one's key is unknown, too.
    let mut alone = odd(MarketOddity::V0ListServed);
    assert_eq!(get(&mut alone, second, "v1/instances").0, 401);
}

#[test]
fn deleted_key_of_one_account_leaves_the_other() {
    let (mut world, [first, second]) = two_accounts(Scenario {
        market_oddities: vec![MarketOddity::KeyDeleted],
        ..Scenario::default()
    });
    assert_eq!(get(&mut world, first, "v1/instances").0, 404);
    assert_eq!(get(&mut world, second, "v1/instances").0, 200);
}
