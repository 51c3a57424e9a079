//! The log viewer: the rental's log, a past rental's and the program's own. Builds only visible rows.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect, Size};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::tui::filter::Filtered;
use crate::tui::keymap::{Action, Keymap};
use crate::tui::layout::Rows;
use crate::tui::log::{Filter, LogPane};
use crate::tui::model::Model;
use crate::tui::pane::Pane;
use crate::tui::prompt::{Prompt, PromptKind};
use crate::tui::section::Section;
use crate::tui::theme::Theme;

use super::format::{count, second};
use super::log_rows;
use super::widgets::{Canvas, prompt_line, put_cut};

/// Rows that the log takes before anything else may grow.
const WANTED: usize = 12;

/// Follows what there is to read. A filter does not change it: nothing moves while one is typed.
pub fn rows(model: &Model) -> Rows {
    let (view, log) = (&model.log, &model.log.log);
    let beside = usize::from(log.live.is_some())
        + usize::from(view.past.is_some())
        + usize::from(bottom_row(model));
    let all = view.rows().saturating_add(beside).max(1).saturating_add(1);
    Rows {
        most: Rows::up_to(4, all).most,
        ..Rows::up_to(4, all.min(WANTED))
    }
}

/// Draws the section; returns the size of the log.
pub fn draw_section(canvas: &mut Canvas<'_>, area: Rect) -> Size {
    let (model, theme) = (canvas.model, canvas.theme);
    let pane = &model.log;
    let inner = canvas.styled_rule(area, Section::Log, title(pane, theme));
    let Some(past) = pane.past else {
        return draw(canvas, inner, pane);
    };
    let back = canvas.key(Action::Back);
    let text = format!("LOG OF PAST RENTAL {past}; {back} shows the live log");
    let [head, rest] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(inner);
    put_cut(canvas.buf, head, [Line::styled(text, theme.warn())]);
    draw(canvas, rest, pane)
}

/// What is shown of the log, and what is in it.
fn title(pane: &LogPane, theme: Theme) -> Line<'static> {
    let mut title = Line::raw(position(pane));
    let new_errors = pane.new_errors();
    if new_errors > 0 {
        title.push_span(Span::raw(", "));
        title.push_span(Span::styled(count(new_errors, "error"), theme.bad()));
    }
    match &pane.filter {
        Some(filter) => title.push_span(format!(", {}", matches_of(filter, pane.current))),
        None if new_errors == 0 && !pane.log.is_empty() => {
            title.push_span(format!(", {}", contents(pane)));
        }
        None => {}
    }
    title
}

fn position(pane: &LogPane) -> String {
    let log = &pane.log;
    let Some(anchor) = pane.anchor else {
        return "following".to_owned();
    };
    let below = pane.lines_below();
    if anchor.line < log.first_seq() {
        return format!("held at the oldest line, {below} below");
    }
    let current = pane.current.filter(|line| pane.is_visible(*line));
    let line = log.line(current.unwrap_or(anchor.line));
    match line.filter(|_| pane.shows_times()) {
        Some(line) => format!("held at {}, {below} below", second(line.at)),
        None => format!("held, {below} below"),
    }
}

/// `"shard" 14 of 17`
fn matches_of(filter: &Filter, current: Option<u64>) -> String {
    let (text, all) = (filter.query.text(), filter.matches.count());
    match current.filter(|line| filter.matches.contains(*line)) {
        Some(line) => format!("\"{text}\" {} of {all}", filter.matches.before(line) + 1),
        None => format!("\"{text}\" {}", count(all, "line")),
    }
}

/// `1,204 lines, 1 error, 2 warnings`, without those that are none.
fn contents(pane: &LogPane) -> String {
    let trouble = &pane.trouble;
    let counts = [
        (pane.log.len(), "line"),
        (trouble.errors.count(), "error"),
        (trouble.warnings.count(), "warning"),
    ];
    let counts = counts.iter().filter(|(number, _)| *number > 0);
    let counts: Vec<String> = counts.map(|(number, noun)| count(*number, noun)).collect();
    counts.join(", ")
}

/// A prompt, or the filter, takes a row.
fn bottom_row(model: &Model) -> bool {
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
fn draw(canvas: &mut Canvas<'_>, area: Rect, pane: &LogPane) -> Size {
    let (model, theme) = (canvas.model, canvas.theme);
    // In a single row, the prompt matters more than the log.
    let bottom_rows = u16::from(bottom_row(model)).min(area.height);
    let rows = [Constraint::Min(0), Constraint::Length(bottom_rows)];
    let [lines, bottom] = Layout::vertical(rows).areas(area);
    match (prompt(model), &pane.filter) {
        (Some(prompt), _) => {
            let mut line = prompt_line(prompt, theme);
            line.spans.insert(0, Span::raw(" "));
            put_cut(canvas.buf, bottom, [line]);
        }
        (None, Some(filter)) => filter_row(canvas.buf, bottom, filter, canvas.keys, theme),
        (None, None) => {}
    }
    if !lines.is_empty() {
        log_rows::draw(canvas.buf, lines, pane, theme);
    }
    area.as_size()
}

/// The filter, and the keys that it gives a meaning.
fn filter_row(buf: &mut Buffer, area: Rect, filter: &Filter, keys: &Keymap, theme: Theme) {
    let others = if filter.shows_others() {
        "matches only"
    } else {
        "all lines"
    };
    let hint = |action, text: &str| {
        [
            Span::styled(keys.key_of(action), theme.key(false)),
            Span::styled(format!(" {text}  "), theme.text()),
        ]
    };
    let mut hints = Line::styled(
        format!("{} ", keys.key_of(Action::NextMatch)),
        theme.key(false),
    );
    hints.extend(hint(Action::PreviousMatch, "match"));
    hints.extend(hint(Action::OtherLines, others));
    hints.extend(hint(Action::Back, "clear"));
    let text = Line::from(vec![
        Span::styled(" filter: ", theme.accent()),
        Span::styled(filter.query.text().to_owned(), Style::new()),
    ]);
    let room = usize::from(area.width).saturating_sub(text.width() + 2);
    put_cut(buf, area, [text]);
    if let Ok(width) = u16::try_from(hints.width())
        && usize::from(width) <= room
    {
        let x = area.right() - width;
        put_cut(buf, Rect { x, width, ..area }, [hints]);
    }
}
