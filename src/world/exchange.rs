//! Requests to the world, its responses, and requests that it sends itself.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

/// A request to one of the world's APIs.
#[derive(Debug, Clone, Default)]
pub struct ApiRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path without query.
    pub path: String,
    pub query: BTreeMap<String, String>,
    /// JSON body, or null.
    pub body: Value,
    pub bearer: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ApiResponse {
    pub status: u16,
    /// JSON or text.
    pub body: String,
}

/// A request that the world wants sent; the caller sends it and reports the result.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing {
    /// The Network Node polls a node.
    Poll {
        node: String,
        api: String,
        inference: String,
    },
    /// The Network Node starts something on a node; the response is ignored.
    Post { url: String, body: Value },
    /// A machine sends a `PoC` batch to the callback.
    Batch {
        instance: u64,
        /// Host of the callback; `api` is a port forward inside the machine.
        host: String,
        port: u16,
        path: String,
        body: Value,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct NodePoll {
    /// `state` of `/api/v1/state`.
    pub state: String,
    /// First id of `/v1/models`, when in `INFERENCE`.
    pub model: Option<String>,
}

impl ApiResponse {
    pub(super) fn new(status: u16, body: &Value) -> ApiResponse {
        ApiResponse {
            status,
            body: body.to_string(),
        }
    }

    pub(super) fn ok(body: &Value) -> ApiResponse {
        ApiResponse::new(200, body)
    }

    /// Serializes directly, without a `Value`: for frequent requests.
    pub(super) fn written(body: &impl Serialize) -> ApiResponse {
        match serde_json::to_string(body) {
            Ok(body) => ApiResponse { status: 200, body },
            Err(error) => ApiResponse::error(500, &error.to_string()),
        }
    }

    /// A refusal of the market.
    pub(super) fn refusal(status: u16, error: &str, text: &str) -> ApiResponse {
        let body = json!({"success": false, "error": error, "msg": text});
        ApiResponse::new(status, &body)
    }

    pub(super) fn error(status: u16, text: &str) -> ApiResponse {
        ApiResponse::new(status, &json!({"error": text}))
    }

    pub(super) fn text(status: u16, text: &str) -> ApiResponse {
        ApiResponse {
            status,
            body: text.into(),
        }
    }
}
