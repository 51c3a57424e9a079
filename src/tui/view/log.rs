//! The log as it comes, or where it is held: only the rows that are seen are made.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use crate::domain::{LineStyle, LogLine, TerminalColor};
use crate::tui::log::{Lines, LongLines, Search, Shown, row_starts};
use crate::tui::model::Model;
use crate::tui::prompt::Ask;
use crate::tui::theme::Theme;

use super::{prompt_line, put_cut};

/// Where the log is, in a few words.
pub fn place(model: &Model) -> String {
    let (view, log) = (&model.log, &model.boot_log);
    let Some(held) = view.held else {
        return format!("following, {} lines", log.end_seq());
    };
    let below = view.new_below(log);
    if held.line < log.first_seq() {
        return format!("PAUSED at the oldest line that is kept, {below} below");
    }
    match log.line(held.line) {
        Some(line) => format!("PAUSED at {}, {below} below", line.at.format("%H:%M:%S")),
        None => format!("PAUSED, {below} below"),
    }
}

/// Draws the log, below it the prompt or what it is filtered and searched by; the room of both.
pub fn draw(buf: &mut Buffer, area: Rect, model: &Model, theme: Theme) -> Size {
    let bottom = bottom_line(model, theme);
    // With a single row, what is being typed matters more than the log.
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
    if let Some(prompt) = model.prompt.as_ref().filter(|open| open.ask != Ask::Offers) {
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
    let (view, log) = (&model.log, &model.boot_log);
    // The view's own size is that of the last frame.
    let all = Lines {
        width: area.width,
        ..view.lines(log)
    };
    let live = view.live(log);
    let live_rows = live.map_or(0, |line| row_starts(line, view.long, area.width).len());
    let room = usize::from(area.height).saturating_sub(live_rows);
    let place = view.place_in(all, room);
    let window = place.map(|place| all.window(place, room));
    let mut rows: Vec<Line<'_>> = Vec::new();
    for shown in window.unwrap_or_default() {
        if let Some(line) = log.line(shown.line) {
            let found = found_in(line, shown.line, view.search.as_ref(), theme);
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
        let shown = Shown {
            line: log.end_seq(),
            rows: first..starts.len(),
            starts,
        };
        let found = found_in(line, shown.line, view.search.as_ref(), theme);
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

fn bytes(shown: &Shown, row: usize) -> Range<usize> {
    let at = |row: usize| shown.starts.get(row).copied();
    at(row).unwrap_or(0)..at(row + 1).unwrap_or(usize::MAX)
}

/// Bytes to be marked, and how.
struct Found {
    places: Vec<Range<usize>>,
    style: Style,
}

fn found_in(line: &LogLine, number: u64, search: Option<&Search>, theme: Theme) -> Found {
    let Some(search) = search else {
        return Found {
            places: Vec::new(),
            style: Style::new(),
        };
    };
    let here = search.current == Some(number);
    Found {
        places: search.query.places(line.text()),
        style: if here {
            theme.found_here()
        } else {
            theme.found()
        },
    }
}

/// These bytes of a line in their styles.
fn styled<'a>(line: &'a LogLine, row: Range<usize>, found: &Found, theme: Theme) -> Line<'a> {
    let mut spans = Vec::new();
    let mut start = 0;
    for span in line.spans() {
        let end = start + span.text.len();
        let base = style(span.style, theme);
        let mut from = row.start.clamp(start, end);
        let to = row.end.clamp(start, end);
        while from < to {
            let (until, marked) = piece(from, to, &found.places);
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

/// Where the piece that begins here ends, and whether it is to be marked.
fn piece(from: usize, to: usize, places: &[Range<usize>]) -> (usize, bool) {
    let next = places.partition_point(|place| place.end <= from);
    match places.get(next) {
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
