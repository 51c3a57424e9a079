//! What goes to standard output and standard error, in a terminal and where none is.

use std::io::Read as _;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use unicode_width::UnicodeWidthStr as _;

use crate::command_line::{Home, config_of};
use crate::sim::Sim;

#[test]
fn warning_without_terminal_has_no_colours() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "20"]));
    // Given a spool whose last line is torn,
    let state = config_of(&sim).paths.state_dir;
    std::fs::create_dir_all(&state).unwrap();
    std::fs::write(state.join("journal.spool"), "{").unwrap();
    // then a short command warns of it in plain text: `run` fails on any escape sequence.
    let looked = home.run(&["--config", &sim.config, "history"]);
    assert!(looked.stderr.contains("WARN"), "{}", looked.stderr);
    assert!(looked.stderr.contains("torn"), "{}", looked.stderr);
}

/// Everything that the program writes into a terminal with this many columns.
fn in_terminal(home: &Home, columns: u16, arguments: &[&str]) -> String {
    let size = PtySize {
        rows: 24,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    };
    let pair = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_pocpit"));
    command.args(arguments);
    command.env("HOME", home.path(""));
    command.env("NO_COLOR", "1");
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut said = Vec::new();
    // Linux reports the end of a terminal as an error.
    let _ = pair
        .master
        .try_clone_reader()
        .unwrap()
        .read_to_end(&mut said);
    child.wait().unwrap();
    String::from_utf8(said).unwrap()
}

/// The text, whatever its lines.
fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn messages_fit_into_the_terminal() {
    let home = Home::new();
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "20"]));
    // Given a narrow terminal, when commands say something, then no line is wider, and no word is lost.
    for (arguments, said) in [
        (
            &["--config", sim.config.as_str(), "config", "check"][..],
            "valid",
        ),
        (
            &["--config", &sim.config, "release", "--yes"],
            "nothing is rented or registered",
        ),
        (
            &["release", "--yes"],
            "nothing can be destroyed without it: set POCPIT_VAST_API_KEY",
        ),
        (
            &["--config", &sim.config, "ssh"],
            "no active rental recorded in",
        ),
    ] {
        let text = in_terminal(&home, 44, arguments);
        for line in text.lines() {
            assert!(line.width() <= 44, "{line:?} of {arguments:?}");
        }
        assert!(in_one_line(&text).contains(said), "{text}");
    }
}

#[test]
fn lines_of_a_sprint_fit_into_the_terminal() {
    let home = Home::new();
    let arguments = ["demo", "--headless", "--auto", "--speed", "400"];
    let text = in_terminal(&home, 60, &arguments);
    // Records of the program's log are one line each, for whoever searches them.
    let is_record = |line: &&str| {
        [" INFO ", " WARN ", " ERROR "]
            .iter()
            .any(|it| line.contains(it))
    };
    for line in text.lines().filter(|line| !is_record(line)) {
        assert!(line.width() <= 60, "{line:?}");
    }
    // And who wants no colours gets none.
    assert!(!text.contains('\x1b'), "{text:?}");
    let text = in_one_line(&text);
    assert!(text.contains("nothing is left over"), "{text}");
}

#[test]
fn result_in_a_pipe_fits_into_eighty_columns() {
    let home = Home::new();
    // Given the longest path that one line cannot hold,
    let sim = Sim::start(home.command(&["sim"]).args(["--speed", "20"]));
    let deep = home.path(&"nested-directory/".repeat(6));
    std::fs::create_dir_all(&deep).unwrap();
    let file = deep.join("config.toml");
    std::fs::copy(&sim.config, &file).unwrap();
    let checked = home.run(&["--config", file.to_str().unwrap(), "config", "check"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    for line in checked.stdout.lines() {
        assert!(line.width() <= 80, "{line:?}");
    }
    assert!(
        checked.stdout.trim_end().ends_with("valid"),
        "{}",
        checked.stdout
    );
}
