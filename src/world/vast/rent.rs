//! Renting: what an order makes of an offer.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::domain::Time;
use crate::world::account::{AccountId, Bill};
use crate::world::clock::seconds;
use crate::world::exchange::ApiResponse;
use crate::world::mlnode::node::{ModelLoad, NodeSpec, SimMlNode};
use crate::world::mlnode::settings::Settings;
use crate::world::mlnode::vllm;
use crate::world::model::{Boot, HostFault, IntendedStatus, PriceIncrease, SimInstance, disk_of};
use crate::world::numbers::{number_of, uniform};
use crate::world::state::World;
use crate::world::vast::access::ids;
use crate::world::vast::keys::key_of;
use crate::world::vast::machines::round4;
use crate::world::vast::offers::price;
use crate::world::vast::orders::bad_order;

const HOST_FAULT: &str =
    "torch.AcceleratorError: CUDA error: no kernel image is available for execution on the device";

/// Columns of an offer that no instance has (`show_instance.yaml`).
const OF_OFFERS: [&str; 32] = [
    "ask_contract_id",
    "avail_vol_ask_id",
    "avail_vol_dph",
    "avail_vol_size",
    "bundled_results",
    "cluster_id",
    "cpu_ghz",
    "discount_rate",
    "discounted_hourly",
    "dph_total_adj",
    "driver_vers",
    "expected_reliability",
    "geolocode",
    "gpu_display_active",
    "gpu_ids",
    "gpu_max_power",
    "gpu_max_temp",
    "has_avx",
    "hostname",
    "internet_down_cost_per_tb",
    "internet_up_cost_per_tb",
    "is_vm_deverified",
    "nw_disk_avg_bw",
    "nw_disk_max_bw",
    "nw_disk_min_bw",
    "reliability",
    "reliability_mult",
    "rented",
    "resource_type",
    "rn",
    "vericode",
    "vms_enabled",
];

/// A contract that is about to begin.
struct Contract {
    id: u64,
    offer: Value,
    /// Completed from its template.
    order: Value,
    fault: Option<HostFault>,
    intended: IntendedStatus,
    account: AccountId,
}

impl World {
    pub(super) fn rent(&mut self, by: AccountId, ask_id: u64, body: &Value) -> ApiResponse {
        self.rent_calls += 1;
        let Some(machine) = self.machine_of(ask_id) else {
            let text = format!("No ask by id {ask_id} is available.");
            return about_ask(404, "no_such_ask", &text, ask_id);
        };
        let is_there = self.rent_calls > self.scenario.offers_gone;
        let offer = self
            .offer(machine)
            .filter(|offer| is_there && offer["id"] == json!(ask_id) && offer["rentable"] == true);
        let Some(mut offer) = offer else {
            let text = format!(
                "error 410/3907: no_such_ask Instance type {ask_id} is no longer available."
            );
            return about_ask(410, "no_such_ask", &text, ask_id);
        };
        let order = match self.completed(by, body) {
            Ok(order) => order,
            Err(problem) => return refused_order(&problem, ask_id),
        };
        if let Some(problem) = bad_order(&order, &offer) {
            return refused_order(&problem, ask_id);
        }
        price(&mut offer, disk_of(&order));
        if self.credit(by) < offer["dph_total"].as_f64().unwrap_or(0.0) {
            let text = "Your account lacks credit";
            return ApiResponse::refusal(400, "insufficient_credit", text);
        }
        let contract = self.contract_for(by, offer, order);
        let reply = json!({"success": contract.intended == IntendedStatus::Running, "new_contract": contract.id,
            "instance_api_key": format!("instance-key-{}", contract.id)});
        self.begin(contract);
        ApiResponse::ok(&reply)
    }

    /// Several offers under one order.
    pub(super) fn rent_many(&mut self, by: AccountId, body: &Value) -> ApiResponse {
        let ids = ids(&body["ids"]);
        if ids.is_empty() {
            return ApiResponse::new(
                400,
                &json!({"success": false, "msg": "no ask ids provided"}),
            );
        }
        let mut results = Vec::new();
        for ask_id in ids {
            let reply = self.rent(by, ask_id, body);
            let mut result: Value = serde_json::from_str(&reply.body).unwrap_or_default();
            result["ask_id"] = json!(ask_id);
            results.push(result);
        }
        let (mut created, mut failed) = (Vec::new(), Vec::new());
        for result in &results {
            match &result["new_contract"] {
                Value::Null => failed.push(result["ask_id"].clone()),
                contract => created.push(contract.clone()),
            }
        }
        ApiResponse::ok(
            &json!({"success": !created.is_empty(), "results": results, "created": created,
            "failed": failed, "elapsed": 0.1}),
        )
    }

    /// Rents the first offer that a search finds.
    pub(super) fn launch_instance(&mut self, by: AccountId, body: &Value) -> ApiResponse {
        let found = self.found_offers(&body["q"]);
        let Some(ask_id) = found.first().and_then(|offer| offer["id"].as_u64()) else {
            let body = json!({"success": false, "error": "offer_not_found", "message": "No offer found matching the query"});
            return ApiResponse::ok(&body);
        };
        self.rent(by, ask_id, body)
    }

    fn contract_for(&self, account: AccountId, mut offer: Value, order: Value) -> Contract {
        let id = 31_415_000 + number_of(self.past.len() + self.instances.len()) + 1;
        // Faults only affect our own rentals.
        let is_ours = is_ours(&order);
        let earlier = self.own_rental_count();
        let fault = if is_ours && earlier < self.scenario.first_boots_stall {
            Some(HostFault::StalledDownload)
        } else {
            self.random_fault_of(id).filter(|_| is_ours)
        };
        if fault == Some(HostFault::Dearer) {
            let base = offer["dph_base"].as_f64().unwrap_or(0.0);
            offer["dph_base"] = json!(round4(1.2 * base));
            price(&mut offer, disk_of(&order));
        }
        if let Some(columns) = offer.as_object_mut() {
            columns.retain(|name, _| !OF_OFFERS.contains(&name.as_str()));
        }
        let born_stopped = is_ours && earlier < self.scenario.born_stopped;
        // A bid below the least that wins does not start.
        let least = offer["min_bid"].as_f64().unwrap_or(0.0);
        let loses = order["price"].as_f64().is_some_and(|price| price < least);
        if let Some(price) = order["price"].as_f64() {
            offer["is_bid"] = json!(true);
            offer["dph_base"] = json!(price);
        }
        let intended = if born_stopped || loses || order["target_state"] == "stopped" {
            IntendedStatus::Stopped
        } else {
            IntendedStatus::Running
        };
        Contract {
            id,
            offer,
            order,
            fault,
            intended,
            account,
        }
    }

    fn begin(&mut self, contract: Contract) {
        let Contract {
            id,
            offer,
            order,
            fault,
            intended,
            account,
        } = contract;
        let now = self.now;
        let never = matches!(fault, Some(HostFault::EndlessPull | HostFault::BrokenHost));
        let never = never || self.scenario.boot_hangs || !self.scenario.pull_failure.is_empty();
        let pull = if never {
            1e8
        } else {
            120.0 + 360.0 * uniform(self.seed, 10, id)
        };
        let running_at = now + seconds(10.0 + pull);
        let label = order["label"].as_str().unwrap_or_default();
        let mut keys: Vec<String> = self.accounts[account]
            .keys
            .iter()
            .map(|key| key.key.clone())
            .collect();
        keys.extend(order["env"]["POCPIT_SSH_KEY"].as_str().map(key_of));
        let spec = self.node_spec(id, &order, &offer, fault);
        let mut mlnode = SimMlNode::absent(spec, running_at);
        let boot = match intended {
            IntendedStatus::Running => {
                launch(&mut mlnode, running_at, &order);
                Boot::First
            }
            IntendedStatus::Stopped => Boot::Never,
        };
        let key_after = 30.0 + 60.0 * uniform(self.seed, 12, id) + self.key_delay(id);
        let instance = SimInstance {
            id,
            account,
            label: label.into(),
            rented_at: now,
            visible_at: now + seconds(5.0 * uniform(self.seed, 11, id)),
            intended,
            boot,
            boot_began: now,
            running_at,
            first_ran_at: running_at,
            relet: None,
            destroyed_at: None,
            cost: 0.0,
            bill: Bill::new(id, &order),
            billed_gb: 0.0,
            mlnode,
            offer,
            keys,
            key_at: running_at + seconds(key_after),
            fault,
            reclaim_at: self.reclaim_at(id).filter(|_| is_ours(&order)),
            order,
            ssh_port: None,
            mapped: BTreeMap::new(),
            files: BTreeMap::new(),
            increase: PriceIncrease::None,
            renewed: None,
        };
        self.instances.insert(id, instance);
        self.peak_live = self.peak_live.max(self.live().count());
    }

    /// The workload of a container that was created anew, before it starts.
    pub(super) fn empty_workload(&self, instance: &SimInstance, at: Time) -> SimMlNode {
        let (order, offer) = (&instance.order, &instance.offer);
        let spec = self.node_spec(instance.id, order, offer, instance.fault);
        SimMlNode::absent(spec, at)
    }

    fn node_spec(
        &self,
        id: u64,
        body: &Value,
        offer: &Value,
        fault: Option<HostFault>,
    ) -> NodeSpec {
        let number = |name: &str| offer[name].as_u64().unwrap_or(0);
        let share = uniform(self.seed, 21, id);
        // Hugging Face gives about half of what a host advertises.
        let megabits = offer["inet_down"].as_f64().unwrap_or(1_000.0);
        let bandwidth = megabits / 8_000.0 * (0.5 + 0.1 * share);
        NodeSpec {
            seed: self.seed,
            id,
            release: self.scenario.mlnode_release,
            environment: self.scenario.environment,
            poc_version: self.scenario.poc_version,
            settings: Settings::of(body),
            gpus: number("num_gpus").max(1),
            disk_gb: disk_of(body),
            bandwidth,
            load: 120.0 + 60.0 * uniform(self.seed, 22, id),
            load_outcome: self.model_load(fault),
            fault: self.workload_fault_of(id).filter(|_| is_ours(body)),
        }
    }

    fn own_rental_count(&self) -> u64 {
        let live = self.instances.values().map(|instance| &instance.label);
        let labels = live.chain(self.past.iter().map(|rental| &rental.label));
        number_of(labels.filter(|label| label.starts_with("pocpit/")).count())
    }

    fn model_load(&self, fault: Option<HostFault>) -> ModelLoad {
        match fault {
            Some(HostFault::StalledDownload) => ModelLoad::Stalls,
            Some(HostFault::FailingLoad) => ModelLoad::Fails(HOST_FAULT.into()),
            _ if self.scenario.boot_failure.is_empty() => ModelLoad::Works,
            _ => ModelLoad::Fails(self.scenario.boot_failure.clone()),
        }
    }
}

/// Starts what the order's image and command start. The image's own command never runs, and ours only
/// through the start script.
pub(super) fn launch(node: &mut SimMlNode, running_at: Time, order: &Value) {
    let has_onstart = order["onstart"].as_str().is_some_and(|o| !o.is_empty());
    if !has_onstart {
        return;
    }
    let image = order["image"].as_str().unwrap_or_default();
    if !image.starts_with(vllm::IMAGE) {
        return node.import(running_at);
    }
    let command = order["env"]["POCPIT_COMMAND"].as_str().unwrap_or_default();
    vllm::run(node, running_at, command);
}

fn is_ours(order: &Value) -> bool {
    let label = order["label"].as_str();
    label.is_some_and(|label| label.starts_with("pocpit/"))
}

fn about_ask(status: u16, error: &str, text: &str, ask_id: u64) -> ApiResponse {
    let body = json!({"success": false, "error": error, "msg": text, "ask_id": ask_id});
    ApiResponse::new(status, &body)
}

fn refused_order(problem: &str, ask_id: u64) -> ApiResponse {
    about_ask(400, "invalid_args", problem, ask_id)
}
