//! `pocpit config …`.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use color_eyre::eyre::{Report, WrapErr, eyre};
use secrecy::ExposeSecret;

use super::arguments::{Common, ConfigCommand};
use super::page::Page;
use super::{Exit, print, print_report, runtime, status_line, stop};
use crate::config::{self, Credential, Imported, LoadError};

pub(crate) fn run(command: &ConfigCommand, common: &Common) -> Result<Exit, Report> {
    match command {
        ConfigCommand::Init => init(&target(common)?),
        ConfigCommand::Check => check(common),
        ConfigCommand::Show(output) => {
            let loaded = runtime::load(common)?;
            let text = || loaded.show().trim_end().to_owned();
            print_report(*output, &loaded.settings(), text)
        }
        ConfigCommand::Import { file } => import(file, &target(common)?),
    }
}

fn target(common: &Common) -> Result<PathBuf, LoadError> {
    let file = common.config.clone();
    file.map_or_else(config::default_file, Ok)
}

fn init(path: &Path) -> Result<Exit, Report> {
    if !write_new(path, &config::example())? {
        return Err(exists(path));
    }
    print(&path.display().to_string())?;
    status_line(format_args!(
        "fill in the settings marked REQUIRED; `pocpit config check` lists what is missing"
    ));
    Ok(Exit::Done)
}

fn check(common: &Common) -> Result<Exit, Report> {
    let loaded = runtime::load_for(common, Credential::ALL)?;
    common.tui(&loaded.config)?;
    let origin = loaded.file.as_ref().map_or_else(
        || "the environment".to_owned(),
        |file| file.display().to_string(),
    );
    print(&Page::sentence().sentences(&format!("{origin}: valid")))?;
    Ok(Exit::Done)
}

fn import(env: &Path, path: &Path) -> Result<Exit, Report> {
    let text = config::read_text(env).wrap_err_with(|| format!("cannot read {}", env.display()))?;
    let imported = config::import(&text)
        .map_err(|why| stop(Exit::Usage, format!("{}: {why}", env.display())))?;
    if path.exists() {
        return Err(exists(path));
    }
    let mut values = imported.values.clone();
    for (setting, secret) in &imported.secrets {
        write_secret_file(path, setting, secret.expose_secret(), &mut values)?;
    }
    write_new(path, &config::filled(&values))?;
    print_notes(&imported);
    print(&path.display().to_string())?;
    Ok(Exit::Done)
}

/// Writes a secret to a file of its own beside the configuration, and sets the setting that names it.
/// Never overwrites.
pub(super) fn write_secret_file(
    path: &Path,
    setting: &str,
    secret: &str,
    values: &mut BTreeMap<&'static str, String>,
) -> Result<(), Report> {
    let (file_setting, name) = secret_file(setting)?;
    let file = path.with_file_name(name);
    if !write_new(&file, secret)? {
        return Err(exists(&file));
    }
    values.insert(file_setting, toml::Value::from(name).to_string());
    Ok(())
}

/// The setting for the file of a secret, and the name of that file.
fn secret_file(setting: &str) -> Result<(&'static str, &'static str), Report> {
    match setting {
        "vast.api_key" => Ok(("vast.api_key_file", "vast.key")),
        "inference_proxy.upstream_key" => Ok(("inference_proxy.upstream_key_file", "upstream.key")),
        other => Err(eyre!("no setting for a file of {other}")),
    }
}

fn print_notes(imported: &Imported) {
    for note in &imported.notes {
        let variable = &note.variable;
        match &note.fate {
            Ok(settings) => status_line(format_args!("{variable} → {}", settings.join(", "))),
            Err(why) => status_line(format_args!("{variable} not mapped: {why}")),
        }
    }
    let missing = imported.missing();
    if !missing.is_empty() {
        status_line(format_args!("still missing: {}", missing.join(", ")));
    }
    status_line(format_args!(
        "`pocpit config check` lists what is missing or wrong"
    ));
}

pub(super) fn exists(path: &Path) -> Report {
    let why = format!(
        "{} already exists and was not changed: move it away first, or name another file with --config",
        path.display()
    );
    stop(Exit::Usage, why)
}

/// Creates a private file; false if it already exists.
pub(super) fn write_new(path: &Path, text: &str) -> Result<bool, Report> {
    let directory = path.parent().unwrap_or(path);
    if !directory.as_os_str().is_empty() {
        std::fs::create_dir_all(directory)
            .wrap_err_with(|| format!("cannot create {}", directory.display()))?;
    }
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    match written {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).wrap_err_with(|| format!("cannot write {}", path.display())),
        Ok(()) => Ok(true),
    }
}
