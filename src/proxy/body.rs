//! What the upstream is asked: the caller's request, in the upstream's words.

use serde_json::{Map, Value};

use crate::config::{FieldRules, ProxyConfig};

/// A request that can be sent to any upstream.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    fields: Map<String, Value>,
}

/// Reads a request. `seed` is what the Network Node drew for it (`X-Seed`); it counts more than what
/// the body says. The error is for the caller.
pub(super) fn read(config: &ProxyConfig, body: &[u8], seed: Option<i64>) -> Result<Asked, String> {
    let body: Value = serde_json::from_slice(body).map_err(|_| "the request's body is not JSON")?;
    let Value::Object(mut fields) = body else {
        return Err("the request's body is not a JSON object".into());
    };
    match fields.get("model").and_then(Value::as_str) {
        Some(model) if model == config.model => {}
        Some(_) => return Err(format!("this node serves only {}", config.model)),
        None => return Err("the request names no model".into()),
    }
    if let Some(seed) = seed {
        fields.insert("seed".into(), seed.into());
    }
    reword(&config.fields, &mut fields);
    Ok(Asked { fields })
}

/// A field of the new name that the caller sent himself stays as he sent it.
fn reword(rules: &FieldRules, fields: &mut Map<String, Value>) {
    for (from, to) in &rules.renamed {
        if let Some(value) = fields.remove(from) {
            fields.entry(to.clone()).or_insert(value);
        }
    }
    for dropped in &rules.dropped {
        fields.remove(dropped);
    }
}

impl Asked {
    /// For an upstream that knows the model by this name.
    pub fn with_model(&self, model: &str) -> Value {
        let mut fields = self.fields.clone();
        fields.insert("model".into(), model.into());
        Value::Object(fields)
    }
}
