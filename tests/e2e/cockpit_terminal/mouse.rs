//! The mouse, as a terminal sends it.

use crate::cockpit_terminal::{Terminal, pocpit};
use crate::sim::Sim;

/// Presses the left button on the first place that shows this.
fn click(terminal: &mut Terminal, text: &str) {
    let screen = terminal.text();
    let mut rows = screen.lines().enumerate();
    let found = rows.find_map(|(row, line)| {
        let column = line[..line.find(text)?].chars().count();
        Some((column + 1, row + 1))
    });
    let (column, row) = found.unwrap_or_else(|| panic!("{text} is not in\n{screen}"));
    terminal.press(&format!("\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m"));
}

#[test]
fn mouse_selects_pane_and_quits() {
    let mut terminal = Terminal::start(120, 40, &["demo", "--speed", "10"]);
    terminal.until("s: start");
    click(&mut terminal, "5 Nodes");
    terminal.until("▸5 ");
    click(&mut terminal, "quit");
    assert_eq!(terminal.end(), (0, true));
}

#[test]
fn disabled_mouse_is_never_captured() {
    // Given a configuration that leaves the mouse to the terminal,
    let sim = Sim::start(&mut pocpit(&["sim", "--speed", "20"]));
    let text = std::fs::read_to_string(&sim.config).unwrap();
    let (before, after) = text.split_once("[cockpit]\n").unwrap();
    let text = format!("{before}[cockpit]\nmouse = \"off\"\n{after}");
    std::fs::write(&sim.config, text).unwrap();
    // when the cockpit is up, then it has not captured the mouse.
    let mut terminal = Terminal::start(100, 30, &["--config", &sim.config]);
    terminal.until("s: start");
    let said = terminal.output.lock().unwrap().clone();
    assert!(!said.windows(8).any(|bytes| bytes == b"\x1b[?1000h"));
    terminal.press("q");
    assert_eq!(terminal.end(), (0, true));
}
