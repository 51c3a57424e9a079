//! Replies have the fields that the vendor documents, with the types that it documents.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{get, pass, rent, search, send, world};
use crate::world::scenario::Scenario;
use crate::world::state::World;

/// A line per field of a successful reply: its call, its path in the body, its types. From schemas and
/// examples of the vendor's `OpenAPI` files on renting (github vast-ai/docs, commit c624622,
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

/// A client that keeps the reply to every call.
struct Caller {
    world: World,
    replies: BTreeMap<&'static str, Value>,
}

impl Caller {
    fn call(&mut self, call: &'static str, method: &str, path: &str, body: &Value) -> Value {
        let (status, reply) = send(&mut self.world, method, path, body);
        assert_eq!(status, 200, "{call}: {reply}");
        self.replies.insert(call, reply.clone());
        reply
    }

    fn get(&mut self, call: &'static str, path: &str) -> Value {
        self.call(call, "GET", path, &Value::Null)
    }

    fn put(&mut self, call: &'static str, path: &str, body: &Value) -> Value {
        self.call(call, "PUT", path, body)
    }

    /// Returns the id of the account's key.
    fn keep_keys(&mut self) -> Value {
        let key = json!({"ssh_key": "ssh-ed25519 AAAA me"});
        let created = self.call("create_ssh_key", "POST", "v0/ssh", &key);
        let id = created["key"]["id"].clone();
        let other = json!({"ssh_key": "ssh-ed25519 BBBB me"});
        self.put("update_ssh_key", &format!("v0/ssh/{id}"), &other);
        self.get("show_ssh_keys", "v0/ssh");
        self.get("show_user", "v0/users/current");
        id
    }

    /// Returns the hash of a template.
    fn keep_templates(&mut self) -> Value {
        let mut template = json!({"name": "ours", "image": "net/image:1"});
        let created = self.call("create_template", "POST", "v0/template", &template);
        template["hash_id"] = created["template"]["hash_id"].clone();
        template["image"] = json!("net/image:2");
        let edited = self.put("edit_template", "v0/template", &template);
        self.get("search_templates", "v0/template");
        edited["template"]["hash_id"].clone()
    }

    /// Returns the id of a running instance of this template.
    fn rent(&mut self, template: &Value) -> u64 {
        self.call("search_offers", "POST", "v0/bundles", &json!({}));
        let ask = search(&mut self.world, &json!({"num_gpus": {"eq": 4}}))[0]["id"].clone();
        let order = json!({"template_hash_id": template, "label": "ours", "disk": 50, "onstart": "run", "args": ["a"],
            "env": {"A": "1", "-p 8080:8080": "1"}, "runtype": "ssh_direc ssh_proxy"});
        let rented = self.put("create_instance", &format!("v0/asks/{ask}"), &order);
        let launch = json!({"q": {"num_gpus": {"eq": 4}}, "image": "net/image:1", "disk": 50});
        self.put("launch_instance", "v0/launch_instance", &launch);
        let bid = rent(&mut self.world, json!({"price": 30}));
        let path = format!("v0/instances/bid_price/{bid}");
        self.put("change_bid", &path, &json!({"price": 31}));
        pass(&mut self.world, 900.0);
        let id = rented["new_contract"].as_u64().unwrap();
        self.world.set_ssh_port(id, 22);
        id
    }

    fn use_it(&mut self, id: u64, key: &Value) {
        let one = format!("v0/instances/{id}");
        let label = json!({"label": "ours"});
        self.get("show_instance", &one);
        self.get("show_instances", "v1/instances");
        self.put("label_instance", &one, &label);
        self.put("manage_instance", &one, &label);
        let keys = format!("{one}/ssh");
        let other = json!({"ssh_key": "ssh-ed25519 CCCC me"});
        self.call("attach_ssh", "POST", &keys, &other);
        self.get("show_instance_ssh_keys", &keys);
        self.call(
            "detach_ssh",
            "DELETE",
            &format!("{keys}/{key}"),
            &Value::Null,
        );
        let (log, deposit) = ("v0/instances/request_logs", "v0/instances/balance");
        self.put("logs", &format!("{log}/{id}"), &json!({"tail": "5"}));
        self.get("show_deposit", &format!("{deposit}/{id}"));
    }

    fn restart(&mut self, id: u64) {
        let one = format!("v0/instances/{id}");
        let path = |what: &str| format!("v0/instances/{what}/{id}");
        self.put("reboot_instance", &path("reboot"), &json!({}));
        pass(&mut self.world, 60.0);
        self.put("recycle_instance", &path("recycle"), &json!({}));
        pass(&mut self.world, 120.0);
        self.put("stop_instance", &one, &json!({"state": "stopped"}));
        self.put("execute", &path("command"), &json!({"command": "ls"}));
        self.put("start_instance", &one, &json!({"state": "running"}));
        let many = json!({"IDs": [id]});
        self.call("start_instances", "POST", "v0/instances/start", &many);
    }

    fn read_money(&mut self) {
        let to = self.world.now().timestamp();
        let days = format!("{{\"gte\":{},\"lte\":{to}}}", to - 86_400);
        let charges = format!("v0/charges?latest_first=false&select_filters={{\"day\":{days}}}");
        self.get("show_charges", &charges);
        let invoices = format!("v1/invoices?select_filters={{\"when\":{days}}}");
        self.get("show_invoices", &invoices);
    }
}

/// Every documented call once.
fn replies() -> BTreeMap<&'static str, Value> {
    let mut caller = Caller {
        world: world(Scenario::default()),
        replies: BTreeMap::new(),
    };
    let key = caller.keep_keys();
    let template = caller.keep_templates();
    let id = caller.rent(&template);
    caller.use_it(id, &key);
    caller.restart(id);
    caller.read_money();
    let mut delete = |call, path: &str, body: &Value| caller.call(call, "DELETE", path, body);
    delete(
        "destroy_instance",
        &format!("v0/instances/{id}"),
        &json!({}),
    );
    delete("delete_ssh_key", &format!("v0/ssh/{key}"), &Value::Null);
    delete(
        "delete_template",
        "v0/template",
        &json!({"hash_id": template}),
    );
    caller.replies
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

/// The call's documented fields that a reply lacks, or has with another type.
fn different<'a>(call: &str, reply: &Value) -> Vec<&'a str> {
    let fields = DOCUMENTED
        .lines()
        .filter_map(|line| line.strip_prefix(call)?.strip_prefix(' '));
    let fields = fields.map(|field| field.split_once(' ').unwrap());
    let missing = fields.filter(|(path, kinds)| {
        let found = at(reply, path).map(kind);
        !found.is_some_and(|found| kinds.split('|').any(|kind| kind == found))
    });
    missing.map(|(path, _)| path).collect()
}

#[test]
fn replies_have_every_documented_field() {
    let mut found = Vec::new();
    let replies = replies();
    for (call, reply) in &replies {
        found.extend(different(call, reply).into_iter().map(|path| (*call, path)));
    }
    let mut known = DEVIATIONS.map(|(call, path, _)| (call, path)).to_vec();
    known.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, known);
    let calls = DOCUMENTED.lines().filter_map(|line| line.split(' ').next());
    let calls: BTreeSet<&str> = calls.collect();
    assert!(calls.into_iter().eq(replies.keys().copied()));
}

#[test]
fn rows_are_complete_in_every_phase() {
    let mut world = world(Scenario::default());
    let id = rent(&mut world, json!({"args": ["a"]}));
    let path = format!("v0/instances/{id}");
    let known = DEVIATIONS.map(|(_, path, _)| path);
    for phase in ["boots", "runs", "is stopped"] {
        let (_, reply) = get(&mut world, &path);
        let different = different("show_instance", &reply);
        let unknown: Vec<_> = different
            .iter()
            .filter(|path| !known.contains(path))
            .collect();
        assert!(unknown.is_empty(), "{phase}: {unknown:?}");
        // Absent before it runs, not null.
        let ports = reply["instances"].get("ports");
        assert_eq!(ports.is_some(), phase == "runs", "{phase}");
        if phase == "runs" {
            send(&mut world, "PUT", &path, &json!({"state": "stopped"}));
        }
        pass(&mut world, 600.0);
        world.set_ssh_port(id, 22);
    }
}
