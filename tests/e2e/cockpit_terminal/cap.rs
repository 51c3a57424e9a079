//! A cap that no offer fits into.

use std::time::Duration;

use super::{Terminal, pocpit};
use crate::sim::Sim;

#[test]
fn cap_is_refused_before_it_is_asked() {
    // Given a cap of a sprint below the worst case of every offer,
    let sim = Sim::start(&mut pocpit(&["sim", "--speed", "20"]));
    let arguments = ["--config", &sim.config];
    let environment = [("POCPIT_BUDGET_PER_SPRINT", "10")];
    let mut terminal = Terminal::start_with(80, 24, &arguments, &environment);
    terminal.until("s: start");
    terminal.press("s");
    terminal.until("$/success");
    // when one is to be rented,
    for _ in 0..60 {
        // A list that has just changed takes no key.
        terminal.press("\r");
        std::thread::sleep(Duration::from_secs(1));
        if terminal.text().contains("cannot be rented") {
            break;
        }
    }
    // then the cap, what is missing and the setting are named, and y agrees to nothing.
    let text = terminal.text();
    for words in [
        "sprint cap   $10.00 left",
        "too little",
        "budget.per_sprint",
    ] {
        assert!(text.contains(words), "{words}:\n{text}");
    }
    assert!(!text.contains("rent it for"), "{text}");
    terminal.press("y");
    std::thread::sleep(Duration::from_secs(1));
    let text = terminal.text();
    assert!(
        text.contains("cannot be rented") && text.contains("$0.00/h"),
        "{text}"
    );
    terminal.press("\x1b");
    while terminal.text().contains("cannot be rented") {
        std::thread::sleep(Duration::from_millis(200));
    }
    terminal.press("q");
    terminal.end();
}
