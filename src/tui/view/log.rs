//! The log, followed or paused; builds only visible rows.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use crate::domain::{LineStyle, LogLine, TerminalColor};
use crate::tui::log::{Lines, LongLines, Search, VisibleLine, row_starts};
use crate::tui::model::Model;
use crate::tui::prompt::PromptKind;
use crate::tui::theme::Theme;

use super::widgets::{prompt_line, put_cut};

/// The position in the log, for the title.
pub fn position(model: &Model) -> String {
    let (view, log) = (&model.log, &model.log.log);
    let Some(anchor) = view.anchor else {
        return format!("following, {} lines", log.end_seq());
    };
    let below = view.lines_below();
    if anchor.line < log.first_seq() {
        return format!("PAUSED at the oldest line that is kept, {below} below");
    }
    match log.line(anchor.line) {
        Some(line) => format!("PAUSED at {}, {below} below", line.at.format("%H:%M:%S")),
        None => format!("PAUSED, {below} below"),
    }
}

/// Draws the log and below it the prompt, or filter and search. Returns the size of both.
pub fn draw(buf: &mut Buffer, area: Rect, model: &Model, theme: Theme) -> Size {
    let bottom = bottom_line(model, theme);
    // In a single row, the prompt matters more than the log.
    let bottom_rows = u16::from(bottom.is_some()).min(area.height);
    let lines_area = Rect {
        height: area.height - bottom_rows,
        ..area
    };
    if let Some(line) = bottom.filter(|_| bottom_rows > 0) {
        let row = Rect {
            y: area.bottom() - 1,
            height: 1,
            ..area
        };
        put_cut(buf, row, vec![line]);
    }
    if !lines_area.is_empty() {
        lines(buf, lines_area, model, theme);
    }
    area.as_size()
}

fn bottom_line(model: &Model, theme: Theme) -> Option<Line<'_>> {
    if let Some(prompt) = model
        .prompt
        .as_ref()
        .filter(|open| open.kind != PromptKind::Offers)
    {
        return Some(prompt_line(prompt, theme));
    }
    let view = &model.log;
    let mut parts = Vec::new();
    if let Some(filter) = &view.filter {
        let (text, count) = (filter.query.text(), filter.lines.count());
        parts.push(format!("only \"{text}\": {count} lines"));
    }
    if let Some(search) = &view.search {
        let count = search.lines.count();
        let text = search.query.text();
        parts.push(match search.current {
            Some(line) => {
                let place = search.lines.before(line) + 1;
                format!("\"{text}\": {} of {count}", place.min(count))
            }
            None => format!("\"{text}\": {count} lines"),
        });
    }
    let shown = !parts.is_empty();
    shown.then(|| Line::styled(parts.join(theme.glyph(" · ", " | ")), theme.accent()))
}

fn lines(buf: &mut Buffer, area: Rect, model: &Model, theme: Theme) {
    let (view, log) = (&model.log, &model.log.log);
    // The view's own size is that of the last frame.
    let all = Lines {
        width: area.width,
        ..view.lines()
    };
    let live = view.live();
    let live_rows = live.map_or(0, |line| row_starts(line, view.long, area.width).len());
    let room = usize::from(area.height).saturating_sub(live_rows);
    let bottom = view.bottom_in(all, room);
    let window = bottom.map(|bottom| all.window(bottom, room));
    let mut rows: Vec<Line<'_>> = Vec::new();
    for shown in window.unwrap_or_default() {
        if let Some(line) = log.line(shown.line) {
            let found = highlights(line, shown.line, view.search.as_ref(), theme);
            rows.extend(
                shown
                    .rows
                    .clone()
                    .map(|row| styled(line, bytes(&shown, row), &found, theme)),
            );
        }
    }
    if let Some(line) = live {
        let starts = row_starts(line, view.long, area.width);
        let first = starts.len().saturating_sub(usize::from(area.height));
        let shown = VisibleLine {
            line: log.end_seq(),
            rows: first..starts.len(),
            starts,
        };
        let found = highlights(line, shown.line, view.search.as_ref(), theme);
        rows.extend(
            shown
                .rows
                .clone()
                .map(|row| styled(line, bytes(&shown, row), &found, theme)),
        );
    }
    let column = match view.long {
        LongLines::Cut { column } => column,
        LongLines::Wrap => 0,
    };
    if column == 0 {
        return put_cut(buf, area, rows);
    }
    Paragraph::new(rows).scroll((0, column)).render(area, buf);
}

fn bytes(shown: &VisibleLine, row: usize) -> Range<usize> {
    let at = |row: usize| shown.starts.get(row).copied();
    at(row).unwrap_or(0)..at(row + 1).unwrap_or(usize::MAX)
}

struct Highlights {
    ranges: Vec<Range<usize>>,
    style: Style,
}

fn highlights(line: &LogLine, number: u64, search: Option<&Search>, theme: Theme) -> Highlights {
    let Some(search) = search else {
        return Highlights {
            ranges: Vec::new(),
            style: Style::new(),
        };
    };
    let here = search.current == Some(number);
    Highlights {
        ranges: search.query.ranges(line.text()),
        style: if here {
            theme.found_current()
        } else {
            theme.found()
        },
    }
}

/// A byte range of a line in its styles.
fn styled<'a>(line: &'a LogLine, row: Range<usize>, found: &Highlights, theme: Theme) -> Line<'a> {
    let mut spans = Vec::new();
    let mut start = 0;
    for span in line.spans() {
        let end = start + span.text.len();
        let base = style(span.style, theme);
        let mut from = row.start.clamp(start, end);
        let to = row.end.clamp(start, end);
        while from < to {
            let (until, marked) = piece(from, to, &found.ranges);
            let text = span
                .text
                .get(from - start..until - start)
                .unwrap_or_default();
            let style = if marked {
                base.patch(found.style)
            } else {
                base
            };
            spans.push(Span::styled(text, style));
            from = until;
        }
        start = end;
    }
    Line::from(spans)
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
