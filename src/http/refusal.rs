//! What a reply that is no success means.

use std::time::Duration;

use serde_json::Value;

use crate::domain::CallErrorKind;

/// Longest wait that is honoured; whoever asks for more is asked again by the engine, later.
pub const MAX_RETRY_AFTER: Duration = Duration::from_mins(1);

/// Kind of a reply by its status and body.
pub fn classify(status: u16, body: &str) -> CallErrorKind {
    match status {
        401 | 403 => CallErrorKind::Unauthorized,
        404 if is_key_error(body) => CallErrorKind::Unauthorized,
        404 => CallErrorKind::NotFound,
        429 => CallErrorKind::RateLimited,
        // A proxy gave up waiting for our request; how much of it arrived is unknown.
        408 => CallErrorKind::Ambiguous,
        300..500 => CallErrorKind::Refused,
        _ => CallErrorKind::Ambiguous,
    }
}

fn is_key_error(body: &str) -> bool {
    ["Invalid user key", "Session expired"]
        .iter()
        .any(|words| body.contains(words))
}

/// What the other side said, for people: message first, with the slug that programs match on.
pub fn message(body: &str) -> String {
    let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(body) else {
        return visible_text(body);
    };
    let text = |name: &str| fields.get(name).and_then(field_text);
    let slug = text("error");
    let message = text("msg")
        .or_else(|| text("message"))
        .or_else(|| text("detail"));
    match (message, slug) {
        (Some(message), Some(slug)) if !message.contains(&slug) => format!("{message} [{slug}]"),
        (Some(words), _) | (None, Some(words)) => words,
        (None, None) => visible_text(body),
    }
}

fn field_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// The text of an HTML page without its tags; other text as it is.
fn visible_text(body: &str) -> String {
    let start = body.trim_start();
    if !start.starts_with('<') {
        return start.to_owned();
    }
    let mut text = String::new();
    let mut in_tag = false;
    for c in start.chars().take(16_384) {
        match c {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                text.push(' ');
            }
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the same read may succeed when it is sent again soon.
pub fn is_transient(status: u16, body: &str) -> bool {
    match status {
        // The daily quota is over until midnight: more calls only make it worse.
        429 => !body.contains("search_quota_exceeded"),
        502..=504 => true,
        _ => false,
    }
}

/// The wait that the other side asks for, by header or by body.
pub fn retry_after(retry_after: Option<&str>, body: &str) -> Option<Duration> {
    let from_header = retry_after.and_then(|text| text.trim().parse::<f64>().ok());
    let seconds = from_header.or_else(|| {
        let value: Value = serde_json::from_str(body).ok()?;
        let asked = value.get("retry_after")?;
        asked
            .as_f64()
            .or_else(|| asked.as_str()?.trim().parse().ok())
    })?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_kind() {
        use CallErrorKind::{Ambiguous, NotFound, RateLimited, Refused, Unauthorized};
        for (status, body, expected) in [
            (301, "", Refused),
            (400, "", Refused),
            (401, "<html>no</html>", Unauthorized),
            (403, "", Unauthorized),
            (404, "", NotFound),
            (404, r#"{"msg":"Invalid user key"}"#, Unauthorized),
            (
                404,
                r#"{"msg":"Session expired. Please log in again."}"#,
                Unauthorized,
            ),
            (408, "", Ambiguous),
            (410, "", Refused),
            (411, "", Refused),
            (422, "", Refused),
            (429, "", RateLimited),
            (483, "", Refused),
            (500, "", Ambiguous),
            (502, "", Ambiguous),
            (503, "", Ambiguous),
            (599, "", Ambiguous),
        ] {
            assert_eq!(classify(status, body), expected, "{status} {body}");
        }
    }

    #[test]
    fn words_are_taken_in_the_documented_order() {
        for (body, expected) in [
            (r#"{"msg":"m","message":"n","detail":"d"}"#, "m"),
            (r#"{"message":"n","detail":"d"}"#, "n"),
            (r#"{"detail":"d","error":"slug"}"#, "d [slug]"),
            (r#"{"error":"slug"}"#, "slug"),
            (
                r#"{"msg":"error 404: no_such_ask gone","error":"no_such_ask"}"#,
                "error 404: no_such_ask gone",
            ),
            (r#"{"msg":null,"error":{"code":3}}"#, r#"{"code":3}"#),
            ("API requests too frequent", "API requests too frequent"),
            ("<html><h1>502</h1> Bad Gateway</html>", "502 Bad Gateway"),
            ("", ""),
        ] {
            assert_eq!(message(body), expected, "{body}");
        }
    }

    #[test]
    fn a_wait_is_read_from_header_and_body() {
        let seconds = |s| Some(Duration::from_secs(s));
        assert_eq!(retry_after(Some("7"), ""), seconds(7));
        assert_eq!(retry_after(None, r#"{"retry_after":3}"#), seconds(3));
        assert_eq!(retry_after(None, r#"{"retry_after":"3"}"#), seconds(3));
        assert_eq!(retry_after(Some("Wed, 21 Oct"), "x"), None);
        assert_eq!(retry_after(Some("-1"), ""), None);
        assert_eq!(retry_after(Some("NaN"), ""), None);
    }

    #[test]
    fn a_spent_daily_quota_is_not_worth_another_try() {
        assert!(!is_transient(429, r#"{"error":"search_quota_exceeded"}"#));
        assert!(is_transient(429, "API requests too frequent"));
        assert!(!is_transient(500, ""));
        assert!(is_transient(503, ""));
    }
}
