//! Changes to an instance: destroy, stop and start, reboot and recycle, its label and its bid.

use serde_json::{Value, json};

use crate::domain::Time;
use crate::world::account::AccountId;
use crate::world::clock::seconds;
use crate::world::exchange::ApiResponse;
use crate::world::model::{Boot, IntendedStatus, SimInstance};
use crate::world::numbers::uniform;
use crate::world::state::World;
use crate::world::vast::access::ids;
use crate::world::vast::instances::no_such_instance;
use crate::world::vast::rent::launch;

/// Characters of a label that is set later (`manage_instance.yaml`).
const RELABEL_LIMIT: usize = 1_024;
/// Instances that one request may change.
const MANY: usize = 64;
/// Seconds that a stopped container takes to run again.
const START: f64 = 20.0;
const REBOOT: f64 = 15.0;
/// The image's layers are on the host already.
const RECYCLE: f64 = 60.0;

impl World {
    pub(super) fn destroy(&mut self, by: AccountId, id: u64) -> ApiResponse {
        if self.owned(by, id).is_none() {
            return no_such_instance(id);
        }
        self.destroy_one(by, id);
        ApiResponse::ok(&json!({"success": true, "msg": "Instance destroyed successfully"}))
    }

    /// Skips instances that do not exist, and refuses if none does.
    pub(super) fn destroy_many(&mut self, by: AccountId, body: &Value) -> ApiResponse {
        let ids = ids(&body["instance_ids"]);
        if ids.is_empty() {
            let text = "instance_ids array is required";
            return ApiResponse::refusal(400, "invalid_args", text);
        }
        if ids.iter().all(|id| self.owned(by, *id).is_none()) {
            let text = format!("Instances {ids:?} not found.");
            return ApiResponse::refusal(404, "instances_not_found", &text);
        }
        for id in ids {
            self.destroy_one(by, id);
        }
        ApiResponse::ok(&json!({"success": true}))
    }

    fn destroy_one(&mut self, by: AccountId, id: u64) {
        let now = self.now;
        let ignored = self.ignores_destroy(id);
        if let Some(instance) = self.owned_mut(by, id).filter(|_| !ignored) {
            instance.destroyed_at = Some(now);
        }
    }

    /// State and label of one instance.
    pub(super) fn change(&mut self, by: AccountId, id: u64, body: &Value) -> ApiResponse {
        if self.owned(by, id).is_none() {
            return no_such_instance(id);
        }
        if let Some(label) = body["label"].as_str() {
            if label.chars().count() > RELABEL_LIMIT {
                return ApiResponse::refusal(400, "invalid_args", "label_too_long");
            }
            if let Some(instance) = self.owned_mut(by, id) {
                instance.label = label.into();
            }
        }
        match body["state"].as_str() {
            Some("stopped") => self.stop(by, id),
            Some("running") => self.start(by, id),
            Some(_) => ApiResponse::refusal(400, "invalid_args", "Invalid target state"),
            None => {
                let text = format!(
                    "label for {id} set to '{}'",
                    body["label"].as_str().unwrap_or_default()
                );
                ApiResponse::ok(&json!({"success": true, "msg": text}))
            }
        }
    }

    /// The state of many: a success if one of them changed.
    pub(super) fn change_many(&mut self, by: AccountId, body: &Value) -> ApiResponse {
        let ids = ids(&body["ids"]);
        if ids.is_empty() {
            return ApiResponse::refusal(400, "invalid_args", "ids list required");
        }
        if ids.len() > MANY {
            let text = format!("chunk length of {} > {MANY}", ids.len());
            return ApiResponse::refusal(400, "invalid_args", &text);
        }
        if body["state"] == "running" && self.credit(by) <= 0.0 {
            return ApiResponse::refusal(400, "insufficient_credit", "You lack credit.");
        }
        let state = json!({"state": body["state"]});
        let known = ids.into_iter().filter(|id| self.owned(by, *id).is_some());
        let known: Vec<u64> = known.collect();
        if known.is_empty() {
            let text = "Invalid instance ID list ids.";
            return ApiResponse::refusal(404, "invalid_args", text);
        }
        for id in known {
            self.change(by, id, &state);
        }
        ApiResponse::ok(&json!({"success": true}))
    }

    fn stop(&mut self, by: AccountId, id: u64) -> ApiResponse {
        let (now, seed) = (self.now, self.seed);
        let relet_from = now + seconds(30.0 + 270.0 * uniform(seed, 60, id));
        if let Some(instance) = self.owned_mut(by, id) {
            halt(instance, now, relet_from, seed);
        }
        ApiResponse::ok(&json!({"success": true}))
    }

    /// Without credit every machine of an account is stopped, and its GPUs are let to others at once
    /// (vendor's docs, billing.mdx). Storage is billed on.
    pub(in crate::world) fn stop_without_credit(&mut self) {
        let (now, seed) = (self.now, self.seed);
        for by in self.accounts() {
            if self.credit(by) > 0.0 {
                continue;
            }
            for instance in self.live_mut().filter(|i| i.account == by) {
                halt(instance, now, now, seed);
            }
        }
    }

    /// While somebody else has the GPUs, a start stays queued.
    fn start(&mut self, by: AccountId, id: u64) -> ApiResponse {
        if self.credit(by) <= 0.0 {
            let text = "You lack credit, see the billing page.";
            return ApiResponse::refusal(400, "missing_billing", text);
        }
        let now = self.now;
        let Some(instance) = self.owned_mut(by, id) else {
            return no_such_instance(id);
        };
        if instance.intended == IntendedStatus::Running {
            return ApiResponse::ok(&json!({"success": true}));
        }
        let waits_until = instance.relet.as_ref().filter(|r| r.contains(&now));
        let waits_until = waits_until.map(|relet| relet.end);
        let boot = match instance.boot {
            Boot::Never => Boot::First,
            _ => Boot::Start,
        };
        let began = waits_until.unwrap_or(now);
        restart(instance, boot, now, began, seconds(START));
        if waits_until.is_some() {
            let text = "Required resources are currently unavailable, state change queued.";
            let body = json!({"success": false, "error": "resources_unavailable", "msg": text});
            return ApiResponse::ok(&body);
        }
        instance.relet = None;
        ApiResponse::ok(&json!({"success": true}))
    }

    pub(super) fn reboot(&mut self, by: AccountId, id: u64) -> ApiResponse {
        let now = self.now;
        match self.owned_mut(by, id) {
            None => ApiResponse::refusal(400, "invalid_args", "invalid instance_id"),
            Some(instance) if instance.is_running(now) => {
                restart(instance, Boot::Reboot, now, now, seconds(REBOOT));
                ApiResponse::ok(&json!({"success": true}))
            }
            Some(_) => {
                let text = "Invalid instance id. Is the container started?";
                ApiResponse::refusal(200, "invalid_id", text)
            }
        }
    }

    /// The container is created anew: what it wrote is lost.
    pub(super) fn recycle(&mut self, by: AccountId, id: u64) -> ApiResponse {
        let now = self.now;
        let running = self.owned(by, id).filter(|i| i.is_running(now));
        let fresh = running.map(|instance| self.empty_workload(instance, now));
        let (Some(fresh), Some(instance)) = (fresh, self.owned_mut(by, id)) else {
            return ApiResponse::refusal(200, "invalid_id", "Invalid instance id.");
        };
        instance.files.clear();
        instance.renewed = None;
        instance.mlnode = fresh;
        restart(instance, Boot::Recycle, now, now, seconds(RECYCLE));
        ApiResponse::ok(&json!({"success": true}))
    }

    /// Sets another image or environment for the next time that the container is created.
    pub(super) fn update_order(&mut self, by: AccountId, id: u64, body: &Value) -> ApiResponse {
        let Ok(order) = self.completed(by, body) else {
            let text = "Template not found";
            return ApiResponse::refusal(404, "not_found", text);
        };
        let Some(instance) = self.owned_mut(by, id) else {
            let text = "Instance not found or you don't have permission to modify it";
            return ApiResponse::refusal(404, "not_found", text);
        };
        for name in [
            "image",
            "onstart",
            "args",
            "template_id",
            "template_hash_id",
            "template_name",
        ] {
            if !order[name].is_null() {
                instance.order[name] = order[name].clone();
            }
        }
        let env = order["env"].as_object().filter(|env| !env.is_empty());
        if let Some(env) = env {
            instance.order["env"] = env.clone().into();
        }
        let updated = json!({"id": id, "image_uuid": instance.order["image"], "template_id": instance.order["template_id"]});
        ApiResponse::ok(&json!({"success": true, "updated_instance": updated}))
    }

    /// Only interruptible instances have a bid.
    pub(super) fn change_bid(&mut self, by: AccountId, id: u64, body: &Value) -> ApiResponse {
        let Some(instance) = self.owned_mut(by, id) else {
            let text = "Instance with that ID does not exist.";
            return ApiResponse::refusal(404, "no_such_instance", text);
        };
        if instance.offer["is_bid"] != true {
            let text = "Can't change price of on-demand contract.";
            return ApiResponse::refusal(400, "invalid_args", text);
        }
        let winning = instance.offer["min_bid"].as_f64().unwrap_or(0.0);
        let price = body["price"].as_f64().unwrap_or(winning);
        if price < 0.001 {
            let text = "Please set a bid price >= 0.001.";
            return ApiResponse::refusal(400, "invalid_args", text);
        }
        instance.offer["dph_base"] = json!(price);
        ApiResponse::ok(&json!({"success": true}))
    }
}

/// Stops a container. Somebody else has its GPUs from then on for some hours.
fn halt(instance: &mut SimInstance, now: Time, relet_from: Time, seed: u64) {
    if instance.intended == IntendedStatus::Stopped {
        return;
    }
    let waited = instance.waits_for_gpu(now);
    instance.intended = IntendedStatus::Stopped;
    instance.mlnode.halt(now);
    if !waited {
        let relet_for = seconds(3_600.0 + 18_000.0 * uniform(seed, 61, instance.id));
        instance.relet = Some(relet_from..relet_from + relet_for);
    }
}

/// Starts a container from its disk.
fn restart(
    instance: &mut SimInstance,
    boot: Boot,
    now: Time,
    began: Time,
    takes: chrono::TimeDelta,
) {
    instance.intended = IntendedStatus::Running;
    instance.boot = boot;
    instance.boot_began = began;
    instance.running_at = began + takes;
    if matches!(boot, Boot::First | Boot::Recycle) {
        instance.first_ran_at = instance.running_at;
    }
    instance.mlnode.halt(now);
    launch(&mut instance.mlnode, instance.running_at, &instance.order);
}
