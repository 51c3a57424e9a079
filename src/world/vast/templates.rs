//! Templates: settings of an order, kept by the market under a hash of their content.

use serde_json::{Map, Value, json};

use crate::world::account::{AccountId, Template};
use crate::world::exchange::{ApiRequest, ApiResponse};
use crate::world::state::World;
use crate::world::vast::access::json_parameter;
use crate::world::vast::filter;

impl World {
    pub(super) fn template(&self, by: AccountId, hash: &str) -> Option<&Template> {
        self.accounts[by]
            .templates
            .iter()
            .find(|t| t["hash_id"] == hash)
    }

    pub(super) fn find_templates(&self, by: AccountId, request: &ApiRequest) -> ApiResponse {
        let filters = json_parameter(request, "select_filters");
        let columns = json_parameter(request, "select_cols");
        let found = self.accounts[by].templates.iter();
        let found = found.filter(|template| filter::matches_exactly(template, &filters));
        let found: Vec<Value> = found
            .map(|template| filter::select(template.clone(), &columns))
            .collect();
        if found.is_empty() {
            return ApiResponse::ok(&json!({"success": false, "msg": "No templates found"}));
        }
        ApiResponse::ok(
            &json!({"success": true, "templates_found": found.len(), "templates": found}),
        )
    }

    pub(super) fn create_template(&mut self, by: AccountId, body: &Value) -> ApiResponse {
        for field in ["name", "image"] {
            if body[field].as_str().is_none_or(str::is_empty) {
                let text = format!("Missing or invalid template {field}");
                return ApiResponse::refusal(400, "invalid_args", &text);
            }
        }
        let template = self.new_template(by, body);
        let hash = template["hash_id"].as_str().unwrap_or_default();
        if let Some(existing) = self.template(by, hash) {
            let text = format!(
                "Existing Template Found: {}. User relationship added.",
                existing["id"]
            );
            return ApiResponse::ok(&json!({"success": false, "msg": text, "template": existing}));
        }
        let text = format!(
            "Template Created Successfully! New Template ID: {}",
            template["id"]
        );
        let reply = json!({"success": true, "msg": text, "template": template});
        self.accounts[by].templates.push(template);
        ApiResponse::ok(&reply)
    }

    /// An edit makes a copy with a hash of its own.
    pub(super) fn update_template(&mut self, by: AccountId, body: &Value) -> ApiResponse {
        let hash = body["hash_id"].as_str().unwrap_or_default();
        let Some(old) = self.template(by, hash).cloned() else {
            let text = "error 404: Template not found";
            return ApiResponse::refusal(404, "invalid_template", text);
        };
        let mut edited = old.clone();
        let given = body.as_object().into_iter().flatten();
        for (name, value) in given.filter(|(_, value)| !value.is_null()) {
            edited[name] = value.clone();
        }
        let edited = self.new_template(by, &edited);
        if edited["hash_id"] == old["hash_id"] {
            let text = format!("No Edits made for template {}", old["id"]);
            return ApiResponse::ok(
                &json!({"success": true, "hash_id": hash, "msg": text, "template": old}),
            );
        }
        let text = format!(
            "Created an Edited Copy of Template {}. New Template ID: {}",
            old["id"], edited["id"]
        );
        let reply = json!({"success": true, "msg": text, "template": edited});
        self.accounts[by].templates.push(edited);
        ApiResponse::ok(&reply)
    }

    pub(super) fn delete_template(&mut self, by: AccountId, body: &Value) -> ApiResponse {
        let is_meant = |template: &Value| {
            template["hash_id"] == body["hash_id"] || template["id"] == body["template_id"]
        };
        let Some(index) = self.accounts[by].templates.iter().position(is_meant) else {
            let body = json!({"success": false, "msg": "Invalid Template ID or User ID"});
            return ApiResponse::new(400, &body);
        };
        let gone = self.accounts[by].templates.remove(index);
        let text = format!("Template {} Deleted Successfully", gone["id"]);
        ApiResponse::ok(&json!({"success": true, "msg": text}))
    }

    fn new_template(&self, by: AccountId, body: &Value) -> Template {
        let given = |name: &str| body[name].clone();
        let mut template = json!({
            "name": given("name"), "image": given("image"), "tag": given("tag"), "env": given("env"),
            "onstart": given("onstart"), "runtype": given("runtype"), "ssh_direct": given("ssh_direct"),
            "jup_direct": given("jup_direct"), "use_ssh": given("use_ssh"), "args_str": given("args_str"),
            "extra_filters": given("extra_filters"), "desc": given("desc"), "readme": given("readme"),
            "recommended_disk_space": as_gigabytes(&body["recommended_disk_space"]), "private": given("private"),
            "href": given("href"), "repo": given("repo"),
        });
        let hash = content_hash(&template.to_string());
        let templates = self.accounts.iter().flat_map(|one| &one.templates);
        let newest = templates.filter_map(|t| t["id"].as_u64()).max();
        template["id"] = json!(newest.unwrap_or(340_000) + 1);
        template["hash_id"] = json!(hash);
        template["creator_id"] = json!(by.user());
        template["created_at"] = json!(self.now.timestamp());
        template["count_created"] = json!(0);
        template
    }
}

/// The vendor's command sends the disk as text.
fn as_gigabytes(disk: &Value) -> Value {
    match disk {
        Value::String(text) => json!(text.parse::<f64>().ok()),
        _ => disk.clone(),
    }
}

/// 32 hexadecimal digits that depend on the content alone (FNV-1a).
fn content_hash(content: &str) -> String {
    let start: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    let prime: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let step = |hash: u128, byte: u8| (hash ^ u128::from(byte)).wrapping_mul(prime);
    format!("{:032x}", content.bytes().fold(start, step))
}

/// A template's environment, a string of docker flags, as the object that an order has.
pub(super) fn env_of_flags(flags: &str) -> Value {
    let mut env = Map::new();
    let mut words = flags.split_whitespace();
    while let (Some(flag), Some(value)) = (words.next(), words.next()) {
        match (flag, value.split_once('=')) {
            ("-e", Some((name, value))) => env.insert(name.to_owned(), json!(value)),
            _ => env.insert(format!("{flag} {value}"), json!("1")),
        };
    }
    env.into()
}
