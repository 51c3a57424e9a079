//! The log leaves the cockpit: by the terminal's clipboard, and by a file.

use base64::Engine as _;

use crate::cockpit_terminal::Terminal;

/// The last text that was sent to the terminal's clipboard (OSC 52).
fn clipboard(terminal: &Terminal) -> Option<String> {
    let output = terminal.output.lock().unwrap();
    let text = String::from_utf8_lossy(&output);
    let (_, asked) = text.rsplit_once("\u{1b}]52;c;")?;
    let encoded = asked.split(['\u{1b}', '\u{7}']).next()?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded);
    Some(String::from_utf8(bytes.unwrap()).unwrap())
}

#[test]
fn log_lines_are_copied_and_saved() {
    let arguments = ["demo", "--auto", "--speed", "400", "--seed", "1"];
    let mut terminal = Terminal::start(200, 60, &arguments);
    terminal.press("4");
    terminal.until("vLLM is up and running");
    // The pane has lines that begin with these words alone when it is filtered by them.
    terminal.press("/vllm is up\r");
    terminal.until("filter: vllm is up");
    terminal.press("c");
    terminal.until("1 line copied");
    let copied = clipboard(&terminal).unwrap();
    let line = "vLLM is up and running with 1 instance(s).";
    assert!(copied.ends_with(line), "{copied}");
    assert_eq!(copied.lines().count(), 1);
    terminal.press("S");
    terminal.until("1 line saved to ");
    let text = terminal.text();
    let (_, path) = text.split_once("1 line saved to ").unwrap();
    let path = path.split_whitespace().next().unwrap();
    let saved = std::fs::read_to_string(path).unwrap();
    std::fs::remove_file(path).unwrap();
    assert_eq!(saved, format!("{copied}\n"));
}
