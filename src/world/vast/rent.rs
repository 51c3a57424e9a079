//! Renting: what an order makes of an offer.

use std::collections::BTreeMap;

use crate::domain::Time;
use crate::world::clock::seconds;
use crate::world::exchange::ApiResponse;
use crate::world::mlnode::node::{ModelLoad, NodeSpec, SimMlNode};
use crate::world::mlnode::settings::Settings;
use crate::world::mlnode::vllm;
use crate::world::model::{HostFault, SimInstance};
use crate::world::numbers::{number_of, uniform};
use crate::world::scenario::ModelStart;
use crate::world::state::World;
use crate::world::vast::offers::{price, round4};
use serde_json::{Value, json};

const HOST_FAULT: &str =
    "torch.AcceleratorError: CUDA error: no kernel image is available for execution on the device";

impl World {
    pub(super) fn rent(&mut self, ask_id: u64, body: &Value) -> ApiResponse {
        self.rent_calls += 1;
        let offer = self.offers().find(|offer| offer["id"] == json!(ask_id));
        let Some(mut offer) = offer.filter(|_| self.rent_calls > self.scenario.offers_gone) else {
            let text = format!(
                "error 410/3907: no_such_ask Instance type {ask_id} is no longer available."
            );
            let body =
                json!({"success": false, "error": "no_such_ask", "msg": text, "ask_id": ask_id});
            return ApiResponse::new(410, &body);
        };
        if let Some(problem) = bad_order(body) {
            let text = format!("error 400/3467: Invalid args: {problem}");
            return ApiResponse::refusal(400, "invalid_args", &text);
        }
        price(&mut offer, body["disk"].as_f64().unwrap_or(10.0));
        if self.credit() < offer["dph_total"].as_f64().unwrap_or(0.0) {
            let text = "Your account lacks credit";
            return ApiResponse::refusal(400, "insufficient_credit", text);
        }
        let id = 31_415_000 + number_of(self.past.len() + self.instances.len()) + 1;
        let label = body["label"].as_str().unwrap_or_default();
        // Faults only affect our own rentals.
        let is_ours = label.starts_with("pocpit/");
        let stalls = is_ours && self.own_rental_count() < self.scenario.first_boots_stall;
        let fault = if stalls {
            Some(HostFault::StalledDownload)
        } else {
            self.random_fault_of(id).filter(|_| is_ours)
        };
        if fault == Some(HostFault::Dearer) {
            let base = offer["dph_base"].as_f64().unwrap_or(0.0);
            offer["dph_base"] = json!(round4(1.2 * base));
            price(&mut offer, body["disk"].as_f64().unwrap_or(10.0));
        }
        let never = matches!(fault, Some(HostFault::EndlessPull | HostFault::BrokenHost));
        let never = never || self.scenario.boot_hangs || !self.scenario.pull_failure.is_empty();
        let pull = if never {
            1e8
        } else {
            120.0 + 360.0 * uniform(self.seed, 10, id)
        };
        let running_at = self.now + seconds(10.0 + pull);
        let mut keys = self.account_keys.clone();
        keys.extend(body["env"]["POCPIT_SSH_KEY"].as_str().map(key_of));
        let instance = SimInstance {
            id,
            label: label.into(),
            rented_at: self.now,
            visible_at: self.now + seconds(5.0 * uniform(self.seed, 11, id)),
            running_at,
            destroyed_at: None,
            cost: 0.0,
            billed_gb: 0.0,
            mlnode: self.workload(id, running_at, body, &offer, fault),
            offer,
            order: body.clone(),
            keys,
            key_at: running_at
                + seconds(30.0 + 60.0 * uniform(self.seed, 12, id) + self.key_delay(id)),
            fault,
            reclaim_at: self.reclaim_at(id).filter(|_| is_ours),
            ssh_port: None,
            mapped: BTreeMap::new(),
            files: BTreeMap::new(),
        };
        self.instances.insert(id, instance);
        self.peak_live = self.peak_live.max(self.live().count());
        ApiResponse::ok(
            &json!({"success": true, "new_contract": id, "instance_api_key": format!("instance-key-{id}")}),
        )
    }

    /// The workload that the order's image and command start. The image's own command never runs, and
    /// ours only through the start script.
    fn workload(
        &self,
        id: u64,
        running_at: Time,
        body: &Value,
        offer: &Value,
        fault: Option<HostFault>,
    ) -> SimMlNode {
        let spec = self.node_spec(id, body, offer, fault);
        let has_onstart = body["onstart"].as_str().is_some_and(|o| !o.is_empty());
        if !has_onstart {
            return SimMlNode::absent(spec, running_at);
        }
        let image = body["image"].as_str().unwrap_or_default();
        if !image.starts_with(vllm::IMAGE) {
            return SimMlNode::started(spec, running_at);
        }
        let command = body["env"]["POCPIT_COMMAND"].as_str().unwrap_or_default();
        vllm::run(SimMlNode::absent(spec, running_at), running_at, command)
    }

    fn node_spec(
        &self,
        id: u64,
        body: &Value,
        offer: &Value,
        fault: Option<HostFault>,
    ) -> NodeSpec {
        let number = |name: &str| offer[name].as_u64().unwrap_or(0);
        let is_ours = body["label"]
            .as_str()
            .is_some_and(|l| l.starts_with("pocpit/"));
        let share = uniform(self.seed, 21, id);
        let bandwidth = match self.scenario.model_start {
            ModelStart::Kind => 230.0 / (480.0 + 360.0 * share),
            // Hugging Face gives about half of what a host advertises.
            ModelStart::Real => {
                let megabits = offer["inet_down"].as_f64().unwrap_or(1_000.0);
                megabits / 8_000.0 * (0.5 + 0.1 * share)
            }
        };
        NodeSpec {
            seed: self.seed,
            id,
            release: self.scenario.mlnode_release,
            start: self.scenario.model_start,
            environment: self.scenario.environment,
            content_type: self.scenario.content_type,
            poc_calls: self.scenario.poc_calls,
            poc_version: self.scenario.poc_version,
            settings: Settings::of(body),
            gpus: number("num_gpus").max(1),
            disk_gb: body["disk"].as_f64().unwrap_or(10.0),
            bandwidth,
            load: 120.0 + 60.0 * uniform(self.seed, 22, id),
            load_outcome: self.model_load(fault),
            fault: self.workload_fault_of(id).filter(|_| is_ours),
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
    (script > 16_384).then(|| format!("onstart is {script} bytes, more than 16384"))
}

/// A public key without its comment.
pub(in crate::world) fn key_of(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().take(2).collect();
    words.join(" ")
}
