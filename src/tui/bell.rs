//! Escape sequences of bells and desktop notifications.

use crate::config::BellMode;

/// Characters of a notification that a desktop shows.
const MAX_LENGTH: usize = 160;

/// The bytes to write for this terminal. tmux and screen forward the bell of a background window but no
/// notification; the Linux console would print one.
pub fn sequence(choice: BellMode, text: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    const BELL: &str = "\x07";
    let term = variable("TERM").unwrap_or_default();
    let bell_only = variable("TMUX").is_some_and(|socket| !socket.is_empty())
        || ["linux", "screen", "tmux"]
            .iter()
            .any(|name| term.starts_with(name));
    // The text must not end the sequence and start another one.
    let text: String = text
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_LENGTH)
        .collect();
    match choice {
        BellMode::Off => String::new(),
        BellMode::Bell => BELL.to_owned(),
        BellMode::Notify if bell_only => BELL.to_owned(),
        BellMode::Notify if ["rxvt", "foot"].iter().any(|name| term.starts_with(name)) => {
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
    fn notification_fits_terminal_and_is_escaped() {
        let notify = BellMode::Notify;
        assert_eq!(
            written(notify, "xterm-256color", None),
            "\x07\x1b]9;pocpit: it costs money\x1b\\"
        );
        assert_eq!(
            written(notify, "foot", Some("")),
            "\x07\x1b]777;notify;pocpit;it costs money\x1b\\"
        );
    }

    #[test]
    fn multiplexers_and_console_get_the_bell() {
        for (term, tmux) in [
            ("xterm-256color", Some("/tmp/tmux-0/default,1,0")),
            ("screen.xterm-256color", None),
            ("tmux-256color", None),
            ("linux", None),
        ] {
            assert_eq!(written(BellMode::Notify, term, tmux), "\x07", "{term}");
        }
    }

    #[test]
    fn bell_alone_or_nothing() {
        assert_eq!(written(BellMode::Bell, "xterm", None), "\x07");
        assert_eq!(written(BellMode::Off, "xterm", None), "");
    }
}
