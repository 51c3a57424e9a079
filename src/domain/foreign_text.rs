//! Text from others: the market, nodes, rentals and logs. It is data: cleaned and bounded where it is read,
//! by one table of allowed characters.

/// A text that somebody else wrote.
#[derive(Debug, Clone, Copy)]
pub struct ForeignText<'a>(pub &'a str);

impl ForeignText<'_> {
    /// As one line of at most `longest` characters. Characters that are not allowed are replaced, not removed:
    /// otherwise the name of another's node or rental could become one of ours.
    pub fn line(self, longest: usize) -> String {
        self.0.trim().chars().map(shown).take(longest).collect()
    }

    /// The same, but its lines stay.
    pub fn lines(self, longest: usize) -> String {
        let kept = self.0.chars();
        let kept = kept.map(|c| if c == '\n' { c } else { shown(c) });
        kept.take(longest).collect()
    }

    /// Nothing in it would be replaced. Its length does not matter.
    pub fn is_clean_line(self) -> bool {
        self.0.chars().all(is_harmless)
    }
}

/// Neither a control character, which a terminal obeys, nor an invisible one, which can make a text look like
/// another (Unicode, UAX 9 and the category Cf).
pub fn is_harmless(c: char) -> bool {
    let is_misleading = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    );
    !c.is_control() && !is_misleading
}

fn shown(c: char) -> char {
    match c {
        // Separators of words or lines.
        '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
        c if is_harmless(c) => c,
        _ => char::REPLACEMENT_CHARACTER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "EV\x1b]0;TITLE\x07\x1b]52;c;UFdO\x07\u{9b}31mIL\u{202e}RTL\u{2066}\u{200b}\u{61c}\0\x08\r\nFORGED\u{2028}LINE";

    #[test]
    fn terminal_attacks_are_plain_text() {
        let line = ForeignText(HOSTILE).line(1_000);
        assert_eq!(
            line.replace('\u{fffd}', "?"),
            "EV?]0;TITLE??]52;c;UFdO??31mIL?RTL?????  FORGED LINE"
        );
        assert!(ForeignText(&line).is_clean_line());
        assert!(!ForeignText(HOSTILE).is_clean_line());
    }

    #[test]
    fn foreign_text_is_bounded() {
        let long = "é".repeat(5_000);
        assert_eq!(ForeignText(&long).line(64).chars().count(), 64);
        assert_eq!(ForeignText(&long).lines(64).chars().count(), 64);
    }

    #[test]
    fn wanted_lines_stay_lines() {
        assert_eq!(
            ForeignText("a\x1b\r\nb\tc\n").lines(99),
            "a\u{fffd} \nb c\n"
        );
        let ordinary = "Straße 5, 東京: it's 30 % \u{1f600}";
        assert_eq!(ForeignText(ordinary).line(99), ordinary);
    }
}
