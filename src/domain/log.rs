//! Lines of a rental's log after they were made safe: text and style, never control characters.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::Time;

/// One line of a remote log. Its text holds no control characters: `ssh::sanitize` made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// When it arrived here.
    pub at: Time,
    /// Its parts in order.
    pub spans: Vec<Span>,
}

/// A part of a line in one style.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Printable text.
    pub text: String,
    /// How to draw it.
    pub style: LineStyle,
}

/// Style that a remote program asked for by SGR sequences.
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

/// A colour of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TerminalColor {
    /// One of the 256 indexed colours; 0 to 15 are the terminal's own.
    Indexed(u8),
    /// 24-bit colour.
    Rgb(u8, u8, u8),
}

impl LogLine {
    /// A line in the terminal's own style.
    pub fn plain(at: Time, text: impl Into<String>) -> LogLine {
        LogLine {
            at,
            spans: vec![Span {
                text: text.into(),
                style: LineStyle::default(),
            }],
        }
    }

    /// Bytes that it takes in memory, roughly.
    pub fn bytes(&self) -> usize {
        let spans = self
            .spans
            .iter()
            .map(|span| size_of::<Span>() + span.text.len());
        size_of::<LogLine>() + spans.sum::<usize>()
    }

    /// The line's text without styles.
    pub fn text(&self) -> Cow<'_, str> {
        match self.spans.as_slice() {
            [only] => Cow::Borrowed(&only.text),
            spans => spans.iter().map(|span| span.text.as_str()).collect(),
        }
    }
}
