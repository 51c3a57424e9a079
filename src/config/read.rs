//! Collected values to typed ones. What is wrong becomes a problem, and reading goes on, so that one
//! report lists everything.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use toml_edit::Value;
use url::Url;

use super::keys::{Key, Kind};
use super::report::Problem;
use super::source::{Source, Values, names_section};
use super::value;
use crate::domain::{Duration, Time, Usd};

/// Longest part of a wrong value that a report repeats.
const SHOWN: usize = 60;

/// Whose key a setting holds. Who does not ask them does without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOf {
    /// The GPU market.
    Market,
    /// The inference proxy's upstreams.
    Upstreams,
}

impl KeyOf {
    /// Every one of them.
    pub const ALL: &'static [KeyOf] = &[KeyOf::Market, KeyOf::Upstreams];
}

/// Reads values and notes problems.
pub(super) struct Reader<'a> {
    pub(super) values: &'a Values,
    pub(super) problems: Vec<Problem>,
    /// What `~` and relative paths mean.
    pub(super) places: &'a Places,
    /// The keys without which there is no configuration.
    pub(super) needed: &'a [KeyOf],
    /// What is wrong with the other ones.
    pub(super) unread: Vec<(KeyOf, Problem)>,
}

/// What `~/` and relative paths in a configuration refer to.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// The home directory.
    pub home: PathBuf,
    /// Directory of the configuration file: relative paths start there, never in the working
    /// directory.
    pub config_dir: PathBuf,
}

impl Places {
    /// The path that a text in a configuration means.
    pub(super) fn resolve(&self, text: &str) -> PathBuf {
        match text.strip_prefix("~/") {
            Some(rest) => self.home.join(rest),
            None => self.config_dir.join(text),
        }
    }
}

impl<'a> Reader<'a> {
    /// One of these values, to whom every key is needed.
    pub(super) fn new(values: &'a Values, places: &'a Places) -> Reader<'a> {
        Reader {
            values,
            problems: Vec::new(),
            places,
            needed: KeyOf::ALL,
            unread: Vec::new(),
        }
    }

    /// Reads a key. What is wrong with one that is not needed is no problem of the configuration.
    pub(super) fn key<T>(&mut self, of: KeyOf, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.problems.len();
        let key = read(self);
        if !self.needed.contains(&of) {
            let wrong = self.problems.drain(before..);
            self.unread.extend(wrong.map(|problem| (of, problem)));
        }
        key
    }

    /// Adds a problem with a setting.
    pub(super) fn problem(
        &mut self,
        path: &str,
        what: impl Into<String>,
        expected: impl Into<String>,
    ) {
        let line = match self.values.get(path).map(|found| &found.source) {
            Some(Source::File { line }) => Some(*line),
            _ => None,
        };
        self.problems.push(Problem {
            key: path.to_owned(),
            line,
            what: what.into(),
            expected: expected.into(),
        });
    }

    /// True when somebody set it to something.
    pub(super) fn is_given(&self, path: &str) -> bool {
        self.values.get(path).is_some_and(|found| {
            found.source != Source::Default
                && found.value.as_str().is_none_or(|text| !text.is_empty())
        })
    }

    /// True when any setting of the section was set.
    pub(super) fn has_section(&self, section: &str) -> bool {
        names_section(self.values, section)
    }

    /// A value that must be there; the default of its type after a problem.
    pub(super) fn required<T: Default>(
        &mut self,
        path: &'static str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> T {
        if !self.values.contains_key(path) {
            let expected = Key::find(path)
                .map(|key| format!("{}, for example {}", key.kind.expected(), key.example));
            self.problem(path, "it is missing", expected.unwrap_or_default());
            return T::default();
        }
        self.optional(path, read).unwrap_or_default()
    }

    /// A value that may be absent.
    pub(super) fn optional<T>(
        &mut self,
        path: &'static str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let value = &self.values.get(path)?.value;
        match read(value) {
            Ok(read) => Some(read),
            Err(what) => {
                let key = Key::find(path);
                let kind = key.map_or(Kind::Text, |key| key.kind);
                let what = match key {
                    Some(key) if key.may_hold_a_secret() => {
                        "its value is wrong, and is not shown: it may hold a secret".to_owned()
                    }
                    _ => what,
                };
                self.problem(path, what, kind.expected());
                None
            }
        }
    }

    pub(super) fn text(&mut self, path: &'static str) -> String {
        self.required(path, text)
    }

    pub(super) fn texts(&mut self, path: &'static str) -> Vec<String> {
        self.required(path, texts)
    }

    /// An optional text; an empty one counts as absent.
    pub(super) fn some_text(&mut self, path: &'static str) -> Option<String> {
        self.optional(path, text).filter(|text| !text.is_empty())
    }

    pub(super) fn url(&mut self, path: &'static str) -> Option<Url> {
        if self.values.contains_key(path) {
            return self.optional(path, url);
        }
        self.required(path, text);
        None
    }

    pub(super) fn urls(&mut self, path: &'static str) -> Vec<Url> {
        self.required(path, |value| {
            texts(value)?.iter().map(|text| parse_url(text)).collect()
        })
    }

    /// A whole number within bounds.
    pub(super) fn count(&mut self, path: &'static str, least: u32, most: u32) -> u32 {
        let number = self.required(path, |value| {
            let number = value
                .as_integer()
                .ok_or_else(|| not(value, "a whole number"))?;
            u32::try_from(number).map_err(|_| format!("{number} is out of range"))
        });
        if self.values.contains_key(path) {
            self.check_bounds(path, number, least..=most, |number| number.to_string());
        }
        number
    }

    /// Notes a problem when a value is out of bounds.
    fn check_bounds<T: PartialOrd + Copy>(
        &mut self,
        path: &str,
        value: T,
        bounds: RangeInclusive<T>,
        show: impl Fn(T) -> String,
    ) {
        if !bounds.contains(&value) {
            let (least, most) = (show(*bounds.start()), show(*bounds.end()));
            self.problem(
                path,
                format!("it is {}", show(value)),
                format!("{least} to {most}"),
            );
        }
    }

    pub(super) fn port(&mut self, path: &'static str) -> u16 {
        self.required(path, |value| {
            let number = value
                .as_integer()
                .and_then(|number| u16::try_from(number).ok());
            number
                .filter(|port| *port > 0)
                .ok_or_else(|| not(value, "a port"))
        })
    }

    /// A number within bounds.
    pub(super) fn number(&mut self, path: &'static str, least: f64, most: f64) -> f64 {
        let number = self.required(path, number);
        if self.values.contains_key(path) {
            self.check_bounds(path, number, least..=most, |number| number.to_string());
        }
        number
    }

    pub(super) fn some_number(&mut self, path: &'static str, least: f64, most: f64) -> Option<f64> {
        self.values
            .contains_key(path)
            .then(|| self.number(path, least, most))
    }

    pub(super) fn money(&mut self, path: &'static str) -> Usd {
        self.required(path, dollars)
    }

    pub(super) fn megabytes(&mut self, path: &'static str) -> f64 {
        self.required(path, |value| {
            value::megabytes(&text(value)?).ok_or_else(|| not(value, "a size with its unit"))
        })
    }

    /// A length of time within bounds.
    pub(super) fn duration(
        &mut self,
        path: &'static str,
        least: Duration,
        most: Duration,
    ) -> Duration {
        let read = self.optional(path, |value| {
            value::duration(&text(value)?).ok_or_else(|| not(value, "a length of time"))
        });
        let Some(duration) = read else {
            return least;
        };
        self.check_bounds(path, duration, least..=most, value::show_duration);
        duration
    }

    /// A length of real time, for time-outs: at least a second.
    pub(super) fn real_time(&mut self, path: &'static str) -> std::time::Duration {
        let duration = self.duration(path, Duration::seconds(1), Duration::hours(1));
        duration.to_std().unwrap_or_default()
    }

    pub(super) fn parsed<T: std::str::FromStr>(&mut self, path: &'static str) -> Option<T> {
        if !self.values.contains_key(path) {
            self.required(path, text);
            return None;
        }
        self.some_parsed(path)
    }

    /// A text of a given form that may be absent.
    pub(super) fn some_parsed<T: std::str::FromStr>(&mut self, path: &'static str) -> Option<T> {
        self.optional(path, |value| {
            let text = text(value)?;
            text.trim()
                .parse()
                .map_err(|_| not(value, "of the right form"))
        })
    }

    pub(super) fn path(&mut self, path: &'static str) -> PathBuf {
        let text = self.text(path);
        self.places.resolve(&text)
    }

    pub(super) fn some_path(&mut self, path: &'static str) -> Option<PathBuf> {
        self.some_text(path).map(|text| self.places.resolve(&text))
    }

    pub(super) fn time(&mut self, path: &'static str) -> Option<Time> {
        if !self.values.contains_key(path) {
            self.required(path, text);
            return None;
        }
        self.optional(path, |value| {
            let text = match value {
                Value::Datetime(time) => time.value().to_string(),
                other => text(other)?,
            };
            chrono::DateTime::parse_from_rfc3339(&text)
                .map(|time| time.to_utc())
                .map_err(|_| not(value, "a time"))
        })
    }

    /// One of some words; the first one after a problem.
    pub(super) fn choice(&mut self, path: &'static str) -> &'static str {
        let words = match Key::find(path).map(|key| key.kind) {
            Some(Kind::Choice(words)) => words,
            _ => &[],
        };
        let first = words.first().copied().unwrap_or_default();
        self.optional(path, |value| {
            let text = text(value)?;
            words
                .iter()
                .find(|word| **word == text)
                .copied()
                .ok_or_else(|| not(value, "one of them"))
        })
        .unwrap_or(first)
    }

    /// A list of tables of texts, each with the names that the setting declares.
    pub(super) fn tables(&mut self, path: &'static str) -> Vec<BTreeMap<String, String>> {
        let names = match Key::find(path).map(|key| key.kind) {
            Some(Kind::Tables(names)) => names,
            _ => &[],
        };
        self.required(path, |value| {
            let array = value.as_array().ok_or_else(|| not(value, "a list"))?;
            array
                .iter()
                .map(|table| named_texts(table, names))
                .collect()
        })
    }

    pub(super) fn table(&mut self, path: &'static str) -> BTreeMap<String, String> {
        self.required(path, |value| {
            let table = value
                .as_inline_table()
                .ok_or_else(|| not(value, "a table"))?;
            table
                .iter()
                .map(|(name, value)| match value.as_str() {
                    Some(text) => Ok((name.to_owned(), text.to_owned())),
                    // The values may be secrets, so only the name is told.
                    None => Err(format!("{name} is not a text in quotes")),
                })
                .collect()
        })
    }
}

/// A table of texts with exactly these names.
fn named_texts(value: &Value, names: &[&str]) -> Result<BTreeMap<String, String>, String> {
    let table = value
        .as_inline_table()
        .ok_or_else(|| not(value, "a table"))?;
    if let Some((unknown, _)) = table.iter().find(|(name, _)| !names.contains(name)) {
        return Err(format!("there is no such field as {unknown}"));
    }
    let field = |name: &&str| match table.get(name).map(Value::as_str) {
        Some(Some(text)) => Ok(((*name).to_owned(), text.to_owned())),
        Some(None) => Err(format!("{name} is not a text in quotes")),
        None => Err(format!("{name} is missing in one of them")),
    };
    names.iter().map(field).collect()
}

fn text(value: &Value) -> Result<String, String> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| not(value, "a text in quotes"))
}

fn texts(value: &Value) -> Result<Vec<String>, String> {
    let array = value.as_array().ok_or_else(|| not(value, "a list"))?;
    array.iter().map(text).collect()
}

/// A sum of dollars, as a number or as `"$12.50"`.
pub(super) fn dollars(value: &Value) -> Result<Usd, String> {
    let sum = match value.as_str() {
        Some(text) => value::dollars(text),
        None => number(value).ok().and_then(value::dollars_of),
    };
    sum.ok_or_else(|| not(value, "a sum of dollars"))
}

fn number(value: &Value) -> Result<f64, String> {
    #[expect(clippy::cast_precision_loss, reason = "settings are far below 2^52")]
    let whole = value.as_integer().map(|number| number as f64);
    value
        .as_float()
        .or(whole)
        .filter(|number| number.is_finite())
        .ok_or_else(|| not(value, "a number"))
}

fn url(value: &Value) -> Result<Url, String> {
    parse_url(&text(value)?)
}

/// Only plain addresses: a password in one would end up in logs.
pub(super) fn parse_url(text: &str) -> Result<Url, String> {
    let url: Url = text
        .trim()
        .parse()
        .map_err(|error| format!("{:?} is not an address: {error}", shown(text)))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(format!("{:?} is not an http or https address", shown(text)));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address holds a user or password".into());
    }
    Ok(url)
}

fn not(value: &Value, what: &str) -> String {
    format!("{} is not {what}", shown(value.to_string().trim()))
}

fn shown(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain(['…']).collect()
}

/// True when others than the owner may read the file.
pub(super) fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o077 != 0)
}
