//! Values to the draft. What is wrong becomes a problem, and reading goes on, so that one report
//! lists everything.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use toml::Value;
use url::Url;

use super::draft::Draft;
use super::proxy::UpstreamConfig;
use super::report::{Hint, Problem};
use super::schema::{Credential, Kind, Need, Set, Setting, UPSTREAM_FIELDS};
use super::source::{Source, Values, names_section};
use super::table::{OPTIONAL_SECTIONS, SETTINGS};
use super::value;
use crate::domain::{Duration, Time, Usd};

/// Longest part of a wrong value that a report repeats.
const SHOWN: usize = 60;
const HIDDEN: &str = "wrong value, not shown because it may hold a secret";

/// Directories that `~/` and relative paths in a configuration start from.
#[derive(Debug, Clone, Default)]
pub struct BaseDirs {
    pub home: PathBuf,
    /// Directory of the configuration file; never the working directory.
    pub config_dir: PathBuf,
}

impl BaseDirs {
    fn resolve(&self, text: &str) -> PathBuf {
        match text.strip_prefix("~/") {
            Some(rest) => self.home.join(rest),
            None => self.config_dir.join(text),
        }
    }
}

pub(super) struct Reader<'a> {
    pub(super) values: &'a Values,
    pub(super) dirs: &'a BaseDirs,
    /// The credentials without which the configuration is invalid.
    pub(super) needed: &'a [Credential],
    pub(super) problems: Vec<Problem>,
    pub(super) unneeded: Vec<(Credential, Problem)>,
    pub(super) warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        values: &'a Values,
        dirs: &'a BaseDirs,
        needed: &'a [Credential],
    ) -> Reader<'a> {
        Reader {
            values,
            dirs,
            needed,
            problems: Vec::new(),
            unneeded: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Reads every setting of the sections that `wanted` accepts.
    pub(super) fn fill(&mut self, draft: &mut Draft, wanted: impl Fn(&str) -> bool) {
        let settings = SETTINGS.iter().filter(|setting| wanted(setting.section()));
        for setting in settings {
            let section = setting.section();
            if !OPTIONAL_SECTIONS.contains(&section) || names_section(self.values, section) {
                self.read(setting, draft);
            }
        }
    }

    fn read(&mut self, setting: &Setting, draft: &mut Draft) {
        let before = self.problems.len();
        match setting.kind {
            Kind::Secret(set) => {
                if let Some(secret) = self.secret(setting) {
                    set(draft, secret);
                }
            }
            Kind::SecretFile => {}
            Kind::Upstreams(set) => {
                let upstreams = self.upstreams(setting);
                set(draft, upstreams);
            }
            _ => self.plain(setting, draft),
        }
        if let Some(credential) = setting.credential
            && !self.needed.contains(&credential)
        {
            let problems = self.problems.drain(before..);
            self.unneeded
                .extend(problems.map(|problem| (credential, problem)));
        }
    }

    fn plain(&mut self, setting: &Setting, draft: &mut Draft) {
        let Some(found) = self.values.get(setting.path) else {
            if setting.need == Need::Required {
                let example = format!(
                    "{}, for example {}",
                    setting.kind.expected(),
                    setting.example
                );
                self.problem(setting.path, "missing", example);
            }
            return;
        };
        let is_optional = !matches!(setting.need, Need::Required | Need::Default(_));
        if is_optional && found.value.as_str() == Some("") {
            return;
        }
        let Err(what) = apply(setting.kind, &found.value, self.dirs, draft) else {
            return;
        };
        if setting.may_hold_secret() {
            self.problem(setting.path, HIDDEN, setting.kind.expected());
        } else {
            self.problem(setting.path, what, setting.kind.expected());
        }
        // Whoever needs only a part of the configuration goes on with the default.
        if let Need::Default(text) = setting.need
            && let Ok(value) = value::parse(text)
        {
            let _ = apply(setting.kind, &value, self.dirs, draft);
        }
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
            hint: Hint::Expected(expected.into()),
        });
    }

    /// True when the operator set it, and not to an empty string.
    pub(super) fn is_given(&self, path: &str) -> bool {
        self.values.get(path).is_some_and(|found| {
            found.source != Source::Default
                && found.value.as_str().is_none_or(|text| !text.is_empty())
        })
    }

    pub(super) fn has_problem(&self, path: &str) -> bool {
        let mut all = self.problems.iter();
        all.any(|problem| problem.key == path)
    }

    /// A secret given as it is or by file. Both is a problem, but still a secret.
    fn secret(&mut self, setting: &Setting) -> Option<SecretString> {
        let value = self.values.get(setting.path).map(|found| &found.value);
        if value.is_some_and(|value| value.as_str().is_none()) {
            // A wrong type must not put the value into the report.
            self.problem(setting.path, HIDDEN, setting.kind.expected());
            return None;
        }
        let text = value
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty());
        let direct = text.map(|text| SecretString::from(text.to_owned()));
        let file = SETTINGS.iter().find(|other| {
            let name = other.path.strip_suffix("_file");
            name == Some(setting.path)
        })?;
        if !self.is_given(file.path) {
            if direct.is_none() && setting.credential.is_some() {
                let ways = format!(
                    "{} (a file that holds it), {} or the variable {}",
                    file.path,
                    setting.path,
                    setting.variable()
                );
                self.problem(setting.path, "missing", ways);
            }
            return direct;
        }
        if direct.is_some() {
            let what = format!("{} is set as well", file.path);
            self.problem(setting.path, what, "only one of the two");
            return direct;
        }
        let named = self
            .values
            .get(file.path)
            .map(|found| text_of(&found.value));
        let Ok(name) = named? else {
            self.problem(file.path, HIDDEN, file.kind.expected());
            return None;
        };
        self.secret_in(file.path, &self.dirs.resolve(&name))
    }

    /// The secret that a file holds.
    fn secret_in(&mut self, setting: &str, file: &Path) -> Option<SecretString> {
        const RIGHT: &str = "a readable file that holds the secret and nothing else";
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text.trim().to_owned(),
            Err(error) => {
                let what = format!("cannot read {}: {error}", file.display());
                self.problem(setting, what, RIGHT);
                return None;
            }
        };
        if text.is_empty() || text.contains(char::is_whitespace) {
            let what = format!("{} does not hold exactly one word", file.display());
            self.problem(setting, what, RIGHT);
            return None;
        }
        if is_open_to_others(file) {
            self.warnings.push(format!(
                "{0} can be read by other users: chmod 600 {0}",
                file.display()
            ));
        }
        Some(SecretString::from(text))
    }

    fn upstreams(&mut self, setting: &Setting) -> Vec<UpstreamConfig> {
        let tables = match self.values.get(setting.path) {
            Some(found) => upstream_tables(&found.value),
            None => Ok(Vec::new()),
        };
        let tables = tables.unwrap_or_else(|what| {
            self.problem(setting.path, what, setting.kind.expected());
            Vec::new()
        });
        let upstreams = tables.into_iter().filter_map(|[url, file, model]| {
            let key = self.secret_in(setting.path, &self.dirs.resolve(&file));
            match parse_url(&url) {
                Ok(url) => Some(UpstreamConfig {
                    url,
                    key: key.unwrap_or_default(),
                    model,
                }),
                Err(what) => {
                    self.problem(setting.path, what, "an http or https URL as upstream");
                    None
                }
            }
        });
        upstreams.collect()
    }
}

/// Stores a value in the draft, or says what is wrong with it.
fn apply(kind: Kind, value: &Value, dirs: &BaseDirs, draft: &mut Draft) -> Result<(), String> {
    match kind {
        Kind::Text(set) => set(draft, text_of(value)?),
        Kind::Parsed { parse, .. } => parse(draft, &text_of(value)?)?,
        Kind::Url(set) => set(draft, parse_url(&text_of(value)?)?),
        Kind::Urls(set) => {
            let texts = texts_of(value)?;
            let urls: Result<_, _> = texts.iter().map(|text| parse_url(text)).collect();
            set(draft, urls?);
        }
        Kind::Texts(set) => set(draft, texts_of(value)?),
        Kind::ParsedList { parse, .. } => parse(draft, &texts_of(value)?)?,
        Kind::Count { min, max, set } => {
            let number = value
                .as_integer()
                .ok_or_else(|| not(value, "a whole number"))?;
            let number = u32::try_from(number).map_err(|_| format!("{number} is out of range"))?;
            within(number, min, max, draft, set, u32::to_string)?;
        }
        Kind::Number { min, max, set } => {
            within(number_of(value)?, min, max, draft, set, f64::to_string)?;
        }
        Kind::Money(set) => set(draft, dollars_of(value)?),
        Kind::Size(set) => {
            let size = value::megabytes(&text_of(value)?);
            set(
                draft,
                size.ok_or_else(|| not(value, "a size with its unit"))?,
            );
        }
        Kind::Duration { min, max, set } => {
            within(duration_of(value)?, min, max, draft, set, shown_duration)?;
        }
        Kind::Timeout(set) => {
            let (min, max) = (Duration::seconds(1), Duration::hours(1));
            let duration = duration_of(value)?;
            if !(min..=max).contains(&duration) {
                return Err(out_of_range(&duration, &min, &max, shown_duration));
            }
            set(draft, duration.to_std().unwrap_or_default());
        }
        Kind::Address(set) => {
            let text = text_of(value)?;
            let address = text.trim().parse();
            set(
                draft,
                address.map_err(|_| not(value, "an address and port"))?,
            );
        }
        Kind::Port(set) => {
            let number = value.as_integer();
            let port = number.and_then(|number| u16::try_from(number).ok());
            let port = port.filter(|port| *port > 0);
            set(draft, port.ok_or_else(|| not(value, "a port"))?);
        }
        Kind::Choice(choices) => {
            let text = text_of(value)?;
            let choice = choices.iter().find(|(word, _)| *word == text);
            let (_, set) = choice.ok_or_else(|| not(value, "one of the choices"))?;
            set(draft);
        }
        Kind::Path(set) => set(draft, dirs.resolve(&text_of(value)?)),
        Kind::Time(set) => set(draft, time_of(value)?),
        Kind::Table(set) => set(draft, table_of(value)?),
        // They have files to read, so the reader does it.
        Kind::Secret(_) | Kind::SecretFile | Kind::Upstreams(_) => {}
    }
    Ok(())
}

fn within<T: PartialOrd + Copy>(
    value: T,
    min: T,
    max: T,
    draft: &mut Draft,
    set: Set<T>,
    show: impl Fn(&T) -> String,
) -> Result<(), String> {
    if value < min || value > max {
        return Err(out_of_range(&value, &min, &max, show));
    }
    set(draft, value);
    Ok(())
}

fn out_of_range<T>(value: &T, min: &T, max: &T, show: impl Fn(&T) -> String) -> String {
    format!(
        "{} is out of range, {} to {}",
        show(value),
        show(min),
        show(max)
    )
}

fn shown_duration(duration: &Duration) -> String {
    value::show_duration(*duration)
}

/// The tables' fields in the order of [`UPSTREAM_FIELDS`].
fn upstream_tables(value: &Value) -> Result<Vec<[String; 3]>, String> {
    let array = value.as_array().ok_or_else(|| not(value, "a list"))?;
    array.iter().map(upstream_table).collect()
}

fn upstream_table(value: &Value) -> Result<[String; 3], String> {
    let table = value.as_table().ok_or_else(|| not(value, "a table"))?;
    let mut names = table.keys();
    if let Some(unknown) = names.find(|name| !UPSTREAM_FIELDS.contains(&name.as_str())) {
        return Err(format!("unknown field {unknown}"));
    }
    let field = |name: &str| match table.get(name).map(Value::as_str) {
        Some(Some(text)) => Ok(text.to_owned()),
        Some(None) => Err(format!("{name} is not a quoted string")),
        None => Err(format!("{name} is missing in one of the tables")),
    };
    let [url, file, model] = UPSTREAM_FIELDS;
    Ok([field(url)?, field(file)?, field(model)?])
}

fn text_of(value: &Value) -> Result<String, String> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| not(value, "a quoted string"))
}

fn texts_of(value: &Value) -> Result<Vec<String>, String> {
    let array = value.as_array().ok_or_else(|| not(value, "a list"))?;
    array.iter().map(text_of).collect()
}

/// Dollars as a number or as `"$12.50"`.
fn dollars_of(value: &Value) -> Result<Usd, String> {
    let sum = match value.as_str() {
        Some(text) => value::dollars(text),
        None => number_of(value).ok().and_then(value::dollars_of),
    };
    sum.ok_or_else(|| not(value, "a sum of dollars"))
}

fn number_of(value: &Value) -> Result<f64, String> {
    #[expect(clippy::cast_precision_loss, reason = "settings are far below 2^52")]
    let whole = value.as_integer().map(|number| number as f64);
    let number = value.as_float().or(whole);
    let finite = number.filter(|number| number.is_finite());
    finite.ok_or_else(|| not(value, "a number"))
}

fn duration_of(value: &Value) -> Result<Duration, String> {
    value::duration(&text_of(value)?).ok_or_else(|| not(value, "a duration"))
}

fn time_of(value: &Value) -> Result<Time, String> {
    let text = match value {
        Value::Datetime(time) => time.to_string(),
        other => text_of(other)?,
    };
    let time = chrono::DateTime::parse_from_rfc3339(&text);
    time.map(|time| time.to_utc())
        .map_err(|_| not(value, "a time"))
}

fn table_of(value: &Value) -> Result<BTreeMap<String, String>, String> {
    let table = value.as_table().ok_or_else(|| not(value, "a table"))?;
    let pairs = table.iter().map(|(name, value)| match value.as_str() {
        Some(text) => Ok((name.clone(), text.to_owned())),
        // The values may be secrets, so only the name is shown.
        None => Err(format!("{name} is not a quoted string")),
    });
    pairs.collect()
}

/// A plain URL: a password in one would end up in logs.
fn parse_url(text: &str) -> Result<Url, String> {
    let parsed = text.trim().parse();
    let url: Url = parsed.map_err(|error| format!("{:?} is not a URL: {error}", shown(text)))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(format!("{:?} is not an http or https URL", shown(text)));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL contains a user or password".into());
    }
    Ok(url)
}

fn not(value: &impl Display, what: &str) -> String {
    format!("{} is not {what}", shown(value.to_string().trim()))
}

fn shown(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        return text.to_owned();
    }
    text.chars().take(SHOWN).chain(['…']).collect()
}

/// True when other users may read the file.
pub(super) fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o077 != 0)
}
