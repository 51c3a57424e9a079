//! Two hosts of one operator: each with nodes, a callback and weight of its own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{body, call, start};
use crate::world::clock::seconds;
use crate::world::exchange::ApiResponse;
use crate::world::faults::RandomFaults;
use crate::world::host::HostId;
use crate::world::models::MODEL;
use crate::world::network_node::AdminReply;
use crate::world::scenario::{HostDefect, Scenario};
use crate::world::state::World;
use crate::world::{WorldOptions, serve};

pub(super) const EPOCH: u64 = World::FIRST_EPOCH + 1;

pub(super) fn world_of(scenario: Scenario) -> (World, [HostId; 2]) {
    let world = World::new(
        7,
        Scenario {
            hosts: 2,
            ..scenario
        },
        start(),
    );
    let hosts: Vec<HostId> = world.hosts().collect();
    (world, hosts.try_into().unwrap())
}

fn two_hosts() -> (World, [HostId; 2]) {
    world_of(Scenario::default())
}

pub(super) fn admin(
    world: &mut World,
    host: HostId,
    method: &str,
    path: &str,
    body: Value,
) -> ApiResponse {
    match world.admin(host, &call(method, path, body)) {
        AdminReply::Answer(response) => response,
        AdminReply::Waiting => panic!("dapi waits"),
    }
}

/// The number that dapi gave the node.
fn register(world: &mut World, host: HostId, id: &str) -> u64 {
    register_for(world, host, id, MODEL)
}

pub(super) fn register_for(world: &mut World, host: HostId, id: &str, model: &str) -> u64 {
    let config = json!({"id": id, "host": "10.1.1.1", "inference_port": 7_000, "poc_port": 7_001,
        "max_concurrent": 500, "models": {model: {"args": []}}});
    let response = admin(world, host, "POST", "/admin/v1/nodes", config);
    assert_eq!(response.status, 200, "{}", response.body);
    world.hosts[host].nodes[id].number
}

/// A batch with the key of one host, sent to the callback of another.
pub(super) fn deliver(world: &mut World, key_of: HostId, to: HostId, number: u64) -> u16 {
    let height = World::poc_start(EPOCH);
    let batch =
        json!({"public_key": key_of.public_key(), "block_height": height, "node_id": number});
    let path = "/v2/poc-batches/model/generated";
    world.callback(to, &call("POST", path, batch)).status
}

pub(super) fn advance_to(world: &mut World, offset: u64) {
    world.advance(world.block_time(World::poc_start(EPOCH) + offset));
}

/// Weight by participant and node, as the public API has it.
fn active(world: &World) -> BTreeMap<String, BTreeMap<String, u64>> {
    let request = call("GET", "/v1/epochs/current/participants", Value::Null);
    let reply = body(&world.public_api(&request));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let rows = reply["active_participants"]["participants"].as_array();
    let rows = rows.unwrap().iter();
    rows.map(|row| {
        let nodes = row["ml_nodes"][0]["ml_nodes"].as_array().unwrap().iter();
        let weight = |node: &Value| text(&node["poc_weight"]).parse().unwrap();
        let nodes = nodes.map(|node| (text(&node["node_id"]), weight(node)));
        (text(&row["index"]), nodes.collect())
    })
    .collect()
}

#[test]
fn each_host_has_the_weight_of_its_own_nodes() {
    // Given a node of ours at each of two hosts, with twice the work at the second one,
    let (mut world, [first, second]) = two_hosts();
    let one = register(&mut world, first, "one");
    let two = register(&mut world, second, "two");
    advance_to(&mut world, 10);
    for (host, number, batches) in [(first, one, 10), (second, two, 20)] {
        for _ in 0..batches {
            assert_eq!(deliver(&mut world, host, host, number), 200);
        }
    }
    // when the weights are active,
    advance_to(&mut world, 310);
    // then the chain's list has each node under its participant,
    let list = active(&world);
    let of = |host: HostId| &list[&host.participant()];
    assert_eq!(of(first)["one"], 370);
    assert_eq!(of(second)["two"], 740);
    assert!(!of(first).contains_key("two") && !of(second).contains_key("one"));
    // and so does the truth, for a judge.
    let truth = world.truth();
    for (host, node, weight) in [(first, "one", 370), (second, "two", 740)] {
        let host = &truth.hosts[&host];
        assert_eq!(host.weights[&EPOCH][node], weight);
        assert_eq!(host.batches[&EPOCH].keys().collect::<Vec<_>>(), [node]);
        assert_eq!(world.weight(EPOCH, node), Some(weight));
    }
}

#[test]
fn batches_at_the_wrong_callback_make_no_weight() {
    // Given nodes with the same number at both hosts, and the machine of the second one's,
    let (mut world, [first, second]) = two_hosts();
    let one = register(&mut world, first, "one");
    assert_eq!(register(&mut world, second, "two"), one);
    advance_to(&mut world, 10);
    // when its batches arrive at the first one's callback,
    assert_eq!(deliver(&mut world, second, first, one), 200);
    // then they count for nobody; nor does a number that is unknown there.
    assert_eq!(deliver(&mut world, second, first, 77), 400);
    advance_to(&mut world, 310);
    for host in [first, second] {
        assert!(!world.hosts[host].batches.contains_key(&EPOCH));
        assert!(!world.hosts[host].weights[&EPOCH].contains_key("one"));
    }
}

#[test]
fn restart_of_one_dapi_leaves_the_other() {
    // Given restarts of both in the same hours, at times of their own,
    let (mut world, [first, second]) = world_of(Scenario {
        random_faults: RandomFaults {
            dapi_restarts: 1.0,
            ..RandomFaults::default()
        },
        ..Scenario::default()
    });
    register(&mut world, first, "one");
    let two = register(&mut world, second, "two");
    // when the first one is down and the second one is not,
    while world.dapi_is_up(first) || !world.dapi_is_up(second) {
        world.advance(world.now() + seconds(2.0));
    }
    let epoch = world.epoch();
    while !world.dapi_is_up(first) {
        assert!(world.callback_is_up(second) && !world.callback_is_up(first));
        let listed = admin(&mut world, second, "GET", "/admin/v1/nodes", Value::Null);
        assert_eq!(body(&listed).as_array().unwrap().len(), 3);
        world.advance(world.now() + seconds(2.0));
    }
    world.advance(world.now() + seconds(2.0));
    // then only the first one has registered its nodes anew.
    assert_eq!(world.hosts[first].nodes["one"].admin_epoch, epoch);
    assert_eq!(world.hosts[second].nodes["two"].number, two);
    assert_eq!(world.registered().len(), 6);
}

#[test]
fn each_network_node_names_its_own_callback() {
    let (mut world, [first, second]) = two_hosts();
    for (host, url) in [(first, "http://api:9100"), (second, "http://api:9101")] {
        let config = admin(&mut world, host, "GET", "/admin/v1/config", Value::Null);
        let config = body(&config);
        assert_eq!(config["api"]["poc_callback_url"], url);
        assert_eq!(
            config["chain_node"]["account_public_key"],
            host.participant()
        );
    }
}

#[test]
fn chain_has_a_record_of_each_host() {
    // Given a first host without collateral that made no choice for a model,
    let (world, [first, second]) = world_of(Scenario {
        defects: vec![HostDefect::CollateralMissing, HostDefect::DelegationMissing],
        ..Scenario::default()
    });
    let rest = |path: String| {
        let path = format!("/productscience/inference/{path}");
        world.public_api(&call("GET", &path, Value::Null))
    };
    for (host, status, delegations) in [(first, 404, 0), (second, 200, 1)] {
        let address = host.participant();
        // then both are participants, and only the second one has what the first one lacks,
        let record = rest(format!("inference/participant/{address}"));
        assert_eq!(body(&record)["participant"]["address"], address);
        assert_eq!(
            rest(format!("collateral/collateral/{address}")).status,
            status
        );
        let chosen = body(&rest(format!("inference/poc_delegation/{address}")));
        let chosen = chosen["delegations"].as_array().unwrap();
        assert_eq!(chosen.len(), delegations);
        assert!(chosen.iter().all(|one| one["delegator"] == address));
    }
    // and both are members of the epoch.
    let group = body(&rest("inference/current_epoch_group_data".into()));
    let members = group["epoch_group_data"]["validation_weights"].as_array();
    let members = members.unwrap().iter();
    let members: Vec<&Value> = members.map(|member| &member["member_address"]).collect();
    assert_eq!(
        members[..2],
        [first, second]
            .map(|host| json!(host.participant()))
            .each_ref()
    );
}

#[tokio::test]
async fn served_world_listens_for_each_host() {
    let options = WorldOptions {
        seed: 7,
        scenario: Scenario {
            hosts: 2,
            public_callback: true,
            ..Scenario::default()
        },
        speed: 1.0,
        ports: None,
    };
    let world = serve(options).await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for host in world.hosts() {
        let url = world.admin_url_of(host).join("admin/v1/config").unwrap();
        let config: Value = http.get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(
            config["chain_node"]["account_public_key"],
            host.participant()
        );
        let callback = format!("http://{}", world.callback_addr_of(host));
        assert_eq!(config["api"]["poc_callback_url"], callback);
        let versions = http.get(format!("{callback}/versions")).send().await;
        assert_eq!(versions.unwrap().status(), 200);
    }
}
