//! The chain in virtual time, against the guide's tables.

use chrono::TimeZone as _;
use serde_json::{Value, json};

use crate::domain::Time;
use crate::world::exchange::{ApiRequest, ApiResponse};
use crate::world::host::{HostId, PARTICIPANT};
use crate::world::model::PocPhase;
use crate::world::scenario::{ChainAccess, ChainAge, ChainProxy, NetworkRelease, Scenario};
use crate::world::state::{COLLEAGUE, World};

const EPOCH: u64 = World::FIRST_EPOCH + 1;

fn start() -> Time {
    chrono::Utc.with_ymd_and_hms(2026, 11, 24, 6, 0, 0).unwrap()
}

/// A world of this release, `offset` blocks after the start of the first `PoC`.
fn world_at(offset: u64, scenario: Scenario) -> World {
    let mut world = World::new(7, scenario, start());
    world.advance(world.block_time(World::poc_start(EPOCH) + offset));
    world
}

fn of(release: NetworkRelease) -> Scenario {
    Scenario {
        network_release: release,
        ..Scenario::default()
    }
}

fn get(path: &str) -> ApiRequest {
    let (path, height) = path.split_once("?height=").unwrap_or((path, ""));
    let height = (!height.is_empty()).then(|| ("height".to_owned(), height.to_owned()));
    ApiRequest {
        method: "GET".into(),
        path: path.into(),
        query: height.into_iter().collect(),
        ..ApiRequest::default()
    }
}

fn body(response: &ApiResponse) -> Value {
    serde_json::from_str(&response.body).unwrap()
}

fn epoch(world: &World) -> Value {
    body(&world.public_api(&get("/v1/epochs/latest")))
}

fn sum(world: &World) -> u64 {
    world.hosts[HostId::FIRST].active.values().sum()
}

#[test]
fn shapes_of_a_reply_follow_the_release() {
    let confirmed = |release| Scenario {
        confirmation_after: 700,
        ..of(release)
    };
    for release in [NetworkRelease::V0_2_14, NetworkRelease::V0_2_16] {
        let reply = epoch(&world_at(790, confirmed(release)));
        assert_eq!(reply["epoch_params"]["epoch_length"], json!(15_391));
        // Zero fields are absent.
        assert!(
            reply["epoch_params"]
                .get("poc_validation_max_duration")
                .is_none()
        );
        let event = &reply["active_confirmation_poc_event"];
        assert_eq!(
            (&event["phase"], event.get("event_sequence")),
            (&json!(2), None)
        );
    }
    let reply = epoch(&world_at(790, confirmed(NetworkRelease::V0_2_15)));
    let params = &reply["epoch_params"]["epoch_params"];
    assert_eq!(params["epoch_length"], json!("15391"));
    assert_eq!(params["poc_validation_max_duration"], json!("0"));
    assert_eq!(
        params["poc_slot_allocation"],
        json!({"value": "5", "exponent": -1})
    );
    let event = &reply["active_confirmation_poc_event"];
    assert_eq!(event["phase"], json!("CONFIRMATION_POC_GENERATION"));
    assert_eq!(event["event_sequence"], json!("0"));
    assert!(reply["block_height"].is_u64() && reply["epoch_stages"]["poc_start"].is_u64());
}

#[test]
fn participants_follow_the_release() {
    let path = "/v1/epochs/current/participants";
    for (release, weight) in [
        (NetworkRelease::V0_2_14, json!(48_213)),
        (NetworkRelease::V0_2_15, json!("48213")),
    ] {
        let reply = body(&world_at(400, of(release)).public_api(&get(path)));
        let others = &reply["active_participants"]["participants"][1];
        assert_eq!(others["weight"], weight);
        assert_eq!(others["ml_nodes"][0]["ml_nodes"][0]["poc_weight"], weight);
    }
}

#[test]
fn stage_offsets_follow_the_table() {
    let reply = epoch(&world_at(10, Scenario::default()));
    let stages = &reply["epoch_stages"];
    let offset = |name: &str| stages[name].as_u64().unwrap() - World::poc_start(EPOCH);
    for (name, wanted) in [
        ("poc_generation_wind_down", 48),
        ("poc_generation_end", 60),
        ("poc_validation_start", 65),
        ("poc_validation_wind_down", 161),
        ("poc_validation_end", 185),
        ("set_new_validators", 305),
        ("claim_money", 306),
        ("inference_validation_cutoff", 15_311),
        ("next_poc_start", 15_391),
    ] {
        assert_eq!(offset(name), wanted, "{name}");
    }
    let window = |name: &str| {
        let ends = ["start", "end"].map(|end| stages[name][end].as_u64().unwrap());
        ends.map(|end| end - World::poc_start(EPOCH))
    };
    assert_eq!(window("poc_exchange_window"), [1, 65]);
    assert_eq!(window("poc_validation_exchange_window"), [66, 185]);
}

#[test]
fn confirmation_windows_follow_the_table() {
    let scenario = Scenario {
        confirmation_after: 700,
        ..of(NetworkRelease::V0_2_14)
    };
    // G is 80 blocks after the trigger.
    for (offset, phase, counts) in [
        (699, None, false),
        (700, Some(1), false),
        (779, Some(1), false),
        (780, Some(2), true),
        (839, Some(2), true),
        (844, Some(2), true),
        (845, Some(2), false),
        (848, Some(2), false),
        (849, Some(3), false),
        (968, Some(3), false),
        (969, Some(4), false),
        (1_088, Some(4), false),
        (1_089, None, false),
    ] {
        let mut world = world_at(offset, scenario.clone());
        let event = epoch(&world)["active_confirmation_poc_event"].clone();
        assert_eq!(event["phase"].as_u64(), phase, "{offset}");
        let batch = ApiRequest {
            method: "POST".into(),
            ..get("/v2/poc-batches/model/generated")
        };
        // 503 out of its time; here the node is not known.
        assert_eq!(
            world.callback(HostId::FIRST, &batch).status == 400,
            counts,
            "{offset}"
        );
        let works = (780..969).contains(&offset);
        assert_eq!(
            world.round(HostId::FIRST) != PocPhase::Inference,
            works,
            "{offset}"
        );
    }
}

#[test]
fn triggers_keep_to_their_window() {
    let event = |after: u64, upgrade: u64| {
        let scenario = Scenario {
            confirmation_after: after,
            upgrade_before_poc: upgrade,
            ..Scenario::default()
        };
        World::new(7, scenario, start()).events(EPOCH).len()
    };
    let last = 15_391 - 890;
    let counts = [304, 305, last, last + 1].map(|after| event(after, 0));
    assert_eq!(counts, [0, 1, 1, 0]);
    // None near an upgrade, here 10 blocks before the PoC.
    assert_eq!([event(489, 10), event(490, 10)], [0, 1]);
}

#[test]
fn several_confirmations_never_overlap() {
    let mut scenario = Scenario::default();
    scenario.random_faults.confirmations = 3.0;
    let world = World::new(7, scenario, start());
    let counts = (EPOCH..EPOCH + 200).map(|epoch| {
        let events = world.events(epoch);
        for pair in events.windows(2) {
            assert!(pair[0].gone <= pair[1].trigger, "{events:?}");
        }
        events.len()
    });
    let all: usize = counts.sum();
    assert!((450..650).contains(&all), "{all} in 200 epochs");
}

#[test]
fn failed_confirmation_removes_the_participant() {
    let scenario = Scenario {
        confirmation_after: 700,
        ..Scenario::default()
    };
    let mut world = world_at(400, scenario);
    // Most of the weight is of a node that is gone.
    world.hosts[HostId::FIRST]
        .active
        .insert("gone".into(), 50_000);
    let all = sum(&world);
    world.advance(world.block_time(World::poc_start(EPOCH) + 968));
    assert!(world.hosts[HostId::FIRST].inactive.is_empty());
    world.advance(world.block_time(World::poc_start(EPOCH) + 970));
    let result = world.hosts[HostId::FIRST].confirmations[&EPOCH];
    assert_eq!(result.expected, all * 3 / 8);
    assert!(result.costs_the_reward(), "{result:?}");
    let list = body(&world.public_api(&get("/v1/epochs/current/participants")));
    assert!(!list.to_string().contains(PARTICIPANT), "{list}");
}

#[test]
fn failure_rule_is_strict_and_allows_for_chance() {
    let costs = |confirmed| {
        crate::world::truth::Confirmation {
            expected: 100_000,
            confirmed,
        }
        .costs_the_reward()
    };
    // 0.5 × 0.909 of what is expected.
    assert!(costs(45_449) && !costs(45_450));
}

#[test]
fn challenge_needs_v0_2_16_and_time() {
    let challenged = |release, after, offset| {
        let scenario = Scenario {
            challenge_after: after,
            ..of(release)
        };
        let mut world = world_at(offset, scenario);
        world.hosts[HostId::FIRST]
            .active
            .insert("ours".into(), 2_000);
        world.challenge_is_open(HostId::FIRST, "ours")
            && !world.challenge_is_open(HostId::FIRST, COLLEAGUE)
    };
    let (old, new) = (NetworkRelease::V0_2_15, NetworkRelease::V0_2_16);
    assert!(!challenged(old, 1_000, 1_001));
    // It begins in the next block and lasts until 500 blocks before the next PoC.
    assert!(!challenged(new, 1_000, 1_000) && challenged(new, 1_000, 1_001));
    let end = 15_391 - 500;
    assert!(challenged(new, 1_000, end - 1) && !challenged(new, 1_000, end));
    // Only while 300 blocks remain can it be opened.
    assert!(challenged(new, end - 300, end - 1) && !challenged(new, end - 299, end - 1));
}

#[test]
fn challenged_node_without_hardware_loses_the_epoch() {
    let scenario = Scenario {
        challenge_after: 1_000,
        confirmation_after: 4_000,
        ..of(NetworkRelease::V0_2_16)
    };
    let mut world = world_at(400, scenario);
    world.hosts[HostId::FIRST]
        .active
        .insert("gone".into(), 50_000);
    // The confirmation cuts it into segments; the first ends where generation starts.
    world.advance(world.block_time(World::poc_start(EPOCH) + 4_079));
    assert!(
        world.hosts[HostId::FIRST].inactive.is_empty()
            && world.challenge_is_open(HostId::FIRST, "gone")
    );
    world.advance(world.block_time(World::poc_start(EPOCH) + 4_081));
    assert!(world.hosts[HostId::FIRST].challenges[&EPOCH].costs_the_reward());
    assert!(world.hosts[HostId::FIRST].inactive.contains(&EPOCH));
}

#[test]
fn proxy_serves_no_chain_by_default() {
    let paths = [
        "/chain-rpc/status",
        "/chain-api/cosmos/upgrade/v1beta1/current_plan",
    ];
    let answer = |proxy, path: &str| {
        let scenario = Scenario {
            chain_access: ChainAccess {
                proxy,
                ..ChainAccess::default()
            },
            ..Scenario::default()
        };
        world_at(400, scenario).public_api(&get(path)).status
    };
    assert_eq!(
        paths.map(|path| answer(ChainProxy::Closed, path)),
        [404, 404]
    );
    assert_eq!(paths.map(|path| answer(ChainProxy::Open, path)), [200, 200]);
}

#[test]
fn pruned_node_refuses_old_blocks() {
    let scenario = Scenario {
        chain_access: ChainAccess {
            blocks_kept: 100,
            ..ChainAccess::default()
        },
        ..Scenario::default()
    };
    let world = world_at(400, scenario);
    let earliest = world.height() - 99;
    let status = body(&world.rpc(&get("/status")));
    let told = &status["result"]["sync_info"]["earliest_block_height"];
    assert_eq!(*told, json!(earliest.to_string()));
    let ask = |height: u64| world.rpc(&get(&format!("/block?height={height}")));
    assert_eq!(ask(earliest).status, 200);
    for (height, words) in [
        (0, "height must be greater than 0".to_owned()),
        (
            earliest - 1,
            format!("is not available, lowest height is {earliest}"),
        ),
    ] {
        let answer = ask(height);
        assert_eq!(answer.status, 500);
        assert!(
            answer.body.contains("-32603") && answer.body.contains(&words),
            "{}",
            answer.body
        );
    }
}

#[test]
fn newborn_chain_begins_with_epoch_zero() {
    let scenario = Scenario {
        blocks_before_poc: 15_391 - 20,
        chain_access: ChainAccess {
            age: ChainAge::Newborn,
            ..ChainAccess::default()
        },
        ..Scenario::default()
    };
    let world = World::new(7, scenario, start());
    let reply = epoch(&world);
    assert_eq!(reply["latest_epoch"]["index"], json!(0));
    assert_eq!(reply["block_height"], json!(21));
    for (name, height) in reply["epoch_stages"].as_object().unwrap() {
        let wanted = if name == "next_poc_start" { 15_392 } else { 0 };
        assert!(
            height.is_object() || *height == json!(wanted),
            "{name}: {height}"
        );
    }
    assert_eq!(reply["next_epoch_stages"]["poc_start"], json!(15_392));
    let list = world.public_api(&get("/v1/epochs/current/participants"));
    assert_eq!(list.status, 400);
    assert!(list.body.contains("Epoch enumeration starts with 1"));
}

#[test]
fn releases_are_told_by_both_interfaces() {
    for (release, nodes, is_applied) in [
        (NetworkRelease::V0_2_15, false, false),
        (NetworkRelease::V0_2_16, true, true),
    ] {
        let world = world_at(400, of(release));
        let versions = body(&world.public_api(&get("/v1/versions")));
        assert_eq!(versions.get("mlnodes").is_some(), nodes);
        let plan = "/cosmos/upgrade/v1beta1/applied_plan/v0.2.16";
        let height = &body(&world.public_api(&get(plan)))["height"];
        assert_eq!(*height != json!("0"), is_applied, "{release}");
    }
}
