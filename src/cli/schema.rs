//! `pocpit schema`: what each command prints with `--json`, as JSON Schema.

use color_eyre::eyre::Report;

use super::{Exit, print, say};
use crate::domain::nearest;

/// A sprint ends alike, whoever started it.
const SPRINT: &str = include_str!("../../assets/schemas/sprint.json");
const NOTIFY: &str = include_str!("../../assets/schemas/notify.json");

/// Commands as they are typed, each with the schema of what it prints.
const SCHEMAS: &[(&str, &str)] = &[
    ("auto", SPRINT),
    ("avoided", include_str!("../../assets/schemas/avoided.json")),
    ("check", include_str!("../../assets/schemas/check.json")),
    (
        "config show",
        include_str!("../../assets/schemas/config-show.json"),
    ),
    ("demo", SPRINT),
    ("epoch", include_str!("../../assets/schemas/epoch.json")),
    ("gc", include_str!("../../assets/schemas/gc.json")),
    ("history", include_str!("../../assets/schemas/history.json")),
    ("nodes", include_str!("../../assets/schemas/nodes.json")),
    ("notify send", NOTIFY),
    ("notify test", NOTIFY),
    ("offers", include_str!("../../assets/schemas/offers.json")),
    ("plan", include_str!("../../assets/schemas/plan.json")),
    ("rehearse", SPRINT),
    ("release", include_str!("../../assets/schemas/release.json")),
    ("serve", SPRINT),
    ("ssh", include_str!("../../assets/schemas/ssh.json")),
];

pub(crate) fn run(command: &[String]) -> Result<Exit, Report> {
    if command.is_empty() {
        let names: Vec<&str> = names().collect();
        print(&names.join("\n"))?;
        return Ok(Exit::Done);
    }
    let asked = command.join(" ");
    let Some(schema) = of(&asked) else {
        say(format_args!("pocpit: {}", unknown(&asked)));
        return Ok(Exit::Usage);
    };
    print(schema.trim_end())?;
    Ok(Exit::Done)
}

fn names() -> impl Iterator<Item = &'static str> {
    SCHEMAS.iter().map(|(command, _)| *command)
}

fn of(command: &str) -> Option<&'static str> {
    let found = SCHEMAS.iter().find(|(known, _)| *known == command)?;
    Some(found.1)
}

fn unknown(asked: &str) -> String {
    let meant = match nearest(asked, names()) {
        Some((near, likeness)) if likeness > 0.8 => format!("did you mean `{near}`? "),
        _ => String::new(),
    };
    format!("no command `{asked}` has --json: {meant}`pocpit schema` lists those that have")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::arguments::Arguments;

    /// Every command below this one that has `--json`, as it is typed.
    fn with_json(command: &clap::Command, typed: &str, found: &mut BTreeSet<String>) {
        if command
            .get_arguments()
            .any(|argument| argument.get_id() == "json")
        {
            found.insert(typed.to_owned());
        }
        for below in command.get_subcommands() {
            let typed = format!("{typed} {}", below.get_name());
            with_json(below, typed.trim_start(), found);
        }
    }

    #[test]
    fn every_command_with_json_has_a_schema_and_no_other_has() {
        let mut found = BTreeSet::new();
        with_json(&Arguments::command(), "", &mut found);
        let known: BTreeSet<String> = names().map(str::to_owned).collect();
        assert_eq!(found, known);
        assert_eq!(known.len(), SCHEMAS.len(), "each once");
    }
}
