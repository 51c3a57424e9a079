//! The questions of the first start, and whether an answer is valid. Pure.

use std::collections::BTreeMap;

use super::example::only;
use super::load::parse;
use super::read::BaseDirs;
use super::schema::Setting;
use super::source::typed;
use super::table::{OPTIONAL_SECTIONS, SETTINGS, find};

#[derive(Debug, Clone, Copy)]
pub struct Question {
    pub setting: &'static Setting,
    /// The usual answer; empty where only the operator knows.
    pub suggestion: &'static str,
}

/// Usual answers. There are none for addresses.
const SUGGESTIONS: &[(&str, &str)] = &[
    ("cockpit.id", "home"),
    ("vast.image", "ghcr.io/gonka-ai/mlnode:3.0.16"),
    ("ssh.key_file", "~/.ssh/id_ed25519"),
    ("budget.per_sprint", "40"),
    ("budget.per_day", "60"),
    ("budget.per_month", "900"),
];

/// A question for every required setting, in the order of the file; for the Vast API key itself, not
/// for its file.
pub fn questions() -> Vec<Question> {
    let required = SETTINGS
        .iter()
        .filter(|setting| setting.is_needed() && !OPTIONAL_SECTIONS.contains(&setting.section()));
    let questions = required.map(|setting| {
        let mut suggestions = SUGGESTIONS.iter();
        let suggestion = suggestions.find(|(path, _)| *path == setting.path);
        Question {
            setting: match setting.path {
                "vast.api_key_file" => find("vast.api_key").unwrap_or(setting),
                _ => setting,
            },
            suggestion: suggestion.map_or("", |(_, suggestion)| suggestion),
        }
    });
    questions.collect()
}

/// A typed answer as a TOML value.
pub fn value_of(setting: &Setting, text: &str) -> String {
    typed(setting.kind, text.trim()).to_string()
}

/// What is wrong with the value of one of these settings.
pub fn problem_with(
    setting: &Setting,
    values: &BTreeMap<&str, String>,
    dirs: &BaseDirs,
) -> Option<String> {
    let value = values.get(setting.path).map(String::as_str);
    if matches!(value, Some("\"\"" | "[]")) {
        return Some("required".to_owned());
    }
    let report = parse(&only(values), &[], "the answers", dirs).err()?;
    let mut problems = report.problems.iter();
    let problem = problems.find(|problem| problem.key == setting.path)?;
    Some(problem.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(path: &str, typed: &str) -> Option<String> {
        let setting = find(path).unwrap();
        let values = BTreeMap::from([(setting.path, value_of(setting, typed))]);
        problem_with(setting, &values, &BaseDirs::default())
    }

    #[test]
    fn every_required_setting_is_asked_once() {
        let all = questions();
        let paths: Vec<_> = all.iter().map(|question| question.setting.path).collect();
        assert_eq!(paths[0], "cockpit.id");
        assert!(paths.contains(&"vast.api_key") && !paths.contains(&"vast.api_key_file"));
        assert!(!paths.iter().any(|path| path.starts_with("simulation")));
        // With all of them answered, nothing is missing.
        let answers = all.iter().map(|question| {
            let setting = question.setting;
            let example = setting.example.trim_matches(['[', ']']).replace('"', "");
            let typed = if question.suggestion.is_empty() {
                &example
            } else {
                question.suggestion
            };
            let typed = if typed.is_empty() { "secret" } else { typed };
            (setting.path, value_of(setting, typed))
        });
        let values: BTreeMap<&str, String> = answers.collect();
        let parsed = parse(&only(&values), &[], "typed", &BaseDirs::default());
        assert!(parsed.is_ok(), "{}", parsed.unwrap_err());
    }

    #[test]
    fn wrong_answer_is_refused_at_once() {
        assert_eq!(problem("cockpit.id", "home"), None);
        let wrong = problem("cockpit.id", "My Home").unwrap();
        assert!(wrong.contains("expected"), "{wrong}");
        assert!(problem("chain.public_api", "localhost").is_some());
        assert_eq!(
            problem("chain.public_api", "http://a:9000, http://b:9000"),
            None
        );
        assert_eq!(problem("budget.per_day", "$60"), None);
        assert!(problem("budget.per_day", "much").is_some());
        assert!(problem("chain.participant", "").is_some(), "it is required");
    }
}
