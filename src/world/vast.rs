//! The GPU market: offers, rentals, money.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::domain::Time;

use super::clock::{as_seconds, seconds};
use super::mlnode::{Load, MlNode};
use super::state::{API_KEY, Ask, Reply, World, number, unit};
use super::troubles::Trouble;
use super::truth;
use super::vllm;

/// The reply to a listing of instances.
#[derive(Serialize)]
struct Listing<'a> {
    success: bool,
    instances_found: usize,
    total_instances: usize,
    label_counts: BTreeMap<String, usize>,
    next_token: Option<String>,
    instances: Vec<Row<'a>>,
}

/// The reply about one instance: the row is under the plural name.
#[derive(Serialize)]
struct Single<'a> {
    instances: Option<Row<'a>>,
}

/// What an instance is shown with: the fields of its offer, and its own over them.
struct Row<'a> {
    offer: &'a Value,
    of_the_rental: Value,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let offer = self.offer.as_object().into_iter().flatten();
        let offer = offer.filter(|(name, _)| self.of_the_rental.get(name.as_str()).is_none());
        let own = self.of_the_rental.as_object().into_iter().flatten();
        serializer.collect_map(offer.chain(own))
    }
}

/// A rental, alive or destroyed.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    pub id: u64,
    pub label: String,
    pub rented_at: Time,
    pub visible_at: Time,
    pub running_at: Time,
    pub destroyed_at: Option<Time>,
    pub cost: f64,
    pub billed_gb: f64,
    pub offer: Value,
    pub order: Value,
    pub keys: Vec<String>,
    pub key_at: Time,
    pub trouble: Option<Trouble>,
    pub taken_back_at: Option<Time>,
    pub ssh_port: Option<u16>,
    /// Container ports and where they are reached from outside.
    pub mapped: BTreeMap<u16, u16>,
    pub files: BTreeMap<String, Vec<u8>>,
    pub mlnode: MlNode,
}

impl Instance {
    pub fn is_running(&self, now: Time) -> bool {
        self.destroyed_at.is_none() && now >= self.running_at
    }

    /// Nothing about it changes any more but its cost.
    pub fn is_at_rest(&self, now: Time) -> bool {
        let idle = self.lease().is_none() && self.mlnode.started_at.is_none();
        self.destroyed_at.is_some() || (idle && self.is_running(now))
    }

    pub fn gpus(&self) -> u64 {
        self.offer["num_gpus"].as_u64().unwrap_or(1)
    }

    fn disk(&self) -> f64 {
        self.order["disk"].as_f64().unwrap_or(10.0)
    }

    /// While it runs, in dollars.
    pub fn gpu_per_hour(&self) -> f64 {
        self.offer["dph_base"].as_f64().unwrap_or(0.0)
    }

    /// As long as it is there, in dollars.
    pub fn storage_per_hour(&self) -> f64 {
        self.offer["storage_cost"].as_f64().unwrap_or(0.0) * self.disk() / 720.0
    }

    pub fn env(&self, name: &str) -> Option<&str> {
        self.order["env"][name].as_str()
    }

    /// The later of the environment and the lease file, in unix seconds.
    pub fn lease(&self) -> Option<i64> {
        let file = self
            .files
            .get("/var/lib/pocpit/lease")
            .and_then(|b| String::from_utf8_lossy(b).trim().parse().ok());
        let env = self
            .env("POCPIT_LEASE_UNTIL")
            .and_then(|t| t.trim().parse().ok());
        file.max(env)
    }
}

const BROKEN_HOST: &str = "Error response from daemon: failed to create task for container: OCI runtime create failed: unresolvable CDI devices /gpu=8: unknown Error: failed to start containers: C.ID";
const HOST_FAULT: &str =
    "torch.AcceleratorError: CUDA error: no kernel image is available for execution on the device";
const IMAGE_GB: f64 = 15.0;
const MODEL_GB: f64 = 60.0;

const CLASSES: [(&str, u64, u64, f64, u64); 5] = [
    ("H100 SXM", 4, 81_559, 2.0, 900),
    ("H100 SXM", 8, 81_559, 1.95, 900),
    ("A100 SXM4", 4, 81_920, 1.0, 800),
    ("RTX 4090", 1, 24_564, 0.35, 890),
    ("H200", 4, 143_771, 2.7, 900),
];

impl World {
    /// Answers a call to the GPU market.
    pub fn vast(&mut self, ask: &Ask) -> Reply {
        if let Some(copy) = ask.path.strip_prefix("/instance_logs/") {
            return self.uploaded_log(copy, ask);
        }
        if ask.bearer.as_deref() != Some(API_KEY) {
            return Reply::new(
                401,
                &json!({"success": false, "error": "auth_error", "msg": "Invalid user key"}),
            );
        }
        let path = ask
            .path
            .trim_end_matches('/')
            .trim_start_matches("/api/")
            .to_owned();
        let parts: Vec<&str> = path.split('/').collect();
        if let Some(reply) = self.too_frequent(&ask.method, &parts) {
            return reply;
        }
        let id = |text: &str| text.parse::<u64>().unwrap_or(0);
        match (ask.method.as_str(), parts.as_slice()) {
            ("POST", ["v0", "bundles"]) => self.search(&ask.body),
            ("PUT", ["v0", "asks", ask_id]) => self.rent(id(ask_id), &ask.body),
            ("GET", ["v1", "instances"]) => self.list(ask),
            ("GET", ["v0", "instances", one]) => self.one(id(one)),
            ("DELETE", ["v0", "instances", one]) => self.destroy(id(one)),
            ("PUT", ["v0", "instances", one]) => self.change(id(one), &ask.body),
            (method, ["v0", "instances", one, "ssh"]) => {
                self.instance_keys(method, id(one), &ask.body)
            }
            ("PUT", ["v0", "instances", "request_logs", one]) => {
                self.request_log(id(one), &ask.body)
            }
            (method, ["v0", "ssh"]) => self.keys(method, &ask.body),
            ("GET", ["v0", "users", "current"]) => Reply::ok(
                &json!({"id": 123_456, "username": "operator", "balance": 0.0, "credit": self.credit(), "can_pay": true, "api_key": API_KEY}),
            ),
            _ => Reply::new(
                404,
                &json!({"success": false, "error": "not_found", "msg": "no such route"}),
            ),
        }
    }

    fn too_frequent(&mut self, method: &str, parts: &[&str]) -> Option<Reply> {
        let (name, interval) = match (method, parts) {
            ("POST", ["v0", "bundles"]) => ("search", 6.0),
            ("PUT", ["v0", "asks", _]) => ("rent", 4.5),
            ("GET", ["v0", "instances", _]) => ("one", 2.0),
            ("GET", ["v1", "instances"]) => ("list", 1.0),
            ("PUT", ["v0", "instances", _]) => ("change", 1.0),
            ("DELETE", ["v0", "instances", _]) => ("delete", 3.0),
            _ => return None,
        };
        let last = self.last_calls.insert(name.into(), self.now);
        let early = last.is_some_and(|last| as_seconds(self.now - last) < interval);
        if !early || !self.scenario.rate_limits {
            return None;
        }
        let text = format!("API requests too frequent endpoint threshold={interval:.1}");
        Some(match name {
            "delete" => Reply::new(
                429,
                &json!({"success": false, "error": "rate_limit_exceeded", "msg": text}),
            ),
            "search" => Reply::new(429, &json!({"detail": text})),
            _ => Reply::text(
                429,
                &text.replace("endpoint", ": endpoint").replace(" :", ":"),
            ),
        })
    }

    pub(super) fn credit(&self) -> f64 {
        self.scenario.credit - self.past_cost - self.instances.values().map(|i| i.cost).sum::<f64>()
    }

    pub(super) fn bill(&mut self, elapsed: f64) {
        let now = self.now;
        for instance in self
            .instances
            .values_mut()
            .filter(|i| i.destroyed_at.is_none())
        {
            let hours = elapsed / 3600.0;
            let gpu = if instance.is_running(now) {
                instance.gpu_per_hour()
            } else {
                0.0
            };
            instance.cost += (instance.storage_per_hour() + gpu) * hours;
            // The image is there when the container runs, the model comes after it.
            let pulled = [
                (now >= instance.running_at, IMAGE_GB),
                (
                    instance.mlnode.started_at.is_some_and(|at| at <= now),
                    MODEL_GB,
                ),
            ];
            let pulled: f64 = pulled
                .iter()
                .filter(|(done, _)| *done)
                .map(|(_, gb)| gb)
                .sum();
            let per_gb = instance.offer["inet_down_cost"].as_f64().unwrap_or(0.0);
            instance.cost += (pulled - instance.billed_gb).max(0.0) * per_gb;
            instance.billed_gb = pulled;
        }
    }

    /// A rental that ended a day ago is history: nobody asks for it any more.
    pub(super) fn forget_the_past(&mut self) {
        let day_ago = self.now - seconds(86_400.0);
        let old = |i: &Instance| i.destroyed_at.is_some_and(|at| at < day_ago);
        if !self.instances.values().any(old) {
            return;
        }
        let (gone, kept) = std::mem::take(&mut self.instances)
            .into_iter()
            .partition(|(_, i)| old(i));
        self.instances = kept;
        let gone: BTreeMap<u64, Instance> = gone;
        for instance in gone.into_values() {
            self.past_cost += instance.cost;
            self.past.push(truth::of(&instance));
        }
    }

    /// The watchdog: a minute after its lease a running machine destroys itself.
    pub(super) fn end_leases(&mut self) {
        let now = self.now;
        for instance in self.instances.values_mut().filter(|i| i.is_running(now)) {
            if instance
                .lease()
                .is_some_and(|until| now.timestamp() > until + 60)
            {
                instance.destroyed_at = Some(now);
            }
        }
    }

    /// Offers churn: every machine's ask gets a new id and price after 20 to 60 minutes.
    fn offer(&self, machine: u64) -> Option<Value> {
        let age = as_seconds(self.now - self.start);
        let life = 1200.0 + 2400.0 * unit(self.seed, 1, machine);
        let generation = whole(age / life + unit(self.seed, 2, machine));
        let key = machine * 1000 + generation;
        let taken = self
            .instances
            .values()
            .any(|i| i.destroyed_at.is_none() && i.offer["machine_id"] == json!(40_000 + machine));
        if taken || (machine > 4 && unit(self.seed, 3, key) < 0.15) {
            return None;
        }
        let (name, gpus, ram, price, cap) =
            *CLASSES.get(usize::try_from(machine).unwrap_or(0) % CLASSES.len())?;
        let base = round4(price * number(gpus) * (0.95 + 0.5 * unit(self.seed, 4, key)));
        // Of this machine alone, however old the world is.
        let id = 20_000_000 + machine * 1000 + generation % 1000;
        let mut offer = json!({"id": id, "ask_contract_id": id, "bundle_id": 900_000 + machine, "machine_id": 40_000 + machine, "host_id": 50_000 + machine / 3,
            "num_gpus": gpus, "gpu_name": name, "gpu_arch": "nvidia", "gpu_ram": ram, "gpu_total_ram": ram * gpus, "gpu_frac": 0.5, "compute_cap": cap,
            "cuda_max_good": 12.8, "driver_version": "570.124.06", "cpu_name": "AMD EPYC 9354", "cpu_cores": 128, "cpu_cores_effective": 64.0, "cpu_ram": 1_031_000});
        extend(
            &mut offer,
            json!({"disk_space": 900.0 + 100.0 * number(machine % 20), "disk_bw": 3100.5, "inet_up": 1800.0, "inet_down": round4(1500.0 + 5000.0 * unit(self.seed, 5, machine)),
            "inet_up_cost": 0.004, "inet_down_cost": 0.002, "direct_port_count": 124, "static_ip": true, "geolocation": "Washington, US", "dph_base": base,
            "storage_cost": round4(0.1 + 0.1 * unit(self.seed, 6, machine)), "is_bid": false, "reliability": round4(0.97 + 0.03 * unit(self.seed, 8, machine)),
            "reliability2": round4(0.97 + 0.03 * unit(self.seed, 8, machine)), "verification": "verified", "hosting_type": 1, "rentable": true, "rented": false,
            "external": null, "duration": 2_160_000.0, "end_date": self.now.timestamp() + 2_160_000, "dlperf": 98.3, "score": 345.6, "public_ipaddr": "127.0.0.1", "vms_enabled": false}),
        );
        Some(offer)
    }

    fn search(&self, body: &Value) -> Reply {
        let gb = body["allocated_storage"].as_f64().unwrap_or(5.0);
        let mut offers: Vec<Value> = (0..self.scenario.machines)
            .filter_map(|m| self.offer(m))
            .collect();
        for offer in &mut offers {
            price(offer, gb);
        }
        offers.retain(|offer| matches_filter(offer, body));
        if let Some(field) = body["order"][0][0].as_str() {
            offers.sort_by(|a, b| {
                a[field]
                    .as_f64()
                    .unwrap_or(0.0)
                    .total_cmp(&b[field].as_f64().unwrap_or(0.0))
            });
            if body["order"][0][1] == "desc" {
                offers.reverse();
            }
        }
        let limit = body["limit"].as_u64().unwrap_or(64).min(64);
        offers.truncate(usize::try_from(limit).unwrap_or(64));
        Reply::ok(&json!({"offers": offers}))
    }

    fn rent(&mut self, ask_id: u64, body: &Value) -> Reply {
        self.rent_calls += 1;
        let offer = (0..self.scenario.machines)
            .filter_map(|m| self.offer(m))
            .find(|o| o["id"] == json!(ask_id));
        let Some(mut offer) = offer.filter(|_| self.rent_calls > self.scenario.offers_gone) else {
            let msg = format!(
                "error 410/3907: no_such_ask Instance type {ask_id} is no longer available."
            );
            return Reply::new(
                410,
                &json!({"success": false, "error": "no_such_ask", "msg": msg, "ask_id": ask_id}),
            );
        };
        if let Some(problem) = bad_order(body) {
            return Reply::new(
                400,
                &json!({"success": false, "error": "invalid_args", "msg": format!("error 400/3467: Invalid args: {problem}")}),
            );
        }
        price(&mut offer, body["disk"].as_f64().unwrap_or(10.0));
        if self.credit() < offer["dph_total"].as_f64().unwrap_or(0.0) {
            return Reply::new(
                400,
                &json!({"success": false, "error": "insufficient_credit", "msg": "Your account lacks credit"}),
            );
        }
        let id = 31_415_000 + number_of(self.past.len() + self.instances.len()) + 1;
        let label = body["label"].as_str().unwrap_or_default();
        // Others have no part in what is played here.
        let is_ours = label.starts_with("pocpit/");
        let trouble = self.trouble_of(id).filter(|_| is_ours);
        let stalls = is_ours && self.rented_by_us() < self.scenario.first_boots_stall;
        let trouble = if stalls {
            Some(Trouble::StalledDownload)
        } else {
            trouble
        };
        if trouble == Some(Trouble::Dearer) {
            let base = offer["dph_base"].as_f64().unwrap_or(0.0);
            offer["dph_base"] = json!(round4(1.2 * base));
            price(&mut offer, body["disk"].as_f64().unwrap_or(10.0));
        }
        let never = matches!(trouble, Some(Trouble::EndlessPull | Trouble::BrokenHost));
        let never = never || self.scenario.boot_hangs || !self.scenario.pull_failure.is_empty();
        let pull = if never {
            1e8
        } else {
            120.0 + 360.0 * unit(self.seed, 10, id)
        };
        let running_at = self.now + seconds(10.0 + pull);
        let mut keys = self.account_keys.clone();
        keys.extend(body["env"]["POCPIT_SSH_KEY"].as_str().map(key_of));
        let instance = Instance {
            id,
            label: label.into(),
            rented_at: self.now,
            visible_at: self.now + seconds(5.0 * unit(self.seed, 11, id)),
            running_at,
            destroyed_at: None,
            cost: 0.0,
            billed_gb: 0.0,
            offer,
            order: body.clone(),
            keys,
            key_at: running_at
                + seconds(30.0 + 60.0 * unit(self.seed, 12, id) + self.key_delay(id)),
            trouble,
            taken_back_at: self.taken_back_at(id).filter(|_| is_ours),
            ssh_port: None,
            mapped: BTreeMap::new(),
            files: BTreeMap::new(),
            mlnode: self.workload(id, running_at, body, trouble),
        };
        self.instances.insert(id, instance);
        self.peak_live = self.peak_live.max(
            self.instances
                .values()
                .filter(|i| i.destroyed_at.is_none())
                .count(),
        );
        Reply::ok(
            &json!({"success": true, "new_contract": id, "instance_api_key": format!("instance-key-{id}")}),
        )
    }

    /// What the order's image and command make of the machine.
    fn workload(
        &self,
        id: u64,
        running_at: Time,
        body: &Value,
        trouble: Option<Trouble>,
    ) -> MlNode {
        let has_onstart = body["onstart"].as_str().is_some_and(|o| !o.is_empty());
        let load = self.load_of(trouble);
        let image = body["image"].as_str().unwrap_or_default();
        if !image.starts_with(vllm::IMAGE) {
            return MlNode::new(self.seed, id, running_at, has_onstart, load);
        }
        // Nobody runs the image's own command, and without the script not ours either.
        let command = body["env"]["POCPIT_COMMAND"].as_str();
        let command = command.filter(|_| has_onstart).unwrap_or_default();
        let node = MlNode::silent(self.seed, id, running_at, has_onstart, load);
        vllm::run(node, running_at, command)
    }

    fn rented_by_us(&self) -> u64 {
        let live = self.instances.values().map(|instance| &instance.label);
        let labels = live.chain(self.past.iter().map(|rental| &rental.label));
        number_of(labels.filter(|label| label.starts_with("pocpit/")).count())
    }

    fn load_of(&self, trouble: Option<Trouble>) -> Load {
        match trouble {
            Some(Trouble::StalledDownload) => Load::Stalls,
            Some(Trouble::FailingLoad) => Load::Fails(HOST_FAULT.into()),
            _ if self.scenario.boot_failure.is_empty() => Load::Works,
            _ => Load::Fails(self.scenario.boot_failure.clone()),
        }
    }

    fn visible(&self, id: u64) -> Option<&Instance> {
        self.instances
            .get(&id)
            .filter(|i| i.destroyed_at.is_none() && i.visible_at <= self.now)
    }

    fn list(&self, ask: &Ask) -> Reply {
        let query = |name: &str| {
            ask.query
                .get(name)
                .and_then(|q| serde_json::from_str::<Value>(q).ok())
        };
        let wanted =
            query("select_filters").and_then(|f| f["label"]["eq"].as_str().map(str::to_owned));
        let limit = query("limit").and_then(|l| l.as_i64()).unwrap_or(25);
        let limit = if limit <= 0 {
            5
        } else {
            usize::try_from(limit).unwrap_or(25).min(25)
        };
        let after: u64 = match ask.query.get("after_token").map(|t| t.parse()) {
            Some(Err(_)) => {
                return Reply::new(
                    400,
                    &json!({"error": "invalid_token", "msg": "invalid token"}),
                );
            }
            Some(Ok(after)) => after,
            None => 0,
        };
        let all: Vec<u64> = self
            .instances
            .keys()
            .copied()
            .filter(|id| {
                self.visible(*id)
                    .is_some_and(|i| wanted.as_ref().is_none_or(|w| *w == i.label))
            })
            .collect();
        let page: Vec<u64> = all
            .iter()
            .copied()
            .filter(|id| *id > after)
            .take(limit)
            .collect();
        let more = page.last().is_some_and(|last| all.last() > Some(last));
        let token = page.last().filter(|_| more).map(ToString::to_string);
        let rows = page.iter().filter_map(|id| self.visible(*id));
        Reply::written(&Listing {
            success: true,
            instances_found: all.len(),
            total_instances: all.len(),
            label_counts: BTreeMap::new(),
            next_token: token,
            instances: rows.map(|i| self.row(i)).collect(),
        })
    }

    fn one(&self, id: u64) -> Reply {
        let instances = self.visible(id).map(|i| self.row(i));
        Reply::written(&Single { instances })
    }

    fn row<'a>(&self, i: &'a Instance) -> Row<'a> {
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
            5.0.. if i.trouble == Some(Trouble::BrokenHost) => (
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
        let of_the_rental = json!({"id": i.id, "label": i.label, "actual_status": actual, "intended_status": "running", "cur_state": "running", "next_state": "running",
            "status_msg": message, "start_date": i.rented_at.timestamp(), "end_date": i.rented_at.timestamp() + 2_592_000, "duration": 2_592_000.0 - age,
            "image_uuid": i.order["image"], "image_runtype": i.order["runtype"], "onstart": i.order["onstart"], "ssh_host": "127.0.0.1\n", "ssh_port": i.ssh_port,
            "public_ipaddr": "127.0.0.1\n", "ports": ports, "disk_space": i.disk(), "gpu_totalram": i.offer["gpu_total_ram"], "direct_port_start": -1, "volume_info": []});
        Row {
            offer: &i.offer,
            of_the_rental,
        }
    }

    fn destroy(&mut self, id: u64) -> Reply {
        let now = self.now;
        let deaf = self.is_deaf(id);
        match self
            .instances
            .get_mut(&id)
            .filter(|i| i.destroyed_at.is_none())
        {
            Some(instance) => {
                if !deaf {
                    instance.destroyed_at = Some(now);
                }
                Reply::ok(&json!({"success": true, "msg": "Instance destroyed successfully"}))
            }
            None => no_such_instance(id),
        }
    }

    fn change(&mut self, id: u64, body: &Value) -> Reply {
        let Some(instance) = self
            .instances
            .get_mut(&id)
            .filter(|i| i.destroyed_at.is_none())
        else {
            return no_such_instance(id);
        };
        if let Some(label) = body["label"].as_str() {
            instance.label = label.into();
        }
        Reply::ok(&json!({"success": true}))
    }

    fn instance_keys(&mut self, method: &str, id: u64, body: &Value) -> Reply {
        let Some(instance) = self
            .instances
            .get_mut(&id)
            .filter(|i| i.destroyed_at.is_none())
        else {
            return no_such_instance(id);
        };
        if method == "GET" {
            let keys: Vec<Value> = instance
                .keys
                .iter()
                .map(|k| json!({"public_key": k}))
                .collect();
            return Reply::ok(&json!({"success": true, "ssh_keys": Value::from(keys).to_string()}));
        }
        let Some(key) = body["ssh_key"].as_str() else {
            return Reply::new(
                400,
                &json!({"success": false, "error": "no_ssh_key", "msg": "no ssh_key"}),
            );
        };
        instance.keys.push(key_of(key));
        Reply::ok(&json!({"success": true, "msg": "SSH key attached successfully"}))
    }

    fn keys(&mut self, method: &str, body: &Value) -> Reply {
        if method == "GET" {
            let keys: Vec<Value> = self.account_keys.iter().enumerate().map(|(n, k)| json!({"id": n + 1, "user_id": 123_456, "public_key": k, "deleted_at": null})).collect();
            return Reply::ok(&Value::from(keys));
        }
        let Some(key) = body["ssh_key"].as_str() else {
            return Reply::new(
                400,
                &json!({"success": false, "error": "no_ssh_key", "msg": "no ssh_key"}),
            );
        };
        self.account_keys.push(key_of(key));
        Reply::ok(
            &json!({"success": true, "key": {"id": self.account_keys.len(), "public_key": key}}),
        )
    }
}

fn no_such_instance(id: u64) -> Reply {
    Reply::new(
        404,
        &json!({"success": false, "error": "no_such_instance", "msg": format!("Instance {id} not found.")}),
    )
}

fn bad_order(body: &Value) -> Option<String> {
    if body["image"].as_str().is_none_or(str::is_empty) {
        return Some("image is missing".into());
    }
    if body["disk"].as_f64().is_some_and(|disk| disk < 8.0) {
        return Some("disk must be at least 8".into());
    }
    if !body["env"].is_null() && !body["env"].is_object() {
        return Some("env must be an object".into());
    }
    let script = body["onstart"].as_str().map_or(0, str::len);
    (script > 4096).then(|| format!("onstart is {script} bytes, more than 4096"))
}

/// `dph_total = dph_base + storage_cost × GB / 720`.
fn price(offer: &mut Value, gb: f64) {
    let disk = offer["storage_cost"].as_f64().unwrap_or(0.0) * gb / 720.0;
    let base = offer["dph_base"].as_f64().unwrap_or(0.0);
    offer["storage_total_cost"] = json!(disk);
    offer["dph_total"] = json!(base + disk);
    offer["search"] = json!({"gpuCostPerHour": base, "diskHour": disk, "totalHour": base + disk});
}

fn matches_filter(offer: &Value, body: &Value) -> bool {
    let Some(filters) = body.as_object() else {
        return true;
    };
    filters.iter().all(|(field, ops)| {
        let Some(ops) = ops.as_object() else {
            return true;
        };
        let Some(have) = offer.get(field).filter(|v| !v.is_null()) else {
            return true;
        };
        ops.iter().all(|(op, want)| compare(have, op, want))
    })
}

fn compare(have: &Value, op: &str, want: &Value) -> bool {
    if let Value::Array(list) = want {
        let found = list.iter().any(|w| same(have, w));
        return if op == "notin" { !found } else { found };
    }
    match (op, as_number(have), as_number(want)) {
        ("gt", Some(a), Some(b)) => a > b,
        ("gte", Some(a), Some(b)) => a >= b,
        ("lt", Some(a), Some(b)) => a < b,
        ("lte", Some(a), Some(b)) => a <= b,
        ("neq", ..) => !same(have, want),
        _ => same(have, want),
    }
}

fn same(have: &Value, want: &Value) -> bool {
    if let (Some(a), Some(b)) = (as_number(have), as_number(want)) {
        return (a - b).abs() < 1e-9;
    }
    match (have.as_str(), want.as_str()) {
        (Some(a), Some(b)) => a == b || a.ends_with(&format!(", {b}")),
        _ => have == want,
    }
}

fn as_number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// A public key without its comment.
pub(super) fn key_of(line: &str) -> String {
    line.split_whitespace()
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
}

fn round4(x: f64) -> f64 {
    (x * 10_000.0).round() / 10_000.0
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small and not negative"
)]
fn whole(x: f64) -> u64 {
    x as u64
}

fn number_of(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Adds the fields of one object to another.
fn extend(object: &mut Value, more: Value) {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
}
