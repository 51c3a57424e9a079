//! What is in force, with secrets masked.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::Serialize;
use toml_edit::{InlineTable, Value};

use super::keys::{KEYS, Key, Kind, SECTIONS};
use super::load::Loaded;
use super::source::Source;

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
        let shown = KEYS.iter().filter_map(|key| {
            let found = self.values.get(key.path)?;
            let source = match &found.source {
                Source::Default => "default".to_owned(),
                Source::Environment => "environment".to_owned(),
                Source::File { line } => format!("line {line}"),
            };
            Some(ShownSetting {
                key: key.path,
                value: masked(key.path, key.kind, &found.value),
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
            // A section of defaults only is one that is left out.
            let given = settings
                .iter()
                .any(|shown| shown.key.starts_with(&prefix) && shown.source != "default");
            if of_section.peek().is_none()
                || (super::keys::OPTIONAL_SECTIONS.contains(section) && !given)
            {
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

fn masked(path: &str, kind: Kind, value: &Value) -> String {
    match (kind, value) {
        (Kind::Secret, value) if value.as_str() == Some("") => "\"\"".into(),
        (Kind::Secret, _) => format!("\"{MASK}\""),
        // The environment of a container often holds tokens.
        (Kind::Table, Value::InlineTable(table)) => {
            let mut hidden = InlineTable::new();
            for (name, _) in table {
                hidden.insert(name, MASK.into());
            }
            hidden.to_string().trim().to_owned()
        }
        // The address of a webhook is its password.
        (Kind::Url, value) if Key::find(path).is_some_and(Key::is_secret_address) => match value
            .as_str()
            .and_then(|text| text.parse::<url::Url>().ok())
        {
            Some(url) => format!(
                "\"{}://{}/{MASK}\"",
                url.scheme(),
                url.host_str().unwrap_or_default()
            ),
            None => format!("\"{MASK}\""),
        },
        _ => {
            let mut plain = value.clone();
            plain.decor_mut().clear();
            plain.to_string()
        }
    }
}
