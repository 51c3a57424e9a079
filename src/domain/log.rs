//! Sanitized lines of a log: text and style, never control characters.

use serde::{Deserialize, Serialize};

use super::log_level::{LogLevel, head_length, level_of};
use super::{ForeignText, Time};

/// Target of the events about each request to the inference proxy: there can be thousands an hour.
pub const PROXY_REQUESTS: &str = "pocpit::proxy::requests";
/// Characters of a line of the program's own log; the rest of a longer one is dropped.
const LONGEST_RECORD: usize = 4_096;

/// One line of a remote log, made by `ssh::sanitize`, or of the program's own: without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    pub at: Time,
    /// Printable text, in one allocation: there can be a million lines a minute.
    text: Box<str>,
    /// Style changes, in order: from which byte, and which style. Nearly all lines have none.
    styles: Box<[(usize, LineStyle)]>,
    /// How serious it is, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    level: Option<LogLevel>,
    /// The part of this program that wrote it; viewers are sent no such lines.
    #[serde(skip)]
    target: Option<&'static str>,
}

/// A part of a line in one style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span<'a> {
    pub text: &'a str,
    pub style: LineStyle,
}

/// Style that a remote program set by SGR sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an SGR attribute of its own"
)]
pub struct LineStyle {
    /// Foreground, when set.
    pub foreground: Option<TerminalColor>,
    /// Background, when set.
    pub background: Option<TerminalColor>,
    /// SGR 1.
    pub bold: bool,
    /// SGR 2.
    pub dim: bool,
    /// SGR 3.
    pub italic: bool,
    /// SGR 4.
    pub underline: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TerminalColor {
    /// One of the 256 indexed colours; 0 to 15 are the terminal's own.
    Indexed(u8),
    /// 24-bit colour.
    Rgb(u8, u8, u8),
}

impl LogLine {
    /// A line in the terminal's own style.
    pub fn plain(at: Time, text: impl Into<Box<str>>) -> LogLine {
        LogLine::styled(at, text, Vec::new())
    }

    /// A line with these style changes, in order. It begins in the terminal's own style.
    pub fn styled(at: Time, text: impl Into<Box<str>>, styles: Vec<(usize, LineStyle)>) -> LogLine {
        let text = text.into();
        LogLine {
            at,
            level: level_of(&text),
            text,
            styles: styles.into(),
            target: None,
        }
    }

    /// A line of the program's own log: a message with its fields.
    pub fn record(at: Time, level: LogLevel, target: &'static str, text: &str) -> LogLine {
        LogLine {
            at,
            text: ForeignText(text).line(LONGEST_RECORD).into(),
            styles: Box::default(),
            level: Some(level),
            target: Some(target),
        }
    }

    /// Approximate memory use in bytes.
    pub fn bytes(&self) -> usize {
        size_of::<LogLine>() + self.text.len() + size_of_val(&*self.styles)
    }

    /// The line's text without styles.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn level(&self) -> Option<LogLevel> {
        self.level
    }

    /// The part of this program that wrote it, in the program's own log.
    pub fn target(&self) -> Option<&'static str> {
        self.target
    }

    /// Bytes of its text that only repeat its time and level.
    pub fn head_length(&self) -> usize {
        match (self.level, self.target) {
            (Some(_), None) => head_length(&self.text),
            _ => 0,
        }
    }

    /// Its parts in order, none of them empty.
    pub fn spans(&self) -> impl Iterator<Item = Span<'_>> {
        let starts = std::iter::once((0, LineStyle::default())).chain(self.styles.iter().copied());
        let ends = self.styles.iter().map(|(start, _)| *start);
        let ends = ends.chain(std::iter::once(self.text.len()));
        let spans = starts.zip(ends).map(|((start, style), end)| Span {
            // A line of an older program may not fit its own styles.
            text: self.text.get(start..end).unwrap_or_default(),
            style,
        });
        spans.filter(|span| !span.text.is_empty())
    }
}
