//! Finds and reads a configuration.

use std::io;
use std::path::{Path, PathBuf};

use directories::ProjectDirs;

use super::checks;
use super::draft::{DefaultPaths, Draft, Sections};
use super::read::{BaseDirs, Reader, is_open_to_others};
use super::report::{ConfigReport, Hint, Problem};
use super::schema::{Credential, Kind};
use super::settings::Config;
use super::source::{Values, collect, is_setting, names_section};
use super::syntax::SyntaxError;
use super::table::{SETTINGS, find};

/// The name of the configuration file in the XDG configuration directory.
pub const FILE_NAME: &str = "config.toml";

/// A configuration, and where its values come from.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    /// For `config show`.
    pub(super) values: Values,
    /// What works but should be fixed.
    pub warnings: Vec<String>,
    /// Absent when everything came from the environment.
    pub file: Option<PathBuf>,
    unneeded: Vec<(Credential, Problem)>,
}

impl Loaded {
    /// Problems with a credential that was not needed to load.
    pub fn credential_problems(&self, credential: Credential) -> impl Iterator<Item = &Problem> {
        let problems = self.unneeded.iter();
        problems.filter_map(move |(of, problem)| (*of == credential).then_some(problem))
    }

    /// True when the operator set anything of the section.
    pub fn names_section(&self, section: &str) -> bool {
        names_section(&self.values, section)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Nothing was configured at all.
    #[error(
        "no configuration at {}. `pocpit` in a terminal helps you create one, `pocpit config init` writes a template, `pocpit demo` needs none",
        .0.display()
    )]
    Missing(PathBuf),
    /// The file is there but cannot be read.
    #[error("cannot read the configuration {}: {source}", .path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Invalid(#[from] ConfigReport),
    #[error("no home directory to find the configuration in: name the file with --config")]
    NoHome,
}

/// The configuration file when none is named.
pub fn default_file() -> Result<PathBuf, LoadError> {
    let directories = ProjectDirs::from("", "", "pocpit").ok_or(LoadError::NoHome)?;
    Ok(directories.config_dir().join(FILE_NAME))
}

/// Reads the named file, or the one in the XDG configuration directory, and the environment.
pub fn load(file: Option<&Path>, environment: &[(String, String)]) -> Result<Loaded, LoadError> {
    load_for(file, environment, Credential::ALL)
}

/// The same for a command that needs only these credentials: a service cannot read those of another.
pub fn load_for(
    file: Option<&Path>,
    environment: &[(String, String)],
    needed: &[Credential],
) -> Result<Loaded, LoadError> {
    let path = match file {
        Some(path) => path.to_owned(),
        None => default_file()?,
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        // Everything may come from the environment, unless a file was named.
        Err(error) if error.kind() == io::ErrorKind::NotFound && file.is_none() => None,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(LoadError::Missing(path));
        }
        Err(source) => return Err(LoadError::Unreadable { path, source }),
    };
    let ours = environment.iter().any(|(name, _)| is_setting(name));
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
        &base_dirs_for(&path),
        needed,
    )?;
    if text.is_some() {
        if is_open_to_others(&path) && holds_secret(&loaded.values) {
            loaded.warnings.push(format!(
                "{} holds secrets and can be read by other users: chmod 600 it, or use the …_file settings",
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
    dirs: &BaseDirs,
) -> Result<Loaded, ConfigReport> {
    parse_for(text, environment, origin, dirs, Credential::ALL)
}

fn parse_for(
    text: &str,
    environment: &[(String, String)],
    origin: &str,
    dirs: &BaseDirs,
    needed: &[Credential],
) -> Result<Loaded, ConfigReport> {
    let layers = collect(text, environment);
    let mut problems: Vec<Problem> = layers.syntax_errors.iter().map(syntax_problem).collect();
    problems.extend(layers.problems);
    let mut reader = Reader::new(&layers.values, dirs, needed);
    let mut draft = Draft::new(default_paths());
    reader.fill(&mut draft, |_| true);
    checks::run(&mut reader, &draft, |_| true);
    let order = |problem: &Problem| {
        let mut settings = SETTINGS.iter();
        settings.position(|setting| setting.path == problem.key)
    };
    reader.problems.sort_by_key(order);
    problems.append(&mut reader.problems);
    let (unneeded, read_warnings) = (reader.unneeded, reader.warnings);
    let given = Sections {
        inference_proxy: names_section(&layers.values, "inference_proxy"),
        simulation: names_section(&layers.values, "simulation"),
    };
    let config = draft.finish(given).filter(|_| problems.is_empty());
    let Some(config) = config else {
        let origin = origin.to_owned();
        return Err(ConfigReport { origin, problems });
    };
    let mut warnings = layers.warnings;
    warnings.extend(read_warnings);
    let cut_short = config.poc.cut_short();
    warnings.extend(cut_short.map(|cut| format!("{}: {}", cut.cause, cut.remedy)));
    Ok(Loaded {
        config,
        values: layers.values,
        warnings,
        file: None,
        unneeded,
    })
}

pub(super) fn syntax_problem(error: &SyntaxError) -> Problem {
    Problem {
        key: "the file".into(),
        line: Some(error.line),
        what: error.message.clone(),
        hint: Hint::Expected("TOML".into()),
    }
}

/// Where `~/` and relative paths in this file start.
pub fn base_dirs_for(file: &Path) -> BaseDirs {
    let user = directories::BaseDirs::new();
    let home = user.map(|user| user.home_dir().to_owned());
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    BaseDirs {
        home: home.unwrap_or_default(),
        config_dir: file.parent().map(Path::to_owned).unwrap_or_default(),
    }
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
        let is_secret = find(path).is_some_and(|setting| matches!(setting.kind, Kind::Secret(_)));
        is_secret && found.value.as_str().is_some_and(|text| !text.is_empty())
    })
}
