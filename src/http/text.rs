//! Sanitizes text from others for messages: short, printable, without secrets.

use secrecy::{ExposeSecret, SecretString};

/// In characters.
const MAX_LENGTH: usize = 2_000;
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
    let printable = text.trim().chars().map(|c| match c {
        '\n' | '\r' | '\t' => ' ',
        c => c,
    });
    printable
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .take(MAX_LENGTH)
        .collect()
}

/// Bidirectional marks and zero-width characters can disguise a message.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
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
    fn control_characters_are_removed_and_length_bounded() {
        assert_eq!(
            sanitize("a\x1b[31mb\u{202e}c\r\nd\u{9b}", None),
            "a[31mbc  d"
        );
        assert_eq!(
            sanitize(&"é".repeat(5_000), None).chars().count(),
            MAX_LENGTH
        );
    }
}
