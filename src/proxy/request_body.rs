//! The caller's request body, adapted to the upstream.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use hyper::body::Bytes;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::Serializer;
use serde_json::value::RawValue;

use crate::config::{FieldRules, ProxyConfig, UpstreamFeature};

const MODEL: &str = "model";
const SEED: &str = "seed";
/// Another host's tokens to replay: a validation.
pub(super) const ENFORCED_TOKENS: &str = "enforced_tokens";
const RETURN_TOKEN_IDS: &str = "return_token_ids";
/// More than any API has: bounds the quadratic search for duplicates.
const MAX_FIELDS: usize = 200;

/// A request that can be sent to any upstream. Only field names are parsed; values are passed on byte
/// for byte, however long the prompt.
#[derive(Debug)]
pub(super) struct InferenceRequest<'a> {
    /// What an upstream must have to answer it.
    pub needs: BTreeSet<UpstreamFeature>,
    fields: Vec<Field<'a>>,
    length: usize,
}

type Field<'a> = (Cow<'a, str>, FieldValue<'a>);

#[derive(Debug, Clone, Copy, serde::Serialize)]
#[serde(untagged)]
enum FieldValue<'a> {
    Raw(&'a RawValue),
    Seed(i64),
    Model(&'a str),
}

/// Parses a request body. `seed`, drawn by the Network Node (`X-Seed`), replaces the one in the body.
/// The error is for the caller.
pub(super) fn parse<'a>(
    config: &ProxyConfig,
    body: &'a [u8],
    seed: Option<i64>,
) -> Result<InferenceRequest<'a>, String> {
    let Fields(mut fields) = serde_json::from_slice(body).map_err(|error| {
        format!(
            "the request body is not a JSON object: {}",
            location(&error)
        )
    })?;
    let model = remove_field(&mut fields, MODEL).ok_or("the request names no model")?;
    if !equals(model, &config.model) {
        return Err(format!("this node serves only {}", config.model));
    }
    let needs = needs(&fields);
    if let Some(seed) = seed {
        remove_field(&mut fields, SEED);
        fields.push((SEED.into(), FieldValue::Seed(seed)));
    }
    apply_rules(&config.fields, &mut fields);
    Ok(InferenceRequest {
        needs,
        fields,
        length: body.len(),
    })
}

/// From the fields that the caller sent, before the rules change them.
fn needs(fields: &[Field<'_>]) -> BTreeSet<UpstreamFeature> {
    let mut needs = BTreeSet::new();
    for (name, value) in fields {
        let FieldValue::Raw(value) = value else {
            continue;
        };
        match (&**name, value.get()) {
            (ENFORCED_TOKENS, value) if value != "null" => {
                needs.insert(UpstreamFeature::EnforcedTokens);
            }
            (RETURN_TOKEN_IDS, "true") => {
                needs.insert(UpstreamFeature::TokenIds);
            }
            _ => {}
        }
    }
    needs
}

/// Where the error is, without its text: that may quote a prompt.
fn location(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

fn equals(content: FieldValue<'_>, wanted: &str) -> bool {
    let FieldValue::Raw(text) = content else {
        return false;
    };
    serde_json::from_str::<Cow<'_, str>>(text.get()).is_ok_and(|text| text == wanted)
}

fn remove_field<'a>(fields: &mut Vec<Field<'a>>, name: &str) -> Option<FieldValue<'a>> {
    let at = fields.iter().position(|(field, _)| field == name)?;
    Some(fields.remove(at).1)
}

/// Renames and drops fields. A field that the caller already sent under the new name is kept.
fn apply_rules(rules: &FieldRules, fields: &mut Vec<Field<'_>>) {
    for (from, to) in &rules.renamed {
        let Some(value) = remove_field(fields, from) else {
            continue;
        };
        if fields.iter().all(|(field, _)| field != to) {
            fields.push((Cow::Owned(to.clone()), value));
        }
    }
    fields.retain(|(field, _)| rules.dropped.iter().all(|dropped| field != dropped));
}

impl InferenceRequest<'_> {
    /// The body for an upstream that knows the model by this name.
    pub fn with_model(&self, model: &str) -> Result<Bytes, serde_json::Error> {
        let mut text = Vec::with_capacity(self.length + model.len() + 64);
        let fields = self.fields.iter().map(|(field, value)| (&**field, *value));
        let fields = std::iter::once((MODEL, FieldValue::Model(model))).chain(fields);
        serde_json::Serializer::new(&mut text).collect_map(fields)?;
        Ok(text.into())
    }
}

/// The fields of an object without duplicates.
struct Fields<'a>(Vec<Field<'a>>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields: Vec<Field<'de>> = Vec::with_capacity(16);
        while let Some(Name(name)) = map.next_key()? {
            // Parsers disagree on which duplicate wins: the upstream could read another model.
            if fields.iter().any(|(field, _)| *field == name) {
                return Err(A::Error::custom("duplicate field"));
            }
            if fields.len() == MAX_FIELDS {
                return Err(A::Error::custom("too many fields"));
            }
            fields.push((name, FieldValue::Raw(map.next_value()?)));
        }
        Ok(Fields(fields))
    }
}

/// Borrowed unless it has escapes.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
