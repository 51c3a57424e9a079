//! Dialogs: the question with its object, money, time, what happens if nothing is done, and the answers.

mod node;
mod offers;
mod rent;
mod sprint;

use ratatui::layout::{Margin, Rect};
use ratatui::text::{Line, Span};

use crate::tui::hit_areas::HitTarget;
use crate::tui::keymap::Action;
use crate::tui::layout::centered;
use crate::tui::model::{Dialog, Model};
use crate::tui::theme::Theme;

use super::format;
use super::widgets::{Canvas, indented, popup};
pub(in crate::tui) use sprint::next_decision;
pub(in crate::tui::view) use sprint::next_gate;

const WIDTH: u16 = 66;
/// A dialog leaves a part of the screen to what it is about, where there is room.
const MOST_OF_SCREEN: u16 = 80;
/// On lower screens it takes all rows.
const LOW: u16 = 20;

/// What a dialog says and asks.
struct Question {
    title: String,
    lines: Vec<Line<'static>>,
    /// What `y` does; nothing where there is nothing to confirm.
    yes: Option<String>,
    /// What closing it means.
    no: &'static str,
}

impl Question {
    fn new(title: impl Into<String>, lines: Vec<Line<'static>>) -> Question {
        Question {
            title: title.into(),
            lines,
            yes: None,
            no: "close",
        }
    }

    fn asks(self, yes: impl Into<String>, no: &'static str) -> Question {
        Question {
            yes: Some(yes.into()),
            no,
            ..self
        }
    }
}

/// Draws a dialog; returns the first visible row of its text.
pub fn draw(canvas: &mut Canvas<'_>, screen: Rect, dialog: &Dialog) -> usize {
    let (model, theme) = (canvas.model, canvas.theme);
    let question = question(dialog, canvas);
    let columns = usize::from(WIDTH.min(screen.width)).saturating_sub(4);
    let rows = question.lines.iter().cloned();
    let body: Vec<Line<'_>> = rows.flat_map(|line| wrapped(line, columns)).collect();
    let mut answers = answers(&question, model, theme);
    // The answers stay, whatever the question leaves of the screen.
    let room = usize::from(most_rows(screen.height)).saturating_sub(answers.len() + 3);
    let top = model.answer.scroll.min(body.len().saturating_sub(room));
    let below = body.len().saturating_sub(top + room);
    let mut lines: Vec<Line<'_>> = body.into_iter().skip(top).take(room).collect();
    lines.push(more(top, below, canvas));
    lines.append(&mut answers);
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let area = centered(screen, WIDTH, height);
    add_targets(canvas, area, lines.len(), &question);
    let lines = lines.into_iter().map(indented).collect();
    popup(canvas.buf, area, &question.title, lines, 0, theme);
    top
}

fn most_rows(height: u16) -> u16 {
    let most = u32::from(height) * u32::from(MOST_OF_SCREEN) / 100;
    u16::try_from(most).unwrap_or(height).max(LOW.min(height))
}

/// The row between text and answers says what is out of sight.
fn more(above: usize, below: usize, canvas: &Canvas<'_>) -> Line<'static> {
    let theme = canvas.theme;
    let text = match (above, below) {
        (0, 0) => String::new(),
        (_, 0) => format!("{}: up", theme.glyph("↑", "Up")),
        (_, rows) => format!(
            "{}: {} more",
            theme.glyph("↓", "Down"),
            format::count(rows, "row")
        ),
    };
    Line::styled(text, theme.dim()).right_aligned()
}

fn add_targets(canvas: &mut Canvas<'_>, area: Rect, rows: usize, question: &Question) {
    let inner = area.inner(Margin::new(1, 1));
    let last = rows.saturating_sub(1);
    let is_typed = canvas.model.confirmation_word().is_some();
    let hits = &mut canvas.hits;
    hits.add_row(inner, last, HitTarget::Action(Action::Cancel));
    // A dialog that is confirmed by a word is not confirmed by a click.
    if question.yes.is_some() && !is_typed {
        let row = last.saturating_sub(1);
        hits.add_row(inner, row, HitTarget::Action(Action::Confirm));
    }
}

/// What is asked; of which replica, where there are several.
fn question(dialog: &Dialog, canvas: &Canvas<'_>) -> Question {
    let question = question_of(dialog, canvas);
    let snapshot = &canvas.model.snapshot;
    match dialog {
        Dialog::Rent(_) | Dialog::Abort | Dialog::Approve(_) if !snapshot.is_single() => Question {
            title: format!("{}: {}", snapshot.replica, question.title),
            ..question
        },
        _ => question,
    }
}

fn question_of(dialog: &Dialog, canvas: &Canvas<'_>) -> Question {
    let (model, theme) = (canvas.model, canvas.theme);
    match dialog {
        Dialog::Rent(row) => rent::rent(row, model, theme),
        Dialog::Refused(row) => rent::refused(row, model, theme),
        Dialog::Gone(row) => rent::gone(row, theme),
        Dialog::Avoid(machine) => offers::avoid(*machine, canvas),
        Dialog::Allow(machine) => offers::allow(*machine, model),
        Dialog::Node {
            node,
            owner,
            change,
            ..
        } => node::change(node, *owner, *change, theme),
        Dialog::LeaveViewer => sprint::orphaned(model),
        Dialog::Abort => sprint::abort(model),
        Dialog::AbortAll => sprint::abort_all(model),
        Dialog::Approve(kind) => sprint::approve(*kind, model, theme),
        Dialog::Auto => sprint::auto(model),
        Dialog::AcceptJournal => sprint::accept_journal(model, theme),
        Dialog::Quit(choice) => sprint::quit(*choice, model, theme),
    }
}

/// The possible answers. Nothing is confirmed by default.
fn answers(question: &Question, model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let default = match question.yes {
        Some(_) => format!("{} (default)", question.no),
        None => question.no.to_owned(),
    };
    if let (Some(word), Some(yes)) = (model.confirmation_word(), &question.yes) {
        let ask = format!("Type {word} and press Enter to {yes}:");
        return vec![
            Line::styled(ask, theme.warn()),
            Line::from(vec![
                Span::styled(format!("{} ", theme.glyph("›", ">")), theme.accent()),
                Span::styled(model.answer.typed.clone(), theme.strong()),
                Span::styled(" ", theme.selected()),
            ]),
            Line::styled(format!("{:<12} {default}", "Esc"), theme.selected()),
        ];
    }
    let yes = question.yes.as_ref();
    let yes = yes.map(|yes| Line::styled(format!("{:<12} {yes}", "y"), theme.warn()));
    let no = format!("{:<12} {default} ", "Enter, Esc");
    let no = Line::styled(no, theme.selected());
    yes.into_iter().chain([no]).collect()
}

/// A line in rows, where it is too long for one.
fn wrapped(line: Line<'static>, columns: usize) -> Vec<Line<'static>> {
    if line.width() <= columns {
        return vec![line];
    }
    let rows = format::wrap(&line.to_string(), columns).into_iter();
    rows.map(|row| Line::styled(row, line.style)).collect()
}
