//! Whom to tell, by a configuration of which everything else may be wrong: a service that cannot start
//! because of its configuration must be able to say so.

use std::path::Path;

use super::build::paths;
use super::load::{LoadError, default_paths, load_for};
use super::notify;
use super::read::{KeyOf, Places};
use super::report::{ConfigReport, Problem};
use super::salvage::{path_of, reader, text_and_places};
use super::settings::{NotifyConfig, Paths};
use super::source::collect;

const SECTION: &str = "notify";

/// Whom to tell, and why the rest is of no use.
#[derive(Debug)]
pub struct Addressees {
    /// Whom.
    pub notify: NotifyConfig,
    /// Where files are.
    pub paths: Paths,
    /// Why the configuration as a whole does not load, if it does not.
    pub trouble: Option<LoadError>,
    /// What works but should be mended.
    pub warnings: Vec<String>,
}

/// Reads whom to tell from the named file, or from the one in the XDG configuration directory, and
/// from the environment. Fails only when that part itself is wrong.
pub fn addressees(
    file: Option<&Path>,
    environment: &[(String, String)],
) -> Result<Addressees, LoadError> {
    match load_for(file, environment, &[KeyOf::Market]) {
        Ok(loaded) => Ok(Addressees {
            notify: loaded.config.notify,
            paths: loaded.config.paths,
            trouble: None,
            warnings: loaded.warnings,
        }),
        Err(trouble) => in_spite_of(trouble, file, environment),
    }
}

fn in_spite_of(
    trouble: LoadError,
    file: Option<&Path>,
    environment: &[(String, String)],
) -> Result<Addressees, LoadError> {
    let path = path_of(file);
    let (text, places) = path.as_deref().map(text_and_places).unwrap_or_default();
    let mut problems = Vec::new();
    let values = collect(&section_of(&text), environment, &mut problems);
    let mut reader = reader(&values, &places);
    let mut warnings = Vec::new();
    let notify = notify::read(&mut reader, &mut warnings);
    problems.retain(is_of_the_section);
    problems.append(&mut reader.problems);
    if problems.is_empty() {
        return Ok(Addressees {
            notify,
            paths: paths_in(&text, environment, &places),
            trouble: Some(trouble),
            warnings,
        });
    }
    let origin = path.map_or_else(String::new, |path| path.display().to_string());
    Err(LoadError::Invalid(ConfigReport { origin, problems }))
}

/// As far as the file can be read.
fn paths_in(text: &str, environment: &[(String, String)], places: &Places) -> Paths {
    let values = collect(text, environment, &mut Vec::new());
    paths(&mut reader(&values, places), &default_paths())
}

/// Of the file as it is read here only the section is left, so what is no TOML is in it.
fn is_of_the_section(problem: &Problem) -> bool {
    let is_variable = problem.key.starts_with("POCPIT_");
    !is_variable || problem.key.starts_with("POCPIT_NOTIFY_")
}

/// The section alone, on the lines that it has in the file: elsewhere the file may not even be TOML.
fn section_of(text: &str) -> String {
    let mut is_inside = false;
    let mut is_before_all = true;
    let mut section = String::with_capacity(text.len());
    for line in text.lines() {
        if let Some(name) = name_of_section(line) {
            is_inside = name == SECTION;
            is_before_all = false;
        }
        if is_inside || is_before_all && is_dotted(line) {
            section.push_str(line);
        }
        section.push('\n');
    }
    section
}

/// `notify.webhook = …` and `notify = { … }`: the section's other forms.
fn is_dotted(line: &str) -> bool {
    let rest = line.trim_start().strip_prefix(SECTION);
    rest.is_some_and(|rest| rest.trim_start().starts_with(['.', '=']))
}

/// `notify` of `[notify] # whom to tell`. One that is not closed is one all the same.
fn name_of_section(line: &str) -> Option<&str> {
    let name = line.trim_start().strip_prefix('[')?.split(']').next();
    name.map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEBHOOK: &str = "[notify]\nwebhook = \"https://example.org/hook\"\n";

    fn of(text: &str) -> Result<Addressees, LoadError> {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("config.toml");
        std::fs::write(&file, text).unwrap();
        addressees(Some(&file), &[])
    }

    #[test]
    fn the_sections_other_forms_are_found_too() {
        let address = "\"https://example.org/hook\"";
        for form in [
            format!("notify.webhook = {address}\n"),
            format!("notify = {{ webhook = {address} }}\n"),
        ] {
            let found = of(&format!("{form}[vast]\napi_kye = \"k1\"\n")).unwrap();
            assert!(found.notify.webhook.is_some(), "{form}");
            assert!(found.trouble.is_some());
        }
    }

    #[test]
    fn whatever_else_is_wrong_there_is_somebody_to_tell_and_why() {
        for (wrong, why) in [
            ("", "vast.api_key"),
            ("[vast]\napi_kye = \"k1\"\n", "vast.api_kye"),
            ("[vats]\n", "vats"),
            ("[vast]\napi_key = \"k1\n", "the file"),
            ("[vast\n", "the file"),
        ] {
            for text in [format!("{wrong}{WEBHOOK}"), format!("{WEBHOOK}{wrong}")] {
                let found = of(&text).unwrap();
                assert!(found.notify.webhook.is_some(), "{text}");
                let trouble = found.trouble.unwrap().to_string();
                assert!(trouble.contains(why), "{trouble}");
                assert!(!trouble.contains("k1"), "{trouble}");
            }
        }
    }

    #[test]
    fn a_section_that_is_wrong_itself_is_told_with_its_lines_and_nothing_else() {
        for (wrong, what) in [
            ("webhook = \"nowhere\"", "notify.webhook (line 3)"),
            ("webhok = \"https://example.org\"", "notify.webhok (line 3)"),
            ("webhook = ", "the file (line 3)"),
        ] {
            let error = of(&format!("[vats]\n[notify] # whom\n{wrong}\n")).unwrap_err();
            let said = error.to_string();
            assert!(
                said.contains(what) && said.contains(": 1 problem\n"),
                "{said}"
            );
        }
    }

    #[test]
    fn the_environment_is_enough_and_another_setting_in_it_no_hindrance() {
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let environment = [
            variable("POCPIT_NOTIFY_WEBHOOK", "https://example.org/hook"),
            variable("POCPIT_VATS_API_KEY", "k1"),
        ];
        let nowhere = Path::new("/nonexistent/config.toml");
        let found = addressees(Some(nowhere), &environment).unwrap();
        assert!(found.notify.webhook.is_some() && found.trouble.is_some());
        let wrong = [variable("POCPIT_NOTIFY_WEBHOK", "x")];
        assert!(addressees(Some(nowhere), &wrong).is_err());
    }

    #[test]
    fn a_list_over_several_lines_is_no_new_section() {
        let found = of("x\n[notify]\ncommand = [\n  \"tell\",\n]\n[vast]\nbase_url = 7\n").unwrap();
        assert_eq!(found.notify.command, ["tell"]);
    }
}
