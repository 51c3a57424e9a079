//! Escape sequences of bells and desktop notifications.

use crate::config::BellMode;
use crate::domain::is_harmless;

/// Characters of a notification that a desktop shows.
const MAX_LENGTH: usize = 160;

/// The bytes to write for this terminal. tmux and screen forward the bell of a background window but no
/// notification; the Linux console would print one.
pub fn sequence(choice: BellMode, text: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    const BELL: &str = "\x07";
    let term = variable("TERM").unwrap_or_default();
    let is_any = |names: &[&str]| names.iter().any(|name| term.starts_with(name));
    let in_tmux = variable("TMUX").is_some_and(|socket| !socket.is_empty());
    let bell_only = in_tmux || is_any(&["linux", "screen", "tmux"]);
    // The text must not end the sequence and start another one.
    let text = text.chars().filter(|letter| is_harmless(*letter));
    let text: String = text.take(MAX_LENGTH).collect();
    match choice {
        BellMode::Off => String::new(),
        BellMode::Bell => BELL.to_owned(),
        BellMode::Notify if bell_only => BELL.to_owned(),
        BellMode::Notify if is_any(&["rxvt", "foot"]) => {
            format!("{BELL}\x1b]777;notify;pocpit;{text}\x1b\\")
        }
        BellMode::Notify => format!("{BELL}\x1b]9;pocpit: {text}\x1b\\"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(choice: BellMode, term: &str, tmux: Option<&str>) -> String {
        sequence(choice, "it\x1b costs\x07 money", |name| match name {
            "TERM" => Some(term.to_owned()),
            "TMUX" => tmux.map(str::to_owned),
            _ => None,
        })
    }

    #[test]
    fn bell_fits_terminal_and_is_escaped() {
        use BellMode::{Bell, Notify, Off};
        let tmux = Some("/tmp/tmux-0/default,1,0");
        let osc9 = "\x07\x1b]9;pocpit: it costs money\x1b\\";
        let osc777 = "\x07\x1b]777;notify;pocpit;it costs money\x1b\\";
        for (choice, term, tmux, expected) in [
            (Notify, "xterm-256color", None, osc9),
            (Notify, "foot", Some(""), osc777),
            (Notify, "xterm-256color", tmux, "\x07"),
            (Notify, "screen.xterm-256color", None, "\x07"),
            (Notify, "tmux-256color", None, "\x07"),
            (Notify, "linux", None, "\x07"),
            (Bell, "xterm", None, "\x07"),
            (Off, "xterm", None, ""),
        ] {
            assert_eq!(written(choice, term, tmux), expected, "{choice:?} {term}");
        }
    }
}
