//! A row of the settings table: a setting's name, the shape of its value, its default, its documentation,
//! and where its value goes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use super::draft::Draft;
use super::proxy::UpstreamConfig;
use super::value;
use crate::domain::{Duration, Time, Usd};

/// Stores a value in the draft.
pub(super) type Set<T> = fn(&mut Draft, T);
/// Parses and stores a value, or says what is wrong with it.
pub(super) type Parse<T> = fn(&mut Draft, &T) -> Result<(), String>;

/// A word, and the setter of its value.
pub(super) type Choice = (&'static str, fn(&mut Draft));

/// The shape of a value, and its setter.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text(Set<String>),
    /// Text in a format of its own; `expected` describes it.
    Parsed {
        expected: &'static str,
        parse: Parse<str>,
    },
    /// Never printed. The setting `<path>_file` may name a file that holds it.
    Secret(Set<SecretString>),
    /// Read together with its [`Kind::Secret`].
    SecretFile,
    /// `http` or `https`, without user and password. Paths are appended to it, so it has no query.
    Url(Set<Url>),
    Urls(Set<Vec<Url>>),
    /// A URL that grants access to anyone who knows it: its path or query is a password.
    SecretUrl(Set<Url>),
    Texts(Set<Vec<String>>),
    /// A list in a format of its own; `expected` describes it.
    ParsedList {
        expected: &'static str,
        parse: Parse<[String]>,
    },
    Count {
        min: u32,
        max: u32,
        set: Set<u32>,
    },
    /// One whole number or a list of them: `4` or `[4, 8]`.
    Counts {
        min: u32,
        max: u32,
        set: Set<Vec<u32>>,
    },
    Number {
        min: f64,
        max: f64,
        set: Set<f64>,
    },
    /// Dollars: `12.5` or `"$12.50"`.
    Money(Set<Usd>),
    /// `"80 GB"`, in megabytes.
    Size(Set<f64>),
    /// `"45m"`, `"1h30m"`, in the world's time.
    Duration {
        min: Duration,
        max: Duration,
        set: Set<Duration>,
    },
    /// A duration of real time, one second to one hour.
    Timeout(Set<std::time::Duration>),
    /// `"127.0.0.1:8080"`.
    Address(Set<SocketAddr>),
    Port(Set<u16>),
    /// One of these words; each sets its own value.
    Choice(&'static [Choice]),
    /// A file or directory; `~/` is the home directory.
    Path(Set<PathBuf>),
    /// RFC 3339.
    Time(Set<Time>),
    Table(Set<BTreeMap<String, String>>),
    /// A list of [`UPSTREAM_FIELDS`] tables.
    Upstreams(Set<Vec<UpstreamConfig>>),
}

/// The fields that each fallback of the inference proxy must have.
pub(super) const UPSTREAM_FIELDS: [&str; 3] = ["upstream", "key_file", "model"];
/// A list of words that it may have.
pub(super) const UPSTREAM_FEATURES: &str = "features";

/// Whether a value must be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// There is no safe default: identity, addresses, templates, keys.
    Required,
    /// The usual one of several ways to give something required.
    Suggested,
    /// The documentation says what its absence means.
    Optional,
    /// This TOML value unless another one is given.
    Default(&'static str),
}

/// A credential that only some commands need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    Market,
    /// The keys of the inference proxy's upstreams.
    Upstreams,
}

impl Credential {
    pub const ALL: &'static [Credential] = &[Credential::Market, Credential::Upstreams];
}

/// For whom a setting can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// For all rentals together.
    Fleet,
    /// For all, and by a pool for its own.
    Pool,
}

/// Sections whose settings are a pool's: what is rented, run and timed.
pub(super) const POOL_SECTIONS: [&str; 4] = ["vast", "mlnode", "poc", "budget"];

#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// `section.name`.
    pub path: &'static str,
    /// Names that it had in earlier versions; they still work, with a warning.
    pub(super) old_paths: &'static [&'static str],
    pub(super) kind: Kind,
    pub need: Need,
    /// What it means, for the example file and the first start.
    pub doc: &'static str,
    /// A TOML value for the example file.
    pub example: &'static str,
    /// Problems with it count only for commands that need this credential.
    pub(super) credential: Option<Credential>,
    /// True for a setting in one of the [`POOL_SECTIONS`] that is one for all rentals.
    is_shared: bool,
}

/// A row of the table; the methods complete it.
pub(super) const fn setting(path: &'static str, kind: Kind) -> Setting {
    Setting {
        path,
        old_paths: &[],
        kind,
        need: Need::Optional,
        doc: "",
        example: "\"\"",
        credential: None,
        is_shared: false,
    }
}

impl Setting {
    pub(super) const fn required(self, example: &'static str) -> Setting {
        self.with(Need::Required, example)
    }

    pub(super) const fn suggested(self, example: &'static str) -> Setting {
        self.with(Need::Suggested, example)
    }

    pub(super) const fn optional(self, example: &'static str) -> Setting {
        self.with(Need::Optional, example)
    }

    pub(super) const fn default(self, value: &'static str) -> Setting {
        self.with(Need::Default(value), value)
    }

    const fn with(mut self, need: Need, example: &'static str) -> Setting {
        self.need = need;
        self.example = example;
        self
    }

    pub(super) const fn renamed_from(mut self, old_paths: &'static [&'static str]) -> Setting {
        self.old_paths = old_paths;
        self
    }

    pub(super) const fn credential(mut self, credential: Credential) -> Setting {
        self.credential = Some(credential);
        self
    }

    /// One for all rentals, in a section that pools may have.
    pub(super) const fn shared(mut self) -> Setting {
        self.is_shared = true;
        self
    }

    pub(super) const fn doc(mut self, doc: &'static str) -> Setting {
        self.doc = doc;
        self
    }

    pub fn section(&self) -> &'static str {
        self.path.split('.').next().unwrap_or_default()
    }

    pub fn name(&self) -> &'static str {
        self.path.split('.').next_back().unwrap_or_default()
    }

    pub(super) fn scope(&self) -> Scope {
        if !self.is_shared && POOL_SECTIONS.contains(&self.section()) {
            Scope::Pool
        } else {
            Scope::Fleet
        }
    }

    pub(super) fn default_value(&self) -> Option<toml::Value> {
        match self.need {
            Need::Default(text) => value::parse(text).ok(),
            _ => None,
        }
    }

    /// True if the operator must give it, or one of its alternatives.
    pub(super) fn is_needed(&self) -> bool {
        matches!(self.need, Need::Required | Need::Suggested)
    }

    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        variable(self.path)
    }

    /// True if a wrong value must not be printed: a secret, a URL that grants access, or the name of a
    /// secret's file, where the secret itself is easily put.
    pub(super) fn may_hold_secret(&self) -> bool {
        matches!(
            self.kind,
            Kind::Secret(_) | Kind::SecretFile | Kind::SecretUrl(_)
        )
    }
}

/// The environment variable of a path.
pub(super) fn variable(path: &str) -> String {
    format!("POCPIT_{}", path.replace('.', "_").to_uppercase())
}

impl Kind {
    pub(super) fn expected(self) -> String {
        match self {
            Kind::Text(_) | Kind::Secret(_) => "a quoted string".into(),
            Kind::Parsed { expected, .. } | Kind::ParsedList { expected, .. } => expected.into(),
            Kind::SecretFile | Kind::Path(_) => "a path in quotes".into(),
            Kind::Url(_) => {
                "an http or https URL without user, password and query, such as \"https://host:port\""
                    .into()
            }
            Kind::SecretUrl(_) => {
                "an http or https URL without user and password, such as \"https://host/path\""
                    .into()
            }
            Kind::Urls(_) => "a list of URLs, such as [\"http://host:9000\"]".into(),
            Kind::Texts(_) => "a list of strings, such as [\"one\", \"two\"]".into(),
            Kind::Count { min, max, .. } => format!("a whole number from {min} to {max}"),
            Kind::Counts { min, max, .. } => {
                format!("a whole number from {min} to {max}, or a list of them")
            }
            Kind::Number { min, max, .. } => format!("a number from {min} to {max}"),
            Kind::Money(_) => "dollars, such as 12.5 or \"$12.50\"".into(),
            Kind::Size(_) => "a size, such as \"80 GB\"".into(),
            Kind::Duration { .. } | Kind::Timeout(_) => {
                "a duration, such as \"90s\", \"45m\" or \"1h30m\"".into()
            }
            Kind::Address(_) => "an address and port, such as \"127.0.0.1:8080\"".into(),
            Kind::Port(_) => "a port from 1 to 65535".into(),
            Kind::Choice(choices) => {
                let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
                format!("one of {}", words.join(", "))
            }
            Kind::Time(_) => "a time, such as \"2026-01-01T00:00:00Z\"".into(),
            Kind::Table(_) => "a table of strings, such as { NAME = \"value\" }".into(),
            Kind::Upstreams(_) => {
                let fields = UPSTREAM_FIELDS.map(|name| format!("{name} = \"…\""));
                format!("a list of tables {{ {} }}", fields.join(", "))
            }
        }
    }
}
