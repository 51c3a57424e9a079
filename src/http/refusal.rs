//! What an unsuccessful reply means.

use std::time::Duration;

use serde_json::Value;

use crate::domain::CallErrorKind;

/// Longest `Retry-After` that is waited for here; for a longer one the engine polls again later.
pub const MAX_RETRY_AFTER: Duration = Duration::from_mins(1);

/// The market's searches of a day are used up.
const DAILY_QUOTA: &str = "search_quota_exceeded";
/// No wait is longer: a quota of a day is full again after a day at the latest.
const A_DAY: Duration = Duration::from_hours(24);

pub fn classify(status: u16) -> CallErrorKind {
    match status {
        401 | 403 => CallErrorKind::Unauthorized,
        404 => CallErrorKind::NotFound,
        429 => CallErrorKind::RateLimited,
        // A proxy timed out waiting for the request; how much of it arrived is unknown.
        408 => CallErrorKind::Ambiguous,
        300..500 => CallErrorKind::Refused,
        _ => CallErrorKind::Ambiguous,
    }
}

/// The error message in a body: the text first, then the slug in brackets.
pub fn message(body: &str) -> String {
    let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(body) else {
        return visible_text(body);
    };
    let text = |name: &str| fields.get(name).and_then(field_text);
    let slug = text("error");
    let message = ["msg", "message", "detail", "description"]
        .into_iter()
        .find_map(text);
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

/// Whether a body is a page for people. No API answers with one: a login or a gateway in between does.
pub fn is_page(body: &str) -> bool {
    let start: String = body.trim_start().chars().take(14).collect();
    let start = start.to_ascii_lowercase();
    start == "<!doctype html" || start.starts_with("<html")
}

/// Strips the tags of an HTML page; other text stays.
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

/// True if the same read may succeed when it is retried soon.
pub fn is_transient(kind: CallErrorKind, status: u16, body: &str) -> bool {
    match status {
        // The daily quota resets at midnight: more calls only make it worse.
        429 => !body.contains(DAILY_QUOTA),
        502..=504 => true,
        // The service itself did not speak: something in between did.
        300..500 => kind == CallErrorKind::Ambiguous,
        _ => false,
    }
}

/// The time until a quota is full again; `reset` and `now` are unix seconds. A quota of a day is full
/// again at midnight (UTC), whether the reply says so or not.
pub fn until_reset(reset: Option<&str>, body: &str, now: f64) -> Option<Duration> {
    let day = A_DAY.as_secs_f64();
    let told = reset.and_then(|reset| reset.trim().parse::<f64>().ok());
    let midnight = || body.contains(DAILY_QUOTA).then(|| now - now % day + day);
    wait_of(told.or_else(midnight)? - now)
}

/// At most a day. `None` for a time that is past or no number.
fn wait_of(seconds: f64) -> Option<Duration> {
    let most = A_DAY.as_secs_f64();
    // Not `min`, by which NaN would be a day.
    let seconds = if seconds > most { most } else { seconds };
    Duration::try_from_secs_f64(seconds).ok()
}

/// The wait that the server requests, in its header or body.
pub fn retry_after(header: Option<&str>, body: &str) -> Option<Duration> {
    let from_header = header.and_then(|text| text.trim().parse::<f64>().ok());
    let seconds = from_header.or_else(|| {
        let value: Value = serde_json::from_str(body).ok()?;
        let seconds = value.get("retry_after")?;
        let from_text = || seconds.as_str()?.trim().parse().ok();
        seconds.as_f64().or_else(from_text)
    })?;
    wait_of(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_classified() {
        use CallErrorKind::{Ambiguous, NotFound, RateLimited, Refused, Unauthorized};
        for (status, expected) in [
            (301, Refused),
            (400, Refused),
            (401, Unauthorized),
            (403, Unauthorized),
            (404, NotFound),
            (408, Ambiguous),
            (410, Refused),
            (411, Refused),
            (422, Refused),
            (429, RateLimited),
            (483, Refused),
            (500, Ambiguous),
            (502, Ambiguous),
            (503, Ambiguous),
            (599, Ambiguous),
        ] {
            assert_eq!(classify(status), expected, "{status}");
        }
    }

    #[test]
    fn message_fields_have_documented_order() {
        for (body, expected) in [
            (r#"{"msg":"m","message":"n","detail":"d"}"#, "m"),
            (r#"{"message":"n","detail":"d"}"#, "n"),
            (r#"{"detail":"d","error":"slug"}"#, "d [slug]"),
            (r#"{"description":"e","error_code":400}"#, "e"),
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
    fn page_is_told_from_other_answers() {
        for page in [
            "<!doctype html><html>",
            "\n<HTML lang=en>",
            "<!DOCTYPE HTML PUBLIC>",
        ] {
            assert!(is_page(page), "{page}");
        }
        for other in [
            "",
            "ok",
            "{\"ok\":true}",
            "<b>done</b>",
            "<?xml version='1.0'?>",
        ] {
            assert!(!is_page(other), "{other}");
        }
    }

    #[test]
    fn retry_after_is_read_from_header_and_body() {
        let seconds = |s| Some(Duration::from_secs(s));
        assert_eq!(retry_after(Some("7"), ""), seconds(7));
        assert_eq!(retry_after(None, r#"{"retry_after":3}"#), seconds(3));
        assert_eq!(retry_after(None, r#"{"retry_after":"3"}"#), seconds(3));
        assert_eq!(retry_after(Some("Wed, 21 Oct"), "x"), None);
        assert_eq!(retry_after(Some("-1"), ""), None);
        assert_eq!(retry_after(Some("NaN"), ""), None);
        assert_eq!(retry_after(Some("1e19"), ""), seconds(86_400));
    }

    #[test]
    fn quota_reset_is_at_most_a_day_away() {
        let seconds = |s| Some(Duration::from_secs(s));
        let quota = r#"{"error":"search_quota_exceeded"}"#;
        for (reset, body, wait) in [
            (Some("1060"), "", seconds(60)),
            (Some("1e12"), "", seconds(86_400)),
            (Some("900"), "", None),
            (Some("soon"), "", None),
            (Some("NaN"), "", None),
            (None, "", None),
            (None, quota, seconds(85_400)),
            (Some("1060"), quota, seconds(60)),
        ] {
            assert_eq!(until_reset(reset, body, 1_000.0), wait, "{reset:?} {body}");
        }
    }

    #[test]
    fn exhausted_daily_quota_is_not_transient() {
        use CallErrorKind::{Ambiguous, RateLimited, Refused};
        let quota = r#"{"error":"search_quota_exceeded"}"#;
        assert!(!is_transient(RateLimited, 429, quota));
        assert!(is_transient(RateLimited, 429, "API requests too frequent"));
        assert!(!is_transient(Ambiguous, 500, ""));
        assert!(is_transient(Ambiguous, 503, ""));
        assert!(is_transient(Ambiguous, 403, "<html>"));
        assert!(!is_transient(Refused, 403, ""));
    }
}
