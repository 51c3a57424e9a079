//! `pocpit schema`: what each command prints with `--json`, as JSON Schema (draft 2020-12).
//!
//! The schemas are generated from the printed types. They list every field, which of them are required,
//! and forbid others.

use color_eyre::eyre::Report as Error;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};

use super::avoided::Avoidance;
use super::check::Probe;
use super::gc::GcReport;
use super::notify::ChannelReport;
use super::offers::OffersReport;
use super::plan::report::PlanReport;
use super::read_only::ListedNode;
use super::release::ReleaseReport;
use super::ssh::SshTarget;
use super::{Exit, print, stop};
use crate::config::ShownSetting;
use crate::domain::{EpochView, SprintReport, nearest};
use crate::journal::PastSprint;

/// What one or more commands print with `--json`.
struct Report {
    name: &'static str,
    commands: &'static [&'static str],
    title: &'static str,
    description: &'static str,
    schema: fn() -> Schema,
}

const REPORTS: [Report; 13] = [
    Report {
        name: "avoided",
        commands: &["avoided"],
        title: "Avoided machines",
        description: "What `pocpit avoided --json` prints: machines that are not rented for a time because of what they did. With `--remove` nothing is printed.",
        schema: of::<Vec<Avoidance>>,
    },
    Report {
        name: "check",
        commands: &["check"],
        title: "What a sprint needs",
        description: "What `pocpit check --json` prints: every check with its verdict. The exit code is 0 if all are met, 1 if one is unmet, else 4.",
        schema: of::<Vec<Probe>>,
    },
    Report {
        name: "config-show",
        commands: &["config show"],
        title: "Settings in force",
        description: "What `pocpit config show --json` prints: every setting that has a value, in the order of the example file.",
        schema: of::<Vec<ShownSetting>>,
    },
    Report {
        name: "epoch",
        commands: &["epoch"],
        title: "The chain's epoch",
        description: "What `pocpit epoch --json` prints: the chain's epoch and its stages. Heights and lengths are in blocks.",
        schema: of::<EpochView>,
    },
    Report {
        name: "gc",
        commands: &["gc"],
        title: "Leftovers",
        description: "What `pocpit gc --json` prints: leftovers and what was done about them. Nothing is printed if the rentals cannot be listed or no confirmation can be asked for.",
        schema: of::<GcReport>,
    },
    Report {
        name: "history",
        commands: &["history"],
        title: "Past sprints",
        description: "What `pocpit history --json` prints: finished sprints, oldest first. Times are UTC (RFC 3339), money is in US dollars, heights are blocks.",
        schema: of::<Vec<PastSprint<'_>>>,
    },
    Report {
        name: "nodes",
        commands: &["nodes"],
        title: "Registered nodes",
        description: "What `pocpit nodes --json` prints: everything that is registered at the Network Node, ours or not.",
        schema: of::<Vec<ListedNode>>,
    },
    Report {
        name: "notify",
        commands: &["notify send", "notify test"],
        title: "Delivery of a notice",
        description: "What `pocpit notify test --json` and `pocpit notify send --json` print: the result on each channel. Nothing is printed if no channel is configured.",
        schema: of::<Vec<ChannelReport>>,
    },
    Report {
        name: "offers",
        commands: &["offers"],
        title: "The market's offers",
        description: "What `pocpit offers --json` prints: offers as the next sprint judges them. Times are UTC (RFC 3339); money is in US dollars where the name says so, else in micro-dollars.",
        schema: of::<OffersReport<'_>>,
    },
    Report {
        name: "plan",
        commands: &["plan"],
        title: "The next sprint",
        description: "What `pocpit plan --json` prints: when the next sprint rents, what it costs, what could stop it. Times are UTC (RFC 3339), money is in US dollars, heights are blocks.",
        schema: of::<PlanReport>,
    },
    Report {
        name: "release",
        commands: &["release"],
        title: "What was released",
        description: "What `pocpit release --json` prints. Nothing is printed if the operator did not confirm, or did not say whose rentals are meant.",
        schema: of::<ReleaseReport>,
    },
    Report {
        name: "sprint",
        commands: &["auto", "demo", "rehearse", "serve"],
        title: "Report of a sprint",
        description: "How a sprint ended: the last line on standard output of `auto`, `demo --headless`, `rehearse` and `serve` with `--json`. Nothing is printed if the program ends before the sprint does. Times are UTC (RFC 3339), money is in US dollars, heights are blocks.",
        schema: of::<SprintReport>,
    },
    Report {
        name: "ssh",
        commands: &["ssh"],
        title: "SSH access to the current rental",
        description: "What `pocpit ssh --json` prints: what another program needs to connect to the current rental. It connects to nothing and writes nothing.",
        schema: of::<SshTarget<'_>>,
    },
];

pub(crate) fn run(command: &[String]) -> Result<Exit, Error> {
    if command.is_empty() {
        print(&commands().join("\n"))?;
        return Ok(Exit::Done);
    }
    let command = command.join(" ");
    let report = report_of(&command).ok_or_else(|| stop(Exit::Usage, unknown(&command)))?;
    print(&report.text()?)?;
    Ok(Exit::Done)
}

/// Every command with `--json`, sorted.
fn commands() -> Vec<&'static str> {
    let commands = REPORTS.iter().flat_map(|report| report.commands);
    let mut commands: Vec<_> = commands.copied().collect();
    commands.sort_unstable();
    commands
}

fn report_of(command: &str) -> Option<&'static Report> {
    let mut reports = REPORTS.iter();
    reports.find(|report| report.commands.contains(&command))
}

fn unknown(command: &str) -> String {
    let suggestion = match nearest(command, commands().into_iter()) {
        Some((near, likeness)) if likeness > 0.8 => format!("did you mean `{near}`? "),
        _ => String::new(),
    };
    format!("no command `{command}` has --json: {suggestion}`pocpit schema` lists those that have")
}

impl Report {
    fn text(&self) -> serde_json::Result<String> {
        let mut schema = (self.schema)().to_value();
        normalize(&mut schema, Fields::Closed);
        schema["$id"] = format!("urn:pocpit:schema:{}", self.name).into();
        schema["title"] = self.title.into();
        schema["description"] = self.description.into();
        serde_json::to_string_pretty(&schema)
    }
}

fn of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<T>()
}

/// Whether an object may have other fields than those of its own schema.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fields {
    Closed,
    /// An alternative of an object that is closed as a whole.
    Open,
}

/// Closes every object, and removes defaults, Rust's number formats, and the line breaks and code marks of
/// doc comments.
fn normalize(schema: &mut Value, fields: Fields) {
    let Value::Object(schema) = schema else {
        return;
    };
    schema.remove("default");
    schema.retain(|key, value| key != "format" || value == "date-time");
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.replace('\n', " ").replace("`PoC`", "PoC");
    }
    let mut alternatives = Fields::Closed;
    if schema.contains_key("properties") {
        let is_flattened = ["oneOf", "anyOf", "allOf"]
            .iter()
            .any(|key| schema.contains_key(*key));
        if is_flattened {
            alternatives = Fields::Open;
            schema.insert("unevaluatedProperties".into(), false.into());
        } else if fields == Fields::Closed {
            schema.insert("additionalProperties".into(), false.into());
        }
    }
    for (key, value) in schema.iter_mut() {
        match key.as_str() {
            "properties" | "$defs" => named(value),
            "oneOf" | "anyOf" | "allOf" => all(value, alternatives),
            "prefixItems" => all(value, Fields::Closed),
            "items" | "additionalProperties" => normalize(value, Fields::Closed),
            _ => {}
        }
    }
}

fn named(schemas: &mut Value) {
    let schemas = schemas
        .as_object_mut()
        .into_iter()
        .flat_map(Map::values_mut);
    schemas.for_each(|schema| normalize(schema, Fields::Closed));
}

fn all(schemas: &mut Value, fields: Fields) {
    let schemas = schemas.as_array_mut().into_iter().flatten();
    schemas.for_each(|schema| normalize(schema, fields));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::arguments::Arguments;

    /// Every command below this one that has `--json`, as it is typed.
    fn with_json(command: &clap::Command, typed: &str, found: &mut BTreeSet<String>) {
        let mut arguments = command.get_arguments();
        if arguments.any(|argument| argument.get_id() == "json") {
            found.insert(typed.to_owned());
        }
        for below in command.get_subcommands() {
            let typed = format!("{typed} {}", below.get_name());
            with_json(below, typed.trim_start(), found);
        }
    }

    #[test]
    fn commands_with_json_have_a_schema() {
        let mut found = BTreeSet::new();
        with_json(&Arguments::command(), "", &mut found);
        assert_eq!(commands(), Vec::from_iter(found));
    }

    #[test]
    fn schema_files_are_up_to_date() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/schemas");
        for report in &REPORTS {
            let file = directory.join(format!("{}.json", report.name));
            let wanted = format!("{}\n", report.text().unwrap());
            if std::env::var_os("POCPIT_UPDATE").is_some() {
                std::fs::write(&file, &wanted).unwrap();
            }
            assert!(
                std::fs::read_to_string(&file).unwrap() == wanted,
                "{} is out of date: run this test with POCPIT_UPDATE=1",
                file.display()
            );
        }
        let files = std::fs::read_dir(directory).unwrap();
        assert_eq!(files.count(), REPORTS.len(), "no other files");
    }
}
