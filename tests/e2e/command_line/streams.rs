//! What goes to standard output and standard error where no terminal is.

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
