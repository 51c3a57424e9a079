//! Breaks lines into rows.

use ratatui::style::Style;
use ratatui::text::Span;
use unicode_width::UnicodeWidthStr as _;

use crate::domain::LogLine;

/// Display of lines that are wider than the pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LongLines {
    Cut {
        /// Columns scrolled out on the left.
        column: u16,
    },
    Wrap,
}

/// Byte offsets of the rows of a line's text, without its head; at least one row.
pub fn row_starts(line: &LogLine, long: LongLines, width: u16) -> Vec<usize> {
    let head = line.head_length();
    let mut starts = vec![head];
    if long != LongLines::Wrap {
        return starts;
    }
    let width = usize::from(width.max(1));
    let (mut byte, mut column) = (0, 0);
    for span in line.spans() {
        let text = Span::raw(span.text);
        for grapheme in text.styled_graphemes(Style::new()) {
            if byte < head {
                byte += grapheme.symbol.len();
                continue;
            }
            let columns = grapheme.symbol.width();
            if column > 0 && column + columns > width {
                starts.push(byte);
                column = 0;
            }
            column += columns;
            byte += grapheme.symbol.len();
        }
    }
    starts
}
