//! The market's replies: shapes, states, limits and money.

mod accounts;
mod documented;
mod listing;
mod market;
mod money;
mod oddities;
mod orders;
mod states;

use chrono::TimeZone as _;
use serde_json::{Value, json};

use crate::world::account::API_KEY;
use crate::world::clock::seconds;
use crate::world::exchange::{ApiRequest, ApiResponse};
use crate::world::oddity::MarketOddity;
use crate::world::scenario::Scenario;
use crate::world::state::World;

fn world(scenario: Scenario) -> World {
    let start = chrono::Utc.with_ymd_and_hms(2026, 11, 24, 6, 0, 0).unwrap();
    let scenario = Scenario {
        rate_limits: false,
        ..scenario
    };
    World::new(7, scenario, start)
}

fn odd(oddity: MarketOddity) -> World {
    world(Scenario {
        market_oddities: vec![oddity],
        ..Scenario::default()
    })
}

fn request(method: &str, path: &str, body: &Value) -> ApiRequest {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let query = url::form_urlencoded::parse(query.as_bytes()).into_owned();
    ApiRequest {
        method: method.into(),
        path: format!("/api/{path}/"),
        query: query.collect(),
        body: body.clone(),
        bearer: Some(API_KEY.into()),
        ..ApiRequest::default()
    }
}

fn send(world: &mut World, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let ApiResponse { status, body, .. } = world.vast(&request(method, path, body));
    // What no JSON can hold is null, as for pocpit.
    let lenient = body.replace(":NaN", ":null").replace(":Infinity", ":null");
    (
        status,
        serde_json::from_str(&lenient).unwrap_or(Value::String(body)),
    )
}

fn get(world: &mut World, path: &str) -> (u16, Value) {
    send(world, "GET", path, &Value::Null)
}

fn search(world: &mut World, query: &Value) -> Vec<Value> {
    let (_, found) = send(world, "POST", "v0/bundles", query);
    found["offers"].as_array().unwrap().clone()
}

fn try_rent(world: &mut World, more: Value) -> (u16, Value) {
    let query = json!({"num_gpus": {"eq": 4}, "order": [["dph_total", "asc"]]});
    let offers = search(world, &query);
    // An odd row has none.
    let mut asks = offers.iter().filter_map(|offer| offer["id"].as_u64());
    let ask = asks.next().unwrap();
    let mut order = json!({"image": "net/image:1", "disk": 100, "label": "pocpit/ours", "onstart": "run",
        "env": {"A": "1", "-p 8080:8080": "1"}, "runtype": "ssh_direc ssh_proxy"});
    if let (Some(order), Value::Object(more)) = (order.as_object_mut(), more) {
        order.extend(more);
    }
    send(world, "PUT", &format!("v0/asks/{ask}"), &order)
}

fn rent(world: &mut World, more: Value) -> u64 {
    let (status, reply) = try_rent(world, more);
    assert_eq!(status, 200, "{reply}");
    pass(world, 10.0);
    reply["new_contract"].as_u64().unwrap()
}

fn pass(world: &mut World, time: f64) {
    world.advance(world.now() + seconds(time));
}

fn row(world: &mut World, id: u64) -> Value {
    get(world, &format!("v0/instances/{id}")).1["instances"].clone()
}

fn states(row: &Value) -> [&Value; 3] {
    ["intended_status", "cur_state", "actual_status"].map(|name| &row[name])
}
