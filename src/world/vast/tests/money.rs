//! Credit and charges.

use serde_json::json;

use super::{get, pass, rent, row, search, send, states, try_rent, world};
use crate::world::scenario::Scenario;
use crate::world::state::World;

#[test]
fn empty_account_stops_every_machine() {
    let mut world = world(Scenario {
        credit: 12.0,
        ..Scenario::default()
    });
    let id = rent(&mut world, json!({}));
    pass(&mut world, 6.0 * 3_600.0);
    // The machine was stopped in time, and its disk is billed on.
    let credit = |world: &mut World| get(world, "v0/users/current").1["credit"].as_f64().unwrap();
    let first = credit(&mut world);
    assert!(first < 0.0 && first > -0.5, "{first}");
    assert_eq!(
        states(&row(&mut world, id)),
        ["stopped", "stopped", "exited"]
    );
    pass(&mut world, 3_600.0);
    assert!(credit(&mut world) < first);
    // Nothing starts, nothing is rented.
    let start = json!({"state": "running"});
    let (status, reply) = send(&mut world, "PUT", &format!("v0/instances/{id}"), &start);
    assert_eq!((status, &reply["error"]), (400, &json!("missing_billing")));
    let (status, reply) = try_rent(&mut world, json!({}));
    assert_eq!(
        (status, &reply["error"]),
        (400, &json!("insufficient_credit"))
    );
}

#[test]
fn charges_are_what_was_spent() {
    let mut world = world(Scenario::default());
    let id = rent(&mut world, json!({"label": "ours"}));
    // Over midnight, so that two days have charges.
    pass(&mut world, 20.0 * 3_600.0);
    send(
        &mut world,
        "DELETE",
        &format!("v0/instances/{id}"),
        &json!({}),
    );
    pass(&mut world, 30.0 * 3_600.0);
    let (from, to) = (
        world.now().timestamp() - 4 * 86_400,
        world.now().timestamp(),
    );
    let path = format!("v0/charges?select_filters={{\"day\":{{\"gte\":{from},\"lte\":{to}}}}}");
    let (_, charges) = get(&mut world, &path);
    let row = &charges["results"][0];
    assert_eq!(row["source"], format!("instance-{id}"));
    assert_eq!(row["metadata"], json!({"label": "ours"}));
    assert_eq!(
        row["description"],
        format!("Instance {id} Charges - 2 days")
    );
    let amount = row["amount"].as_f64().unwrap();
    assert!((amount - world.spend().dollars()).abs() < 0.001, "{row}");
    let (status, _) = get(&mut world, "v0/charges");
    assert_eq!(status, 400);
}

#[test]
fn debt_never_has_a_running_machine() {
    let mut world = world(Scenario {
        credit: 90.0,
        ..Scenario::default()
    });
    for _ in 0..6 {
        rent(&mut world, json!({}));
    }
    let mut debt = 0.0_f64;
    // In steps of the world's own choice, and in long ones.
    for step in [60.0, 600.0, 3_600.0, 40_000.0, 86_400.0, 864_000.0] {
        pass(&mut world, step);
        let credit = get(&mut world, "v0/users/current").1["credit"].as_f64();
        debt = debt.min(credit.unwrap());
        let (_, list) = get(&mut world, "v1/instances");
        let mut rows = list["instances"].as_array().unwrap().iter();
        let runs = rows.any(|row| row["intended_status"] == "running");
        assert!(!runs || debt > -20.0, "{debt}");
        assert_eq!(runs, debt >= 0.0, "{debt} after {step} s");
    }
    // Storage is billed on, so the debt grows.
    assert!(debt < -1.0, "{debt}");
}

#[test]
fn gpu_of_empty_account_is_let_to_others() {
    let mut world = world(Scenario {
        credit: 12.0,
        ..Scenario::default()
    });
    let id = rent(&mut world, json!({}));
    let machine = row(&mut world, id)["machine_id"].clone();
    while row(&mut world, id)["intended_status"] == "running" {
        pass(&mut world, 600.0);
    }
    let query = json!({"machine_id": {"eq": machine}});
    assert!(
        search(&mut world, &query).is_empty(),
        "somebody else has it"
    );
}
