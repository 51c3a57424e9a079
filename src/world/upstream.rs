//! Whom the inference proxy asks: an OpenAI-compatible service, and the network's callers, who ask
//! the proxy.

use serde_json::json;

use super::exchange::{ApiRequest, ApiResponse};
use super::state::{MODEL, UPSTREAM_KEY, World};

impl World {
    /// A call to the upstream. It answers whole, never as a stream.
    pub fn upstream(&self, ask: &ApiRequest) -> ApiResponse {
        let failure = |status, text: &str| {
            ApiResponse::new(
                status,
                &json!({"error": {"message": text, "type": "invalid_request_error"}}),
            )
        };
        if ask.bearer.as_deref() != Some(UPSTREAM_KEY) {
            return failure(401, "the key is not known");
        }
        let text = "PoC stands for Proof of Compute.";
        let (object, choice) = match (ask.method.as_str(), ask.path.as_str()) {
            ("POST", "/v1/chat/completions") => (
                "chat.completion",
                json!({"index": 0, "finish_reason": "stop",
                    "message": {"role": "assistant", "content": text}}),
            ),
            ("POST", "/v1/completions") => (
                "text_completion",
                json!({"index": 0, "finish_reason": "stop", "text": text}),
            ),
            _ => return failure(404, "there is nothing here"),
        };
        if ask.body["model"] != MODEL {
            return failure(404, "the model is not known");
        }
        if ask.body["stream"] == true {
            return failure(400, "streams are not simulated");
        }
        ApiResponse::ok(
            &json!({"id": "sim-1", "object": object, "created": self.now.timestamp(),
            "model": MODEL, "choices": [choice],
            "usage": {"prompt_tokens": 12, "completion_tokens": 8, "total_tokens": 20}}),
        )
    }
}

/// What a caller asks.
pub(super) fn question() -> serde_json::Value {
    json!({"model": MODEL, "max_tokens": 16,
        "messages": [{"role": "user", "content": "What does PoC stand for?"}]})
}
