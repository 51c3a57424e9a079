//! Errors in the form that clients of `OpenAI`'s API read.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

pub(super) fn error(status: StatusCode, message: &str) -> Response {
    let body =
        json!({"error": {"message": message, "type": kind(status), "code": status.as_u16()}});
    (status, Json(body)).into_response()
}

fn kind(status: StatusCode) -> &'static str {
    match status {
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        StatusCode::UNAUTHORIZED => "authentication_error",
        StatusCode::FORBIDDEN => "permission_error",
        StatusCode::NOT_IMPLEMENTED => "not_implemented",
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => "upstream_error",
        status if status.is_server_error() => "unavailable_error",
        _ => "invalid_request_error",
    }
}
