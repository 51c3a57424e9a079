//! What the file gives for one of several tables: for a pool, an account or a Network Node.

use toml::Spanned;
use toml::de::DeValue;

use super::report::{Hint, Problem};
use super::schema::{Scope, Setting};
use super::syntax::{Entry, EntryKind, is_section};
use super::table::{SETTINGS, find, settings_of};
use super::table_array::TableArray;
use super::values::{Found, Source, Values, insert, unknown};
use crate::domain::is_name;

/// A table's own keys, and the settings that lie over those of the file.
#[derive(Debug)]
pub(super) struct TableLayer {
    pub(super) array: TableArray,
    /// Where it begins.
    pub(super) line: usize,
    pub(super) values: Values,
    /// Their keys are those of the settings, without the table's name.
    problems: Vec<Problem>,
}

impl TableLayer {
    pub(super) fn new(array: TableArray, line: usize) -> TableLayer {
        let defaults = array.own().iter().filter_map(|setting| {
            let value = setting.default_value()?;
            let source = Source::Default;
            Some((setting.path, Found { value, source }))
        });
        TableLayer {
            array,
            line,
            values: defaults.collect(),
            problems: Vec::new(),
        }
    }

    /// Where a setting of this table is, or else the table.
    pub(super) fn line_of(&self, path: &str) -> usize {
        match self.values.get(path).map(|found| &found.source) {
            Some(Source::File { line }) => *line,
            _ => self.line,
        }
    }

    /// Its name, if it has one that can be used.
    pub(super) fn name(&self) -> Option<&str> {
        let name = self.values.get(self.array.name())?.value.as_str()?.trim();
        is_name(name).then_some(name)
    }

    /// What a report calls a setting of this table: `pool.minimax.vast.gpu_count`, `pool.minimax.replicas`.
    pub(super) fn key(&self, path: &str) -> String {
        let section = self.array.key();
        let own = path.strip_prefix(section);
        let path = own.and_then(|own| own.strip_prefix('.')).unwrap_or(path);
        match self.name() {
            Some(name) => format!("{section}.{name}.{path}"),
            None => format!("{section}.{path}"),
        }
    }

    /// What a sentence calls it.
    pub(super) fn title(&self) -> String {
        let noun = self.array.noun();
        match self.name() {
            Some(name) => format!("{noun} {name}"),
            None => format!("the {noun} of line {}", self.line),
        }
    }

    /// The settings that lie over those of the file.
    pub(super) fn overlaid(&self) -> impl Iterator<Item = (&'static str, &Found)> {
        let own = self.array.key();
        let values = self.values.iter();
        let overlaid = values.filter(move |(path, _)| path.split('.').next() != Some(own));
        overlaid.map(|(path, found)| (*path, found))
    }

    pub(super) fn problems(&self) -> impl Iterator<Item = Problem> {
        self.problems.iter().map(|problem| self.named(problem))
    }

    /// A problem with one of its settings.
    pub(super) fn problem(
        &self,
        path: &str,
        what: impl Into<String>,
        expected: impl Into<String>,
    ) -> Problem {
        let line = Some(self.line_of(path));
        let hint = Hint::Expected(expected.into());
        Problem::new(&self.key(path), line, what, hint)
    }

    /// The problem under the table's name.
    pub(super) fn named(&self, problem: &Problem) -> Problem {
        let hint = match &problem.hint {
            Hint::DidYouMean(near) => Hint::DidYouMean(self.key(near)),
            other => other.clone(),
        };
        Problem::new(
            &self.key(&problem.key),
            problem.line,
            problem.what.as_str(),
            hint,
        )
    }

    /// The problem under the table's name, in one of its lines.
    pub(super) fn located(&self, problem: &Problem) -> Problem {
        let line = Some(self.line_of(&problem.key));
        Problem {
            line,
            ..self.named(problem)
        }
    }

    pub(super) fn add(&mut self, entry: Entry<'_>, line: usize) {
        let section = entry.section.as_str();
        let added = match entry.kind {
            EntryKind::Section | EntryKind::NotASection(_) => self.check_section(section, line),
            EntryKind::Setting(name, value) if section == self.array.key() => {
                self.add_own(&name, value, line)
            }
            EntryKind::Setting(name, value) if self.array.sections().contains(&section) => {
                self.add_overlaid(section, &name, value, line)
            }
            // Reported with its section.
            EntryKind::Setting(..) => Ok(()),
        };
        self.problems.extend(added.err());
    }

    fn add_own(
        &mut self,
        name: &str,
        value: Spanned<DeValue<'_>>,
        line: usize,
    ) -> Result<(), Problem> {
        let path = format!("{}.{name}", self.array.key());
        let mut own = self.array.settings();
        match own.find(|setting| setting.path == path) {
            Some(setting) => insert(&mut self.values, setting, value, &path, line),
            None => Err(self.not_own(name, line)),
        }
    }

    fn add_overlaid(
        &mut self,
        section: &str,
        name: &str,
        value: Spanned<DeValue<'_>>,
        line: usize,
    ) -> Result<(), Problem> {
        let path = format!("{section}.{name}");
        match find(&path) {
            Some(setting) if setting.scope() == Scope::Pool => {
                insert(&mut self.values, setting, value, &path, line)
            }
            Some(_) => Err(self.shared(&path, line, section)),
            None => {
                let known = settings_of(section).filter(|setting| setting.scope() == Scope::Pool);
                Err(unknown(
                    &path,
                    Some(line),
                    known.map(|setting| setting.path),
                ))
            }
        }
    }

    /// Only some sections are below it.
    fn check_section(&self, section: &str, line: usize) -> Result<(), Problem> {
        let below = self.array.sections();
        if section == self.array.key() || below.contains(&section) {
            return Ok(());
        }
        if is_section(section) {
            return Err(self.shared(section, line, section));
        }
        Err(unknown(section, Some(line), below.iter().copied()))
    }

    /// A setting or section that all of them share.
    fn shared(&self, key: &str, line: usize, section: &str) -> Problem {
        let noun = self.array.noun();
        let what = format!("{noun}s have none of their own");
        let hint = Hint::Expected(format!(
            "it in [{section}], where it counts for all {noun}s"
        ));
        Problem::new(key, Some(line), what, hint)
    }

    /// A key that is none of the table's own; it may belong to one of its sections.
    fn not_own(&self, name: &str, line: usize) -> Problem {
        let array = self.array.key();
        let path = format!("{array}.{name}");
        let below = |section: &str| Hint::Expected(format!("it below [{array}.{section}]"));
        let sections = self.array.sections();
        let mut settings = SETTINGS.iter();
        let is_meant = |setting: &&Setting| {
            let is_below = sections.contains(&setting.section());
            setting.name() == name && is_below && setting.scope() == Scope::Pool
        };
        if let Some(setting) = settings.find(is_meant) {
            let what = format!("a setting of {}", setting.section());
            return Problem::new(&path, Some(line), what, below(setting.section()));
        }
        if sections.contains(&name) {
            let hint = Hint::Expected(format!("[{array}.{name}], followed by its settings"));
            return Problem::new(&path, Some(line), "not a section", hint);
        }
        if is_section(name) {
            return self.shared(&path, line, name);
        }
        let known = self.array.settings().map(|setting| setting.path);
        unknown(&path, Some(line), known)
    }
}
