//! Lenient access to JSON fields: numbers come as integers, floats or strings, anything may be null,
//! and text may have trailing whitespace.

use serde_json::{Map, Value};

use crate::domain::Time;

#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub &'a Map<String, Value>);

impl<'a> Fields<'a> {
    pub(super) fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(Fields)
    }

    pub(super) fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn number(self, name: &str) -> Option<f64> {
        number(self.get(name)?)
    }

    pub(super) fn whole(self, name: &str) -> Option<u64> {
        whole(self.get(name)?)
    }

    /// Trimmed; absent when empty.
    pub(super) fn text(self, name: &str) -> Option<String> {
        let text = self.get(name)?.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    pub(super) fn flag(self, name: &str) -> Option<bool> {
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
    pub(super) fn time(self, name: &str) -> Option<Time> {
        let seconds = self.number(name).filter(|seconds| *seconds > 0.0)?;
        Time::from_timestamp_millis((seconds * 1_000.0) as i64)
    }
}

pub(super) fn number(value: &Value) -> Option<f64> {
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
pub(super) fn whole(value: &Value) -> Option<u64> {
    if let Some(number) = value.as_u64() {
        return Some(number);
    }
    let number = number(value)?;
    let exact = number >= 0.0 && number.fract() == 0.0 && number < 9_007_199_254_740_992.0;
    exact.then_some(number as u64)
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
        for value in [
            json!(-1),
            json!(1.5),
            json!("x"),
            json!("NaN"),
            json!([1]),
            json!(true),
        ] {
            assert_eq!(whole(&value), None, "{value}");
        }
    }

    #[test]
    fn empty_text_and_null_are_absent() {
        let value = json!({"a": null, "b": "  \n", "c": " x \n", "d": 1, "e": 0});
        let fields = Fields::of(&value).expect("an object");
        assert_eq!(fields.text("a"), None);
        assert_eq!(fields.text("b"), None);
        assert_eq!(fields.text("c").as_deref(), Some("x"));
        assert_eq!(fields.flag("d"), Some(true));
        assert_eq!(fields.flag("e"), Some(false));
        assert_eq!(fields.time("e"), None);
    }
}
