//! `pocpit config …`.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use color_eyre::eyre::{Report, WrapErr, eyre};
use secrecy::ExposeSecret;

use super::arguments::{Common, ConfigCommand};
use super::{Exit, print, print_json, runtime, status_line};
use crate::config::{self, Credential, Imported};

pub(crate) fn run(command: &ConfigCommand, common: &Common) -> Result<Exit, Report> {
    match command {
        ConfigCommand::Init => init(&target(common)?),
        ConfigCommand::Check => check(common),
        ConfigCommand::Show(output) => {
            let loaded = runtime::load(common)?;
            if output.json {
                print_json(&loaded.settings())?;
            } else {
                print(loaded.show().trim_end())?;
            }
            Ok(Exit::Done)
        }
        ConfigCommand::Import { file } => import(file, &target(common)?),
    }
}

fn target(common: &Common) -> Result<PathBuf, Report> {
    match &common.config {
        Some(path) => Ok(path.clone()),
        None => Ok(config::default_file()?),
    }
}

fn init(path: &Path) -> Result<Exit, Report> {
    if !write_new(path, &config::example())? {
        return Ok(refuse(path));
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
    print(&format!("{origin}: valid"))?;
    Ok(Exit::Done)
}

fn import(env: &Path, path: &Path) -> Result<Exit, Report> {
    let text =
        std::fs::read_to_string(env).wrap_err_with(|| format!("cannot read {}", env.display()))?;
    let imported = config::import(&text);
    if path.exists() {
        return Ok(refuse(path));
    }
    let mut values = imported.values.clone();
    for (setting, secret) in &imported.secrets {
        if let Some(existing) =
            write_secret_file(path, setting, secret.expose_secret(), &mut values)?
        {
            return Ok(refuse(&existing));
        }
    }
    write_new(path, &config::filled(&values))?;
    print_notes(&imported);
    print(&path.display().to_string())?;
    Ok(Exit::Done)
}

/// Writes a secret into a file of its own beside the configuration, and sets the setting that names
/// it. Returns the file if it already exists; it is never overwritten.
pub(super) fn write_secret_file(
    path: &Path,
    setting: &str,
    secret: &str,
    values: &mut BTreeMap<&'static str, String>,
) -> Result<Option<PathBuf>, Report> {
    let (file_setting, name) = secret_file(setting)?;
    let file = path.with_file_name(name);
    if !write_new(&file, secret)? {
        return Ok(Some(file));
    }
    values.insert(file_setting, toml::Value::from(name).to_string());
    Ok(None)
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

pub(super) fn refuse(path: &Path) -> Exit {
    status_line(format_args!(
        "pocpit: {} already exists and was not changed: move it away first, or name another file with --config",
        path.display()
    ));
    Exit::Usage
}

/// Creates a private file; false when it already exists.
pub(super) fn write_new(path: &Path, text: &str) -> Result<bool, Report> {
    if let Some(directory) = path
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty())
    {
        std::fs::create_dir_all(directory)
            .wrap_err_with(|| format!("cannot create {}", directory.display()))?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match file {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).wrap_err_with(|| format!("cannot write {}", path.display())),
        Ok(mut file) => {
            file.write_all(text.as_bytes())
                .and_then(|()| file.sync_all())
                .wrap_err_with(|| format!("cannot write {}", path.display()))?;
            Ok(true)
        }
    }
}
