//! The values in use, with secrets masked.

use schemars::JsonSchema;
use serde::Serialize;
use toml::Value;
use url::Url;

use super::example::sections;
use super::load::Loaded;
use super::schema::{Kind, Setting};
use super::source::Source;
use super::table::{OPTIONAL_SECTIONS, SETTINGS};

/// Replaces a secret of any length.
const MASK: &str = "********";

/// A setting in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ShownSetting {
    /// `section.name`.
    #[schemars(regex(pattern = r"^[a-z_]+\.[a-z_]+$"))]
    pub key: &'static str,
    /// Its value as TOML; secrets are `"********"`.
    pub value: String,
    /// Where it comes from: `default`, `environment` or `line 12`.
    #[schemars(regex(pattern = r"^(default|environment|line [1-9][0-9]*)$"))]
    pub source: String,
}

impl Loaded {
    /// Every setting that has a value, in the order of the example file.
    pub fn settings(&self) -> Vec<ShownSetting> {
        let settings = SETTINGS.iter();
        settings.filter_map(|setting| self.shown(setting)).collect()
    }

    fn shown(&self, setting: &Setting) -> Option<ShownSetting> {
        let found = self.values.get(setting.path)?;
        Some(ShownSetting {
            key: setting.path,
            value: masked(setting, &found.value),
            source: match &found.source {
                Source::Default => "default".to_owned(),
                Source::Environment => "environment".to_owned(),
                Source::File { line } => format!("line {line}"),
            },
        })
    }

    /// The same as TOML with the sources as comments.
    pub fn show(&self) -> String {
        sections(|setting| {
            let section = setting.section();
            let is_off = OPTIONAL_SECTIONS.contains(&section) && !self.names_section(section);
            let shown = self.shown(setting).filter(|_| !is_off)?;
            let (name, value, source) = (setting.name(), shown.value, shown.source);
            Some(format!("{name} = {value}  # {source}\n"))
        })
    }
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
