//! The README says what is so: keys and commands are the program's own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

/// The part between two markers, replaced first when asked to.
fn part(name: &str, wanted: &str) -> String {
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

#[test]
fn every_command_is_in_the_readme() {
    let readme = std::fs::read_to_string(PATH).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_pocpit"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
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
