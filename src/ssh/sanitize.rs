//! Turns the bytes of a remote log into safe, styled lines. Pure.
//!
//! A rented host is untrusted, and escape sequences are an attack surface: only colours and weights
//! (SGR) survive, as data. Progress bars that use carriage returns become one updated line.

use std::fmt::Write as _;

use vte::{Params, Parser, Perform};

use crate::domain::{LineStyle, LogLine, TerminalColor, Time, is_harmless};

/// In characters; the rest of a longer line is dropped.
pub const MAX_LINE: usize = 4_096;
const TAB: usize = 8;
/// In bytes; a longer escape sequence is cancelled, because the parser buffers all of it.
const MAX_SEQUENCE: usize = 64 * 1024;
/// CAN: cancels an open sequence. Also at the end of each line, or an unterminated sequence would
/// swallow all lines that follow.
const CANCEL: &[u8] = b"\x18";

/// Splits a byte stream into lines, independent of how it is chunked.
pub struct Sanitizer {
    parser: Parser,
    page: LineBuffer,
    /// The start of a character whose remaining bytes have not arrived.
    incomplete: Vec<u8>,
    /// Bytes since the parser was last reset.
    open_bytes: usize,
}

/// A line's text, and where its style changes.
type Finished = (Box<str>, Vec<(usize, LineStyle)>);

#[derive(Default)]
struct LineBuffer {
    style: LineStyle,
    text: String,
    styles: Vec<(usize, LineStyle)>,
    length: usize,
    dropped: usize,
    /// After a carriage return, the next character restarts the line.
    rewind: bool,
    finished: Vec<Finished>,
}

impl Default for Sanitizer {
    fn default() -> Sanitizer {
        Sanitizer::new()
    }
}

impl Sanitizer {
    /// At the start of a stream.
    pub fn new() -> Sanitizer {
        Sanitizer {
            parser: Parser::new(),
            page: LineBuffer::default(),
            incomplete: Vec::new(),
            open_bytes: 0,
        }
    }

    /// Feeds bytes that arrived at `at`; returns the lines that they complete.
    pub fn feed(&mut self, at: Time, bytes: &[u8]) -> Vec<LogLine> {
        self.advance(bytes);
        let finished = std::mem::take(&mut self.page.finished);
        finished
            .into_iter()
            .map(|(text, styles)| LogLine::styled(at, text, styles))
            .collect()
    }

    /// Ends the stream: returns the incomplete line and resets.
    pub fn end(&mut self, at: Time) -> Option<LogLine> {
        let last = self.live(at);
        *self = Sanitizer::new();
        last
    }

    /// Feeds the parser whole characters only: after a split one it can lose what follows.
    fn advance(&mut self, bytes: &[u8]) {
        if self.incomplete.is_empty() {
            return self.advance_whole(bytes);
        }
        let mut all = std::mem::take(&mut self.incomplete);
        all.extend_from_slice(bytes);
        self.advance_whole(&all);
    }

    fn advance_whole(&mut self, mut rest: &[u8]) {
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

    fn parse(&mut self, mut text: &str) {
        while let Some(end) = memchr::memchr(b'\n', text.as_bytes()) {
            let line = &text[..end];
            text = &text[end + 1..];
            // A fast path: most lines are plain or coloured text, and without an open sequence they
            // need no parser.
            if self.open_bytes == 0 && is_plain(line) {
                self.page.push_plain(line);
            } else if self.open_bytes == 0 && is_coloured(line) {
                self.page.push_coloured(line);
            } else {
                self.parse_line(line);
                self.cancel();
            }
            self.page.finish();
        }
        if !text.is_empty() {
            self.parse_line(text);
        }
    }

    fn parse_line(&mut self, mut line: &str) {
        while self.open_bytes + line.len() > MAX_SEQUENCE {
            let room = line.floor_char_boundary(MAX_SEQUENCE - self.open_bytes);
            let (now, later) = line.split_at(room);
            self.parser.advance(&mut self.page, now.as_bytes());
            self.cancel();
            line = later;
        }
        self.parser.advance(&mut self.page, line.as_bytes());
        self.open_bytes += line.len();
    }

    fn cancel(&mut self) {
        self.parser.advance(&mut self.page, CANCEL);
        self.open_bytes = 0;
    }

    /// The incomplete line, such as a progress bar; `None` if it is empty.
    pub fn live(&self, at: Time) -> Option<LogLine> {
        let page = &self.page;
        (page.length > 0).then(|| LogLine::styled(at, page.text.as_str(), page.styles.clone()))
    }
}

impl LineBuffer {
    fn push(&mut self, character: char) {
        if std::mem::take(&mut self.rewind) {
            self.clear();
        }
        if self.length >= MAX_LINE {
            self.dropped += 1;
            return;
        }
        self.length += 1;
        self.append(character.encode_utf8(&mut [0; 4]));
    }

    fn push_plain(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if std::mem::take(&mut self.rewind) {
            self.clear();
        }
        let (kept, dropped) = text.split_at(text.len().min(MAX_LINE - self.length));
        self.length += kept.len();
        self.dropped += dropped.len();
        self.append(kept);
    }

    /// Appends printable ASCII with SGR sequences, as [`is_coloured`] accepts it.
    fn push_coloured(&mut self, line: &str) {
        let mut parts = line.split('\x1b');
        self.push_plain(parts.next().unwrap_or_default());
        for part in parts {
            let (codes, text) = part.split_once('m').unwrap_or_default();
            let codes = codes.trim_start_matches('[').split(';');
            // An empty code means 0.
            self.apply_sgr(codes.map(|code| code.parse().unwrap_or_default()));
            self.push_plain(text);
        }
    }

    fn append(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.set_style(self.style);
        self.text.push_str(text);
    }

    fn set_style(&mut self, style: LineStyle) {
        let last = self
            .styles
            .last()
            .map_or(LineStyle::default(), |(_, style)| *style);
        if last != style {
            self.styles.push((self.text.len(), style));
        }
    }

    fn clear(&mut self) {
        self.text.clear();
        self.styles.clear();
        self.length = 0;
        self.dropped = 0;
    }

    fn finish(&mut self) {
        if self.dropped > 0 {
            self.set_style(LineStyle::default());
            // Writing to a String cannot fail.
            let _ = write!(self.text, " … {} more characters", self.dropped);
        }
        // Copied, so that the buffer keeps its capacity and the line has none to spare.
        let text = self.text.as_str().into();
        self.finished.push((text, std::mem::take(&mut self.styles)));
        self.rewind = false;
        self.clear();
    }

    fn apply_sgr(&mut self, mut codes: impl Iterator<Item = u16>) {
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

/// Printable ASCII only. Without early exit, so that it vectorises.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'))
}

/// Longer sequences and codes are left to the parser.
const FEW_CODES: usize = 8;
const FEW_DIGITS: usize = 3;

/// Plain text and simple, complete SGR sequences.
fn is_coloured(line: &str) -> bool {
    let mut parts = line.split('\x1b');
    parts.next().is_none_or(is_plain)
        && parts.all(|part| {
            let sequence = part.strip_prefix('[').and_then(|rest| rest.split_once('m'));
            sequence.is_some_and(|(codes, text)| are_simple(codes) && is_plain(text))
        })
}

fn are_simple(codes: &str) -> bool {
    let is_number =
        |code: &str| code.len() <= FEW_DIGITS && code.bytes().all(|digit| digit.is_ascii_digit());
    codes.split(';').count() <= FEW_CODES && codes.split(';').all(is_number)
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

impl Perform for LineBuffer {
    fn print(&mut self, character: char) {
        if is_harmless(character) {
            self.push(character);
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => self.finish(),
            b'\r' => self.rewind = true,
            b'\t' => {
                for _ in 0..TAB - self.length % TAB {
                    self.push(' ');
                }
            }
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if action == 'm' && intermediates.is_empty() && !ignore {
            self.apply_sgr(params.iter().flat_map(|group| group.iter().copied()));
        }
    }
}

#[cfg(test)]
mod tests;
