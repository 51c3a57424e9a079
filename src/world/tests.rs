//! The world in virtual time, and once over HTTP.

mod hosts;
mod models;

use chrono::TimeZone;
use serde_json::{Value, json};

use super::account::API_KEY;
use super::clock::seconds;
use super::exchange::{ApiRequest, ApiResponse};
use super::state::World;
use super::{Fault, FaultKind, RandomFaults, Renewal, Scenario, WorldOptions, serve};
use crate::domain::Time;

fn world() -> World {
    world_with(&RandomFaults::default())
}

fn start() -> Time {
    chrono::Utc.with_ymd_and_hms(2026, 11, 24, 6, 0, 0).unwrap()
}

fn world_with(random_faults: &RandomFaults) -> World {
    let scenario = Scenario {
        rate_limits: false,
        random_faults: *random_faults,
        ..Scenario::default()
    };
    World::new(7, scenario, start())
}

fn call(method: &str, path: &str, body: Value) -> ApiRequest {
    ApiRequest {
        method: method.into(),
        path: path.into(),
        body,
        bearer: Some(API_KEY.into()),
        ..ApiRequest::default()
    }
}

fn body(response: &ApiResponse) -> Value {
    serde_json::from_str(&response.body).unwrap()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "tests write the environment in place"
)]
fn rent(world: &mut World, label: &str, env: Value) -> u64 {
    let found = body(&world.vast(&call("POST", "/api/v0/bundles/", json!({"limit": 64}))));
    let path = format!("/api/v0/asks/{}/", found["offers"][0]["id"]);
    let order =
        json!({"image": "mlnode", "disk": 300, "label": label, "env": env, "onstart": "run"});
    let response = world.vast(&call("PUT", &path, order));
    assert_eq!(response.status, 200, "{}", response.body);
    body(&response)["new_contract"].as_u64().unwrap()
}

#[test]
fn price_includes_disk_over_720_hours() {
    let mut world = world();
    let found = body(&world.vast(&call(
        "POST",
        "/api/v0/bundles/",
        json!({"allocated_storage": 300.0, "num_gpus": {"eq": "4"}}),
    )));
    let offer = &found["offers"][0];
    let expected = offer["dph_base"].as_f64().unwrap()
        + offer["storage_cost"].as_f64().unwrap() * 300.0 / 720.0;
    assert!((offer["dph_total"].as_f64().unwrap() - expected).abs() < 1e-9);
    assert!(
        found["offers"]
            .as_array()
            .unwrap()
            .iter()
            .all(|o| o["num_gpus"] == 4)
    );
}

#[test]
fn expired_lease_destroys_the_machine() {
    let mut world = world();
    let until = (world.now() + seconds(1800.0)).timestamp();
    rent(
        &mut world,
        "ours",
        json!({"POCPIT_LEASE_UNTIL": until.to_string()}),
    );
    world.advance(world.now() + seconds(1790.0));
    assert!(world.truth().rentals[0].ended.is_none());
    world.advance(world.now() + seconds(120.0));
    assert!(world.truth().rentals[0].ended.is_some());
}

#[test]
fn broken_watchdog_ends_no_rental() {
    // Given one rental whose watchdog is dead, and one whose clock is a day behind,
    for (faults, ends) in [
        (
            RandomFaults {
                dead_watchdogs: 1.0,
                ..RandomFaults::default()
            },
            false,
        ),
        (
            RandomFaults {
                wrong_clocks: 1.0,
                ..RandomFaults::default()
            },
            true,
        ),
    ] {
        let mut world = world_with(&faults);
        let until = (world.now() + seconds(1_800.0)).timestamp();
        let env = json!({"POCPIT_LEASE_UNTIL": until.to_string(), "POCPIT_LEASE_SECONDS": "1800"});
        let id = rent(&mut world, "pocpit/home/3/1-abcdefgh", env);
        world.advance(world.now() + seconds(900.0));
        // then reading it back says so,
        let reading = world.tend_lease(id, None);
        let clock: i64 = reading
            .split("now=")
            .nth(1)
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(reading.starts_with("alive=yes"), ends, "{reading}");
        assert_eq!(world.now().timestamp() - clock > 80_000, ends, "{reading}");
        // and what counts the seconds ends in time all the same.
        world.advance(world.now() + seconds(4_000.0));
        assert_eq!(world.truth().rentals[0].ended.is_some(), ends);
    }
}

/// A rental whose order has a lease of so many seconds, and its end.
fn rent_until(world: &mut World, lease: f64) -> (u64, i64) {
    let until = (world.now() + seconds(lease)).timestamp();
    let env = json!({"POCPIT_LEASE_UNTIL": until.to_string()});
    (rent(world, "ours", env), until)
}

#[test]
fn renewed_lease_counts_its_seconds() {
    let mut world = world();
    let (id, until) = rent_until(&mut world, 1_800.0);
    world.advance(world.now() + seconds(1_000.0));
    // Given a renewal from a clock that is a day ahead,
    let until = until + 86_400;
    let reading = world.tend_lease(id, Some(Renewal { until, left: 1_200 }));
    assert!(
        reading.contains(&format!("until={until} left=1200 ")),
        "{reading}"
    );
    world.advance(world.now() + seconds(1_190.0));
    assert!(world.truth().rentals[0].ended.is_none());
    world.advance(world.now() + seconds(120.0));
    assert!(world.truth().rentals[0].ended.is_some());
}

#[test]
fn restarted_container_keeps_its_lease() {
    // Given an order of half an hour, and a container that is restarted after a third of it,
    let mut world = world();
    let until = (world.now() + seconds(9_000.0)).timestamp();
    let env = json!({"POCPIT_LEASE_UNTIL": until.to_string(), "POCPIT_LEASE_SECONDS": "1800"});
    let id = rent(&mut world, "ours", env);
    let running = |world: &World| world.running().contains(&id);
    while !running(&world) {
        world.advance(world.now() + seconds(1.0));
    }
    world.advance(world.now() + seconds(600.0));
    let before = world.tend_lease(id, None);
    let path = format!("/api/v0/instances/reboot/{id}/");
    let rebooted = world.vast(&call("PUT", &path, Value::Null));
    assert_eq!(rebooted.status, 200, "{}", rebooted.body);
    world.advance(world.now() + seconds(60.0));
    // then it counts on, by the host's uptime, and nothing was renewed.
    let after = world.tend_lease(id, None);
    let number = |text: &str, name: &str| -> i64 {
        let (_, rest) = text.split_once(name).unwrap();
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    assert_eq!(number(&before, " left=") - number(&after, " left="), 60);
    assert_eq!(number(&after, " uptime=") - number(&before, " uptime="), 60);
    assert_eq!(number(&after, " until="), until);
    assert!(after.contains(" lease=\n"), "{after}");
}

#[test]
fn recreated_container_has_lost_its_renewal() {
    let mut world = world();
    let (id, until) = rent_until(&mut world, 7_200.0);
    world.advance(world.now() + seconds(1_000.0));
    let until = until + 3_600;
    world.tend_lease(id, Some(Renewal { until, left: 9_800 }));
    let path = format!("/api/v0/instances/recycle/{id}/");
    let recycled = world.vast(&call("PUT", &path, Value::Null));
    assert_eq!(recycled.status, 200, "{}", recycled.body);
    // The order's lease ends it.
    world.advance(world.now() + seconds(6_300.0));
    assert!(world.truth().rentals[0].ended.is_some());
}

#[test]
fn instance_listing_is_paginated() {
    let mut world = world();
    for n in 0..7 {
        rent(&mut world, &format!("label-{n}"), json!({}));
    }
    world.advance(world.now() + seconds(10.0));
    let mut request = call("GET", "/api/v1/instances/", Value::Null);
    request.query.insert("limit".into(), "5".into());
    let first = body(&world.vast(&request));
    assert_eq!(first["instances"].as_array().unwrap().len(), 5);
    request.query.insert(
        "after_token".into(),
        first["next_token"].as_str().unwrap().into(),
    );
    let second = body(&world.vast(&request));
    assert_eq!(second["instances"].as_array().unwrap().len(), 2);
    assert!(second["next_token"].is_null());
}

#[tokio::test]
async fn lost_rent_reply_leaves_a_rental() {
    let scenario = Scenario::named("lost-reply").unwrap();
    let world = serve(WorldOptions {
        seed: 7,
        scenario,
        speed: 60.0,
        ports: None,
    })
    .await
    .unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = |path: &str| world.vast_url().join(path).unwrap();
    let search = http
        .post(url("api/v0/bundles/"))
        .bearer_auth(API_KEY)
        .json(&json!({"limit": 3}));
    let found: Value = search.send().await.unwrap().json().await.unwrap();
    let rent = http
        .put(url(&format!("api/v0/asks/{}/", found["offers"][0]["id"])))
        .bearer_auth(API_KEY);
    assert!(
        rent.json(&json!({"image": "mlnode", "disk": 100, "label": "lost"}))
            .send()
            .await
            .is_err()
    );
    let truth = world.truth();
    assert_eq!(truth.rentals.len(), 1);
    assert_eq!(truth.rentals[0].label, "lost");
}

#[tokio::test]
async fn planned_replies_have_the_date_of_the_world() {
    let fault = |call: &str, kind| Fault {
        service: "vast".into(),
        call: call.into(),
        kind,
        nth: None,
        probability: None,
    };
    let page = FaultKind::GatewayPage { status: 502 };
    let scenario = Scenario {
        faults: vec![fault("GET /api/v0/ssh", page)],
        ..Scenario::default()
    };
    // A second is ten hours.
    let world = serve(WorldOptions {
        seed: 7,
        scenario,
        speed: 36_000.0,
        ports: None,
    })
    .await
    .unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for (path, status) in [("api/v0/ssh/", 502), ("api/v0/users/current/", 200)] {
        let request = http.get(world.vast_url().join(path).unwrap());
        let reply = request.bearer_auth(API_KEY).send().await.unwrap();
        assert_eq!(reply.status(), status, "{path}");
        let date = reply.headers()["date"].to_str().unwrap();
        let date = chrono::DateTime::parse_from_rfc2822(date).unwrap();
        let ahead = date.to_utc() - chrono::Utc::now();
        assert!(ahead > seconds(1_800.0), "{path}: {ahead}");
    }
}
