//! Where values come from: defaults, then the file, then the environment.

use std::collections::BTreeMap;

use serde::Deserialize as _;
use toml::Value;
use toml::de::ValueDeserializer;

use super::report::{Hint, Problem};
use super::schema::{Kind, Need, Setting, variable};
use super::syntax::{self, EntryKind, SyntaxError};
use super::table::{SECTIONS, SETTINGS, find, find_renamed};
use super::value;
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

/// What a file and the environment give.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) values: Values,
    pub(super) problems: Vec<Problem>,
    /// Where the file is not TOML. The rest of it is read all the same.
    pub(super) syntax_errors: Vec<SyntaxError>,
    pub(super) warnings: Vec<String>,
}

/// True when the operator set anything of the section.
pub(super) fn names_section(values: &Values, section: &str) -> bool {
    values.iter().any(|(path, found)| {
        path.split('.').next() == Some(section) && found.source != Source::Default
    })
}

/// Collects values from all sources.
pub(super) fn collect(text: &str, environment: &[(String, String)]) -> Layers {
    let mut layers = Layers::default();
    for setting in SETTINGS {
        if let Need::Default(text) = setting.need
            && let Ok(value) = value::parse(text)
        {
            let source = Source::Default;
            layers.values.insert(setting.path, Found { value, source });
        }
    }
    layers.add_file(text);
    layers.add_environment(environment);
    layers
}

impl Layers {
    fn add_file(&mut self, text: &str) {
        let (entries, errors) = syntax::parse(text);
        self.syntax_errors = errors;
        for entry in entries {
            let line = syntax::line_at(text, entry.offset);
            let section = entry.section.as_str();
            let known = SECTIONS.iter().map(|(name, _)| *name);
            let is_known = known.clone().any(|name| name == section);
            let (name, value) = match entry.kind {
                EntryKind::Section if is_known => continue,
                // Reported with its section.
                EntryKind::Setting(..) if !is_known => continue,
                EntryKind::Setting(name, value) => (name, value),
                EntryKind::NotASection(_) if is_known => {
                    self.problems.push(Problem {
                        key: entry.section.clone(),
                        line: Some(line),
                        what: "not a section".to_owned(),
                        hint: Hint::Expected(format!("[{section}], followed by its settings")),
                    });
                    continue;
                }
                EntryKind::Section | EntryKind::NotASection(_) => {
                    self.problems.push(unknown(section, Some(line), known));
                    continue;
                }
            };
            let path = format!("{section}.{name}");
            let Some(setting) = self.resolve(&path, line) else {
                let near = SETTINGS.iter().filter(|near| near.section() == section);
                let known = near.map(|setting| setting.path);
                self.problems.push(unknown(&path, Some(line), known));
                continue;
            };
            let before = self.values.get(setting.path);
            if before.is_some_and(|found| found.source != Source::Default) {
                self.problems.push(Problem {
                    key: path,
                    line: Some(line),
                    what: format!("{} is set more than once", setting.path),
                    hint: Hint::Remove,
                });
                continue;
            }
            match Value::deserialize(ValueDeserializer::from(value)) {
                Ok(value) => {
                    let source = Source::File { line };
                    self.values.insert(setting.path, Found { value, source });
                }
                Err(_) => self.problems.push(Problem {
                    key: path,
                    line: Some(line),
                    what: "the value is out of range".to_owned(),
                    hint: Hint::Expected(setting.kind.expected()),
                }),
            }
        }
    }

    /// The setting with this name, or with this former name.
    fn resolve(&mut self, path: &str, line: usize) -> Option<&'static Setting> {
        find(path).or_else(|| {
            let setting = find_renamed(path)?;
            self.warnings.push(format!(
                "{path} (line {line}) is now called {}; the old name still works",
                setting.path
            ));
            Some(setting)
        })
    }

    fn add_environment(&mut self, environment: &[(String, String)]) {
        for (name, text) in environment.iter().filter(|(name, _)| is_setting(name)) {
            let Some(setting) = self.resolve_variable(name) else {
                let known: Vec<String> = SETTINGS.iter().map(Setting::variable).collect();
                let known = known.iter().map(String::as_str);
                self.problems.push(unknown(name, None, known));
                continue;
            };
            let value = typed(setting.kind, text);
            let source = Source::Environment;
            self.values.insert(setting.path, Found { value, source });
        }
    }

    fn resolve_variable(&mut self, name: &str) -> Option<&'static Setting> {
        let named = SETTINGS.iter().find(|setting| setting.variable() == name);
        named.or_else(|| {
            let was = |setting: &&Setting| {
                let mut old_paths = setting.old_paths.iter();
                old_paths.any(|path| variable(path) == name)
            };
            let setting = SETTINGS.iter().find(was)?;
            self.warnings.push(format!(
                "{name} is now called {}; the old name still works",
                setting.variable()
            ));
            Some(setting)
        })
    }
}

/// Variables that mean something else to the program or its tests.
const PROGRAM_VARIABLES: &[&str] = &[
    "POCPIT_LOG",
    "POCPIT_LOG_FORMAT",
    "POCPIT_CONFIG",
    #[cfg(debug_assertions)]
    "POCPIT_FAILPOINTS",
    // For the program of notify.command.
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

/// Text of an environment variable or an answer as a value. Lists are separated by commas, tables by
/// commas and `=`.
pub(super) fn typed(kind: Kind, text: &str) -> Value {
    let parts = text.split(',').map(str::trim);
    let parts = parts.filter(|part| !part.is_empty());
    match kind {
        Kind::Urls(_) | Kind::Texts(_) | Kind::ParsedList { .. } => {
            Value::Array(parts.map(Value::from).collect())
        }
        Kind::Table(_) => {
            let pairs = parts.filter_map(|part| part.split_once('='));
            let pairs = pairs.map(|(name, text)| (name.trim().to_owned(), text.trim().into()));
            Value::Table(pairs.collect())
        }
        Kind::Count { .. } | Kind::Port(_) | Kind::Number { .. } | Kind::Money(_) => {
            let text = text.trim();
            let whole = text.parse::<i64>().map(Value::from);
            let number = whole.or_else(|_| text.parse::<f64>().map(Value::from));
            number.unwrap_or_else(|_| text.into())
        }
        _ => text.into(),
    }
}

fn unknown<'a>(name: &str, line: Option<usize>, known: impl Iterator<Item = &'a str>) -> Problem {
    Problem {
        key: name.to_owned(),
        line,
        what: "unknown setting".into(),
        hint: match nearest(name, known) {
            Some((near, _)) => Hint::DidYouMean(near.to_owned()),
            None => Hint::Remove,
        },
    }
}
