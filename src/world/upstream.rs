//! The inference proxy's upstream, an OpenAI-compatible service, and the request of a caller.

use serde_json::json;

use super::exchange::{ApiRequest, ApiResponse};
use super::models::MODEL;
use super::state::{UPSTREAM_KEY, World};

impl World {
    /// Handles a request to the upstream. Streams are not supported.
    pub fn upstream(&self, request: &ApiRequest) -> ApiResponse {
        let failure = |status, text: &str| {
            ApiResponse::new(
                status,
                &json!({"error": {"message": text, "type": "invalid_request_error"}}),
            )
        };
        if request.bearer.as_deref() != Some(UPSTREAM_KEY) {
            return failure(401, "invalid API key");
        }
        let text = "PoC stands for Proof of Compute.";
        let (object, choice) = match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/v1/chat/completions") => (
                "chat.completion",
                json!({"index": 0, "finish_reason": "stop",
                    "message": {"role": "assistant", "content": text}}),
            ),
            ("POST", "/v1/completions") => (
                "text_completion",
                json!({"index": 0, "finish_reason": "stop", "text": text}),
            ),
            _ => return failure(404, "not found"),
        };
        if request.body["model"] != MODEL {
            return failure(404, "unknown model");
        }
        if request.body["stream"] == true {
            return failure(400, "streams are not simulated");
        }
        ApiResponse::ok(
            &json!({"id": "sim-1", "object": object, "created": self.now.timestamp(),
            "model": MODEL, "choices": [choice],
            "usage": {"prompt_tokens": 12, "completion_tokens": 8, "total_tokens": 20}}),
        )
    }
}

pub(super) fn question() -> serde_json::Value {
    json!({"model": MODEL, "max_tokens": 16,
        "messages": [{"role": "user", "content": "What does PoC stand for?"}]})
}
