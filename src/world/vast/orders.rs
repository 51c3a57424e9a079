//! Orders: completed from their templates, and checked against the market's limits.

use serde_json::{Value, json};

use crate::world::account::AccountId;
use crate::world::model::disk_of;
use crate::world::state::World;
use crate::world::vast::templates::env_of_flags;

/// Characters of a label.
const LABEL_LIMIT: usize = 256;
/// Limits of `create_instance.yaml` (`x-input-validation`). Arguments and start script together may have
/// 16,384 bytes: the file says 4,096, but six projects have seen this number.
const IMAGE_LIMIT: usize = 1_024;
const ARGS_LIMIT: usize = 16_384;
const ENV_LIMIT: usize = 32_768;
const LEAST_DISK: f64 = 8.0;

impl World {
    /// The order with what its template adds. Values of the order win; environments are merged.
    pub(super) fn completed(&self, by: AccountId, body: &Value) -> Result<Value, String> {
        let mut order = body.clone();
        if !order["env"].is_object() {
            // A string of docker flags is not applied.
            order["env"] = json!({});
        }
        let Some(hash) = body["template_hash_id"].as_str() else {
            return Ok(order);
        };
        let template = self.template(by, hash).ok_or_else(|| {
            format!("error 400/3475: invalid_args Template {hash} does not exist.")
        })?;
        let mut env = env_of_flags(template["env"].as_str().unwrap_or_default());
        if let (Some(env), Some(own)) = (env.as_object_mut(), order["env"].as_object()) {
            env.extend(own.clone());
        }
        order["env"] = env;
        let of_template = [
            ("image", template_image(template)),
            ("onstart", template["onstart"].clone()),
            ("disk", template["recommended_disk_space"].clone()),
            ("runtype", template_runtype(template)),
        ];
        for (name, value) in of_template {
            if order[name].is_null() || order[name] == "" {
                order[name] = value;
            }
        }
        order["template_id"] = template["id"].clone();
        order["template_name"] = template["name"].clone();
        Ok(order)
    }
}

fn template_image(template: &Value) -> Value {
    let image = template["image"].as_str().unwrap_or_default();
    match template["tag"].as_str().filter(|tag| !tag.is_empty()) {
        Some(tag) if !image.contains(':') && !image.is_empty() => json!(format!("{image}:{tag}")),
        _ => json!(image),
    }
}

fn template_runtype(template: &Value) -> Value {
    if template["ssh_direct"] == true {
        return json!("ssh_direc ssh_proxy");
    }
    template["runtype"].clone()
}

/// Why the market refuses the order, if it does.
pub(super) fn bad_order(order: &Value, offer: &Value) -> Option<String> {
    let length = |name: &str| order[name].as_str().map_or(0, str::len);
    let args = order["args"].as_array().into_iter().flatten();
    let args: usize = args.filter_map(Value::as_str).map(str::len).sum();
    let args = args + length("args_str") + length("onstart");
    let label = order["label"].as_str().unwrap_or_default();
    if length("image") > IMAGE_LIMIT || args > ARGS_LIMIT || label.chars().count() > LABEL_LIMIT {
        return Some(format!(
            "error 400/3471: invalid_args len(image) > {IMAGE_LIMIT}, or len(args) > {ARGS_LIMIT}, or len(label) > {LABEL_LIMIT}"
        ));
    }
    let invalid = |problem: &str| Some(format!("error 400/3467: Invalid args: {problem}"));
    if length("image") == 0 {
        return invalid("image is missing");
    }
    let env = order["env"].to_string().len();
    if env > ENV_LIMIT {
        return invalid(&format!("env has {env} characters, more than {ENV_LIMIT}"));
    }
    let disk = disk_of(order);
    if disk < LEAST_DISK {
        return invalid("disk must be at least 8");
    }
    if offer["disk_space"].as_f64().is_some_and(|most| disk > most) {
        return invalid("disk is more than the machine has");
    }
    bad_price(order, offer)
}

/// A price makes a bid.
fn bad_price(order: &Value, offer: &Value) -> Option<String> {
    match order["price"].as_f64() {
        Some(price) if !(0.001..=128.0).contains(&price) => {
            Some("error 400/3480: invalid_price".into())
        }
        None if offer["is_bid"] == true => Some("error 400/3481: invalid_price".into()),
        _ => None,
    }
}
