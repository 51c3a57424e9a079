//! Every command has examples in its help, and they parse.

use clap::{ArgMatches, CommandFactory as _, Parser as _};

use super::Arguments;

/// Commands that do something, with how they are typed after the program's name.
fn leaves(
    command: &clap::Command,
    typed: &[String],
    found: &mut Vec<(Vec<String>, clap::Command)>,
) {
    if !command.has_subcommands() {
        found.push((typed.to_vec(), command.clone()));
    }
    for below in command.get_subcommands() {
        let typed = [typed, &[below.get_name().to_owned()]].concat();
        leaves(below, &typed, found);
    }
}

/// What an example types, as a shell takes it: up to a pipe or a file.
fn words(example: &str) -> Vec<String> {
    let end = example.find(['|', '>']).unwrap_or(example.len());
    // Every second part is between quotes.
    let parts = example[..end].split('\'').enumerate();
    let words = parts.flat_map(|(index, part)| match index % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

/// The commands that were typed one below the other.
fn path(matches: &ArgMatches) -> Vec<String> {
    let mut path = Vec::new();
    let mut at = matches;
    while let Some((name, below)) = at.subcommand() {
        path.push(name.to_owned());
        at = below;
    }
    path
}

#[test]
fn help_examples_of_every_command_parse() {
    let mut all = Vec::new();
    leaves(&Arguments::command(), &[], &mut all);
    assert!(all.len() > 20, "{}", all.len());
    for (typed, command) in all {
        let help = command.get_after_help().map(ToString::to_string);
        let help = help.unwrap_or_default();
        let examples = help.strip_prefix("Examples:\n");
        let examples = examples.unwrap_or_else(|| panic!("{typed:?} has no examples: {help:?}"));
        let examples: Vec<&str> = examples
            .lines()
            .map(|line| {
                line.strip_prefix("  ")
                    .unwrap_or_else(|| panic!("{line:?}"))
            })
            .filter(|line| line.starts_with("pocpit"))
            .collect();
        assert!(!examples.is_empty(), "{typed:?}");
        for example in examples {
            let words = words(example);
            let parsed = Arguments::command().try_get_matches_from(&words);
            let matches = parsed.unwrap_or_else(|error| panic!("{example}: {error}"));
            assert_eq!(path(&matches), typed, "{example}");
            assert!(Arguments::try_parse_from(&words).is_ok(), "{example}");
        }
    }
}

#[test]
fn examples_are_split_like_a_shell() {
    assert_eq!(
        words("pocpit notify send 'no power' now > report.json"),
        ["pocpit", "notify", "send", "no power", "now"]
    );
}

#[test]
fn short_help_lists_own_options() {
    let help = |arguments: &[&str]| {
        let arguments = ["pocpit"].iter().chain(arguments);
        let help = super::parsed().try_get_matches_from(arguments);
        help.unwrap_err().to_string()
    };
    // Given `-h` of a command, then its own options are there, the global ones are not;
    for command in [&["offers", "-h"][..], &["config", "show", "-h"]] {
        let text = help(command);
        assert!(
            text.contains("--wide") && !text.contains("--color"),
            "{text}"
        );
    }
    // given `--help`, or the program's own help, then they are.
    for command in [&["offers", "--help"][..], &["-h"], &["--help"]] {
        let text = help(command);
        assert!(
            text.contains("--color") && text.contains("--log-format"),
            "{text}"
        );
    }
    // They work everywhere.
    let typed = [
        "pocpit", "--color", "never", "offers", "--config", "x", "--out",
    ];
    let matches = super::parsed().try_get_matches_from(typed).unwrap();
    let arguments = <Arguments as clap::FromArgMatches>::from_arg_matches(&matches).unwrap();
    assert_eq!(arguments.common.config, Some("x".into()));
}
