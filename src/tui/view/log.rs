//! The log viewer: the rental's log, a past rental's and the program's own. Builds only visible rows.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect, Size};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::tui::filter::Filtered;
use crate::tui::keymap::{Action, Keymap};
use crate::tui::layout::Rows;
use crate::tui::log::{Filter, LogPane, LongLines};
use crate::tui::model::{Model, Role};
use crate::tui::pane::Pane;
use crate::tui::prompt::{Prompt, PromptKind};
use crate::tui::section::Section;
use crate::tui::theme::Theme;

use super::format::{count, second};
use super::log_rows;
use super::widgets::{Canvas, prompt_line, put_cut};

/// Rows that the log takes before anything else may grow.
const WANTED: usize = 12;

/// Follows what there is to read; how many rows wrapped lines have is not counted.
pub fn rows(model: &Model, section: Section) -> Rows {
    let pane = pane_of(model, section);
    let beside = usize::from(pane.log.live.is_some())
        + usize::from(pane.past.is_some())
        + usize::from(bottom_row(model, section));
    let all = pane.rows().saturating_add(beside).max(1).saturating_add(1);
    let most = match pane.long {
        LongLines::Cut { .. } => Rows::up_to(4, all).most,
        LongLines::Wrap => Rows::ENDLESS,
    };
    Rows {
        most,
        ..Rows::up_to(4, all.min(WANTED))
    }
}

fn pane_of(model: &Model, section: Section) -> &LogPane {
    match section {
        Section::ProgramLog => &model.program_log,
        _ => &model.log,
    }
}

/// Draws the section; returns the size of the log, with the row of its prompt or filter.
pub fn draw(canvas: &mut Canvas<'_>, section: Section, area: Rect) -> Size {
    let (model, theme) = (canvas.model, canvas.theme);
    let pane = pane_of(model, section);
    let mut title = title(pane, theme);
    if section == Section::ProgramLog && model.role != Role::Driver {
        // Each process has a log of its own; that of the engine is in the main cockpit.
        title.spans.insert(0, Span::raw("of this viewer, "));
    }
    let inner = canvas.styled_rule(area, section, title);
    let head = pane.past.map(|past| {
        let back = canvas.key(Action::Back);
        let text = format!("LOG OF PAST RENTAL {past}; {back} shows the live log");
        Line::styled(text, theme.warn())
    });
    let head_rows = u16::from(head.is_some()).min(inner.height);
    // In a single row, the prompt matters more than the log.
    let bottom_rows = u16::from(bottom_row(model, section)).min(inner.height - head_rows);
    let rows = [
        Constraint::Length(head_rows),
        Constraint::Min(0),
        Constraint::Length(bottom_rows),
    ];
    let [head_area, lines, bottom] = Layout::vertical(rows).areas(inner);
    put_cut(canvas.buf, head_area, head);
    match (prompt(model, section), &pane.filter) {
        (Some(prompt), _) => {
            let mut line = prompt_line(prompt, theme);
            line.spans.insert(0, Span::raw(" "));
            put_cut(canvas.buf, bottom, [line]);
        }
        (None, Some(filter)) => filter_row(canvas.buf, bottom, filter, canvas.keys, theme),
        (None, None) => {}
    }
    if pane.is_empty() {
        let line = Line::styled(format!(" {}", why_empty(canvas, section)), theme.dim());
        put_cut(canvas.buf, lines, [line]);
    } else if !lines.is_empty() {
        log_rows::draw(canvas.buf, lines, pane, theme);
    }
    Size::new(inner.width, inner.height - head_rows)
}

/// Where something is not here yet.
pub fn from_main_cockpit(model: &Model, what: &str) -> String {
    match model.role {
        Role::Orphaned { .. } => {
            format!("Not here: the main cockpit exited before it sent {what}.")
        }
        _ => format!("Waiting for {what} from the main cockpit."),
    }
}

/// What fills an empty log.
fn why_empty(canvas: &Canvas<'_>, section: Section) -> String {
    let model = canvas.model;
    match section {
        Section::ProgramLog => "Nothing logged yet.".to_owned(),
        _ if model.log.past.is_some() => "Nothing of this log is saved.".to_owned(),
        _ if model.lacks_log() && model.snapshot.rental.is_some() => {
            let replica = &model.snapshot.replica;
            from_main_cockpit(model, &format!("the log of {replica}"))
        }
        _ if model.snapshot.rental.is_some() => "No line yet.".to_owned(),
        _ if model.snapshot.history.is_empty() => "Nothing rented.".to_owned(),
        _ => {
            let history = canvas.key(Action::Pane(Pane::History));
            let open = canvas.key(Action::Open);
            format!("Nothing rented. The log of the last rental: {history}, {open}.")
        }
    }
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
        None if new_errors == 0 && pane.plain_count() > 0 => {
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
        (pane.plain_count(), "line"),
        (trouble.errors.count(), "error"),
        (trouble.warnings.count(), "warning"),
    ];
    let counts = counts.iter().filter(|(number, _)| *number > 0);
    let counts: Vec<String> = counts.map(|(number, noun)| count(*number, noun)).collect();
    counts.join(", ")
}

/// A prompt, or the filter, takes a row.
fn bottom_row(model: &Model, section: Section) -> bool {
    prompt(model, section).is_some() || pane_of(model, section).filter.is_some()
}

/// The prompt, if it is about this log.
fn prompt(model: &Model, section: Section) -> Option<&Prompt> {
    let go_to = || {
        let prompt = model.prompt.as_ref();
        let is_here = model.focus == section.pane();
        prompt.filter(|open| open.kind == PromptKind::GoTo && is_here)
    };
    let filter = model.filter_prompt(Filtered::Pane(section.pane()));
    filter.or_else(go_to)
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
