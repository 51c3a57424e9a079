//! Access to the fields of a JSON object whose producers are lenient: numbers come as integers, floats
//! or strings, anything may be null, and text may have trailing whitespace.
//!
//! The readers down to `time` treat malformed values as absent; those below report them as errors.

use serde::Deserialize;
use serde_json::Value;

use crate::domain::{ForeignText, Time, plausible_time};

/// In characters. The longest name of a GPU that is sold has 40.
pub const MAX_NAME: usize = 64;

/// The fields of a JSON object. Any other value has none.
#[derive(Clone, Copy)]
pub struct Fields<'a>(pub &'a Value);

impl<'a> Fields<'a> {
    /// Absent when null.
    pub fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// Without any field when it is absent.
    #[must_use]
    pub fn child(self, name: &str) -> Fields<'a> {
        Fields(self.get(name).unwrap_or(&Value::Null))
    }

    pub fn number(self, name: &str) -> Option<f64> {
        number(self.get(name)?)
    }

    pub fn whole(self, name: &str) -> Option<u64> {
        whole(self.get(name)?)
    }

    /// Trimmed; absent when empty.
    pub fn text(self, name: &str) -> Option<String> {
        let text = self.get(name)?.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The same, as a line that fits into a table and a label.
    pub fn name(self, name: &str) -> Option<String> {
        self.text(name)
            .map(|text| ForeignText(&text).line(MAX_NAME))
    }

    pub fn flag(self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Value::Bool(flag) => Some(*flag),
            other => number(other).map(|number| number != 0.0),
        }
    }

    /// Unix seconds, possibly with a fraction.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates, and `from_timestamp_millis` refuses what is out of range"
    )]
    pub fn time(self, name: &str) -> Option<Time> {
        let seconds = self.number(name).filter(|seconds| *seconds > 0.0)?;
        Time::from_timestamp_millis((seconds * 1_000.0) as i64).and_then(plausible_time)
    }

    /// `None` when absent or null, an error when it is not a whole number.
    pub fn maybe_count(self, name: &str) -> Result<Option<u64>, String> {
        let count = |value| whole(value).ok_or_else(|| malformed(name));
        self.get(name).map(count).transpose()
    }

    /// 0 when absent or null, an error when it is not a whole number.
    pub fn count(self, name: &str) -> Result<u64, String> {
        Ok(self.maybe_count(name)?.unwrap_or(0))
    }

    /// Empty when absent or null, an error when it is not a list.
    pub fn list(self, name: &str) -> Result<&'a [Value], String> {
        let Some(value) = self.get(name) else {
            return Ok(&[]);
        };
        let rows = value.as_array().map(Vec::as_slice);
        rows.ok_or_else(|| malformed(name))
    }

    /// The objects of a list: none when it is absent or null, an error when it holds anything else.
    pub fn rows(self, name: &str) -> Result<Vec<Fields<'a>>, String> {
        let rows = self.list(name)?.iter();
        rows.map(|row| object(row, name)).collect()
    }

    /// The fields of an object that must be there.
    pub fn object(self, name: &str) -> Result<Fields<'a>, String> {
        self.maybe_object(name)?.ok_or_else(|| malformed(name))
    }

    /// `None` when absent or null, an error when it is not an object.
    pub fn maybe_object(self, name: &str) -> Result<Option<Fields<'a>>, String> {
        let value = self.get(name);
        value.map(|value| object(value, name)).transpose()
    }

    /// The fields of an object: none when it is absent, an error when it is null or anything else.
    pub fn section(self, name: &str) -> Result<Fields<'a>, String> {
        let value = self.0.get(name);
        value.map_or(Ok(Fields(&Value::Null)), |value| object(value, name))
    }

    pub fn required<T: Deserialize<'a>>(self, name: &str) -> Result<T, String> {
        self.optional(name)?.ok_or_else(|| malformed(name))
    }

    /// `None` when absent or null, an error when it is not a `T`.
    pub fn optional<T: Deserialize<'a>>(self, name: &str) -> Result<Option<T>, String> {
        let value = self.get(name);
        value.map(|value| parsed(value, name)).transpose()
    }

    /// `None` when absent, an error when it is null or otherwise not a `T`.
    pub fn given<T: Deserialize<'a>>(self, name: &str) -> Result<Option<T>, String> {
        let value = self.0.get(name);
        value.map(|value| parsed(value, name)).transpose()
    }
}

fn object<'a>(value: &'a Value, name: &str) -> Result<Fields<'a>, String> {
    let fields = value.is_object().then_some(Fields(value));
    fields.ok_or_else(|| malformed(name))
}

fn parsed<'a, T: Deserialize<'a>>(value: &'a Value, name: &str) -> Result<T, String> {
    T::deserialize(value).map_err(|_| malformed(name))
}

/// Omits the value: it comes from the server.
fn malformed(name: &str) -> String {
    format!("`{name}` is missing or malformed")
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number: &f64| number.is_finite())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a whole number below 2^53"
)]
fn whole(value: &Value) -> Option<u64> {
    let exact = value
        .as_u64()
        .or_else(|| value.as_str()?.trim().parse().ok());
    exact.or_else(|| {
        let number = number(value)?;
        let fits = number >= 0.0 && number.fract() == 0.0 && number < 9_007_199_254_740_992.0;
        fits.then_some(number as u64)
    })
}

/// Replaces the words `NaN`, `Infinity` and `-Infinity` outside of strings by null. Python's `json`
/// writes them for floats by default (docs.python.org, `json.dumps`, `allow_nan`).
pub(super) fn without_bare_numbers(body: &str) -> String {
    const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];
    let mut json = String::with_capacity(body.len());
    let mut rest = body;
    let (mut in_string, mut escaped) = (false, false);
    while let Some(c) = rest.chars().next() {
        let mut words = WORDS.iter().filter(|_| !in_string);
        if let Some(word) = words.find(|word| rest.starts_with(**word)) {
            json.push_str("null");
            rest = &rest[word.len()..];
            continue;
        }
        in_string ^= c == '"' && !escaped;
        escaped = in_string && c == '\\' && !escaped;
        json.push(c);
        rest = &rest[c.len_utf8()..];
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_parsed_in_every_shape() {
        for value in [json!(12), json!(12.0), json!("12"), json!(" 12.0\n")] {
            assert_eq!(whole(&value), Some(12), "{value}");
            assert_eq!(number(&value), Some(12.0), "{value}");
        }
        for text in ["-1", "1.5", r#""x""#, r#""NaN""#, "[1]", "true"] {
            let value = serde_json::from_str(text).unwrap();
            assert_eq!(whole(&value), None, "{text}");
            assert!(Fields(&json!({ "n": value })).count("n").is_err(), "{text}");
        }
    }

    #[test]
    fn bare_numbers_outside_strings_are_null() {
        let body = r#"{"a": NaN, "b": [-Infinity,Infinity], "c": "NaN \"Infinity\\", "d": NaN}"#;
        let value: Value = serde_json::from_str(&without_bare_numbers(body)).unwrap();
        let expected = json!({"a": null, "b": [null, null], "c": "NaN \"Infinity\\", "d": null});
        assert_eq!(value, expected);
        for broken in ["{\"a\": Nan}", "{\"a\": \"NaN", "{\"a\\", "é\\"] {
            let value = serde_json::from_str::<Value>(&without_bare_numbers(broken));
            assert!(value.is_err(), "{broken}");
        }
    }

    #[test]
    fn empty_text_and_null_are_absent() {
        let value = json!({"a": null, "b": "  \n", "c": " x \n", "d": 1, "e": 0});
        let fields = Fields(&value);
        assert_eq!(fields.text("a"), None);
        assert_eq!(fields.text("b"), None);
        assert_eq!(fields.text("c").as_deref(), Some("x"));
        assert_eq!(fields.flag("d"), Some(true));
        assert_eq!(fields.flag("e"), Some(false));
        assert_eq!(fields.time("e"), None);
        // Nor is a time with which no sum works.
        assert_eq!(Fields(&json!({"e": 8.0e12})).time("e"), None);
    }

    #[test]
    fn strict_readers_tell_absent_from_malformed() {
        let value = json!({"a": null, "b": "x", "mixed": [{}, null]});
        let fields = Fields(&value);
        assert_eq!(fields.count("a"), Ok(0));
        assert_eq!(fields.optional::<bool>("a"), Ok(None));
        assert_eq!(fields.list("a"), Ok(&[][..]));
        assert!(fields.rows("a").unwrap().is_empty());
        assert!(fields.maybe_object("a").unwrap().is_none());
        assert!(fields.required::<bool>("a").is_err() && fields.object("a").is_err());
        assert!(fields.optional::<bool>("b").is_err() && fields.list("b").is_err());
        assert!(fields.maybe_object("b").is_err() && fields.object("b").is_err());
        assert!(fields.rows("b").is_err() && fields.rows("mixed").is_err());
    }

    #[test]
    fn only_absent_fields_have_defaults() {
        let value = json!({"a": null, "b": "x"});
        let fields = Fields(&value);
        assert_eq!(fields.section("absent").unwrap().count("n"), Ok(0));
        assert_eq!(fields.given::<bool>("absent"), Ok(None));
        for name in ["a", "b"] {
            assert!(fields.section(name).is_err(), "{name}");
            assert!(fields.given::<bool>(name).is_err(), "{name}");
        }
    }
}
