//! What the file gives for one pool.

use toml::Spanned;
use toml::de::DeValue;

use super::report::{Hint, Problem};
use super::schema::{POOL_SECTIONS, Scope, Setting};
use super::syntax::{Entry, EntryKind, POOL, is_section};
use super::table::{POOL_SETTINGS, SETTINGS, find, settings_of};
use super::values::{Found, Source, Values, insert, unknown};
use crate::domain::PoolName;

pub(super) const NAME: &str = "pool.name";

/// A pool's own keys, and the settings that lie over those of the file.
#[derive(Debug)]
pub(super) struct PoolLayer {
    /// Where it begins.
    pub(super) line: usize,
    pub(super) values: Values,
    /// Their keys are those of the settings, without the pool's name.
    problems: Vec<Problem>,
}

impl PoolLayer {
    pub(super) fn new(line: usize) -> PoolLayer {
        let defaults = POOL_SETTINGS.iter().filter_map(|setting| {
            let value = setting.default_value()?;
            let source = Source::Default;
            Some((setting.path, Found { value, source }))
        });
        PoolLayer {
            line,
            values: defaults.collect(),
            problems: Vec::new(),
        }
    }

    /// Where a setting of this pool is, or else the pool.
    pub(super) fn line_of(&self, path: &str) -> usize {
        match self.values.get(path).map(|found| &found.source) {
            Some(Source::File { line }) => *line,
            _ => self.line,
        }
    }

    pub(super) fn name(&self) -> Option<PoolName> {
        self.values.get(NAME)?.value.as_str()?.trim().parse().ok()
    }

    /// What a report calls a setting of this pool: `pool.minimax.vast.gpu_count`, `pool.minimax.replicas`.
    pub(super) fn key(&self, path: &str) -> String {
        let path = path.strip_prefix("pool.").unwrap_or(path);
        match self.name() {
            Some(name) => format!("{POOL}.{name}.{path}"),
            None => format!("{POOL}.{path}"),
        }
    }

    /// What a sentence calls it.
    pub(super) fn title(&self) -> String {
        match self.name() {
            Some(name) => format!("pool {name}"),
            None => format!("the pool of line {}", self.line),
        }
    }

    /// The settings that lie over those of the file.
    pub(super) fn overlaid(&self) -> impl Iterator<Item = (&'static str, &Found)> {
        let values = self.values.iter();
        let overlaid = values.filter(|(path, _)| !path.starts_with("pool."));
        overlaid.map(|(path, found)| (*path, found))
    }

    pub(super) fn problems(&self) -> impl Iterator<Item = Problem> {
        self.problems.iter().map(|problem| self.named(problem))
    }

    /// The problem under the pool's name.
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

    pub(super) fn add(&mut self, entry: Entry<'_>, line: usize) {
        let section = entry.section.as_str();
        let added = match entry.kind {
            EntryKind::Section | EntryKind::NotASection(_) => check_section(section, line),
            EntryKind::Setting(name, value) if section == POOL => self.add_own(&name, value, line),
            EntryKind::Setting(name, value) if POOL_SECTIONS.contains(&section) => {
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
        let path = format!("{POOL}.{name}");
        let mut own = POOL_SETTINGS.iter();
        match own.find(|setting| setting.path == path) {
            Some(setting) => insert(&mut self.values, setting, value, &path, line),
            None => Err(not_own(name, line)),
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
            Some(_) => Err(shared(&path, line, section)),
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
}

/// Only some sections are a pool's.
fn check_section(section: &str, line: usize) -> Result<(), Problem> {
    if section == POOL || POOL_SECTIONS.contains(&section) {
        return Ok(());
    }
    if is_section(section) {
        return Err(shared(section, line, section));
    }
    Err(unknown(section, Some(line), POOL_SECTIONS.into_iter()))
}

/// A setting or section that all rentals share.
fn shared(key: &str, line: usize, section: &str) -> Problem {
    let hint = Hint::Expected(format!("it in [{section}], where it counts for all pools"));
    Problem::new(key, Some(line), "pools have none of their own", hint)
}

/// A key that is none of a pool's own; it may belong to one of its sections.
fn not_own(name: &str, line: usize) -> Problem {
    let path = format!("{POOL}.{name}");
    let below = |section: &str| Hint::Expected(format!("it below [{POOL}.{section}]"));
    let mut settings = SETTINGS.iter();
    let is_meant = |setting: &&Setting| setting.name() == name && setting.scope() == Scope::Pool;
    if let Some(setting) = settings.find(is_meant) {
        let what = format!("a setting of {}", setting.section());
        return Problem::new(&path, Some(line), what, below(setting.section()));
    }
    if POOL_SECTIONS.contains(&name) {
        let hint = Hint::Expected(format!("[{POOL}.{name}], followed by its settings"));
        return Problem::new(&path, Some(line), "not a section", hint);
    }
    if is_section(name) {
        return shared(&path, line, name);
    }
    let known = POOL_SETTINGS.iter().map(|setting| setting.path);
    unknown(&path, Some(line), known)
}
