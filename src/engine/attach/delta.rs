//! What has changed in a JSON value.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An object leads to what has changed, by its key or its place in a list; an array of one is what is
/// there now. What has other keys or another length than before is sent whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Delta(Value);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("changes of another snapshot: there is no {0}")]
pub(super) struct MisfitError(String);

impl Delta {
    pub(super) fn between(before: &Value, now: &Value) -> Delta {
        Delta(difference(before, now).unwrap_or_else(|| Value::Object(Map::new())))
    }

    pub(super) fn apply(self, to: &mut Value) -> Result<(), MisfitError> {
        apply(self.0, to)
    }
}

fn difference(before: &Value, now: &Value) -> Option<Value> {
    match (before, now) {
        _ if before == now => None,
        (Value::Object(before), Value::Object(now)) if before.keys().eq(now.keys()) => {
            let pairs = before.iter().zip(now.values());
            let changes =
                pairs.filter_map(|((key, old), new)| Some((key.clone(), difference(old, new)?)));
            Some(Value::Object(changes.collect()))
        }
        (Value::Array(before), Value::Array(now)) if before.len() == now.len() => {
            let pairs = before.iter().zip(now).enumerate();
            let changes = pairs
                .filter_map(|(place, (old, new))| Some((place.to_string(), difference(old, new)?)));
            Some(Value::Object(changes.collect()))
        }
        _ => Some(Value::Array(vec![now.clone()])),
    }
}

fn apply(change: Value, to: &mut Value) -> Result<(), MisfitError> {
    match change {
        Value::Array(mut now) => *to = now.pop().unwrap_or_default(),
        Value::Object(changes) => {
            for (key, change) in changes {
                let part = match to {
                    Value::Object(parts) => parts.get_mut(&key),
                    Value::Array(parts) => key.parse().ok().and_then(|it: usize| parts.get_mut(it)),
                    _ => None,
                };
                apply(change, part.ok_or(MisfitError(key))?)?;
            }
        }
        other => return Err(MisfitError(other.to_string())),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn changed(before: &Value, now: &Value) -> Value {
        let delta = Delta::between(before, now);
        let mut after = before.clone();
        delta.clone().apply(&mut after).unwrap();
        assert_eq!(after, *now);
        delta.0
    }

    #[test]
    fn only_what_differs_is_in_it() {
        let before = json!({"at": 1, "rows": [{"id": 1, "price": 2.5}, {"id": 2, "price": 3.0}]});
        let mut now = before.clone();
        assert_eq!(changed(&before, &now), json!({}));
        now["rows"][1]["price"] = json!(4.0);
        now["at"] = Value::Null;
        let expected = json!({"at": [null], "rows": {"1": {"price": [4.0]}}});
        assert_eq!(changed(&before, &now), expected);
    }

    #[test]
    fn other_keys_and_lengths_are_sent_whole() {
        let before = json!({"gate": {"kind": "rent"}, "rows": [1, 2], "list": [[1]]});
        let now = json!({"gate": {"kind": "rent", "until": 7}, "rows": [2], "list": [[[]]]});
        let expected = json!({
            "gate": [{"kind": "rent", "until": 7}],
            "rows": [[2]],
            "list": {"0": {"0": [[]]}},
        });
        assert_eq!(changed(&before, &now), expected);
    }

    #[test]
    fn changes_of_another_value_are_an_error() {
        for wrong in [json!({"b": [1]}), json!({"rows": {"7": [1]}}), json!("x")] {
            let mut value = json!({"a": 1, "rows": [1]});
            assert!(Delta(wrong).apply(&mut value).is_err());
        }
    }
}
