//! What is written to a terminal so that an operator who looks elsewhere hears of something.

use crate::config::BellMode;

/// Characters of a notification: what a desktop shows of it.
const LONGEST: usize = 160;

/// The bytes that ring with this text, by what the environment says of the terminal. tmux and screen
/// hand on the bell of a window in the background, but no notification; the Linux console would
/// print one.
pub fn ring(choice: BellMode, text: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    const BELL: &str = "\x07";
    let term = variable("TERM").unwrap_or_default();
    let is_inside = variable("TMUX").is_some_and(|socket| !socket.is_empty())
        || ["linux", "screen", "tmux"]
            .iter()
            .any(|name| term.starts_with(name));
    // Nobody else's text may end the sequence and begin another.
    let text: String = text
        .chars()
        .filter(|c| !c.is_control())
        .take(LONGEST)
        .collect();
    match choice {
        BellMode::Off => String::new(),
        BellMode::Bell => BELL.to_owned(),
        BellMode::Notify if is_inside => BELL.to_owned(),
        BellMode::Notify if ["rxvt", "foot"].iter().any(|name| term.starts_with(name)) => {
            format!("{BELL}\x1b]777;notify;pocpit;{text}\x1b\\")
        }
        BellMode::Notify => format!("{BELL}\x1b]9;pocpit: {text}\x1b\\"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(choice: BellMode, term: &str, tmux: Option<&str>) -> String {
        ring(choice, "it\x1b costs\x07 money", |name| match name {
            "TERM" => Some(term.to_owned()),
            "TMUX" => tmux.map(str::to_owned),
            _ => None,
        })
    }

    #[test]
    fn a_terminal_is_notified_in_its_own_way_and_no_text_breaks_out() {
        let notify = BellMode::Notify;
        assert_eq!(
            rung(notify, "xterm-256color", None),
            "\x07\x1b]9;pocpit: it costs money\x1b\\"
        );
        assert_eq!(
            rung(notify, "foot", Some("")),
            "\x07\x1b]777;notify;pocpit;it costs money\x1b\\"
        );
    }

    #[test]
    fn where_no_notification_comes_through_the_bell_does() {
        for (term, tmux) in [
            ("xterm-256color", Some("/tmp/tmux-0/default,1,0")),
            ("screen.xterm-256color", None),
            ("tmux-256color", None),
            ("linux", None),
        ] {
            assert_eq!(rung(BellMode::Notify, term, tmux), "\x07", "{term}");
        }
    }

    #[test]
    fn the_operator_chooses_the_bell_alone_or_silence() {
        assert_eq!(rung(BellMode::Bell, "xterm", None), "\x07");
        assert_eq!(rung(BellMode::Off, "xterm", None), "");
    }
}
