//! The values in use, with secrets masked.

use schemars::JsonSchema;
use serde::Serialize;
use toml::Value;
use url::Url;

use super::example::sections;
use super::load::Loaded;
use super::schema::{Kind, Setting};
use super::table::{OPTIONAL_SECTIONS, SETTINGS, settings_of};
use super::tables::ShownTable;
use super::values::{Source, Values};

/// Replaces a secret of any length.
const MASK: &str = "********";

/// A setting in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ShownSetting {
    /// `section.name`; of one of several tables `pool.NAME.key` or `pool.NAME.section.name`.
    #[schemars(regex(
        pattern = r"^([a-z_]+\.[a-z_]+|(network_node|account|pool)\.[a-z0-9-]+\.[a-z_]+(\.[a-z_]+)?)$"
    ))]
    pub key: String,
    /// Its value as TOML; secrets are `"********"`.
    pub value: String,
    /// Where it comes from: `default`, `environment` or `line 12`.
    #[schemars(regex(pattern = r"^(default|environment|line [1-9][0-9]*)$"))]
    pub source: String,
}

impl Loaded {
    /// Every setting that has a value, in the order of the example file, then what each table of several has
    /// of its own.
    pub fn settings(&self) -> Vec<ShownSetting> {
        let fleet = SETTINGS
            .iter()
            .filter(|setting| !self.is_in_tables(setting.section()));
        let fleet = fleet.filter_map(|setting| {
            let key = setting.path.to_owned();
            shown(setting, &self.values, key)
        });
        let tables = self.tables.iter().flat_map(|table| {
            let (key, name) = (table.array.key(), &table.name);
            let own = table.array.settings();
            let below = SETTINGS.iter().filter(move |it| it.section() != key);
            own.chain(below).filter_map(move |setting| {
                let path = setting.path.strip_prefix(key);
                let path = path.and_then(|path| path.strip_prefix('.'));
                let path = path.unwrap_or(setting.path);
                shown(setting, &table.values, format!("{key}.{name}.{path}"))
            })
        });
        fleet.chain(tables).collect()
    }

    /// The same as TOML with the sources as comments.
    pub fn show(&self) -> String {
        let fleet = sections(|setting| {
            let section = setting.section();
            let is_off = OPTIONAL_SECTIONS.contains(&section) && !self.names_section(section);
            line(setting, &self.values).filter(|_| !is_off && !self.is_in_tables(section))
        });
        let tables = self.tables.iter().map(table);
        std::iter::once(fleet)
            .chain(tables)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Shown with each of several tables.
    fn is_in_tables(&self, section: &str) -> bool {
        self.tables.iter().any(|table| table.array.key() == section)
    }
}

/// A table's own keys, and its sections.
fn table(table: &ShownTable) -> String {
    let (array, values) = (table.array, &table.values);
    let key = array.key();
    let own = array.settings();
    let own: String = own.filter_map(|setting| line(setting, values)).collect();
    let sections = array.sections().iter().filter_map(|section| {
        let lines = settings_of(section).filter_map(|setting| line(setting, values));
        let lines: String = lines.collect();
        (!lines.is_empty()).then(|| format!("[{key}.{section}]\n{lines}"))
    });
    let parts = std::iter::once(format!("[[{key}]]\n{own}")).chain(sections);
    parts.collect::<Vec<_>>().join("\n")
}

fn line(setting: &Setting, values: &Values) -> Option<String> {
    let shown = shown(setting, values, setting.path.to_owned())?;
    let (name, value, source) = (setting.name(), shown.value, shown.source);
    Some(format!("{name} = {value}  # {source}\n"))
}

fn shown(setting: &Setting, values: &Values, key: String) -> Option<ShownSetting> {
    let found = values.get(setting.path)?;
    Some(ShownSetting {
        key,
        value: masked(setting, &found.value),
        source: match &found.source {
            Source::Default => "default".to_owned(),
            Source::Environment => "environment".to_owned(),
            Source::File { line } => format!("line {line}"),
        },
    })
}

fn masked(setting: &Setting, value: &Value) -> String {
    match (setting.kind, value) {
        (Kind::Secret(_), value) if value.as_str() == Some("") => "\"\"".into(),
        (Kind::Secret(_), _) => format!("\"{MASK}\""),
        // The environment of a container often holds tokens.
        (Kind::Table(_), Value::Table(table)) => {
            let hidden = table.keys().map(|name| (name.clone(), MASK.into()));
            Value::Table(hidden.collect()).to_string()
        }
        (Kind::SecretUrl(_), value) => masked_url(value),
        (_, value) => value.to_string(),
    }
}

/// Scheme and host of a URL whose path is its password.
fn masked_url(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    match text.parse::<Url>() {
        Ok(url) => {
            let host = url.host_str().unwrap_or_default();
            format!("\"{}://{host}/{MASK}\"", url.scheme())
        }
        Err(_) => format!("\"{MASK}\""),
    }
}
