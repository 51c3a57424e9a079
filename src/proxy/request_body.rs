//! What the upstream is asked: the caller's request, in the upstream's words.

use std::borrow::Cow;
use std::fmt;

use hyper::body::Bytes;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::config::{FieldRules, ProxyConfig};

const MODEL: &str = "model";
const SEED: &str = "seed";
/// More than any API has; it bounds the time that a request takes to be read.
const MOST_FIELDS: usize = 200;

/// A request that can be sent to any upstream. Only the names of its fields are looked at: what is in
/// them goes on byte for byte, however long the prompt.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    fields: Vec<Field<'a>>,
    length: usize,
}

type Field<'a> = (Cow<'a, str>, Content<'a>);

#[derive(Debug, Clone, Copy, serde::Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Theirs(&'a RawValue),
    Seed(i64),
}

/// Reads a request. `seed` is what the Network Node drew for it (`X-Seed`); it counts more than what
/// the body says. The error is for the caller.
pub(super) fn read<'a>(
    config: &ProxyConfig,
    body: &'a [u8],
    seed: Option<i64>,
) -> Result<Asked<'a>, String> {
    let Fields(mut fields) = serde_json::from_slice(body)
        .map_err(|error| format!("the request's body is not a JSON object: {}", kind(&error)))?;
    let model = take(&mut fields, MODEL).ok_or("the request names no model")?;
    if !is_text(model, &config.model) {
        return Err(format!("this node serves only {}", config.model));
    }
    if let Some(seed) = seed {
        take(&mut fields, SEED);
        fields.push((SEED.into(), Content::Seed(seed)));
    }
    reword(&config.fields, &mut fields);
    Ok(Asked {
        fields,
        length: body.len(),
    })
}

/// Where it goes wrong; not what it says, for that may be a prompt.
fn kind(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

fn is_text(content: Content<'_>, wanted: &str) -> bool {
    let Content::Theirs(text) = content else {
        return false;
    };
    serde_json::from_str::<Cow<'_, str>>(text.get()).is_ok_and(|text| text == wanted)
}

fn take<'a>(fields: &mut Vec<Field<'a>>, name: &str) -> Option<Content<'a>> {
    let at = fields.iter().position(|(field, _)| field == name)?;
    Some(fields.remove(at).1)
}

/// A field of the new name that the caller sent himself stays as he sent it.
fn reword(rules: &FieldRules, fields: &mut Vec<Field<'_>>) {
    for (from, to) in &rules.renamed {
        let Some(value) = take(fields, from) else {
            continue;
        };
        if fields.iter().all(|(field, _)| field != to) {
            fields.push((Cow::Owned(to.clone()), value));
        }
    }
    fields.retain(|(field, _)| rules.dropped.iter().all(|dropped| field != dropped));
}

impl Asked<'_> {
    /// For an upstream that knows the model by this name.
    pub fn with_model(&self, model: &str) -> Result<Bytes, serde_json::Error> {
        let mut text = Vec::with_capacity(self.length + model.len() + 64);
        serde_json::to_writer(&mut text, &ForUpstream { asked: self, model })?;
        Ok(text.into())
    }
}

struct ForUpstream<'a> {
    asked: &'a Asked<'a>,
    model: &'a str,
}

impl Serialize for ForUpstream<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(MODEL, self.model)?;
        for (field, value) in &self.asked.fields {
            map.serialize_entry(field, value)?;
        }
        map.end()
    }
}

/// An object's fields, each once.
struct Fields<'a>(Vec<Field<'a>>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EachField)
    }
}

struct EachField;

impl<'de> Visitor<'de> for EachField {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields: Vec<Field<'de>> = Vec::with_capacity(16);
        while let Some(Name(name)) = map.next_key()? {
            // Which one counts, readers disagree: an upstream could read another model than we do.
            if fields.iter().any(|(field, _)| *field == name) {
                return Err(A::Error::custom("a field is there twice"));
            }
            if fields.len() == MOST_FIELDS {
                return Err(A::Error::custom("too many fields"));
            }
            fields.push((name, Content::Theirs(map.next_value()?)));
        }
        Ok(Fields(fields))
    }
}

/// Borrowed, unless it has escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field's name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
