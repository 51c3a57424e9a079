//! The rows of a log: mark, time, level and text; builds only visible ones.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use crate::domain::{LineStyle, LogLevel, LogLine, TerminalColor};
use crate::tui::log::{Lines, LogPane, LongLines, Mark, VisibleLine, repeats, row_starts};
use crate::tui::theme::Theme;

use super::format::{count, second};

/// Draws the visible lines of a pane, and the marks between them.
pub(super) fn draw(buf: &mut Buffer, area: Rect, pane: &LogPane, theme: Theme) {
    let table = Table {
        pane,
        // The pane's own size is that of the last frame.
        lines: Lines {
            width: area.width.saturating_sub(pane.text_column()),
            ..pane.lines()
        },
        theme,
    };
    let rows = table.rows(usize::from(area.height));
    let mut last = None;
    for (row, place) in rows.iter().zip(area.rows()) {
        match row {
            Row::Mark(mark) => table.draw_mark(buf, place, mark),
            Row::Text(row) => {
                table.draw_text(buf, place, row, last);
                last = Some(row.line.at.timestamp());
            }
        }
    }
}

enum Row<'a> {
    Mark(&'a Mark),
    Text(TextRow<'a>),
}

/// A row of a line's text.
struct TextRow<'a> {
    line: &'a LogLine,
    number: u64,
    bytes: Range<usize>,
    /// The first row of a line has its mark, time and level; the last one has what stands at the right.
    is_first: bool,
    is_last: bool,
}

struct Table<'a> {
    pane: &'a LogPane,
    lines: Lines<'a>,
    theme: Theme,
}

impl<'a> Table<'a> {
    /// What fits into so many rows, from top to bottom.
    fn rows(&self, height: usize) -> Vec<Row<'a>> {
        let pane = self.pane;
        let at_end = pane.marks_at_end();
        let live = pane.live().map(|line| self.live(line, height));
        let live_rows = live.as_ref().map_or(0, |(_, shown)| shown.rows.len());
        let at_end = &at_end[at_end.len().saturating_sub(height - live_rows)..];
        let room = height - live_rows - at_end.len();
        let bottom = pane.bottom_in(self.lines, room);
        let window = bottom.map(|bottom| self.lines.window(bottom, room));
        let mut rows = Vec::with_capacity(height);
        for shown in window.unwrap_or_default() {
            if let Some(line) = pane.log.line(shown.line) {
                self.push_rows(&mut rows, line, &shown);
            }
        }
        rows.extend(at_end.iter().map(|(_, mark)| Row::Mark(mark)));
        if let Some((line, shown)) = live {
            self.push_rows(&mut rows, line, &shown);
        }
        rows
    }

    /// The last rows of the unfinished line.
    fn live(&self, line: &'a LogLine, height: usize) -> (&'a LogLine, VisibleLine) {
        let starts = row_starts(line, self.lines.long, self.lines.width);
        let first = starts.len().saturating_sub(height);
        let shown = VisibleLine {
            line: self.pane.log.end_seq(),
            marks: 0,
            rows: first..starts.len(),
            starts,
        };
        (line, shown)
    }

    fn push_rows(&self, rows: &mut Vec<Row<'a>>, line: &'a LogLine, shown: &VisibleLine) {
        let marks = self.lines.marks_of(shown.line);
        for row in shown.rows.clone() {
            rows.push(match row.checked_sub(shown.marks) {
                None => Row::Mark(&marks[row].1),
                Some(row) => Row::Text(TextRow {
                    line,
                    number: shown.line,
                    bytes: bytes(&shown.starts, row),
                    is_first: row == 0,
                    is_last: row + 1 == shown.starts.len(),
                }),
            });
        }
    }

    fn draw_mark(&self, buf: &mut Buffer, place: Rect, mark: &Mark) {
        let rule = self.theme.glyph("─", "-");
        let text = format!(" {rule}{rule} {} {} ", mark.name, second(mark.at));
        // A space before what stands beside the log: the mark is no rule of it.
        let rest = usize::from(place.width).saturating_sub(text.chars().count() + 1);
        let text = text + &rule.repeat(rest);
        buf.set_stringn(
            place.x,
            place.y,
            text,
            usize::from(place.width),
            self.theme.dim(),
        );
    }

    fn draw_text(&self, buf: &mut Buffer, place: Rect, row: &TextRow<'_>, last: Option<i64>) {
        let found = self.highlights(row);
        if row.is_first {
            self.draw_head(buf, place, row, last, &found);
        }
        let x = place.x.saturating_add(self.pane.text_column());
        let text_place = Rect {
            x,
            width: place.right().saturating_sub(x),
            ..place
        };
        let text = self.text(row, &found);
        let width = text.width();
        match self.lines.long {
            LongLines::Cut { column } if column > 0 => {
                Paragraph::new(text)
                    .scroll((0, column))
                    .render(text_place, buf);
            }
            _ => {
                buf.set_line(x, place.y, &text, text_place.width);
            }
        }
        if row.is_last {
            self.draw_note(buf, text_place, row, width);
        }
    }

    /// Mark, time and level. A time is dim where the row above has it too.
    fn draw_head(
        &self,
        buf: &mut Buffer,
        place: Rect,
        row: &TextRow<'_>,
        last: Option<i64>,
        found: &Highlights,
    ) {
        let theme = self.theme;
        let mut put = |x: u16, text: &str, style| {
            let room = usize::from(place.width.saturating_sub(x));
            buf.set_stringn(place.x + x, place.y, text, room, style);
        };
        if self.pane.current == Some(row.number) {
            put(0, theme.glyph("▸", ">"), theme.accent());
        }
        let mut x = 1;
        if self.pane.shows_times() {
            let is_repeated = last == Some(row.line.at.timestamp());
            let style = if is_repeated {
                theme.dim()
            } else {
                theme.text()
            };
            put(x, &second(row.line.at), style);
            x += 9;
        }
        if let Some(level) = row.line.level() {
            // The text that is found there stands in its column.
            let is_found = found.ranges.iter().any(|it| it.start < row.bytes.start);
            let mark = if is_found { found.style } else { Style::new() };
            put(x, level.name(), level_style(level, theme).patch(mark));
        }
    }

    /// At the right: what wrote a line, where there is room, or how many it stands for.
    fn draw_note(&self, buf: &mut Buffer, place: Rect, row: &TextRow<'_>, used: usize) {
        let log = &self.pane.log;
        let repeats = match self.pane.filter {
            None => repeats(log, self.lines.shown, row.number),
            Some(_) => 1,
        };
        let note = match (row.line.target(), repeats) {
            (None, 1) => return,
            (Some(target), _) => target.strip_prefix("pocpit::").unwrap_or(target).to_owned(),
            (None, times) => count(times, "time"),
        };
        let width = note.chars().count() + 2;
        let room = usize::from(place.width);
        if repeats > 1 || used + width <= room {
            let x = place
                .right()
                .saturating_sub(u16::try_from(width).unwrap_or(place.width));
            buf.set_stringn(
                x.max(place.x),
                place.y,
                format!("  {note}"),
                room,
                self.theme.dim(),
            );
        }
    }

    fn highlights(&self, row: &TextRow<'_>) -> Highlights {
        let Some(filter) = &self.pane.filter else {
            return Highlights::default();
        };
        Highlights {
            ranges: filter.query.ranges(row.line.text()),
            style: if self.pane.current == Some(row.number) {
                self.theme.found_current()
            } else {
                self.theme.selected()
            },
        }
    }

    /// The row's part of the text. The level colours it, else the styles that it came with.
    fn text<'b>(&self, row: &TextRow<'b>, found: &Highlights) -> Line<'b> {
        let level = row.line.level().map(|level| level_style(level, self.theme));
        let mut spans = Vec::new();
        let mut start = 0;
        for span in row.line.spans() {
            let end = start + span.text.len();
            let base = level.unwrap_or_else(|| style(span.style, self.theme));
            let mut from = row.bytes.start.clamp(start, end);
            let to = row.bytes.end.clamp(start, end);
            while from < to {
                let (until, marked) = piece(from, to, &found.ranges);
                let text = span.text.get(from - start..until - start);
                let mark = if marked { found.style } else { Style::new() };
                spans.push(Span::styled(text.unwrap_or_default(), base.patch(mark)));
                from = until;
            }
            start = end;
        }
        Line::from(spans)
    }
}

fn bytes(starts: &[usize], row: usize) -> Range<usize> {
    let at = |row: usize| starts.get(row).copied();
    at(row).unwrap_or(0)..at(row + 1).unwrap_or(usize::MAX)
}

#[derive(Default)]
struct Highlights {
    ranges: Vec<Range<usize>>,
    style: Style,
}

/// The end of the piece that starts here, and whether it is highlighted.
fn piece(from: usize, to: usize, ranges: &[Range<usize>]) -> (usize, bool) {
    let next = ranges.partition_point(|place| place.end <= from);
    match ranges.get(next) {
        Some(place) if place.start <= from => (place.end.min(to), true),
        Some(place) => (place.start.min(to), false),
        None => (to, false),
    }
}

fn level_style(level: LogLevel, theme: Theme) -> Style {
    match level {
        LogLevel::Error => theme.bad(),
        LogLevel::Warn => theme.warn(),
        LogLevel::Info => theme.text(),
        LogLevel::Debug | LogLevel::Trace => theme.dim(),
    }
}

fn style(from: LineStyle, theme: Theme) -> Style {
    let color = |c: TerminalColor| match c {
        TerminalColor::Indexed(index) => Color::Indexed(index),
        TerminalColor::Rgb(r, g, b) => Color::Rgb(r, g, b),
    };
    let mut style = Style::new();
    if theme.has_color() {
        style.fg = from.foreground.map(color);
        style.bg = from.background.map(color);
    }
    for (on, modifier) in [
        (from.bold, Modifier::BOLD),
        (from.dim, Modifier::DIM),
        (from.italic, Modifier::ITALIC),
        (from.underline, Modifier::UNDERLINED),
    ] {
        if on {
            style = style.add_modifier(modifier);
        }
    }
    style
}
