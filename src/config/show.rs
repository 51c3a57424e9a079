//! The values in use, with secrets masked.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;
use toml::Value;

use super::load::Loaded;
use super::schema::{Kind, Setting};
use super::source::Source;
use super::table::{OPTIONAL_SECTIONS, SECTIONS, SETTINGS};

/// Stands for a secret, whatever its length.
const MASK: &str = "********";

/// A setting that is in force.
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
        let shown = SETTINGS.iter().filter_map(|setting| {
            let found = self.values.get(setting.path)?;
            let source = match &found.source {
                Source::Default => "default".to_owned(),
                Source::Environment => "environment".to_owned(),
                Source::File { line } => format!("line {line}"),
            };
            Some(ShownSetting {
                key: setting.path,
                value: masked(setting, &found.value),
                source,
            })
        });
        shown.collect()
    }

    /// The same as TOML with the sources as comments.
    pub fn show(&self) -> String {
        let settings = self.settings();
        let mut text = String::new();
        for (section, _) in SECTIONS {
            let prefix = format!("{section}.");
            let mut of_section = settings
                .iter()
                .filter(|shown| shown.key.starts_with(&prefix))
                .peekable();
            let given = settings
                .iter()
                .any(|shown| shown.key.starts_with(&prefix) && shown.source != "default");
            if of_section.peek().is_none() || (OPTIONAL_SECTIONS.contains(section) && !given) {
                continue;
            }
            let _ = writeln!(
                text,
                "{}[{section}]",
                if text.is_empty() { "" } else { "\n" }
            );
            for shown in of_section {
                let name = shown.key.trim_start_matches(&prefix);
                let _ = writeln!(text, "{name} = {}  # {}", shown.value, shown.source);
            }
        }
        text
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
        (Kind::Url(_), value) if setting.is_secret_url() => masked_url(value),
        (_, value) => value.to_string(),
    }
}

/// Scheme and host of a URL whose path is its password.
fn masked_url(value: &Value) -> String {
    let url = value
        .as_str()
        .and_then(|text| text.parse::<url::Url>().ok());
    match url {
        Some(url) => {
            let host = url.host_str().unwrap_or_default();
            format!("\"{}://{host}/{MASK}\"", url.scheme())
        }
        None => format!("\"{MASK}\""),
    }
}
