//! The log, followed or paused; builds only visible rows.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect, Size};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use crate::domain::{LineStyle, LogLine, TerminalColor};
use crate::tui::filter::Filtered;
use crate::tui::keymap::Action;
use crate::tui::layout::Rows;
use crate::tui::log::{Filter, Lines, LongLines, Others, VisibleLine, row_starts};
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::prompt::{Prompt, PromptKind};
use crate::tui::section::Section;
use crate::tui::theme::Theme;

use super::format::count;
use super::widgets::{Canvas, prompt_line, put_cut};

/// Rows that the log takes before anything else may grow.
const WANTED: usize = 12;

/// The position in the log, for the title.
pub fn position(model: &Model) -> String {
    let (view, log) = (&model.log, &model.log.log);
    let Some(anchor) = view.anchor else {
        return format!("following, {}", count(log.end_seq(), "line"));
    };
    let below = view.lines_below();
    if anchor.line < log.first_seq() {
        return format!("HELD at the oldest line, {below} below");
    }
    match log.line(anchor.line) {
        Some(line) => format!("HELD at {}, {below} below", line.at.format("%H:%M:%S")),
        None => format!("HELD, {below} below"),
    }
}

/// Follows what there is to read.
pub fn rows(model: &Model) -> Rows {
    let (view, log) = (&model.log, &model.log.log);
    let lines = usize::try_from(log.end_seq() - log.first_seq()).unwrap_or(usize::MAX);
    let beside = usize::from(log.live.is_some())
        + usize::from(view.past.is_some())
        + usize::from(bottom_rows(model));
    let all = lines.saturating_add(beside).max(1).saturating_add(1);
    Rows {
        most: Rows::up_to(4, all).most,
        ..Rows::up_to(4, all.min(WANTED))
    }
}

/// Draws the section; returns the size of the log.
pub fn draw_section(canvas: &mut Canvas<'_>, area: Rect) -> Size {
    let (model, theme) = (canvas.model, canvas.theme);
    let inner = canvas.section_rule(area, Section::Log, &position(model));
    let Some(past) = model.log.past else {
        return draw(canvas.buf, inner, model, theme);
    };
    let back = canvas.key(Action::Back);
    let text = format!("LOG OF PAST RENTAL {past}; {back} shows the live log");
    let [head, rest] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(inner);
    put_cut(canvas.buf, head, [Line::styled(text, theme.warn())]);
    draw(canvas.buf, rest, model, theme)
}

/// A prompt, or the filter, takes a row.
fn bottom_rows(model: &Model) -> bool {
    prompt(model).is_some() || model.log.filter.is_some()
}

/// The prompt, if it is about the log.
fn prompt(model: &Model) -> Option<&Prompt> {
    let prompt = model.prompt.as_ref();
    prompt.filter(|open| match open.kind {
        PromptKind::Filter(of) => of == Filtered::Pane(Pane::Boot),
        PromptKind::GoTo => true,
    })
}

/// Draws the log and below it the prompt or the filter. Returns the size of both.
pub fn draw(buf: &mut Buffer, area: Rect, model: &Model, theme: Theme) -> Size {
    let bottom = bottom_line(model, theme);
    // In a single row, the prompt matters more than the log.
    let bottom_rows = u16::from(bottom.is_some()).min(area.height);
    let rows = [Constraint::Min(0), Constraint::Length(bottom_rows)];
    let [lines_area, bottom_area] = Layout::vertical(rows).areas(area);
    put_cut(buf, bottom_area, bottom);
    if !lines_area.is_empty() {
        lines(buf, lines_area, model, theme);
    }
    area.as_size()
}

fn bottom_line(model: &Model, theme: Theme) -> Option<Line<'_>> {
    if let Some(prompt) = prompt(model) {
        return Some(prompt_line(prompt, theme));
    }
    let Filter {
        lines,
        others,
        current,
    } = model.log.filter.as_ref()?;
    let (text, all) = (lines.query().text(), lines.count());
    let found = match current {
        Some(line) => format!("{} of {all}", (lines.before(*line) + 1).min(all)),
        None => count(all, "line"),
    };
    let others = match others {
        Others::Hidden => "",
        Others::Shown => ", all lines",
    };
    let text = format!("filter \"{text}\": {found}{others}");
    Some(Line::styled(text, theme.accent()))
}

fn lines(buf: &mut Buffer, area: Rect, model: &Model, theme: Theme) {
    let (view, log) = (&model.log, &model.log.log);
    // The view's own size is that of the last frame.
    let all = Lines {
        width: area.width,
        ..view.lines()
    };
    let live = view.live().map(|line| {
        let starts = row_starts(line, view.long, area.width);
        let first = starts.len().saturating_sub(usize::from(area.height));
        let shown = VisibleLine {
            line: log.end_seq(),
            rows: first..starts.len(),
            starts,
        };
        (line, shown)
    });
    let live_rows = live.as_ref().map_or(0, |(_, shown)| shown.starts.len());
    let room = usize::from(area.height).saturating_sub(live_rows);
    let bottom = view.bottom_in(all, room);
    let window = bottom.map(|bottom| all.window(bottom, room));
    let finished = window.unwrap_or_default().into_iter();
    let finished = finished.filter_map(|shown| Some((log.line(shown.line)?, shown)));
    let mut rows: Vec<Line<'_>> = Vec::new();
    for (line, shown) in finished.chain(live) {
        let found = highlights(line, shown.line, view.filter.as_ref(), theme);
        let visible = shown.rows.clone();
        rows.extend(visible.map(|row| styled(line, bytes(&shown, row), &found, theme)));
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

#[derive(Default)]
struct Highlights {
    ranges: Vec<Range<usize>>,
    style: Style,
}

fn highlights(line: &LogLine, number: u64, filter: Option<&Filter>, theme: Theme) -> Highlights {
    let Some(filter) = filter else {
        return Highlights::default();
    };
    let is_current = filter.current == Some(number);
    Highlights {
        ranges: filter.lines.query().ranges(line.text()),
        style: if is_current {
            theme.found_current()
        } else {
            theme.selected()
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
            let text = span.text.get(from - start..until - start);
            let mark = if marked { found.style } else { Style::new() };
            spans.push(Span::styled(text.unwrap_or_default(), base.patch(mark)));
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
