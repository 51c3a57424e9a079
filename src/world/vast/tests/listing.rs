//! The list of instances.

use serde_json::{Value, json};

use super::{get, rent, send, world};
use crate::world::scenario::Scenario;

#[test]
fn listing_filters_selects_and_pages() {
    let mut world = world(Scenario::default());
    let ids: Vec<u64> = ["a", "b", "a", ""]
        .map(|label| rent(&mut world, json!({"label": label})))
        .into();
    let (_, all) = get(&mut world, "v1/instances");
    assert_eq!(all["label_counts"], json!({"": 1, "a": 2, "b": 1}));
    let (_, one) = get(
        &mut world,
        &format!(
            "v1/instances?select_filters={{\"id\":{{\"eq\":{}}}}}",
            ids[1]
        ),
    );
    assert_eq!(
        (&one["total_instances"], &one["instances"][0]["label"]),
        (&json!(1), &json!("b"))
    );
    let path = "v1/instances?select_cols=[\"id\",\"nonsense\"]&order_by=[{\"col\":\"id\",\"dir\":\"desc\"}]&limit=3";
    let (_, page) = get(&mut world, path);
    assert_eq!(
        page["instances"][0],
        json!({"id": ids[3], "nonsense": null})
    );
    let token = page["next_token"].as_str().unwrap();
    let (_, rest) = get(&mut world, &format!("{path}&after_token={token}"));
    assert_eq!(
        (&rest["instances"][0]["id"], &rest["next_token"]),
        (&json!(ids[0]), &Value::Null)
    );
    for (path, error) in [
        ("v1/instances?after_token=nonsense", "invalid_token"),
        (
            "v1/instances?select_filters={\"dph_total\":{\"gt\":1}}",
            "invalid_request",
        ),
        (
            "v1/instances?order_by=[{\"col\":\"num_gpus\"}]",
            "invalid_request",
        ),
    ] {
        let (status, reply) = get(&mut world, path);
        assert_eq!((status, &reply["error"]), (400, &json!(error)));
    }
    // Many are destroyed at once.
    let (_, reply) = send(
        &mut world,
        "DELETE",
        "v0/instances",
        &json!({"instance_ids": ids}),
    );
    assert_eq!(reply, json!({"success": true}));
    assert_eq!(get(&mut world, "v1/instances").1["instances"], json!([]));
    let (status, _) = send(
        &mut world,
        "DELETE",
        "v0/instances",
        &json!({"instance_ids": ids}),
    );
    assert_eq!(status, 404);
}
