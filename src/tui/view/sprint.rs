//! The sprint: steps, activity, gate, outcome.

use ratatui::text::{Line, Span};

use crate::domain::{GateKind, Outcome, Step};
use crate::engine::GateSnapshot;
use crate::tui::keymap::Action;
use crate::tui::model::{Model, Role};
use crate::tui::scene::Scene;
use crate::tui::theme::Theme;

use super::top::steps::{self, StepState};
use super::widgets::Canvas;
use super::{checklist, format};

/// A text: its beginning in a style, the rest plain.
type Text = (Span<'static>, String);

/// Rows of a text where there is room for all.
const LONG: usize = 40;

pub fn note(model: &Model) -> String {
    let sprint = &model.snapshot.sprint;
    let epoch = sprint.epoch.map(|epoch| format!("epoch {epoch}"));
    let weight = match &sprint.outcome {
        Some(Outcome::Confirmed { weight }) => {
            Some(format!("weight {} on the chain", format::grouped(weight.0)))
        }
        _ => None,
    };
    let parts: Vec<String> = epoch.into_iter().chain(weight).collect();
    parts.join(", ")
}

/// Everything.
pub fn lines(canvas: &Canvas<'_>, width: u16) -> Vec<Line<'static>> {
    lines_in(canvas, width, LONG)
}

/// Steps and release are always visible; texts above them are shortened with an ellipsis.
pub fn lines_in(canvas: &Canvas<'_>, width: u16, height: usize) -> Vec<Line<'static>> {
    let (model, theme) = (canvas.model, canvas.theme);
    let sprint = &model.snapshot.sprint;
    let steps = match model.scene() {
        // A row says what the sprint does.
        Scene::Releasing => checklist::lines(canvas, height.saturating_sub(2)),
        _ => steps(model, width, theme),
    };
    let mut fixed = Vec::new();
    if height > steps.len() + 1 {
        fixed.extend(steps);
    }
    // Once it is under way, the checklist says more.
    if sprint.step < Step::Releasing || sprint.gate.is_some() {
        fixed.push(release(model, width, theme));
    }
    let room = height.saturating_sub(fixed.len());
    let columns = usize::from(width).saturating_sub(1);
    let mut lines = fit(texts(canvas), columns, room, theme);
    lines.append(&mut fixed);
    for line in &mut lines {
        line.spans.insert(0, Span::raw(" "));
    }
    lines
}

fn texts(canvas: &Canvas<'_>) -> Vec<Text> {
    let theme = canvas.theme;
    let sprint = &canvas.model.snapshot.sprint;
    let mut texts = Vec::new();
    if let Some(outcome) = &sprint.outcome {
        let style = match outcome {
            Outcome::Confirmed { .. } | Outcome::Served => theme.ok().patch(theme.strong()),
            _ => theme.bad(),
        };
        let text = format::outcome(outcome);
        let (word, rest) = match text.split_once(':') {
            Some((word, rest)) => (format!("{word}:"), rest.trim()),
            None => (text.clone(), ""),
        };
        texts.push((Span::styled(word, style), rest.to_owned()));
    }
    if let Some(gate) = &sprint.gate {
        texts.push(gate_text(gate, canvas));
    }
    let name = sprint.step.name().to_uppercase();
    texts.push((Span::styled(name, theme.accent()), sprint.doing.clone()));
    if let Some(cause) = &sprint.cause {
        texts.push((Span::styled("Cause:", theme.warn()), cause.clone()));
    }
    texts
}

/// One row each; the rest of the room goes to the first that need more.
fn fit(texts: Vec<Text>, columns: usize, room: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut spare = room.saturating_sub(texts.len());
    let mut lines = Vec::new();
    for (head, rest) in texts.into_iter().take(room) {
        let text = format!("{} {rest}", head.content);
        let rows = format::wrap_into(&text, columns, 1 + spare, theme.glyph("…", "..."));
        spare -= (rows.len() - 1).min(spare);
        let first = rows
            .first()
            .and_then(|row| row.strip_prefix(head.content.as_ref()));
        let first = first.map(|rest| Line::from(vec![head.clone(), Span::raw(rest.to_owned())]));
        let plain = usize::from(first.is_some());
        lines.extend(first);
        lines.extend(rows.into_iter().skip(plain).map(Line::raw));
    }
    lines
}

/// What the gate asks; row 1 says how it is passed, and until when.
fn gate_text(gate: &GateSnapshot, canvas: &Canvas<'_>) -> Text {
    let mut head = "Waits for you:".to_owned();
    if gate.kind == GateKind::Start && canvas.model.role == Role::Driver {
        head = format!("Waits for you ({} reviews):", canvas.key(Action::Approve));
    }
    (
        Span::styled(head, canvas.theme.warn()),
        gate.question.clone(),
    )
}

/// The steps in columns, one below the other, with what they took.
fn steps(model: &Model, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let states = steps::states(&model.snapshot.sprint);
    let columns = if width >= 75 { 3 } else { 2 };
    let rows = states.len().div_ceil(columns);
    let row = |row: usize| -> Line<'static> {
        let in_row = states.iter().skip(row).step_by(rows);
        let spans = in_row.flat_map(|(step, state)| step_spans(*step, *state, model, theme));
        spans.collect()
    };
    (0..rows).map(row).collect()
}

fn step_spans(step: Step, state: StepState, model: &Model, theme: Theme) -> Vec<Span<'static>> {
    let spans = model.snapshot.sprint.spans.iter();
    let span = spans.rev().find(|span| span.step == step);
    let (mark, style) = steps::mark(state, theme);
    let time = span.map(|span| span.ended.unwrap_or_else(|| model.now()) - span.started);
    let time = time.map(format::length).unwrap_or_default();
    vec![
        Span::styled(format!("{mark} {:<9}", step.verb()), style),
        Span::styled(format!("{time:>8}    "), theme.dim()),
    ]
}

fn release(model: &Model, width: u16, theme: Theme) -> Line<'static> {
    let sprint = &model.snapshot.sprint;
    let plus_minus = theme.glyph("±", "+-");
    let band = |band| format::band(band, model.now(), plus_minus);
    let policy = format::release(sprint);
    let when = match sprint.release_at.map(band) {
        None => policy,
        // Clock and band are dropped first where the line is too narrow.
        Some(when) => match when.split_once(&format!(" {plus_minus}")) {
            Some((length, _)) if width < 56 => format!("{length}, {policy}"),
            _ => format!("{when}, {policy}"),
        },
    };
    Line::from(vec![Span::styled("Release ", theme.dim()), Span::raw(when)])
}
