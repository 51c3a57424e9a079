//! Where values come from: defaults, then the file, then the environment.

use std::collections::BTreeMap;

use toml_edit::{Item, Table, Value};

use super::keys::{KEYS, Key, Kind, Need, SECTIONS};
use super::report::Problem;
use crate::domain::nearest;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The program's own default.
    Default,
    /// The configuration file.
    File {
        /// Line in it.
        line: usize,
    },
    /// An environment variable.
    Environment,
}

/// A value with its source.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) value: Value,
    pub(super) source: Source,
}

/// Every value that was given or has a default.
pub(super) type Values = BTreeMap<&'static str, Found>;

/// True when any setting of the section was set.
pub(super) fn names_section(values: &Values, section: &str) -> bool {
    values.iter().any(|(path, found)| {
        path.split('.').next() == Some(section) && found.source != Source::Default
    })
}

/// Collects values; what is not a setting becomes a problem.
pub(super) fn collect(
    text: &str,
    environment: &[(String, String)],
    problems: &mut Vec<Problem>,
) -> Values {
    let mut values = defaults();
    match text.parse::<toml_edit::Document<String>>() {
        Ok(document) => from_file(document.as_table(), text, &mut values, problems),
        Err(error) => problems.push(Problem {
            key: "the file".into(),
            line: error.span().map(|span| line_at(text, span.start)),
            what: error.message().to_owned(),
            expected: "TOML".into(),
        }),
    }
    from_environment(environment, &mut values, problems);
    values
}

fn defaults() -> Values {
    let mut values = Values::new();
    for key in KEYS {
        reset(&mut values, key);
    }
    values
}

/// Gives a setting its default, or nothing when it has none.
pub(super) fn reset(values: &mut Values, key: &Key) {
    values.remove(key.path);
    if let Need::Default(text) = key.need
        && let Ok(value) = text.parse::<Value>()
    {
        let source = Source::Default;
        values.insert(key.path, Found { value, source });
    }
}

fn from_file(root: &Table, text: &str, values: &mut Values, problems: &mut Vec<Problem>) {
    for (section, item) in root {
        let line = item.span().map(|span| line_at(text, span.start));
        let Some(table) = item.as_table_like() else {
            problems.push(unknown(
                section,
                line,
                SECTIONS.iter().map(|(name, _)| *name),
            ));
            continue;
        };
        if !SECTIONS.iter().any(|(name, _)| *name == section) {
            problems.push(unknown(
                section,
                line,
                SECTIONS.iter().map(|(name, _)| *name),
            ));
            continue;
        }
        for (name, item) in table.iter() {
            let path = format!("{section}.{name}");
            let line = item.span().map(|span| line_at(text, span.start));
            let Some(key) = Key::find(&path) else {
                let near = KEYS.iter().filter(|key| key.section() == section);
                problems.push(unknown(&path, line, near.map(|key| key.path)));
                continue;
            };
            if let Some(value) = plain(item) {
                let source = Source::File {
                    line: line.unwrap_or(0),
                };
                values.insert(key.path, Found { value, source });
            }
        }
    }
}

/// Tables written as sections count as tables written in line.
fn plain(item: &Item) -> Option<Value> {
    match item {
        Item::Value(value) => Some(value.clone()),
        Item::Table(table) => Some(Value::InlineTable(table.clone().into_inline_table())),
        _ => None,
    }
}

fn from_environment(
    environment: &[(String, String)],
    values: &mut Values,
    problems: &mut Vec<Problem>,
) {
    for (variable, text) in environment {
        if !is_setting(variable) {
            continue;
        }
        let Some(key) = KEYS.iter().find(|key| key.variable() == *variable) else {
            let known: Vec<String> = KEYS.iter().map(Key::variable).collect();
            problems.push(unknown(variable, None, known.iter().map(String::as_str)));
            continue;
        };
        values.insert(
            key.path,
            Found {
                value: typed(key.kind, text),
                source: Source::Environment,
            },
        );
    }
}

/// Variables that mean something else to the program or its tests.
const PROGRAM_VARIABLES: &[&str] = &[
    "POCPIT_LOG",
    "POCPIT_LOG_FORMAT",
    "POCPIT_CONFIG",
    #[cfg(debug_assertions)]
    "POCPIT_DRILL",
    // What a program that is told of a notice gets.
    "POCPIT_LEVEL",
    "POCPIT_TITLE",
    "POCPIT_OLDER",
    "POCPIT_REQUIRE_OPENAI",
    "POCPIT_REQUIRE_SSHD",
    "POCPIT_REQUIRE_SYSTEMD",
    "POCPIT_UPDATE",
];

/// True when an environment variable means to be a setting.
pub(super) fn is_setting(variable: &str) -> bool {
    variable.starts_with("POCPIT_") && !PROGRAM_VARIABLES.contains(&variable)
}

/// What was written in an environment variable, or typed, as a value: lists are separated by commas, tables by commas and `=`.
pub(super) fn typed(kind: Kind, text: &str) -> Value {
    let parts = || {
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
    };
    match kind {
        Kind::Urls | Kind::Texts => parts().collect::<toml_edit::Array>().into(),
        Kind::Table => {
            let pairs = parts().filter_map(|part| part.split_once('='));
            pairs
                .map(|(name, value)| (name.trim(), value.trim()))
                .collect::<toml_edit::InlineTable>()
                .into()
        }
        Kind::Count | Kind::Port | Kind::Number | Kind::Money => match text.trim().parse::<i64>() {
            Ok(number) => number.into(),
            Err(_) => text
                .trim()
                .parse::<f64>()
                .map_or_else(|_| text.into(), Into::into),
        },
        _ => text.into(),
    }
}

fn unknown<'a>(name: &str, line: Option<usize>, known: impl Iterator<Item = &'a str>) -> Problem {
    let near = nearest(name, known);
    Problem {
        key: name.to_owned(),
        line,
        what: "there is no such setting".into(),
        expected: near.map_or_else(
            || "to leave it out".into(),
            |(near, _)| format!("perhaps {near}"),
        ),
    }
}

/// The line of a byte of the text, from 1.
fn line_at(text: &str, offset: usize) -> usize {
    text.bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}
