//! What comes into the world and leaves it: requests, responses, and requests of the world's own.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

/// A call, however it came.
#[derive(Debug, Clone, Default)]
pub struct ApiRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path without query.
    pub path: String,
    /// Decoded query.
    pub query: BTreeMap<String, String>,
    /// JSON body, or null.
    pub body: Value,
    /// The bearer token.
    pub bearer: Option<String>,
}

/// What the world answers.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiResponse {
    /// HTTP status.
    pub status: u16,
    /// JSON or text.
    pub body: String,
}

/// A call that the world makes; the shell performs it and reports back.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing {
    /// The Network Node asks a node how it is.
    Poll {
        /// The node.
        node: String,
        /// Base address of its API.
        api: String,
        /// Base address of its inference.
        inference: String,
    },
    /// The Network Node starts something at a node; the answer does not matter.
    Post {
        /// Full address.
        url: String,
        /// JSON body.
        body: Value,
    },
    /// A machine sends a batch to the callback through its own port.
    Batch {
        /// The machine.
        instance: u64,
        /// The callback's host; the machine itself leads to `api`.
        host: String,
        /// Port inside it, or of that host.
        port: u16,
        /// Request path.
        path: String,
        /// JSON body.
        body: Value,
    },
}

/// What a poll of a node gave: its state and first model, or why it failed.
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

    /// What is asked for all the time is written out without a tree of it in between.
    pub(super) fn written(body: &impl Serialize) -> ApiResponse {
        match serde_json::to_string(body) {
            Ok(body) => ApiResponse { status: 200, body },
            Err(error) => ApiResponse::error(500, &error.to_string()),
        }
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
