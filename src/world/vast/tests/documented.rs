//! Replies have the fields that the vendor documents, with the types that it documents.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{get, pass, rent, search, send, world};
use crate::world::scenario::Scenario;
use crate::world::state::World;

/// A line per field of a successful reply: its call, its path in the body, its types. From schemas and
/// examples of the vendor's OpenAPI files on renting (github vast-ai/docs, commit c624622,
/// `api-reference/openapi/yaml`, one file per call). The example of a search shows one offer; it is a list.
const DOCUMENTED: &str = include_str!("documented_fields.txt");

/// Documented fields that differ here, each with the reason.
const DEVIATIONS: [(&str, &str, &str); 13] = [
    (
        "launch_instance",
        "new_contract",
        "a number, as it is for create_instance",
    ),
    (
        "show_charges",
        "results[].metadata.endpoint_id",
        "serverless is not simulated",
    ),
    (
        "show_charges",
        "results[].metadata.workergroup_id",
        "serverless is not simulated",
    ),
    (
        "show_instance",
        "instances.extra_env[]",
        "pairs, as in the list",
    ),
    (
        "show_instance",
        "instances.ports",
        "an object, as in the list",
    ),
    (
        "show_instance",
        "instances.ports[]",
        "an object, as in the list",
    ),
    (
        "show_instances",
        "instances[].volume_info[]",
        "volumes are not simulated",
    ),
    ("show_invoices", "error", "only without dates"),
    ("start_instance", "msg", "its text is not documented"),
    ("start_instances", "msg", "its text is not documented"),
    (
        "search_offers",
        "offers[].avail_vol_ask_id",
        "volumes are not simulated",
    ),
    (
        "search_offers",
        "offers[].avail_vol_dph",
        "volumes are not simulated",
    ),
    (
        "search_offers",
        "offers[].avail_vol_size",
        "volumes are not simulated",
    ),
];

/// Makes every documented call once.
fn replies() -> BTreeMap<&'static str, Value> {
    let mut world = world(Scenario::default());
    let mut replies = BTreeMap::new();
    let none = Value::Null;
    let mut keep =
        |world: &mut World, call: &'static str, method: &str, path: &str, body: &Value| {
            let (status, reply) = send(world, method, path, body);
            assert_eq!(status, 200, "{call}: {reply}");
            replies.insert(call, reply.clone());
            reply
        };
    let w = &mut world;
    let key = json!({"ssh_key": "ssh-ed25519 AAAA me"});
    let created = keep(w, "create_ssh_key", "POST", "v0/ssh", &key);
    let key_path = format!("v0/ssh/{}", created["key"]["id"]);
    let other = json!({"ssh_key": "ssh-ed25519 BBBB me"});
    keep(w, "update_ssh_key", "PUT", &key_path, &other);
    keep(w, "show_ssh_keys", "GET", "v0/ssh", &none);
    keep(w, "show_user", "GET", "v0/users/current", &none);
    let mut template = json!({"name": "ours", "image": "net/image:1"});
    let created = keep(w, "create_template", "POST", "v0/template", &template);
    template["hash_id"] = created["template"]["hash_id"].clone();
    template["image"] = json!("net/image:2");
    let edited = keep(w, "edit_template", "PUT", "v0/template", &template);
    keep(w, "search_templates", "GET", "v0/template", &none);
    let hash = edited["template"]["hash_id"].clone();
    keep(w, "search_offers", "POST", "v0/bundles", &json!({}));
    let ask = search(w, &json!({"num_gpus": {"eq": 4}}))[0]["id"].clone();
    let order = json!({"template_hash_id": hash, "label": "ours", "disk": 50, "onstart": "run", "args": ["a"],
        "env": {"A": "1", "-p 8080:8080": "1"}, "runtype": "ssh_direc ssh_proxy"});
    let rented = keep(
        w,
        "create_instance",
        "PUT",
        &format!("v0/asks/{ask}"),
        &order,
    );
    let launch = json!({"q": {"num_gpus": {"eq": 4}}, "image": "net/image:1", "disk": 50});
    keep(w, "launch_instance", "PUT", "v0/launch_instance", &launch);
    let bid = rent(w, json!({"price": 30}));
    keep(
        w,
        "change_bid",
        "PUT",
        &format!("v0/instances/bid_price/{bid}"),
        &json!({"price": 31}),
    );
    pass(w, 900.0);
    let id = rented["new_contract"].as_u64().unwrap();
    let one = format!("v0/instances/{id}");
    w.set_ssh_port(id, 22);
    keep(w, "show_instance", "GET", &one, &none);
    keep(w, "show_instances", "GET", "v1/instances", &none);
    keep(w, "label_instance", "PUT", &one, &json!({"label": "ours"}));
    keep(w, "manage_instance", "PUT", &one, &json!({"label": "ours"}));
    keep(w, "attach_ssh", "POST", &format!("{one}/ssh"), &key);
    keep(
        w,
        "show_instance_ssh_keys",
        "GET",
        &format!("{one}/ssh"),
        &none,
    );
    let known = created_key_id(w);
    keep(
        w,
        "detach_ssh",
        "DELETE",
        &format!("{one}/ssh/{known}"),
        &none,
    );
    keep(
        w,
        "logs",
        "PUT",
        &format!("v0/instances/request_logs/{id}"),
        &json!({"tail": "5"}),
    );
    keep(
        w,
        "show_deposit",
        "GET",
        &format!("v0/instances/balance/{id}"),
        &none,
    );
    keep(
        w,
        "reboot_instance",
        "PUT",
        &format!("v0/instances/reboot/{id}"),
        &json!({}),
    );
    pass(w, 60.0);
    keep(
        w,
        "recycle_instance",
        "PUT",
        &format!("v0/instances/recycle/{id}"),
        &json!({}),
    );
    pass(w, 120.0);
    keep(
        w,
        "stop_instance",
        "PUT",
        &one,
        &json!({"state": "stopped"}),
    );
    keep(
        w,
        "execute",
        "PUT",
        &format!("v0/instances/command/{id}"),
        &json!({"command": "ls"}),
    );
    keep(
        w,
        "start_instance",
        "PUT",
        &one,
        &json!({"state": "running"}),
    );
    keep(
        w,
        "start_instances",
        "POST",
        "v0/instances/start",
        &json!({"IDs": [id]}),
    );
    let to = w.now().timestamp();
    let days = format!("{{\"gte\":{},\"lte\":{to}}}", to - 86_400);
    let charges = format!("v0/charges?latest_first=false&select_filters={{\"day\":{days}}}");
    keep(w, "show_charges", "GET", &charges, &none);
    let invoices = format!("v1/invoices?select_filters={{\"when\":{days}}}");
    keep(w, "show_invoices", "GET", &invoices, &none);
    keep(w, "destroy_instance", "DELETE", &one, &json!({}));
    keep(w, "delete_ssh_key", "DELETE", &key_path, &none);
    keep(
        w,
        "delete_template",
        "DELETE",
        "v0/template",
        &json!({"hash_id": hash}),
    );
    replies
}

/// The account's key is attached to every new instance.
fn created_key_id(world: &mut World) -> Value {
    get(world, "v0/ssh").1[0]["id"].clone()
}

/// The value at a path; `[]` is the first of a list.
fn at<'a>(reply: &'a Value, path: &str) -> Option<&'a Value> {
    let mut value = reply;
    for part in path.split('.') {
        let (name, lists) = part.split_at(part.find("[]").unwrap_or(part.len()));
        if !name.is_empty() {
            value = value.get(name)?;
        }
        for _ in 0..lists.len() / 2 {
            value = value.get(0)?;
        }
    }
    Some(value)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[test]
fn replies_have_every_documented_field() {
    let replies = replies();
    let mut different = Vec::new();
    for line in DOCUMENTED.lines() {
        let (call, field) = line.split_once(' ').unwrap();
        let (path, kinds) = field.split_once(' ').unwrap();
        let found = at(&replies[call], path).map(kind);
        if !found.is_some_and(|found| kinds.split('|').any(|kind| kind == found)) {
            different.push((call, path));
        }
    }
    let mut known = DEVIATIONS.map(|(call, path, _)| (call, path)).to_vec();
    known.sort_unstable();
    different.sort_unstable();
    assert_eq!(different, known);
}
