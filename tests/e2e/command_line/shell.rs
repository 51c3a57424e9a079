//! Completions and the manual.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use super::Home;

#[test]
fn unknown_command_is_a_usage_error() {
    let home = Home::new();
    assert_eq!(home.run(&["frobnicate"]).code, Some(2));
    assert_eq!(home.run(&["man", "frobnicate"]).code, Some(2));
}

/// Bash's completions for the last of these words.
fn completed(script: &Path, words: &[&str]) -> BTreeSet<String> {
    let (last, count) = (words[words.len() - 1], words.len() - 1);
    let before = words[count - 1];
    let asks = format!(
        "source {}; COMP_WORDS=({}); COMP_CWORD={count}; _pocpit pocpit \"{last}\" {before}; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script.display(),
        words.join(" ")
    );
    let mut bash = Command::new("bash");
    let output = bash.args(["--norc", "-c", &asks]).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.is_empty(), "{complaint}");
    let offered = String::from_utf8(output.stdout).unwrap();
    offered.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_and_their_options() {
    let home = Home::new();
    let script = home.path("pocpit.bash");
    std::fs::write(&script, home.run(&["completions", "bash"]).stdout).unwrap();
    let commands = completed(&script, &["pocpit", "re"]);
    assert_eq!(commands, ["rehearse", "release"].map(str::to_owned).into());
    let options = completed(&script, &["pocpit", "rehearse", "--sk"]);
    assert_eq!(options, ["--skip-poc".to_owned()].into());
    let nested = completed(&script, &["pocpit", "config", "sh"]);
    assert_eq!(nested, ["show".to_owned()].into());
}

#[test]
fn completions_are_valid_in_each_shell() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let text = home.run(&["completions", shell]).stdout;
        for part in ["rehearse", "skip-poc"] {
            assert!(text.contains(part), "{shell}: {part}");
        }
        let script = home.path(shell);
        std::fs::write(&script, text).unwrap();
        match Command::new(shell).arg("-n").arg(&script).status() {
            Ok(status) => assert!(status.success(), "{shell}"),
            Err(error) => assert_ne!(shell, "bash", "{error}"),
        }
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let home = Home::new();
    let top = home.run(&["man"]).stdout;
    assert!(top.contains(".TH pocpit 1"), "{top}");
    let show = home.run(&["man", "config", "show"]).stdout;
    for part in [
        ".TH pocpit-config-show 1",
        "\\-\\-json",
        "pocpit config show",
    ] {
        assert!(show.contains(part), "{part}: {show}");
    }
    // Given the pages as files, each is the printed page,
    let directory = home.path("man/man1");
    let written = home.run(&["man", "--directory", directory.to_str().unwrap()]);
    assert_eq!(written.code, Some(0), "{}", written.stderr);
    let page = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    assert_eq!(page("pocpit.1").trim_end(), top.trim_end());
    assert_eq!(page("pocpit-config-show.1").trim_end(), show.trim_end());
    assert!(page("pocpit-rehearse.1").contains("\\-\\-skip\\-poc"));
    // a command that does something has examples, and the first page its exit codes,
    for file in std::fs::read_dir(&directory).unwrap().flatten() {
        let (name, text) = (
            file.file_name(),
            std::fs::read_to_string(file.path()).unwrap(),
        );
        let is_group = text.contains(".SH SUBCOMMANDS\n");
        assert!(is_group || text.contains(".SH EXAMPLES\n"), "{name:?}");
    }
    assert!(top.contains(".SH EXAMPLES\n"), "{top}");
    for code in 0..=5 {
        let entry = format!(".TP\n\\fB{code}\\fR\n");
        assert!(top.contains(&entry), "{code}: {top}");
    }
    // and every page that another one refers to exists.
    for named in top.lines().filter_map(|line| line.strip_suffix("(1)")) {
        let file = format!("{}.1", named.replace("\\-", "-"));
        assert!(directory.join(&file).exists(), "{file}");
    }
}
