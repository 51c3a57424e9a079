//! Routes and rate limits of the market's API.

use crate::world::clock::as_seconds;
use crate::world::exchange::{ApiRequest, ApiResponse};
use crate::world::state::{API_KEY, World};
use crate::world::vast::rent::key_of;
use serde_json::{Value, json};

impl World {
    /// Handles a request to the market.
    pub fn vast(&mut self, request: &ApiRequest) -> ApiResponse {
        if let Some(copy) = request.path.strip_prefix("/instance_logs/") {
            return self.uploaded_log(copy, request);
        }
        if request.bearer.as_deref() != Some(API_KEY) {
            return ApiResponse::refusal(401, "auth_error", "Invalid user key");
        }
        let path = request.path.trim_end_matches('/');
        let parts: Vec<&str> = path.trim_start_matches("/api/").split('/').collect();
        if let Some(response) = self.rate_limited(&request.method, &parts) {
            return response;
        }
        let id = |text: &str| text.parse::<u64>().unwrap_or(0);
        match (request.method.as_str(), parts.as_slice()) {
            ("POST", ["v0", "bundles"]) => self.search(&request.body),
            ("PUT", ["v0", "asks", ask_id]) => self.rent(id(ask_id), &request.body),
            ("GET", ["v1", "instances"]) => self.list(request),
            ("GET", ["v0", "instances", one]) => self.one(id(one)),
            ("DELETE", ["v0", "instances", one]) => self.destroy(id(one)),
            ("PUT", ["v0", "instances", one]) => self.change(id(one), &request.body),
            (method, ["v0", "instances", one, "ssh"]) => {
                self.instance_keys(method, id(one), &request.body)
            }
            ("PUT", ["v0", "instances", "request_logs", one]) => {
                self.request_log(id(one), &request.body)
            }
            (method, ["v0", "ssh"]) => self.keys(method, &request.body),
            ("GET", ["v0", "users", "current"]) => ApiResponse::ok(
                &json!({"id": 123_456, "username": "operator", "balance": 0.0, "credit": self.credit(), "can_pay": true, "api_key": API_KEY}),
            ),
            _ => ApiResponse::refusal(404, "not_found", "no such route"),
        }
    }

    fn rate_limited(&mut self, method: &str, parts: &[&str]) -> Option<ApiResponse> {
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
            "delete" => ApiResponse::refusal(429, "rate_limit_exceeded", &text),
            "search" => ApiResponse::new(429, &json!({"detail": text})),
            _ => ApiResponse::text(
                429,
                &text.replace("endpoint", ": endpoint").replace(" :", ":"),
            ),
        })
    }

    fn keys(&mut self, method: &str, body: &Value) -> ApiResponse {
        if method == "GET" {
            let row = |(id, key)| json!({"id": id, "user_id": 123_456, "public_key": key, "deleted_at": null});
            let keys: Vec<Value> = (1..).zip(&self.account_keys).map(row).collect();
            return ApiResponse::ok(&Value::from(keys));
        }
        let Some(key) = body["ssh_key"].as_str() else {
            return ApiResponse::refusal(400, "no_ssh_key", "no ssh_key");
        };
        self.account_keys.push(key_of(key));
        ApiResponse::ok(
            &json!({"success": true, "key": {"id": self.account_keys.len(), "public_key": key}}),
        )
    }
}
