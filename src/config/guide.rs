//! What a first start asks, and whether an answer will do. Pure.

use std::collections::BTreeMap;

use super::keys::{KEYS, Key, Need, OPTIONAL_SECTIONS};
use super::load::parse;
use super::read::Places;
use super::source::typed;

/// A setting that somebody must give.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// The setting.
    pub key: &'static Key,
    /// The answer that most give; empty where only the operator knows.
    pub usual: &'static str,
}

/// What can be the same for everybody. Addresses are not: nobody rents by somebody else's.
const USUAL: &[(&str, &str)] = &[
    ("cockpit.id", "home"),
    ("vast.image", "ghcr.io/gonka-ai/mlnode:3.0.16"),
    ("ssh.key_file", "~/.ssh/id_ed25519"),
    ("budget.per_sprint", "40"),
    ("budget.per_day", "60"),
    ("budget.per_month", "900"),
];

/// Everything that has no default and without which nothing works, in the order of the file. The key
/// of the market is asked for itself, not for its file.
pub fn questions() -> Vec<Question> {
    let asked = KEYS.iter().filter(|key| {
        matches!(key.need, Need::Required | Need::Suggested)
            && !OPTIONAL_SECTIONS.contains(&key.section())
    });
    asked
        .map(|key| Question {
            key: match key.path {
                "vast.api_key_file" => Key::find("vast.api_key").unwrap_or(key),
                _ => key,
            },
            usual: USUAL
                .iter()
                .find(|(path, _)| *path == key.path)
                .map_or("", |(_, usual)| usual),
        })
        .collect()
}

/// What was typed as a value of the file.
pub fn value_of(key: &Key, text: &str) -> String {
    typed(key.kind, text.trim()).to_string().trim().to_owned()
}

/// What is wrong with one of these values, if it is.
pub fn problem_with(key: &Key, values: &BTreeMap<&str, String>, places: &Places) -> Option<String> {
    let empty = ["\"\"", "[]"];
    if values
        .get(key.path)
        .is_some_and(|value| empty.contains(&value.as_str()))
    {
        return Some("it must be given: nothing works without it".to_owned());
    }
    let text = super::only(values);
    let report = parse(&text, &[], "what was typed", places).err()?;
    let mut problems = report.problems.iter();
    let problem = problems.find(|problem| problem.key == key.path)?;
    Some(format!("{}; right is {}", problem.what, problem.expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(path: &str, typed: &str) -> Option<String> {
        let key = Key::find(path).unwrap();
        let values = BTreeMap::from([(key.path, value_of(key, typed))]);
        problem_with(key, &values, &Places::default())
    }

    #[test]
    fn every_setting_that_must_be_given_is_asked_for_once() {
        let all = questions();
        let paths: Vec<_> = all.iter().map(|question| question.key.path).collect();
        assert_eq!(paths[0], "cockpit.id");
        assert!(paths.contains(&"vast.api_key") && !paths.contains(&"vast.api_key_file"));
        assert!(!paths.iter().any(|path| path.starts_with("simulation")));
        // With all of them answered, nothing is missing.
        let answers = all.iter().map(|question| {
            let key = question.key;
            let example = key.example.trim_matches(['[', ']']).replace('"', "");
            let typed = if question.usual.is_empty() {
                &example
            } else {
                question.usual
            };
            let typed = if typed.is_empty() { "secret" } else { typed };
            (key.path, value_of(key, typed))
        });
        let values: BTreeMap<&str, String> = answers.collect();
        let parsed = parse(
            &super::super::only(&values),
            &[],
            "typed",
            &Places::default(),
        );
        assert!(parsed.is_ok(), "{}", parsed.unwrap_err());
    }

    #[test]
    fn a_wrong_answer_is_told_at_once_and_a_right_one_passes_alone() {
        assert_eq!(problem("cockpit.id", "home"), None);
        let wrong = problem("cockpit.id", "My Home").unwrap();
        assert!(wrong.contains("right is"), "{wrong}");
        assert!(problem("chain.public_api", "localhost").is_some());
        assert_eq!(
            problem("chain.public_api", "http://a:9000, http://b:9000"),
            None
        );
        assert_eq!(problem("budget.per_day", "$60"), None);
        assert!(problem("budget.per_day", "much").is_some());
        assert!(
            problem("chain.participant", "").is_some(),
            "it must be given"
        );
    }
}
