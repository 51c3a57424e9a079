//! What an instance is, and what it was told to be.

use serde_json::{Value, json};

use super::{pass, rent, row, send, states, try_rent, world};
use crate::world::scenario::Scenario;

#[test]
fn stopped_machine_loses_its_gpus() {
    let mut world = world(Scenario::default());
    let id = rent(&mut world, json!({}));
    pass(&mut world, 600.0);
    assert_eq!(
        states(&row(&mut world, id)),
        ["running", "running", "running"]
    );
    // When it is stopped, then only its disk costs.
    let path = format!("v0/instances/{id}");
    let stop = json!({"state": "stopped"});
    let start = json!({"state": "running"});
    send(&mut world, "PUT", &path, &stop);
    let stopped = row(&mut world, id);
    assert_eq!(states(&stopped), ["stopped", "stopped", "exited"]);
    assert_eq!(
        stopped["instance"]["totalHour"],
        stopped["storage_total_cost"]
    );
    let before = world.spend();
    pass(&mut world, 1_800.0);
    let disk = stopped["storage_total_cost"].as_f64().unwrap() * 0.5;
    assert!(((world.spend() - before).dollars() - disk).abs() < 0.001);
    // A start waits for the GPUs, which others have by now: an order that stays.
    let (status, reply) = send(&mut world, "PUT", &path, &start);
    assert_eq!(
        (status, &reply["error"]),
        (200, &json!("resources_unavailable"))
    );
    assert_eq!(
        states(&row(&mut world, id)),
        ["running", "stopped", "exited"]
    );
    pass(&mut world, 6.5 * 3_600.0);
    assert_eq!(
        states(&row(&mut world, id)),
        ["running", "running", "running"]
    );
    // A start at once has them still.
    send(&mut world, "PUT", &path, &stop);
    let (_, reply) = send(&mut world, "PUT", &path, &start);
    assert_eq!(reply, json!({"success": true}));
}

#[test]
fn contract_born_stopped_never_boots() {
    let mut world = world(Scenario {
        born_stopped: 1,
        ..Scenario::default()
    });
    let (status, reply) = try_rent(&mut world, json!({}));
    assert_eq!((status, &reply["success"]), (200, &json!(false)));
    let id = reply["new_contract"].as_u64().unwrap();
    pass(&mut world, 3_600.0);
    assert_eq!(
        states(&row(&mut world, id)),
        [&json!("stopped"), &json!("stopped"), &Value::Null]
    );
    assert!(world.spend().dollars() > 0.0, "its disk costs");
    let (_, reply) = try_rent(&mut world, json!({}));
    assert_eq!(reply["success"], true, "only the first");
}
