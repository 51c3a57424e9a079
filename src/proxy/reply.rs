//! Replies: the proxy's own, and an upstream's that is streamed.

use http_body_util::{Either, Full};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::json;

use super::response_body::StreamingBody;

pub(super) type Reply = Response<ReplyBody>;

/// The proxy's own body, or an upstream's.
pub(super) type ReplyBody = Either<Full<Bytes>, StreamingBody>;

pub(super) fn text(kind: &'static str, text: String) -> Reply {
    let mut reply = Response::new(ReplyBody::Left(Full::new(text.into())));
    let kind = HeaderValue::from_static(kind);
    reply.headers_mut().insert(CONTENT_TYPE, kind);
    reply
}

pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Reply {
    // Cannot fail: all keys are strings.
    let body = serde_json::to_string(body).unwrap_or_default();
    let mut reply = text("application/json", body);
    *reply.status_mut() = status;
    reply
}

/// An error as `OpenAI`'s API returns it.
pub(super) fn error(status: StatusCode, message: &str) -> Reply {
    let body =
        json!({"error": {"message": message, "type": kind(status), "code": status.as_u16()}});
    json(status, &body)
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
