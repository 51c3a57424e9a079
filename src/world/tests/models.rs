//! Several models: each node's weight is for its own, and models that a host does not serve cost it weight.

use serde_json::{Value, json};

use super::hosts::{EPOCH, admin, advance_to, deliver, register_for, world_of};
use super::{body, call, start};
use crate::world::host::HostId;
use crate::world::models::{MODEL, SECOND_MODEL};
use crate::world::scenario::{ChainAccess, ChainAge, HostDefect, PocChoice, Scenario};
use crate::world::state::World;

const BATCHES: u64 = 100;
/// What so many batches weigh.
const WHOLE: u64 = 3_700;

fn both_models() -> Scenario {
    Scenario {
        models: vec![MODEL.into(), SECOND_MODEL.into()],
        ..Scenario::default()
    }
}

/// A node of ours at each of these hosts, for a model, works through the `PoC` until its weights are active.
fn play(world: &mut World, nodes: &[(HostId, &str)]) {
    let numbers = nodes
        .iter()
        .map(|(host, model)| register_for(world, *host, "ours", model));
    let numbers: Vec<u64> = numbers.collect();
    advance_to(world, 10);
    for ((host, _), number) in nodes.iter().zip(numbers) {
        for _ in 0..BATCHES {
            assert_eq!(deliver(world, *host, *host, number), 200);
        }
    }
    advance_to(world, 310);
}

fn weight(world: &World, host: HostId) -> u64 {
    world.hosts[host].weights[&EPOCH]["ours"]
}

#[test]
fn model_neither_served_nor_delegated_costs_15_percent() {
    // Given a host that serves one of two models of the PoC, and its choice for the other one,
    for (unserved_models, expected) in [
        (PocChoice::Delegated, WHOLE),
        (PocChoice::Refused, WHOLE - WHOLE / 10),
        (PocChoice::Missing, WHOLE - WHOLE * 15 / 100),
    ] {
        let scenario = Scenario {
            unserved_models,
            ..Scenario::default()
        };
        let mut world = World::new(7, scenario, start());
        // when it forms weight, then the choice decides how much is left.
        play(&mut world, &[(HostId::FIRST, MODEL)]);
        assert_eq!(
            weight(&world, HostId::FIRST),
            expected,
            "{unserved_models:?}"
        );
    }
}

#[test]
fn missing_choice_of_one_host_costs_only_that_one() {
    let (mut world, [first, second]) = world_of(Scenario {
        defects: vec![HostDefect::DelegationMissing],
        ..Scenario::default()
    });
    play(&mut world, &[(first, MODEL), (second, MODEL)]);
    assert_eq!(weight(&world, first), WHOLE - WHOLE * 15 / 100);
    assert_eq!(weight(&world, second), WHOLE);
}

#[test]
fn served_models_cost_nothing() {
    // Given two hosts that chose nothing: the first one serves one model, the second one both, since a
    // colleague's node serves the other,
    let (mut world, [first, second]) = world_of(Scenario {
        unserved_models: PocChoice::Missing,
        ..both_models()
    });
    play(&mut world, &[(first, MODEL), (second, SECOND_MODEL)]);
    // then only the first one loses weight.
    assert_eq!(weight(&world, first), WHOLE - WHOLE * 15 / 100);
    assert_eq!(weight(&world, second), WHOLE);
}

#[test]
fn no_penalty_before_its_first_epoch() {
    // Given a chain whose first epochs are far from `penalty_start_epoch`,
    let scenario = Scenario {
        unserved_models: PocChoice::Missing,
        chain_access: ChainAccess {
            age: ChainAge::Newborn,
            ..ChainAccess::default()
        },
        ..Scenario::default()
    };
    let mut world = World::new(7, scenario, start());
    play(&mut world, &[(HostId::FIRST, MODEL)]);
    assert_eq!(weight(&world, HostId::FIRST), WHOLE);
}

#[test]
fn choices_are_told_as_they_are() {
    for (unserved_models, [delegated, refused]) in [
        (PocChoice::Delegated, [1, 0]),
        (PocChoice::Refused, [0, 1]),
        (PocChoice::Missing, [0, 0]),
    ] {
        let scenario = Scenario {
            unserved_models,
            ..Scenario::default()
        };
        let world = World::new(7, scenario, start());
        let address = HostId::FIRST.participant();
        let path = format!("/productscience/inference/inference/poc_delegation/{address}");
        let told = body(&world.public_api(&call("GET", &path, Value::Null)));
        let count = |name: &str| told[name].as_array().unwrap().len();
        assert_eq!(
            [count("delegations"), count("refusals")],
            [delegated, refused]
        );
    }
}

#[test]
fn weight_is_listed_under_the_model_of_its_node() {
    // Given a host with a node for the second model, beside a colleague's for the first,
    let mut world = World::new(7, both_models(), start());
    let host = HostId::FIRST;
    play(&mut world, &[(host, SECOND_MODEL)]);
    // then the list of participants, the Network Node's list and the commits tell the model of each.
    let path = "/v1/epochs/current/participants";
    let list = body(&world.public_api(&call("GET", path, Value::Null)));
    let row = &list["active_participants"]["participants"][0];
    assert_eq!(row["models"], json!([MODEL, SECOND_MODEL]));
    let nodes: Vec<&Value> = [0, 1]
        .map(|at| &row["ml_nodes"][at]["ml_nodes"][0]["node_id"])
        .into();
    assert_eq!(nodes, ["colleague-1", "ours"]);
    let rows = body(&admin(
        &mut world,
        host,
        "GET",
        "/admin/v1/nodes",
        Value::Null,
    ));
    let mut rows = rows.as_array().unwrap().iter();
    let ours = rows.find(|row| row["node"]["id"] == "ours").unwrap();
    assert_eq!(
        ours["state"]["epoch_ml_nodes"][SECOND_MODEL]["poc_weight"],
        WHOLE
    );
    let height = World::poc_start(EPOCH);
    let path = format!("/productscience/inference/inference/all_poc_v2_store_commits/{height}");
    let commits = body(&world.public_api(&call("GET", &path, Value::Null)));
    let commits = commits["commits"].as_array().unwrap();
    assert_eq!(commits.len(), 1);
    assert_eq!(
        (&commits[0]["model_id"], &commits[0]["count"]),
        (&json!(SECOND_MODEL), &json!(BATCHES))
    );
}

#[test]
fn only_approved_models_are_registered() {
    let config = json!({"id": "ours", "host": "10.1.1.1", "inference_port": 7_000, "poc_port": 7_001,
        "max_concurrent": 500, "models": {SECOND_MODEL: {"args": []}}});
    for (scenario, status) in [(Scenario::default(), 400), (both_models(), 200)] {
        let approved = scenario.models.clone();
        let mut world = World::new(7, scenario, start());
        let path = "/admin/v1/nodes";
        let reply = admin(&mut world, HostId::FIRST, "POST", path, config.clone());
        assert_eq!(reply.status, status, "{}", reply.body);
        let catalogue = call("GET", "/v1/governance/models", Value::Null);
        let catalogue = body(&world.public_api(&catalogue));
        let rows = catalogue["models"].as_array().unwrap().iter();
        let ids: Vec<&str> = rows.map(|row| row["id"].as_str().unwrap()).collect();
        assert_eq!(ids, approved);
    }
}

#[test]
fn every_named_scenario_makes_a_world() {
    for name in Scenario::NAMES {
        let scenario = Scenario::named(name).unwrap();
        let world = World::new(7, scenario, start());
        let counts = [
            world.hosts().count(),
            world.accounts().count(),
            world.scenario.models.len(),
        ];
        let expected = if name == "fleet" { [2; 3] } else { [1; 3] };
        assert_eq!(counts, expected, "{name}");
    }
}
