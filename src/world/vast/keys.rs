//! SSH keys: those of the account, and those of an instance.

use serde_json::{Value, json};

use crate::world::account::{AccountId, AccountKey};
use crate::world::exchange::ApiResponse;
use crate::world::state::World;
use crate::world::vast::instances::no_such_instance;

impl World {
    pub(super) fn keys(&self, by: AccountId) -> ApiResponse {
        let rows = self.accounts[by].keys.iter().map(|key| key.row(by));
        ApiResponse::ok(&rows.collect())
    }

    pub(super) fn create_key(&mut self, by: AccountId, body: &Value) -> ApiResponse {
        let Some(key) = given_key(body) else {
            return ApiResponse::refusal(400, "no_ssh_key", "No ssh key provided");
        };
        if self.accounts[by].keys.iter().any(|known| known.key == key) {
            // As clients have seen it: the words vary, but all contain `duplicate`.
            let text = "duplicate ssh key: this key is already on your account";
            return ApiResponse::refusal(400, "duplicate_ssh_key", text);
        }
        let keys = self.accounts.iter().flat_map(|account| &account.keys);
        let newest = keys.map(|key| key.id).max();
        let key = AccountKey {
            id: 1 + newest.unwrap_or(0),
            key,
            created_at: self.now,
        };
        let reply = json!({"success": true, "key": key.row(by)});
        self.accounts[by].keys.push(key);
        ApiResponse::ok(&reply)
    }

    pub(super) fn update_key(&mut self, by: AccountId, id: u64, body: &Value) -> ApiResponse {
        let Some(key) = given_key(body) else {
            return ApiResponse::refusal(400, "no_ssh_key", "No ssh key provided");
        };
        let mut others = self.accounts[by].keys.iter().filter(|known| known.id != id);
        if others.any(|known| known.key == key) {
            let text = "The SSH key already exists on this account";
            return ApiResponse::refusal(400, "duplicate_ssh_key", text);
        }
        let Some(known) = self.accounts[by]
            .keys
            .iter_mut()
            .find(|known| known.id == id)
        else {
            let text = "The SSH key does not exist on this account";
            return ApiResponse::refusal(404, "not_found", text);
        };
        known.key = key;
        ApiResponse::ok(&json!({"success": true, "key": known.row(by)}))
    }

    pub(super) fn delete_key(&mut self, by: AccountId, id: u64) -> ApiResponse {
        let Some(index) = self.accounts[by].keys.iter().position(|key| key.id == id) else {
            return ApiResponse::refusal(400, "no_ssh_key", "No ssh key provided");
        };
        self.accounts[by].keys.remove(index);
        ApiResponse::ok(&json!({"success": true}))
    }

    pub(super) fn instance_keys(&self, by: AccountId, id: u64) -> ApiResponse {
        let Some(instance) = self.owned(by, id) else {
            return not_found("no_such_instance", &format!("Instance {id} not found."));
        };
        let keys = instance.keys.iter().map(|key| self.attached_row(by, key));
        // The list is text within the reply.
        let keys = keys.collect::<Value>().to_string();
        ApiResponse::ok(&json!({"success": true, "ssh_keys": keys}))
    }

    /// The row of an instance's key. It has no id if it is not on the account.
    fn attached_row(&self, by: AccountId, key: &str) -> Value {
        let known = self.accounts[by].keys.iter().find(|known| known.key == key);
        let unknown = || json!({"id": null, "user_id": by.user(), "key": key, "public_key": key});
        known.map_or_else(unknown, |key| key.row(by))
    }

    pub(super) fn attach_key(&mut self, by: AccountId, id: u64, body: &Value) -> ApiResponse {
        let Some(key) = given_key(body) else {
            let text = "No ssh key provided to add to instance.";
            return ApiResponse::refusal(400, "no_ssh_key", text);
        };
        let row = self.attached_row(by, &key).to_string();
        let Some(instance) = self.owned_mut(by, id) else {
            return no_such_instance(id);
        };
        if instance.keys.contains(&key) {
            let text = "SSH key already associated with instance.";
            return ApiResponse::ok(&json!({"success": false, "msg": text}));
        }
        instance.keys.push(key);
        let text = "SSH key added to instance.";
        ApiResponse::ok(&json!({"success": true, "msg": text, "key": row}))
    }

    pub(super) fn detach_key(&mut self, by: AccountId, id: u64, key_id: u64) -> ApiResponse {
        let key = self.accounts[by].keys.iter().find(|key| key.id == key_id);
        let key = key.map(|key| key.key.clone());
        let Some(instance) = self.owned_mut(by, id) else {
            return not_found("no_such_instance", &format!("Instance {id} not found."));
        };
        let before = instance.keys.len();
        instance.keys.retain(|known| key.as_ref() != Some(known));
        if instance.keys.len() == before {
            return not_found("no_such_ssh_key", "SSH key not found.");
        }
        ApiResponse::ok(&json!({"success": true, "msg": "SSH key removed from instance."}))
    }
}

/// These routes send this refusal with status 200.
fn not_found(error: &str, text: &str) -> ApiResponse {
    ApiResponse::refusal(200, error, text)
}

fn given_key(body: &Value) -> Option<String> {
    let key = body["ssh_key"].as_str().map(key_of);
    key.filter(|key| key.contains(' '))
}

/// A public key without its comment.
pub(in crate::world) fn key_of(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().take(2).collect();
    words.join(" ")
}
