//! Sanitizes text from others for messages: short, printable, without secrets.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::domain::{ForeignText, is_harmless};

/// Characters of a message, or of a name in JSON.
const MAX_LENGTH: usize = 2_000;
/// Characters of a text in JSON. The longest of use is the progress of a pull, a line a layer.
const MAX_TEXT: usize = 16_384;
/// Fields whose lines matter: the market's progress of an image pull has one a layer.
const MULTI_LINE: [&str; 1] = ["status_msg"];
const REMOVED: &str = "[removed]";
/// Their values are secrets, in URLs and in JSON.
const SECRET_NAMES: [&str; 3] = ["api_key", "api-key", "authorization"];

pub fn sanitize(text: &str, bearer: Option<&SecretString>) -> String {
    let mut text = match bearer.map(ExposeSecret::expose_secret) {
        Some(secret) if !secret.is_empty() => text.replace(secret, REMOVED),
        _ => text.to_owned(),
    };
    for name in SECRET_NAMES {
        text = redact_values_of(&text, name);
    }
    ForeignText(&text).line(MAX_LENGTH)
}

/// A body of JSON in which every text is clean and bounded, or `None` if it is already. Most bodies are.
pub fn cleaned_json(body: &str) -> Option<String> {
    let suspicious = body.contains("\\u")
        || body.contains("\\n")
        || body.contains("\\r")
        || body.contains("\\t")
        || body.contains("\\b")
        || body.contains("\\f")
        || has_long_text(body)
        || !body
            .chars()
            .all(|c| c.is_ascii_whitespace() || is_harmless(c));
    if !suspicious {
        return None;
    }
    let mut value = serde_json::from_str(body).ok()?;
    clean(&mut value, "");
    Some(value.to_string())
}

/// Bytes between quotes; with escaped quotes, at least one is in a long text.
fn has_long_text(body: &str) -> bool {
    let mut length = 0;
    body.split('"').any(|part| {
        length += part.len();
        let is_over = length > MAX_TEXT;
        if !part.ends_with('\\') {
            length = 0;
        }
        is_over
    })
}

fn clean(value: &mut Value, name: &str) {
    match value {
        Value::String(text) if MULTI_LINE.contains(&name) => {
            *text = ForeignText(text).lines(MAX_TEXT);
        }
        Value::String(text) if text.len() > MAX_TEXT || !ForeignText(text).is_clean_line() => {
            *text = ForeignText(text).line(MAX_TEXT);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| clean(item, name)),
        Value::Object(fields) => {
            let is_odd = |key: &String| key.len() > MAX_LENGTH || !ForeignText(key).is_clean_line();
            if fields.keys().any(is_odd) {
                let whole = std::mem::take(fields).into_iter();
                *fields = whole
                    .map(|(key, value)| (ForeignText(&key).line(MAX_LENGTH), value))
                    .collect();
            }
            for (key, value) in fields {
                clean(value, key);
            }
        }
        _ => {}
    }
}

/// Replaces the value after `name=`, `name: ` and `"name":"`.
fn redact_values_of(text: &str, name: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(found) = lower[from..].find(name) {
        let after_name = from + found + name.len();
        let rest = &text[after_name..];
        let gap = rest.len() - rest.trim_start_matches(['"', '\'', ' ', '\\']).len();
        let Some(b':' | b'=') = rest.as_bytes().get(gap) else {
            out.push_str(&text[from..after_name]);
            from = after_name;
            continue;
        };
        let value = rest[gap + 1..].trim_start_matches(['"', '\'', ' ', '\\']);
        let value = value
            .strip_prefix("Bearer ")
            .or_else(|| value.strip_prefix("bearer "))
            .unwrap_or(value);
        let start = text.len() - value.len();
        let length = value
            .find(|c: char| c.is_whitespace() || matches!(c, '&' | '"' | '\'' | '\\' | ',' | '}'))
            .unwrap_or(value.len());
        out.push_str(&text[from..start]);
        out.push_str(REMOVED);
        from = start + length;
    }
    out.push_str(&text[from..]);
    out
}

/// A JSON error with its position and expectation, but no value from the body.
pub fn json_error(error: &serde_json::Error, length: usize) -> String {
    let mut outside = true;
    let without_values: String = error
        .to_string()
        .split('"')
        .map(|part| {
            let shown = if outside { part } else { "…" };
            outside = !outside;
            shown
        })
        .collect();
    sanitize(&format!("{without_values} (of {length} bytes)"), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_redacted_everywhere() {
        let bearer = SecretString::from("canary-1");
        for text in [
            "GET https://x/api?api_key=canary-2&x=1 failed",
            r#"{"instance_api_key": "canary-2", "x": 1}"#,
            "Authorization: Bearer canary-2",
            "you sent canary-1, API_KEY=canary-2",
            r#"{\"api_key\":\"canary-2\"}"#,
        ] {
            let cleaned = sanitize(text, Some(&bearer));
            assert!(!cleaned.contains("canary"), "{cleaned}");
            assert!(cleaned.contains(REMOVED), "{cleaned}");
        }
    }

    #[test]
    fn ordinary_mention_of_keys_stays() {
        let text = "the api_key is missing";
        assert_eq!(sanitize(text, None), text);
    }

    #[test]
    fn texts_of_json_are_cleaned() {
        let body = r#"{"a\u001b[2J": [{"host": "x\u001b]52;c;UFdO\u0007\nFORGED \u202e", "n": 1.50}], "status_msg": "a\nb\u001b"}"#;
        let cleaned = cleaned_json(body).unwrap();
        assert_eq!(
            cleaned,
            "{\"a\u{fffd}[2J\":[{\"host\":\"x\u{fffd}]52;c;UFdO\u{fffd} FORGED \u{fffd}\",\"n\":1.5}],\"status_msg\":\"a\\nb\u{fffd}\"}"
        );
        // Raw ones, too; and what is clean is left alone.
        assert!(cleaned_json("{\"a\": \"\u{202e}\"}").is_some());
        assert_eq!(cleaned_json("{\"a\":\n \"Zürich\"}"), None);
    }

    #[test]
    fn texts_of_json_are_bounded() {
        for unit in ["x", "\\\"", "é"] {
            let body = format!(r#"{{"label":"{}","n":1}}"#, unit.repeat(100_000));
            let cleaned = cleaned_json(&body).unwrap();
            let value: Value = serde_json::from_str(&cleaned).unwrap();
            let label = value["label"].as_str().unwrap();
            assert_eq!(label.chars().count(), MAX_TEXT, "{unit}");
            assert_eq!(value["n"], 1);
        }
        // Many short ones are not a long one.
        let body = format!("[{}1]", r#""short","#.repeat(10_000));
        assert_eq!(cleaned_json(&body), None);
    }

    #[test]
    fn control_characters_are_removed_and_length_bounded() {
        assert_eq!(
            sanitize("a\x1b[31mb\u{202e}c\r\nd\u{9b}", None),
            "a\u{fffd}[31mb\u{fffd}c  d\u{fffd}"
        );
        assert_eq!(
            sanitize(&"é".repeat(5_000), None).chars().count(),
            MAX_LENGTH
        );
    }
}
