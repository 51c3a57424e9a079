//! Bytes of a remote log to safe, styled lines. Pure.
//!
//! A rented host is a stranger, and escape sequences are an attack surface: of everything that a
//! terminal understands only colours and weights (SGR) survive, as data. Carriage-return progress
//! folds into one line that is updated.

use vte::{Params, Parser, Perform};

use crate::domain::{LineStyle, LogLine, Span, TerminalColor, Time};

/// Characters that are kept of one line.
pub const LONGEST_LINE: usize = 4_096;
const TAB: usize = 8;

/// Makes lines of a stream of bytes, however it is cut into pieces.
pub struct Sanitizer {
    parser: Parser,
    page: Page,
    /// The beginning of a character whose other bytes have not arrived.
    incomplete: Vec<u8>,
}

#[derive(Default)]
struct Page {
    style: LineStyle,
    spans: Vec<Span>,
    length: usize,
    dropped: usize,
    /// A carriage return came: the next character starts the line over.
    rewind: bool,
    finished: Vec<Vec<Span>>,
}

impl Default for Sanitizer {
    fn default() -> Sanitizer {
        Sanitizer::new()
    }
}

impl Sanitizer {
    /// A sanitizer at the start of a stream.
    pub fn new() -> Sanitizer {
        Sanitizer {
            parser: Parser::new(),
            page: Page::default(),
            incomplete: Vec::new(),
        }
    }

    /// Takes bytes that arrived at `at` and gives the lines that they finished.
    pub fn feed(&mut self, at: Time, bytes: &[u8]) -> Vec<LogLine> {
        self.advance(bytes);
        let finished = std::mem::take(&mut self.page.finished);
        finished
            .into_iter()
            .map(|spans| LogLine { at, spans })
            .collect()
    }

    /// The parser only ever sees whole characters: of one that is cut in two it can lose what
    /// follows it.
    fn advance(&mut self, bytes: &[u8]) {
        let mut all = std::mem::take(&mut self.incomplete);
        all.extend_from_slice(bytes);
        let mut rest = all.as_slice();
        while let Err(error) = std::str::from_utf8(rest) {
            let (valid, broken) = rest.split_at(error.valid_up_to());
            self.parser.advance(&mut self.page, valid);
            let Some(length) = error.error_len() else {
                self.incomplete = broken.to_vec();
                return;
            };
            self.parser.advance(&mut self.page, "\u{fffd}".as_bytes());
            rest = &broken[length..];
        }
        self.parser.advance(&mut self.page, rest);
    }

    /// The line that is not finished yet, such as a progress bar; none when it is empty.
    pub fn live(&self, at: Time) -> Option<LogLine> {
        (self.page.length > 0).then(|| LogLine {
            at,
            spans: self.page.spans.clone(),
        })
    }
}

impl Page {
    fn put(&mut self, character: char) {
        if std::mem::take(&mut self.rewind) {
            self.clear();
        }
        if self.length >= LONGEST_LINE {
            self.dropped += 1;
            return;
        }
        self.length += 1;
        match self.spans.last_mut() {
            Some(last) if last.style == self.style => last.text.push(character),
            _ => self.spans.push(Span {
                text: character.into(),
                style: self.style,
            }),
        }
    }

    fn clear(&mut self) {
        self.spans.clear();
        self.length = 0;
        self.dropped = 0;
    }

    fn finish(&mut self) {
        if self.dropped > 0 {
            let text = format!(" … {} more characters", self.dropped);
            self.spans.push(Span {
                text,
                style: LineStyle::default(),
            });
        }
        self.finished.push(std::mem::take(&mut self.spans));
        self.rewind = false;
        self.clear();
    }

    fn select_graphics(&mut self, params: &Params) {
        let mut codes = params.iter().flat_map(|group| group.iter().copied());
        let mut any = false;
        while let Some(code) = codes.next() {
            any = true;
            self.apply(code, &mut codes);
        }
        if !any {
            self.style = LineStyle::default();
        }
    }

    fn apply(&mut self, code: u16, rest: &mut impl Iterator<Item = u16>) {
        let style = &mut self.style;
        match code {
            0 => *style = LineStyle::default(),
            1 => style.bold = true,
            2 => style.dim = true,
            3 => style.italic = true,
            4 => style.underline = true,
            22 => (style.bold, style.dim) = (false, false),
            23 => style.italic = false,
            24 => style.underline = false,
            30..=37 => style.foreground = indexed(code - 30),
            38 => style.foreground = extended(rest).or(style.foreground),
            39 => style.foreground = None,
            40..=47 => style.background = indexed(code - 40),
            48 => style.background = extended(rest).or(style.background),
            49 => style.background = None,
            90..=97 => style.foreground = indexed(code - 90 + 8),
            100..=107 => style.background = indexed(code - 100 + 8),
            _ => {}
        }
    }
}

fn indexed(index: u16) -> Option<TerminalColor> {
    u8::try_from(index).ok().map(TerminalColor::Indexed)
}

fn extended(rest: &mut impl Iterator<Item = u16>) -> Option<TerminalColor> {
    let mut byte = || u8::try_from(rest.next()?).ok();
    match byte()? {
        5 => byte().map(TerminalColor::Indexed),
        2 => Some(TerminalColor::Rgb(byte()?, byte()?, byte()?)),
        _ => None,
    }
}

/// Characters that print nothing of their own and can make a line look like another one.
fn misleads(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

impl Perform for Page {
    fn print(&mut self, character: char) {
        if !character.is_control() && !misleads(character) {
            self.put(character);
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => self.finish(),
            b'\r' => self.rewind = true,
            b'\t' => {
                for _ in 0..TAB - self.length % TAB {
                    self.put(' ');
                }
            }
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if action == 'm' && intermediates.is_empty() && !ignore {
            self.select_graphics(params);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at() -> Time {
        Time::from_timestamp(1_790_000_000, 0).unwrap()
    }

    fn lines(bytes: &[u8]) -> Vec<LogLine> {
        Sanitizer::new().feed(at(), bytes)
    }

    fn texts(bytes: &[u8]) -> Vec<String> {
        lines(bytes).iter().map(LogLine::text).collect()
    }

    #[test]
    fn plain_lines_stay_as_they_are() {
        assert_eq!(texts(b"one\r\ntwo\n\nthree"), ["one", "two", ""]);
    }

    #[test]
    fn a_progress_bar_is_one_line_that_is_updated() {
        let mut sanitizer = Sanitizer::new();
        assert!(
            sanitizer
                .feed(at(), b"\rFetching:  1%|\rFetching: 42%|")
                .is_empty()
        );
        assert_eq!(
            sanitizer.live(at()).map(|line| line.text()),
            Some("Fetching: 42%|".into())
        );
        let finished = sanitizer.feed(at(), b"\rFetching: 100%|\n");
        assert_eq!(finished[0].text(), "Fetching: 100%|");
        assert_eq!(sanitizer.live(at()), None);
    }

    #[test]
    fn colours_become_styles() {
        let line = &lines(b"\x1b[1;31mbad\x1b[0m ok \x1b[38;5;208mo\x1b[48;2;1;2;3mr\x1b[m\n")[0];
        assert_eq!(line.text(), "bad ok or");
        assert!(line.spans[0].style.bold);
        assert_eq!(
            line.spans[0].style.foreground,
            Some(TerminalColor::Indexed(1))
        );
        assert_eq!(
            line.spans[2].style.foreground,
            Some(TerminalColor::Indexed(208))
        );
        assert_eq!(
            line.spans[3].style.background,
            Some(TerminalColor::Rgb(1, 2, 3))
        );
    }

    #[test]
    fn nothing_but_colour_reaches_the_terminal() {
        let attack = b"\x1bc\x1b[2J\x1b[H\x1b]52;c;ZXZpbA==\x07\x1b]0;title\x1b\\\x9b31m\x1bP+q\x1b\\\x1b[?1049hsafe\xff\n";
        assert!(texts(attack)[0].ends_with("safe\u{fffd}"));
        assert!(
            texts(attack)[0]
                .chars()
                .all(|character| !character.is_control())
        );
    }

    #[test]
    fn characters_that_turn_text_around_are_dropped() {
        assert_eq!(texts("a\u{202e}b\u{2066}c\n".as_bytes()), ["abc"]);
    }

    #[test]
    fn an_endless_line_is_cut_and_says_so() {
        let mut bytes = vec![b'x'; LONGEST_LINE + 10];
        bytes.push(b'\n');
        assert!(texts(&bytes)[0].ends_with("… 10 more characters"));
    }

    #[test]
    fn a_character_that_arrives_in_two_pieces_loses_nothing_after_it() {
        // Found by the property below: the parser alone lost the space.
        let mut sanitizer = Sanitizer::new();
        assert!(sanitizer.feed(at(), &[194]).is_empty());
        let finished = sanitizer.feed(at(), &[128, b' ', b'\n']);
        assert_eq!(finished[0].text(), " ");
    }

    proptest! {
        #[test]
        fn no_bytes_ever_give_a_control_character(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let mut sanitizer = Sanitizer::new();
            let finished = sanitizer.feed(at(), &bytes);
            for line in finished.into_iter().chain(sanitizer.live(at())) {
                prop_assert!(line.text().chars().all(|character| !character.is_control()));
            }
        }

        #[test]
        fn how_a_stream_is_cut_changes_nothing(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 0usize..400) {
            let whole = lines(&bytes);
            let (left, right) = bytes.split_at(cut.min(bytes.len()));
            let mut sanitizer = Sanitizer::new();
            let mut pieces = sanitizer.feed(at(), left);
            pieces.extend(sanitizer.feed(at(), right));
            prop_assert_eq!(pieces, whole);
        }
    }
}
