//! What the market refuses.

use serde_json::{Value, json};

use super::{get, rent, row, search, send, try_rent, world};
use crate::world::scenario::Scenario;
use crate::world::state::World;

#[test]
fn orders_beyond_the_limits_are_refused() {
    let mut world = world(Scenario::default());
    let long = |length: usize| "x".repeat(length);
    for (order, code) in [
        (json!({"onstart": long(16_385)}), "400/3471"),
        (
            json!({"onstart": long(16_000), "args": [long(385)]}),
            "400/3471",
        ),
        (json!({"label": long(257)}), "400/3471"),
        (json!({"image": long(1_025)}), "400/3471"),
        (json!({"image": ""}), "image is missing"),
        (json!({"disk": 7}), "at least 8"),
        (json!({"disk": 100_000}), "more than the machine has"),
        (json!({"env": {"A": long(33_000)}}), "env has"),
        (json!({"price": 200}), "invalid_price"),
        (
            json!({"template_hash_id": "unknown", "image": null}),
            "does not exist",
        ),
    ] {
        let (status, reply) = try_rent(&mut world, order);
        let text = reply["msg"].as_str().unwrap();
        assert!(status == 400 && text.contains(code), "{text}");
    }
    let (status, reply) = send(&mut world, "PUT", "v0/asks/7", &json!({"image": "x"}));
    assert_eq!((status, &reply["error"]), (404, &json!("no_such_ask")));
    let (status, reply) = try_rent(
        &mut world,
        json!({"onstart": long(16_384), "label": long(256)}),
    );
    assert_eq!((status, &reply["success"]), (200, &json!(true)));
}

#[test]
fn known_keys_are_refused_or_done() {
    let mut world = world(Scenario::default());
    let key = json!({"ssh_key": "ssh-ed25519 AAAA me"});
    let (_, created) = send(&mut world, "POST", "v0/ssh", &key);
    let (status, reply) = send(&mut world, "POST", "v0/ssh", &key);
    assert!(status == 400 && reply["msg"].as_str().unwrap().contains("duplicate"));
    let id = rent(&mut world, json!({}));
    let (status, reply) = send(&mut world, "POST", &format!("v0/instances/{id}/ssh"), &key);
    assert_eq!((status, &reply["success"]), (200, &json!(false)));
    assert!(
        reply["msg"]
            .as_str()
            .unwrap()
            .contains("already associated")
    );
    let path = format!("v0/ssh/{}", created["key"]["id"]);
    assert_eq!(send(&mut world, "DELETE", &path, &Value::Null).0, 200);
    assert_eq!(send(&mut world, "DELETE", &path, &Value::Null).0, 400);
    assert_eq!(get(&mut world, "v0/ssh").1, json!([]));
}

#[test]
fn labels_and_disks_have_exact_limits() {
    let mut world = world(Scenario::default());
    let query = json!({"num_gpus": {"eq": 4}, "order": [["dph_total", "asc"]]});
    let most = search(&mut world, &query)[0]["disk_space"]
        .as_f64()
        .unwrap();
    let fits = |world: &mut World, order: Value| try_rent(world, order).0 == 200;
    assert!(!fits(&mut world, json!({"disk": most + 1.0})));
    assert!(!fits(&mut world, json!({"disk": 7.9})));
    assert!(fits(&mut world, json!({"disk": 8})));
    // Letters count, not bytes.
    assert!(fits(&mut world, json!({"label": "é".repeat(256)})));
    assert!(!fits(&mut world, json!({"label": "é".repeat(257)})));
    // A label that is set later may be longer.
    let id = rent(&mut world, json!({}));
    let mut relabel = |length: usize| {
        let label = json!({"label": "x".repeat(length)});
        send(&mut world, "PUT", &format!("v0/instances/{id}"), &label)
    };
    assert_eq!(relabel(1_024).0, 200);
    let (status, reply) = relabel(1_025);
    assert_eq!((status, &reply["msg"]), (400, &json!("label_too_long")));
}

#[test]
fn gone_and_unknown_asks_differ() {
    let mut world = world(Scenario::default());
    let ask = search(&mut world, &json!({}))[0]["id"].as_u64().unwrap();
    let order = json!({"image": "net/image:1", "disk": 20});
    let mut answer = |ask: u64| {
        let (status, reply) = send(&mut world, "PUT", &format!("v0/asks/{ask}"), &order);
        (status, reply["error"].as_str().map(str::to_owned))
    };
    let gone = Some("no_such_ask".to_owned());
    assert_eq!(answer(ask), (200, None));
    assert_eq!(answer(ask), (410, gone.clone()), "somebody has it");
    assert_eq!(answer(ask + 500), (410, gone.clone()), "an ask of long ago");
    for never in [7, 20_060_000, 999_999_999] {
        assert_eq!(answer(never), (404, gone.clone()), "{never}");
    }
}

#[test]
fn template_without_image_needs_one() {
    let mut world = world(Scenario::default());
    let template = json!({"name": "ours", "image": "net/image", "tag": "2", "env": "-e A=1", "recommended_disk_space": 40});
    let (_, created) = send(&mut world, "POST", "v0/template", &template);
    let hash = created["template"]["hash_id"].clone();
    let order = json!({"template_hash_id": hash, "image": null, "env": {"B": "2"}, "disk": null});
    let id = rent(&mut world, order);
    let rented = row(&mut world, id);
    assert_eq!(rented["image_uuid"], "net/image:2");
    assert_eq!(rented["extra_env"], json!([["A", "1"], ["B", "2"]]));
    assert_eq!(rented["disk_space"], 40.0);
    // A template must have an image, and so must an order.
    let nameless = json!({"name": "ours", "env": "-e A=1"});
    assert_eq!(send(&mut world, "POST", "v0/template", &nameless).0, 400);
    let (status, reply) = try_rent(&mut world, json!({"image": null}));
    assert!(status == 400 && reply["msg"].as_str().unwrap().contains("image is missing"));
}
