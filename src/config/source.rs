//! Where values come from: defaults, then the file, then the environment.

use std::collections::BTreeMap;

use serde::Deserialize as _;
use toml::Value;
use toml::de::ValueDeserializer;

use super::removed::{REMOVED, RemovedSetting};
use super::report::{Hint, Problem};
use super::schema::{Kind, Setting, variable};
use super::syntax::{self, Entry, EntryKind, SyntaxError};
use super::table::{SECTIONS, SETTINGS, settings_of};
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
    /// Where the file is not TOML. The rest is still read.
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
        if let Some(value) = setting.default_value() {
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
            let added = self.add_entry(entry, line);
            self.problems.extend(added.err());
        }
    }

    fn add_entry(&mut self, entry: Entry<'_>, line: usize) -> Result<(), Problem> {
        let section = entry.section.as_str();
        let known = SECTIONS.iter().map(|(name, _)| *name);
        let is_known = known.clone().any(|name| name == section);
        let (name, value) = match entry.kind {
            EntryKind::Section if is_known => return Ok(()),
            // Reported with its section.
            EntryKind::Setting(..) if !is_known => return Ok(()),
            EntryKind::Setting(name, value) => (name, value),
            EntryKind::NotASection(_) if is_known => {
                let hint = Hint::Expected(format!("[{section}], followed by its settings"));
                return Err(Problem::new(section, Some(line), "not a section", hint));
            }
            EntryKind::Section | EntryKind::NotASection(_) => {
                return Err(unknown(section, Some(line), known));
            }
        };
        let path = format!("{section}.{name}");
        let Some(setting) = self.resolve(&path, Some(line), |candidate| candidate == path) else {
            if let Some(removed) = removed(|candidate| candidate == path) {
                let is_empty = value.get_ref().as_str() == Some("");
                self.warnings
                    .push(removed.judge(&path, Some(line), is_empty)?);
                return Ok(());
            }
            let known = settings_of(section).map(|setting| setting.path);
            return Err(unknown(&path, Some(line), known));
        };
        let before = self.values.get(setting.path);
        if before.is_some_and(|found| found.source != Source::Default) {
            let what = format!("{} is set more than once", setting.path);
            return Err(Problem::new(&path, Some(line), what, Hint::Remove));
        }
        let value = Value::deserialize(ValueDeserializer::from(value)).map_err(|_| {
            let hint = Hint::Expected(setting.kind.expected());
            Problem::new(&path, Some(line), "the value is out of range", hint)
        })?;
        let source = Source::File { line };
        self.values.insert(setting.path, Found { value, source });
        Ok(())
    }

    fn add_environment(&mut self, environment: &[(String, String)]) {
        for (name, text) in environment.iter().filter(|(name, _)| is_setting(name)) {
            let Some(setting) = self.resolve(name, None, |path| variable(path) == *name) else {
                if let Some(removed) = removed(|path| variable(path) == *name) {
                    match removed.judge(name, None, text.is_empty()) {
                        Ok(warning) => self.warnings.push(warning),
                        Err(problem) => self.problems.push(problem),
                    }
                    continue;
                }
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

    /// The setting with this name or, with a warning, this former name. `is_named` is true for the path that
    /// the name means; a variable has no line.
    fn resolve(
        &mut self,
        given: &str,
        line: Option<usize>,
        is_named: impl Fn(&str) -> bool,
    ) -> Option<&'static Setting> {
        let mut settings = SETTINGS.iter();
        if let Some(setting) = settings.find(|setting| is_named(setting.path)) {
            return Some(setting);
        }
        let mut settings = SETTINGS.iter();
        let setting = settings.find(|setting| {
            let mut former = setting.old_paths.iter();
            former.any(|path| is_named(path))
        })?;
        let renamed = match line {
            Some(line) => format!("{given} (line {line}) is now called {}", setting.path),
            None => format!("{given} is now called {}", setting.variable()),
        };
        self.warnings
            .push(format!("{renamed}; the old name still works"));
        Some(setting)
    }
}

fn removed(is_named: impl Fn(&str) -> bool) -> Option<&'static RemovedSetting> {
    REMOVED.iter().find(|removed| is_named(removed.path))
}

/// Variables that mean something else to the program.
const PROGRAM_VARIABLES: &[&str] = &[
    "POCPIT_LOG",
    "POCPIT_LOG_FORMAT",
    "POCPIT_CONFIG",
    #[cfg(debug_assertions)]
    "POCPIT_FAILPOINTS",
    // For the program of notify.command.
    "POCPIT_LEVEL",
    "POCPIT_TITLE",
    // For its build.
    "POCPIT_COMMIT",
    // For its tests, which start the program in their own environment.
    "POCPIT_OLDER",
    "POCPIT_UPDATE",
];

/// Prefixes of further variables for its tests.
const TEST_VARIABLES: [&str; 2] = ["POCPIT_REQUIRE_", "POCPIT_TEST_"];

/// True when an environment variable means to be a setting.
pub(super) fn is_setting(variable: &str) -> bool {
    variable.starts_with("POCPIT_")
        && !PROGRAM_VARIABLES.contains(&variable)
        && !TEST_VARIABLES
            .iter()
            .any(|prefix| variable.starts_with(prefix))
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
        Kind::Counts { .. } => Value::Array(parts.map(number).collect()),
        Kind::Count { .. } | Kind::Port(_) | Kind::Number { .. } | Kind::Money(_) => {
            number(text.trim())
        }
        _ => text.into(),
    }
}

/// A number; anything else stays text, which is a problem where it is read.
fn number(text: &str) -> Value {
    let whole = text.parse::<i64>().map(Value::from);
    let number = whole.or_else(|_| text.parse::<f64>().map(Value::from));
    number.unwrap_or_else(|_| text.into())
}

fn unknown<'a>(name: &str, line: Option<usize>, known: impl Iterator<Item = &'a str>) -> Problem {
    let near = nearest(name, known);
    let hint = near.map_or(Hint::Remove, |(near, _)| Hint::DidYouMean(near.to_owned()));
    Problem::new(name, line, "unknown setting", hint)
}
