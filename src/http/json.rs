//! Access to the fields of a JSON object whose producers are lenient: numbers come as integers, floats
//! or strings, anything may be null, and text may have trailing whitespace.
//!
//! The first group of readers takes what is wrong for absent; the second one reports it.

use serde::Deserialize;
use serde_json::Value;

use crate::domain::Time;

/// The fields of a JSON value; without any unless it is an object.
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
        Time::from_timestamp_millis((seconds * 1_000.0) as i64)
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

    /// The fields of an object that must be there.
    pub fn object(self, name: &str) -> Result<Fields<'a>, String> {
        let value = self.get(name).filter(|value| value.is_object());
        value.map(Fields).ok_or_else(|| malformed(name))
    }

    /// The fields of an object; none of them when it is absent or null, an error when it is anything else.
    pub fn section(self, name: &str) -> Result<Fields<'a>, String> {
        self.get(name)
            .map_or(Ok(self.child(name)), |_| self.object(name))
    }

    pub fn required<T: Deserialize<'a>>(self, name: &str) -> Result<T, String> {
        self.optional(name)?.ok_or_else(|| malformed(name))
    }

    /// `None` when absent or null, an error when it is not a `T`.
    pub fn optional<T: Deserialize<'a>>(self, name: &str) -> Result<Option<T>, String> {
        let parse = |value| T::deserialize(value).map_err(|_| malformed(name));
        self.get(name).map(parse).transpose()
    }
}

/// Without the value: it is text of others.
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
pub fn whole(value: &Value) -> Option<u64> {
    let exact = value
        .as_u64()
        .or_else(|| value.as_str()?.trim().parse().ok());
    exact.or_else(|| {
        let number = number(value)?;
        let fits = number >= 0.0 && number.fract() == 0.0 && number < 9_007_199_254_740_992.0;
        fits.then_some(number as u64)
    })
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
    fn empty_text_and_null_are_absent() {
        let value = json!({"a": null, "b": "  \n", "c": " x \n", "d": 1, "e": 0});
        let fields = Fields(&value);
        assert_eq!(fields.text("a"), None);
        assert_eq!(fields.text("b"), None);
        assert_eq!(fields.text("c").as_deref(), Some("x"));
        assert_eq!(fields.flag("d"), Some(true));
        assert_eq!(fields.flag("e"), Some(false));
        assert_eq!(fields.time("e"), None);
    }

    #[test]
    fn strict_readers_tell_absent_from_malformed() {
        let value = json!({"a": null, "b": "x"});
        let fields = Fields(&value);
        assert_eq!(fields.count("a"), Ok(0));
        assert_eq!(fields.optional::<bool>("a"), Ok(None));
        assert_eq!(fields.list("a"), Ok(&[][..]));
        assert_eq!(fields.section("a").unwrap().count("n"), Ok(0));
        assert!(fields.section("b").is_err());
        assert!(fields.required::<bool>("a").is_err() && fields.object("a").is_err());
        assert!(fields.optional::<bool>("b").is_err() && fields.list("b").is_err());
    }
}
