//! Where values come from: defaults, then the file, then the environment.

use std::collections::BTreeMap;

use toml::Value;

use super::removed::{REMOVED, RemovedSetting};
use super::report::{Hint, Problem};
use super::schema::{Kind, Scope, Setting, variable};
use super::syntax::{self, Entry, EntryKind, SyntaxError, TableId, is_section};
use super::table::{SECTIONS, SETTINGS, settings_of};
use super::table_array::TableArray;
use super::table_layer::TableLayer;
use super::values::{Found, Source, Values, insert, unknown};

/// What a file and the environment give.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) values: Values,
    /// Tables that there may be several of, by their place in the file.
    pub(super) tables: BTreeMap<TableId, TableLayer>,
    pub(super) problems: Vec<Problem>,
    /// Where the file is not TOML. The rest is still read.
    pub(super) syntax_errors: Vec<SyntaxError>,
    pub(super) warnings: Vec<String>,
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
    layers.fill_from_tables();
    layers
}

impl Layers {
    fn add_file(&mut self, text: &str) {
        let (entries, errors) = syntax::parse(text);
        self.syntax_errors = errors;
        for entry in entries {
            let line = syntax::line_at(text, entry.offset);
            if let Some(id) = entry.table {
                let table = self.tables.entry(id);
                table
                    .or_insert_with(|| TableLayer::new(id.0, line))
                    .add(entry, line);
                continue;
            }
            let added = self.add_entry(entry, line);
            self.problems.extend(added.err());
        }
        let problems = self.tables.values().flat_map(TableLayer::problems);
        self.problems.extend(problems);
    }

    /// The tables of one array, in the order of the file.
    pub(super) fn tables_of(&self, array: TableArray) -> impl Iterator<Item = &TableLayer> {
        let tables = self.tables.values();
        tables.filter(move |table| table.array == array)
    }

    /// What every table of an array must have and gives for itself is not missing for all of them: the first
    /// one's stands there.
    fn fill_from_tables(&mut self) {
        let needed = SETTINGS.iter().filter(|setting| setting.is_needed());
        for setting in needed.filter(|setting| setting.scope() == Scope::Pool) {
            self.fill_if_all_give(TableArray::Pool, setting.path, setting.path);
        }
        self.fill_if_all_give(
            TableArray::NetworkNode,
            "network_node.participant",
            "chain.participant",
        );
        let of_first = self.tables_of(TableArray::NetworkNode).next();
        let of_first = of_first.map(|first| first.values.clone());
        let of_section = |path: &str| settings_of("network_node").any(|known| known.path == path);
        let settings = of_first.unwrap_or_default().into_iter();
        self.values
            .extend(settings.filter(|(path, _)| of_section(path)));
    }

    fn fill_if_all_give(&mut self, array: TableArray, path: &str, into: &'static str) {
        let given = self.tables_of(array).map(|table| table.values.get(path));
        let given: Option<Vec<&Found>> = given.collect();
        let first = given.as_deref().and_then(<[_]>::first);
        if let Some(first) = first.map(|first| (*first).clone()) {
            self.values.entry(into).or_insert(first);
        }
    }

    fn add_entry(&mut self, entry: Entry<'_>, line: usize) -> Result<(), Problem> {
        let section = entry.section.as_str();
        let is_known = is_section(section);
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
                if let Some(array) = TableArray::named(section) {
                    return Err(not_tables(array, line));
                }
                let known = SECTIONS.iter().map(|(name, _)| *name);
                let arrays = TableArray::ALL.map(TableArray::key);
                return Err(unknown(section, Some(line), known.chain(arrays)));
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
        insert(&mut self.values, setting, value, &path, line)
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

fn not_tables(array: TableArray, line: usize) -> Problem {
    let (key, noun) = (array.key(), array.noun());
    let hint = Hint::Expected(format!("[[{key}]], in two brackets, for each {noun}"));
    Problem::new(key, Some(line), format!("not a list of {noun}s"), hint)
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
