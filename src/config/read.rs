//! Reads values into the draft. A wrong value becomes a problem and reading continues, so that one
//! report lists everything.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use secrecy::SecretString;
use toml::Value;
use url::Url;

use super::draft::Draft;
use super::proxy::{UpstreamConfig, UpstreamFeature};
use super::report::{Hint, Problem};
use super::schema::{Credential, Kind, Need, Setting, UPSTREAM_FEATURES, UPSTREAM_FIELDS};
use super::table::{OPTIONAL_SECTIONS, SETTINGS, all, find_file_of};
use super::table_layer::TableLayer;
use super::text_file::read_text;
use super::value;
use super::values::{Found, Source, Values, names_section};
use crate::domain::{Duration, Time, Usd};

/// A report repeats at most this much of a wrong value.
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
    /// Credentials without which the configuration is invalid.
    pub(super) needed: &'a [Credential],
    /// The table whose settings lie over the others.
    layer: Option<&'a TableLayer>,
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
            layer: None,
            problems: Vec::new(),
            unneeded: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// A reader of these values, in which those of the table lie over the others.
    pub(super) fn with_layer<'b>(&self, values: &'b Values, layer: &'b TableLayer) -> Reader<'b>
    where
        'a: 'b,
    {
        Reader {
            layer: Some(layer),
            ..Reader::new(values, self.dirs, self.needed)
        }
    }

    /// Reads the own keys of the table.
    pub(super) fn fill_own(&mut self, draft: &mut Draft) {
        let own = self.layer.map_or(&[][..], |layer| layer.array.own());
        for setting in own {
            self.read(setting, draft);
        }
    }

    /// Reads every setting of the sections that `wanted` accepts.
    pub(super) fn fill(&mut self, draft: &mut Draft, wanted: impl Fn(&str) -> bool) {
        for setting in SETTINGS {
            if wanted(setting.section()) && self.is_on(setting.section()) {
                self.read(setting, draft);
            }
        }
    }

    /// False for an optional section that the operator left out.
    pub(super) fn is_on(&self, section: &str) -> bool {
        !OPTIONAL_SECTIONS.contains(&section) || names_section(self.values, section)
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
            Kind::Upstreams(set) => set(draft, self.upstreams(setting)),
            _ => self.plain(setting, draft),
        }
        if let Some(credential) = setting.credential
            && !self.needed.contains(&credential)
        {
            let problems = self.problems.drain(before..);
            let problems = problems.map(|problem| (credential, problem));
            self.unneeded.extend(problems);
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
        let what = if setting.may_hold_secret() {
            HIDDEN.to_owned()
        } else {
            what
        };
        self.problem(setting.path, what, setting.kind.expected());
        // A command that needs only a part of the configuration continues with the default.
        if let Some(value) = setting.default_value() {
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
        let hint = Hint::Expected(expected.into());
        self.problems.push(Problem::new(path, line, what, hint));
    }

    /// Adds a problem with the first of settings that do not fit together. In a table of several, what it has
    /// of its own is to blame.
    pub(super) fn contradiction(
        &mut self,
        settings: &[&'static str],
        what: String,
        expected: &str,
    ) {
        let Some(reported) = settings.first() else {
            return;
        };
        let is_own = |path: &&&str| {
            let mut layer = self.layer.iter();
            layer.any(|layer| layer.values.contains_key(**path))
        };
        match settings.iter().find(is_own) {
            Some(own) if own != reported => {
                self.problem(own, format!("makes {reported} wrong: {what}"), expected);
            }
            _ => self.problem(reported, what, expected),
        }
    }

    /// Sorts the problems as the settings are in the example file.
    pub(super) fn sort_problems(&mut self) {
        let order = |problem: &Problem| {
            let mut settings = SETTINGS.iter();
            settings.position(|setting| setting.path == problem.key)
        };
        self.problems.sort_by_key(order);
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

    /// A secret, given directly or by file. Giving both is a problem, but still a secret.
    fn secret(&mut self, setting: &Setting) -> Option<SecretString> {
        let values = self.values;
        let text_at = |path| values.get(path).map(|found: &Found| found.value.as_str());
        let direct = match text_at(setting.path) {
            // A wrong type must not put the value into the report.
            Some(None) => {
                self.problem(setting.path, HIDDEN, setting.kind.expected());
                return None;
            }
            text => text.flatten().filter(|text| !text.is_empty()),
        };
        if let Some(odd) = direct.and_then(odd_secret) {
            self.problem(
                setting.path,
                format!("it {odd}"),
                "the secret and nothing else",
            );
            return None;
        }
        let direct = direct.map(SecretString::from);
        let file = find_file_of(setting)?;
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
        let Some(name) = text_at(file.path).flatten() else {
            self.problem(file.path, HIDDEN, file.kind.expected());
            return None;
        };
        self.secret_in(file.path, &self.dirs.resolve(name))
    }

    /// The secret that a file holds.
    fn secret_in(&mut self, setting: &str, file: &Path) -> Option<SecretString> {
        let name = file.display();
        let secret = match read_text(file) {
            Err(error) => Err(format!("cannot read {name}: {error}")),
            Ok(text) => {
                let text = text.trim();
                let odd = odd_secret(text).map(|odd| format!("{name} {odd}"));
                odd.map_or_else(|| Ok(SecretString::from(text)), Err)
            }
        };
        match &secret {
            Err(what) => {
                let expected = "a readable file that holds the secret and nothing else";
                self.problem(setting, what, expected);
            }
            Ok(_) if is_open_to_others(file) => {
                let warning = format!("{name} can be read by other users: chmod 600 {name}");
                self.warnings.push(warning);
            }
            Ok(_) => {}
        }
        secret.ok()
    }

    fn upstreams(&mut self, setting: &Setting) -> Vec<UpstreamConfig> {
        let Some(found) = self.values.get(setting.path) else {
            return Vec::new();
        };
        let tables = upstream_tables(&found.value).unwrap_or_else(|what| {
            self.problem(setting.path, what, setting.kind.expected());
            Vec::new()
        });
        let upstreams = tables.into_iter().filter_map(|table| {
            let key = self.secret_in(setting.path, &self.dirs.resolve(&table.key_file));
            let url = match base_url(&table.url) {
                Ok(url) => url,
                Err(what) => {
                    self.problem(setting.path, what, "an http or https URL as upstream");
                    return None;
                }
            };
            Some(UpstreamConfig {
                url,
                key: key.unwrap_or_default(),
                model: table.model,
                features: table.features,
            })
        });
        upstreams.collect()
    }
}

/// What no key or token has: it would be refused only where it is sent, without a reason. The text is not
/// shown.
fn odd_secret(text: &str) -> Option<&'static str> {
    let is_in = |quote: char| text.starts_with(quote) || text.ends_with(quote);
    if text.starts_with('\u{feff}') {
        return Some("begins with a byte order mark: save it as UTF-8 without one");
    }
    if text.contains('\0') {
        return Some("has a NUL byte: save it as plain text");
    }
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Some("does not hold exactly one word");
    }
    if is_in('"') || is_in('\'') {
        return Some("is in quotes: write it without them");
    }
    let is_odd = text.chars().any(|letter| !letter.is_ascii_graphic());
    is_odd.then_some("has characters that no key has")
}

/// Stores a value in the draft, or says what is wrong with it.
fn apply(kind: Kind, value: &Value, dirs: &BaseDirs, draft: &mut Draft) -> Result<(), String> {
    match kind {
        Kind::Text(set) => set(draft, text_of(value)?),
        Kind::Parsed { parse, .. } => parse(draft, &text_of(value)?)?,
        Kind::Url(set) => set(draft, base_url(&text_of(value)?)?),
        Kind::SecretUrl(set) => set(draft, parse_url(&text_of(value)?)?),
        Kind::Urls(set) => {
            let texts = texts_of(value)?;
            let urls: Result<_, _> = texts.iter().map(|text| base_url(text)).collect();
            set(draft, urls?);
        }
        Kind::Texts(set) => set(draft, texts_of(value)?),
        Kind::ParsedList { parse, .. } => parse(draft, &texts_of(value)?)?,
        Kind::Count { min, max, set } => set(draft, count_of(value, min, max)?),
        Kind::Counts { min, max, set } => set(draft, counts_of(value, min, max)?),
        Kind::Number { min, max, set } => {
            set(draft, within(number_of(value)?, min, max, f64::to_string)?);
        }
        Kind::Money(set) => set(draft, dollars_of(value)?),
        Kind::Size(set) => {
            let size = parsed(value, "a size with its unit", value::megabytes)?;
            set(draft, size);
        }
        Kind::Duration { min, max, set } => {
            set(
                draft,
                within(duration_of(value)?, min, max, shown_duration)?,
            );
        }
        Kind::Timeout(set) => {
            let (min, max) = (Duration::seconds(1), Duration::hours(1));
            let timeout = within(duration_of(value)?, min, max, shown_duration)?;
            set(draft, timeout.to_std().unwrap_or_default());
        }
        Kind::Address(set) => {
            let address = parsed(value, "an address and port", |text| {
                text.trim().parse().ok()
            })?;
            set(draft, address);
        }
        Kind::Port(set) => {
            let number = value.as_integer();
            let port = number.and_then(|number| u16::try_from(number).ok());
            let port = port.filter(|port| *port > 0);
            set(draft, port.ok_or_else(|| not(value, "a port"))?);
        }
        Kind::Choice(choices) => {
            let choice = |text: &str| choices.iter().find(|(word, _)| *word == text);
            let (_, set) = parsed(value, "one of the choices", choice)?;
            set(draft);
        }
        Kind::Path(set) => set(draft, dirs.resolve(&text_of(value)?)),
        Kind::Time(set) => set(draft, time_of(value)?),
        Kind::Table(set) => set(draft, table_of(value)?),
        // They name files, which only the reader reads.
        Kind::Secret(_) | Kind::SecretFile | Kind::Upstreams(_) => {}
    }
    Ok(())
}

fn within<T: PartialOrd>(
    value: T,
    min: T,
    max: T,
    show: impl Fn(&T) -> String,
) -> Result<T, String> {
    if value < min || value > max {
        let [value, min, max] = [value, min, max].map(|each| show(&each));
        return Err(format!("{value} is out of range, {min} to {max}"));
    }
    Ok(value)
}

fn shown_duration(duration: &Duration) -> String {
    value::show_duration(*duration)
}

/// A fallback of the inference proxy, as it is written.
struct UpstreamTable {
    url: String,
    key_file: String,
    model: String,
    features: BTreeSet<UpstreamFeature>,
}

fn upstream_tables(value: &Value) -> Result<Vec<UpstreamTable>, String> {
    let array = value.as_array().ok_or_else(|| not(value, "a list"))?;
    array.iter().map(upstream_table).collect()
}

fn upstream_table(value: &Value) -> Result<UpstreamTable, String> {
    let table = value.as_table().ok_or_else(|| not(value, "a table"))?;
    let is_known = |name: &str| UPSTREAM_FIELDS.contains(&name) || name == UPSTREAM_FEATURES;
    if let Some(unknown) = table.keys().find(|name| !is_known(name)) {
        return Err(format!("unknown field {unknown}"));
    }
    let field = |name: &str| match table.get(name).map(Value::as_str) {
        Some(Some(text)) => Ok(text.to_owned()),
        Some(None) => Err(format!("{name} is not a quoted string")),
        None => Err(format!("{name} is missing in one of the tables")),
    };
    let features = table.get(UPSTREAM_FEATURES).map(texts_of).transpose()?;
    let features = features.unwrap_or_default();
    let [url, key_file, model] = UPSTREAM_FIELDS;
    Ok(UpstreamTable {
        url: field(url)?,
        key_file: field(key_file)?,
        model: field(model)?,
        features: all(&features, UpstreamFeature::parse)?
            .into_iter()
            .collect(),
    })
}

fn text_of(value: &Value) -> Result<String, String> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| not(value, "a quoted string"))
}

/// A quoted string that `parse` accepts.
fn parsed<T>(
    value: &Value,
    what: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, String> {
    parse(&text_of(value)?).ok_or_else(|| not(value, what))
}

fn texts_of(value: &Value) -> Result<Vec<String>, String> {
    let array = value.as_array().ok_or_else(|| not(value, "a list"))?;
    array.iter().map(text_of).collect()
}

fn count_of(value: &Value, min: u32, max: u32) -> Result<u32, String> {
    let number = value.as_integer();
    let number = number.ok_or_else(|| not(value, "a whole number"))?;
    let number = u32::try_from(number).map_err(|_| format!("{number} is out of range"))?;
    within(number, min, max, u32::to_string)
}

/// At least one, each once.
fn counts_of(value: &Value, min: u32, max: u32) -> Result<Vec<u32>, String> {
    let list = value
        .as_array()
        .map_or(std::slice::from_ref(value), Vec::as_slice);
    let counts = list.iter().map(|value| count_of(value, min, max));
    let counts: BTreeSet<u32> = counts.collect::<Result<_, _>>()?;
    if counts.is_empty() {
        return Err("the list is empty".into());
    }
    Ok(counts.into_iter().collect())
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
    parsed(value, "a duration", value::duration)
}

fn time_of(value: &Value) -> Result<Time, String> {
    let text = match value {
        Value::Datetime(time) => time.to_string(),
        other => text_of(other)?,
    };
    let time = DateTime::parse_from_rfc3339(&text).map_err(|_| not(value, "a time"))?;
    Ok(time.to_utc())
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

/// A URL to which paths are appended.
fn base_url(text: &str) -> Result<Url, String> {
    let url = parse_url(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        // It may hold a key, so it is not shown.
        return Err("the URL contains a query or fragment".into());
    }
    Ok(url)
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
