//! Finds and reads a configuration.

use std::io;
use std::path::{Path, PathBuf};

use directories::{BaseDirs, ProjectDirs};

use super::build::{DefaultPaths, build};
use super::read::{KeyOf, Places, Reader, is_open_to_others};
use super::report::{ConfigReport, Problem};
use super::settings::Config;
use super::source::{Values, collect, names_section};

/// The name of the configuration file in the XDG configuration directory.
pub const FILE_NAME: &str = "config.toml";

/// A configuration with what is to be known about it.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Every value with its source, for `config show`.
    pub(super) values: Values,
    /// What works but should be mended.
    pub warnings: Vec<String>,
    /// The file that was read; absent when there was none and the environment said everything.
    pub file: Option<PathBuf>,
    /// What is wrong with keys that were not needed.
    unread: Vec<(KeyOf, Problem)>,
}

impl Loaded {
    /// What is wrong with the keys of these, which were not needed to load.
    pub fn unread(&self, of: KeyOf) -> impl Iterator<Item = &Problem> {
        let unread = self.unread.iter();
        unread.filter_map(move |(whose, problem)| (*whose == of).then_some(problem))
    }

    /// True when the operator set anything of the section.
    pub fn names_section(&self, section: &str) -> bool {
        names_section(&self.values, section)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Nothing was configured at all.
    #[error(
        "there is no configuration at {}: `pocpit` in a terminal asks for one, `pocpit config init` writes one to fill in, `pocpit demo` needs none",
        .0.display()
    )]
    Missing(PathBuf),
    /// The file is there but cannot be read.
    #[error("the configuration {} cannot be read: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something in it is wrong.
    #[error(transparent)]
    Invalid(#[from] ConfigReport),
    /// The machine has no home directory.
    #[error("there is no home directory to find the configuration in: name the file with --config")]
    NoHome,
}

/// Where the configuration is looked for when nobody names a file.
pub fn default_file() -> Result<PathBuf, LoadError> {
    let directories = ProjectDirs::from("", "", "pocpit").ok_or(LoadError::NoHome)?;
    Ok(directories.config_dir().join(FILE_NAME))
}

/// Reads the named file, or the one in the XDG configuration directory, and the environment.
pub fn load(file: Option<&Path>, environment: &[(String, String)]) -> Result<Loaded, LoadError> {
    load_for(file, environment, KeyOf::ALL)
}

/// The same for who needs only these keys: a service cannot read those of another one.
pub fn load_for(
    file: Option<&Path>,
    environment: &[(String, String)],
    needed: &[KeyOf],
) -> Result<Loaded, LoadError> {
    let path = match file {
        Some(path) => path.to_owned(),
        None => default_file()?,
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        // Everything may come from the environment, unless a file was asked for by name.
        Err(error) if error.kind() == io::ErrorKind::NotFound && file.is_none() => None,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(LoadError::Missing(path));
        }
        Err(source) => return Err(LoadError::Unreadable { path, source }),
    };
    let ours = environment
        .iter()
        .any(|(name, _)| super::source::is_setting(name));
    if text.is_none() && !ours {
        return Err(LoadError::Missing(path));
    }
    let origin = match text {
        Some(_) => path.display().to_string(),
        None => "the environment".to_owned(),
    };
    let mut loaded = parse_for(
        text.as_deref().unwrap_or_default(),
        environment,
        &origin,
        &places_of(&path),
        needed,
    )?;
    if text.is_some() {
        if is_open_to_others(&path) && holds_secret(&loaded.values) {
            loaded.warnings.push(format!(
                "{} holds secrets and can be read by others on this machine: chmod 600 it, or use the …_file settings",
                path.display()
            ));
        }
        loaded.file = Some(path);
    }
    Ok(loaded)
}

/// Reads a configuration from its text.
pub fn parse(
    text: &str,
    environment: &[(String, String)],
    origin: &str,
    places: &Places,
) -> Result<Loaded, ConfigReport> {
    parse_for(text, environment, origin, places, KeyOf::ALL)
}

fn parse_for(
    text: &str,
    environment: &[(String, String)],
    origin: &str,
    places: &Places,
    needed: &[KeyOf],
) -> Result<Loaded, ConfigReport> {
    let mut problems = Vec::new();
    let values = collect(text, environment, &mut problems);
    let defaults = default_paths();
    let mut warnings = Vec::new();
    let mut reader = Reader {
        needed,
        ..Reader::new(&values, places)
    };
    let config = build(&mut reader, &defaults, &mut warnings);
    problems.append(&mut reader.problems);
    let unread = reader.unread;
    match config {
        Some(config) if problems.is_empty() => Ok(Loaded {
            config,
            values,
            warnings,
            file: None,
            unread,
        }),
        _ => Err(ConfigReport {
            origin: origin.to_owned(),
            problems,
        }),
    }
}

/// What paths in this file mean.
pub fn places_of(file: &Path) -> Places {
    let home = BaseDirs::new()
        .map(|dirs| dirs.home_dir().to_owned())
        .unwrap_or_default();
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let config_dir = file.parent().map(Path::to_owned).unwrap_or_default();
    Places { home, config_dir }
}

pub(super) fn default_paths() -> DefaultPaths {
    let Some(directories) = ProjectDirs::from("", "", "pocpit") else {
        return DefaultPaths::default();
    };
    let state_dir = directories
        .state_dir()
        .unwrap_or(directories.data_local_dir())
        .to_owned();
    let runtime_dir = match directories.runtime_dir() {
        Some(runtime) => runtime.to_owned(),
        None => state_dir.join("run"),
    };
    DefaultPaths {
        state_dir,
        runtime_dir,
    }
}

fn holds_secret(values: &Values) -> bool {
    values.iter().any(|(path, found)| {
        let secret =
            super::keys::Key::find(path).is_some_and(|key| key.kind == super::keys::Kind::Secret);
        secret && found.value.as_str().is_some_and(|text| !text.is_empty())
    })
}
