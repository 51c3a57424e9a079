//! Instances: list, read, change, destroy.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::world::clock::as_seconds;
use crate::world::exchange::{ApiRequest, ApiResponse};
use crate::world::model::{HostFault, SimInstance};
use crate::world::numbers::whole;
use crate::world::state::World;
use crate::world::vast::rent::key_of;

/// The reply to a listing of instances.
#[derive(Serialize)]
struct InstanceListing<'a> {
    success: bool,
    instances_found: usize,
    total_instances: usize,
    label_counts: BTreeMap<String, usize>,
    next_token: Option<String>,
    instances: Vec<InstanceRow<'a>>,
}

/// The reply about one instance: the row is under the plural name.
#[derive(Serialize)]
struct SingleInstance<'a> {
    instances: Option<InstanceRow<'a>>,
}

/// An instance in the API: the fields of its offer, overridden by its own.
struct InstanceRow<'a> {
    offer: &'a Value,
    own_fields: Value,
}

impl Serialize for InstanceRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let offer = self.offer.as_object().into_iter().flatten();
        let offer = offer.filter(|(name, _)| self.own_fields.get(name.as_str()).is_none());
        let own = self.own_fields.as_object().into_iter().flatten();
        serializer.collect_map(offer.chain(own))
    }
}

const BROKEN_HOST: &str = "Error response from daemon: failed to create task for container: OCI runtime create failed: unresolvable CDI devices /gpu=8: unknown Error: failed to start containers: C.ID";

impl World {
    fn visible(&self, id: u64) -> Option<&SimInstance> {
        self.live_instance(id).filter(|i| i.visible_at <= self.now)
    }

    pub(super) fn list(&self, request: &ApiRequest) -> ApiResponse {
        let query = |name: &str| -> Value {
            let text = request.query.get(name);
            text.and_then(|text| serde_json::from_str(text).ok())
                .unwrap_or_default()
        };
        let filters = query("select_filters");
        let wanted = filters["label"]["eq"].as_str();
        let limit = match query("limit").as_i64() {
            Some(..=0) => 5,
            Some(limit) => usize::try_from(limit).unwrap_or(25).min(25),
            None => 25,
        };
        let after: u64 = match request.query.get("after_token").map(|t| t.parse()) {
            Some(Err(_)) => {
                let body = json!({"error": "invalid_token", "msg": "invalid token"});
                return ApiResponse::new(400, &body);
            }
            Some(Ok(after)) => after,
            None => 0,
        };
        let visible = self.instances.keys().filter_map(|id| self.visible(*id));
        let all: Vec<&SimInstance> = visible
            .filter(|i| wanted.is_none_or(|wanted| wanted == i.label))
            .collect();
        let rest = all.iter().filter(|i| i.id > after);
        let page: Vec<&SimInstance> = rest.take(limit).copied().collect();
        let end = all.last().map(|i| i.id);
        let last = page.last().map(|i| i.id);
        ApiResponse::written(&InstanceListing {
            success: true,
            instances_found: all.len(),
            total_instances: all.len(),
            label_counts: BTreeMap::new(),
            next_token: last.filter(|_| last < end).map(|last| last.to_string()),
            instances: page.into_iter().map(|i| self.row(i)).collect(),
        })
    }

    pub(super) fn one(&self, id: u64) -> ApiResponse {
        let instances = self.visible(id).map(|i| self.row(i));
        ApiResponse::written(&SingleInstance { instances })
    }

    fn row<'a>(&self, i: &'a SimInstance) -> InstanceRow<'a> {
        let age = as_seconds(self.now - i.rented_at);
        let running = i.is_running(self.now);
        let (actual, message) = match age {
            _ if running => (
                json!("running"),
                format!(
                    "success, running {}",
                    i.order["image"].as_str().unwrap_or("?")
                ),
            ),
            5.0.. if i.fault == Some(HostFault::BrokenHost) => (
                json!("created"),
                BROKEN_HOST.replace("ID", &i.id.to_string()),
            ),
            0.0..5.0 => (Value::Null, String::new()),
            5.0..10.0 => (json!("created"), String::new()),
            _ if !self.scenario.pull_failure.is_empty() => {
                (json!("loading"), self.scenario.pull_failure.clone())
            }
            _ => (
                json!("loading"),
                format!(
                    "{:06x}f1a2: {}",
                    whole(age / 9.0) * 7919,
                    if whole(age / 9.0).is_multiple_of(3) {
                        "Downloading"
                    } else {
                        "Pull complete"
                    }
                ),
            ),
        };
        let port = |p: u16| json!([{"HostIp": "0.0.0.0", "HostPort": p.to_string()}, {"HostIp": "::", "HostPort": p.to_string()}]);
        let ports = i.ssh_port.filter(|_| running).map(|p| {
            let mapped = i.mapped.iter();
            let mapped = mapped.map(|(inside, outside)| (format!("{inside}/tcp"), port(*outside)));
            Value::Object(mapped.chain([("22/tcp".to_owned(), port(p))]).collect())
        });
        let own_fields = json!({"id": i.id, "label": i.label, "actual_status": actual, "intended_status": "running", "cur_state": "running", "next_state": "running",
            "status_msg": message, "start_date": i.rented_at.timestamp(), "end_date": i.rented_at.timestamp() + 2_592_000, "duration": 2_592_000.0 - age,
            "image_uuid": i.order["image"], "image_runtype": i.order["runtype"], "onstart": i.order["onstart"], "ssh_host": "127.0.0.1\n", "ssh_port": i.ssh_port,
            "public_ipaddr": "127.0.0.1\n", "ports": ports, "disk_space": i.disk(), "gpu_totalram": i.offer["gpu_total_ram"], "direct_port_start": -1, "volume_info": []});
        InstanceRow {
            offer: &i.offer,
            own_fields,
        }
    }

    pub(super) fn destroy(&mut self, id: u64) -> ApiResponse {
        let now = self.now;
        let ignored = self.ignores_destroy(id);
        let Some(instance) = self.live_instance_mut(id) else {
            return no_such_instance(id);
        };
        if !ignored {
            instance.destroyed_at = Some(now);
        }
        ApiResponse::ok(&json!({"success": true, "msg": "Instance destroyed successfully"}))
    }

    pub(super) fn change(&mut self, id: u64, body: &Value) -> ApiResponse {
        let Some(instance) = self.live_instance_mut(id) else {
            return no_such_instance(id);
        };
        if let Some(label) = body["label"].as_str() {
            instance.label = label.into();
        }
        ApiResponse::ok(&json!({"success": true}))
    }

    pub(super) fn instance_keys(&mut self, method: &str, id: u64, body: &Value) -> ApiResponse {
        let Some(instance) = self.live_instance_mut(id) else {
            return no_such_instance(id);
        };
        if method == "GET" {
            let keys = instance.keys.iter().map(|key| json!({"public_key": key}));
            let keys = keys.collect::<Value>().to_string();
            return ApiResponse::ok(&json!({"success": true, "ssh_keys": keys}));
        }
        let Some(key) = body["ssh_key"].as_str() else {
            return ApiResponse::refusal(400, "no_ssh_key", "no ssh_key");
        };
        instance.keys.push(key_of(key));
        ApiResponse::ok(&json!({"success": true, "msg": "SSH key attached successfully"}))
    }
}

fn no_such_instance(id: u64) -> ApiResponse {
    ApiResponse::refusal(
        404,
        "no_such_instance",
        &format!("Instance {id} not found."),
    )
}
