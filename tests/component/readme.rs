//! The README says what is so: keys and commands are the program's own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

/// Two tests that renew their parts at once would lose one of them.
static README: Mutex<()> = Mutex::new(());

/// The part between two markers, replaced first when asked to.
fn part(name: &str, wanted: &str) -> String {
    let _alone = README.lock().unwrap_or_else(PoisonError::into_inner);
    let (open, close) = (
        format!("<!-- {name} -->\n"),
        format!("<!-- end of {name} -->"),
    );
    let readme = std::fs::read_to_string(PATH).unwrap();
    let (before, rest) = readme.split_once(&open).expect("the first marker");
    let (now, after) = rest.split_once(&close).expect("the second marker");
    if std::env::var_os("POCPIT_UPDATE").is_some() {
        std::fs::write(PATH, format!("{before}{open}{wanted}{close}{after}")).unwrap();
        return wanted.to_owned();
    }
    now.to_owned()
}

#[test]
fn the_table_of_keys_is_the_programs() {
    let wanted = pocpit::tui::markdown_table();
    assert!(
        part("keys", &wanted) == wanted,
        "out of date: run this test with POCPIT_UPDATE=1"
    );
}

/// The rules for Prometheus as rows of the table of troubles.
fn rules() -> String {
    let rules = include_str!("../../assets/alerts.yml");
    let rules = YamlLoader::load_from_str(rules).unwrap();
    let groups = rules[0]["groups"].as_vec().unwrap();
    let rules = groups
        .iter()
        .flat_map(|group| group["rules"].as_vec().unwrap());
    let row = |rule: &Yaml| {
        let text = |part: &Yaml| part.as_str().unwrap().to_owned();
        let (name, told) = (text(&rule["alert"]), &rule["annotations"]);
        let description = text(&told["description"]);
        let (cause, remedy) = description
            .split_once(". ")
            .unwrap_or_else(|| panic!("{name} has no cause and remedy"));
        let summary = without_templates(&text(&told["summary"]));
        format!("| {name}: {summary} | {cause} | {remedy} |\n")
    };
    rules.map(row).collect()
}

/// What Prometheus fills in is left open.
fn without_templates(text: &str) -> String {
    let mut parts = text.split("{{");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |before, part| {
        let (_, after) = part.split_once("}}").unwrap();
        before + "…" + after
    })
}

#[test]
fn the_table_of_troubles_has_every_alert_and_exit_code() {
    let wanted = pocpit::cli::troubleshooting_table() + &rules();
    assert!(
        part("troubleshooting", &wanted) == wanted,
        "out of date: run this test with POCPIT_UPDATE=1"
    );
}

/// What the program prints.
fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pocpit"))
        .args(arguments)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_table_of_schemas_is_the_programs() {
    let mut files: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    for command in printed(&["schema"]).lines() {
        let words: Vec<&str> = std::iter::once("schema")
            .chain(command.split(' '))
            .collect();
        let schema: Value = serde_json::from_str(&printed(&words)).unwrap();
        let text = |name: &str| schema[name].as_str().unwrap().to_owned();
        let name = text("$id").replace("urn:pocpit:schema:", "");
        let (_, commands) = files.entry(name).or_insert((text("title"), Vec::new()));
        commands.push(format!("`{command}`"));
    }
    let mut wanted = "| schema | of | what |\n| --- | --- | --- |\n".to_owned();
    for (name, (title, commands)) in files {
        let (file, commands) = (format!("assets/schemas/{name}.json"), commands.join(", "));
        assert!(std::fs::exists(format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap());
        let _ = writeln!(wanted, "| [{name}]({file}) | {commands} | {title} |");
    }
    assert!(
        part("schemas", &wanted) == wanted,
        "out of date: run this test with POCPIT_UPDATE=1"
    );
}

#[test]
fn every_command_is_in_the_readme() {
    // Not while another test renews its part.
    let alone = README.lock().unwrap_or_else(PoisonError::into_inner);
    let readme = std::fs::read_to_string(PATH).unwrap();
    drop(alone);
    let help = printed(&["--help"]);
    let commands = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty());
    let mut seen = 0;
    for command in commands
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| *word != "help")
    {
        assert!(
            readme.contains(&format!("`{command}`"))
                || readme.contains(&format!("pocpit {command}")),
            "{command}"
        );
        seen += 1;
    }
    assert!(seen > 8, "the help was understood");
}
