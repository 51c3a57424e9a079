//! Requests to the world, its responses, and requests that it sends itself.

use std::collections::BTreeMap;

use hyper::StatusCode;
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
    /// The header `Content-Type`.
    pub content_type: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ApiResponse {
    pub status: u16,
    /// Headers besides those of every response.
    pub headers: Vec<(&'static str, String)>,
    /// JSON or text.
    pub body: String,
}

/// A request that the world wants sent; the caller sends it and reports the result.
#[derive(Debug, Clone, PartialEq)]
pub enum Outgoing {
    /// The Network Node calls one of its nodes; [`World::call_ended`](super::World::call_ended) takes
    /// the answer.
    Call { number: u64, request: NodeRequest },
    /// A machine sends a `PoC` batch to the callback; [`World::batch_sent`](super::World::batch_sent)
    /// takes the result.
    Batch {
        instance: u64,
        number: u64,
        /// Host of the callback; `api` is a port forward inside the machine.
        host: String,
        port: u16,
        path: String,
        body: Value,
    },
}

/// A call to a node. Its body has no `Content-Type` (gonka v0.2.14 decentralized-api/utils/http.go).
#[derive(Debug, Clone, PartialEq)]
pub struct NodeRequest {
    pub method: &'static str,
    pub url: String,
    pub body: Option<Value>,
    /// World seconds.
    pub timeout: f64,
}

/// A node's answer to such a call.
#[derive(Debug, Clone, PartialEq)]
pub struct CallAnswer {
    pub status: u16,
    /// Null when it is not JSON.
    pub body: Value,
}

impl CallAnswer {
    pub fn new(status: u16, body: &str) -> CallAnswer {
        CallAnswer {
            status,
            body: serde_json::from_str(body).unwrap_or_default(),
        }
    }

    pub(super) fn is_ok(&self) -> bool {
        self.status == 200
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.body[name].as_str()
    }

    /// The first id of `/v1/models`.
    pub(super) fn first_model(&self) -> Option<&str> {
        self.body["data"][0]["id"].as_str()
    }
}

impl ApiResponse {
    pub(super) fn new(status: u16, body: &Value) -> ApiResponse {
        ApiResponse::text(status, body.to_string())
    }

    pub(super) fn ok(body: &Value) -> ApiResponse {
        ApiResponse::new(200, body)
    }

    /// Serializes directly, without a `Value`: for frequent requests.
    pub(super) fn written(body: &impl Serialize) -> ApiResponse {
        match serde_json::to_string(body) {
            Ok(body) => ApiResponse::text(200, body),
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

    pub(super) fn text(status: u16, text: impl Into<String>) -> ApiResponse {
        ApiResponse {
            status,
            headers: Vec::new(),
            body: text.into(),
        }
    }

    pub(super) fn with_header(mut self, name: &'static str, value: String) -> ApiResponse {
        self.headers.push((name, value));
        self
    }

    /// The page of a gateway between a client and a service, as nginx writes it.
    pub(super) fn gateway_page(status: u16) -> ApiResponse {
        let reason = reason(status);
        ApiResponse::text(
            status,
            format!(
                "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n<center><h1>{status} {reason}</h1></center>\r\n<hr><center>gateway</center>\r\n</body>\r\n</html>\r\n"
            ),
        )
    }
}

/// The standard phrase of a status.
pub(super) fn reason(status: u16) -> &'static str {
    let status = StatusCode::from_u16(status).ok();
    let phrase = status.and_then(|status| status.canonical_reason());
    phrase.unwrap_or("Error")
}
