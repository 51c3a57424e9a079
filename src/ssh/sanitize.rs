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
/// Bytes after which a sequence is given up that neither its own end nor a line's end has ended: the
/// parser keeps all of it in memory.
const LONGEST_SEQUENCE: usize = 64 * 1024;
/// CAN: ends whatever sequence is open. At a line's end too, or one sequence without an end would
/// swallow every line that follows.
const CANCEL: &[u8] = b"\x18";

/// Makes lines of a stream of bytes, however it is cut into pieces.
pub struct Sanitizer {
    parser: Parser,
    page: Page,
    /// The beginning of a character whose other bytes have not arrived.
    incomplete: Vec<u8>,
    /// Bytes since sequences were ended last.
    unbroken: usize,
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
            unbroken: 0,
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

    /// Ends the stream: gives the line that was not finished and is as new.
    pub fn end(&mut self, at: Time) -> Option<LogLine> {
        let last = self.live(at);
        *self = Sanitizer::new();
        last
    }

    /// The parser only ever sees whole characters: of one that is cut in two it can lose what
    /// follows it.
    fn advance(&mut self, bytes: &[u8]) {
        let mut all = std::mem::take(&mut self.incomplete);
        all.extend_from_slice(bytes);
        let mut rest = all.as_slice();
        while !rest.is_empty() {
            let error = match std::str::from_utf8(rest) {
                Ok(text) => return self.parse(text),
                Err(error) => error,
            };
            let (valid, broken) = rest.split_at(error.valid_up_to());
            self.parse(std::str::from_utf8(valid).unwrap_or_default());
            let Some(length) = error.error_len() else {
                self.incomplete = broken.to_vec();
                return;
            };
            self.parse("\u{fffd}");
            rest = &broken[length..];
        }
    }

    fn parse(&mut self, text: &str) {
        for line in text.split_inclusive('\n') {
            let Some(line) = line.strip_suffix('\n') else {
                return self.parse_line(line);
            };
            // Most lines are whole and plain. Where no sequence can be open, the parser is not asked.
            if self.unbroken == 0 && is_plain(line) {
                self.page.put_plain(line);
            } else {
                self.parse_line(line);
                self.cancel();
            }
            self.page.finish();
        }
    }

    fn parse_line(&mut self, mut line: &str) {
        while self.unbroken + line.len() > LONGEST_SEQUENCE {
            let room = line.floor_char_boundary(LONGEST_SEQUENCE - self.unbroken);
            let (now, later) = line.split_at(room);
            self.parser.advance(&mut self.page, now.as_bytes());
            self.cancel();
            line = later;
        }
        self.parser.advance(&mut self.page, line.as_bytes());
        self.unbroken += line.len();
    }

    fn cancel(&mut self) {
        self.parser.advance(&mut self.page, CANCEL);
        self.unbroken = 0;
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
        self.append(character.encode_utf8(&mut [0; 4]));
    }

    /// Puts text in which a byte is a printable character.
    fn put_plain(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if std::mem::take(&mut self.rewind) {
            self.clear();
        }
        let (kept, dropped) = text.split_at(text.len().min(LONGEST_LINE - self.length));
        self.length += kept.len();
        self.dropped += dropped.len();
        self.append(kept);
    }

    fn append(&mut self, text: &str) {
        match self.spans.last_mut() {
            _ if text.is_empty() => {}
            Some(last) if last.style == self.style => last.text.push_str(text),
            _ => self.spans.push(Span {
                text: text.into(),
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

/// Printable ASCII and nothing else.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
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
    matches!(
        character,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
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

    const PIECES: [&str; 12] = [
        "plain text",
        "x",
        "\n",
        "\n",
        "a line\n",
        "\r",
        "\r\n",
        "\t",
        "\x1b[31m",
        "\x1b[",
        "\x1b]0;t",
        "\u{fc}",
    ];

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
    fn no_sequence_does_or_shows_anything() {
        let attacks: [&[u8]; 21] = [
            b"\x1bc",                                  // reset
            b"\x1b[2J\x1b[3J\x1b[H",                   // clear the screen and its history
            b"\x1b[6n\x1b[c\x1b[>q\x1b]11;?\x07",      // questions: a terminal types the answers
            b"\x1b]52;c;cm0gLXJmIC8=\x07",             // the clipboard
            b"\x1b]0;title\x07\x1b]2;title\x1b\\",     // the title
            b"\x1b[21t",                               // the title, typed
            b"\x1b]8;;http://evil.example\x1b\\",      // a link
            b"\x1b]1337;File=name=eA==:AAAA\x07",      // a file
            b"\x1b]777;notify;a;b\x07\x1b]9;evil\x07", // a notification
            b"\x1bP$q\"p\x1b\\\x1bP+q544e\x1b\\",      // device control
            b"\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\", // through tmux
            b"\x1b_Gf=100;AAAA\x1b\\",                 // a picture
            b"\x1b^private\x1b\\\x1bXstring\x1b\\",
            b"\x1b[?1049h\x1b[?1000h\x1b[?2004h\x1b[?25l", // modes
            b"\x1b[99999999b\x1b[1;99999S\x1b[5A\x1b[K",   // repeat, scroll, move, erase
            b"\x1b#8\x1b(0\x0e\x0f",                       // alignment, character sets
            b"\x1b[4:3;58:2::1:2:3m\x1b[38;5m\x1b[48;2;1m", // odd colours
            b"\x07\x08\x08\x0b\x0c\x7f\x05",               // bell, back, form feed, enquiry
            "\u{202e}\u{200b}\u{2028}\u{e0041}".as_bytes(), // invisible and turning
            b"\x1b[31;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;;m\x1b[m",
            b"\x1b",
        ];
        for attack in attacks {
            let line = [b"a".as_slice(), attack, b"\x1b[mb\n"].concat();
            let seen = texts(&line);
            assert_eq!(seen, ["ab"], "{:?}", String::from_utf8_lossy(attack));
        }
        // A C1 control in UTF-8 is no control to every terminal, so what follows it is shown.
        assert_eq!(texts(b"a\xc2\x9b31mb\n"), ["a31mb"]);
    }

    #[test]
    fn a_sequence_without_an_end_hides_no_other_line() {
        assert_eq!(
            texts(b"a\x1b]0;hidden\nb\x1bPq\nc\x1b[3\nd\n"),
            ["a", "b", "c", "d"]
        );
    }

    #[test]
    fn a_sequence_that_goes_on_for_ever_is_given_up_and_takes_no_more_memory() {
        let mut sanitizer = Sanitizer::new();
        sanitizer.feed(at(), b"\x1b]");
        sanitizer.feed(at(), &vec![b'x'; LONGEST_SEQUENCE - 2]);
        assert_eq!(sanitizer.live(at()), None);
        sanitizer.feed(at(), b"seen again");
        let live = sanitizer.live(at()).map(|line| line.text());
        assert_eq!(live, Some("seen again".into()));
    }

    #[test]
    fn how_a_long_line_is_cut_changes_nothing() {
        let bytes = "\u{20ac}".repeat(LONGEST_SEQUENCE).into_bytes();
        for begin in [b"\x1b]".as_slice(), b"\x1b]x", b"\x1b]xy"] {
            let all = [begin, &bytes, b"\n"].concat();
            let mut sanitizer = Sanitizer::new();
            let pieces = all.chunks(LONGEST_SEQUENCE / 3 + 1);
            let lines: Vec<_> = pieces
                .flat_map(|piece| sanitizer.feed(at(), piece))
                .collect();
            assert_eq!(lines, self::lines(&all));
        }
    }

    #[test]
    fn a_stream_that_ends_gives_its_last_line_and_leaves_nothing_to_the_next() {
        let mut sanitizer = Sanitizer::new();
        sanitizer.feed(at(), b"\x1b[31mhalf a line \xe2\x82");
        assert_eq!(
            sanitizer.end(at()).map(|line| line.text()),
            Some("half a line ".into())
        );
        assert_eq!(sanitizer.end(at()), None);
        sanitizer.feed(at(), b"\x1b[31m\x1b]0;a title without end");
        sanitizer.end(at());
        let next = &sanitizer.feed(at(), b"next\n")[0];
        assert_eq!(next, &LogLine::plain(at(), "next"));
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
        fn how_text_is_cut_changes_nothing(pieces in prop::collection::vec(0..PIECES.len(), 0..40), step in 1usize..40) {
            let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
            let mut sanitizer = Sanitizer::new();
            let cut: Vec<_> = text.as_bytes().chunks(step).flat_map(|part| sanitizer.feed(at(), part)).collect();
            prop_assert_eq!(cut, lines(text.as_bytes()));
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
