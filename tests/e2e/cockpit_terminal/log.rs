//! The log leaves the cockpit: by the terminal's clipboard, and by a file.

use base64::Engine as _;

use crate::cockpit_terminal::Terminal;

/// Minutes since midnight of a clock like `14:05` at the start of a text.
fn minutes(clock: &str) -> i32 {
    let part = |from: usize| clock[from..from + 2].parse::<i32>().unwrap();
    part(0) * 60 + part(3)
}

#[test]
fn program_log_is_filtered_in_world_time() {
    // Given the program's log, when it is opened, then its times are the world's, which the tabs show,
    let arguments = ["demo", "--auto", "--speed", "100", "--seed", "1"];
    let mut terminal = Terminal::start(120, 40, &arguments);
    terminal.press("6");
    terminal.until("the inference proxy serves");
    let text = terminal.text();
    let (before, _) = text.split_once(" UTC").unwrap();
    let now = minutes(&before[before.len() - 5..]);
    let mut rows = text.lines();
    let row = rows.find(|row| row.contains("proxy serves")).unwrap();
    let behind = (now - minutes(&row[1..])).rem_euclid(24 * 60);
    assert!(behind < 60, "{behind} minutes: {row}");
    // and requests are left out until the filter names them.
    let request = "answered endpoint=chat/completions";
    assert!(!text.contains(request), "{text}");
    terminal.press("/proxy");
    terminal.until(request);
    terminal.press("\r");
    terminal.until("n N match");
    terminal.press("\x1b");
    // Sent together, they would be one key.
    std::thread::sleep(std::time::Duration::from_millis(300));
    terminal.press("e");
    terminal.until("no error in this log");
    assert!(!terminal.text().contains(request), "the filter is cleared");
}

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
