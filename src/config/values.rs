//! Values as they were given, with their sources.

use std::collections::BTreeMap;

use serde::Deserialize as _;
use toml::de::{DeValue, ValueDeserializer};
use toml::{Spanned, Value};

use super::report::{Hint, Problem};
use super::schema::Setting;
use crate::domain::nearest;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Default,
    File { line: usize },
    Environment,
}

#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) value: Value,
    pub(super) source: Source,
}

/// Every value that was given or has a default, by path.
pub(super) type Values = BTreeMap<&'static str, Found>;

/// True when the operator set anything of the section.
pub(super) fn names_section(values: &Values, section: &str) -> bool {
    values.iter().any(|(path, found)| {
        path.split('.').next() == Some(section) && found.source != Source::Default
    })
}

/// Adds a value of the file. `given` is the name that the operator used.
pub(super) fn insert(
    values: &mut Values,
    setting: &'static Setting,
    value: Spanned<DeValue<'_>>,
    given: &str,
    line: usize,
) -> Result<(), Problem> {
    let before = values.get(setting.path);
    if before.is_some_and(|found| found.source != Source::Default) {
        let what = format!("{} is set more than once", setting.path);
        return Err(Problem::new(given, Some(line), what, Hint::Remove));
    }
    let value = Value::deserialize(ValueDeserializer::from(value)).map_err(|_| {
        let hint = Hint::Expected(setting.kind.expected());
        Problem::new(given, Some(line), "the value is out of range", hint)
    })?;
    let source = Source::File { line };
    values.insert(setting.path, Found { value, source });
    Ok(())
}

/// A problem with a name that is none of the known ones.
pub(super) fn unknown<'a>(
    name: &str,
    line: Option<usize>,
    known: impl Iterator<Item = &'a str>,
) -> Problem {
    let near = nearest(name, known);
    let hint = near.map_or(Hint::Remove, |(near, _)| Hint::DidYouMean(near.to_owned()));
    Problem::new(name, line, "unknown setting", hint)
}
