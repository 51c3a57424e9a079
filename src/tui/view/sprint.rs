//! The sprint: steps, activity, gate, outcome.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::{Finding, GateKind, Outcome, Preflight, Step};
use crate::engine::GateSnapshot;
use crate::tui::keymap::Action;
use crate::tui::model::{Model, Role};
use crate::tui::pane::Pane;
use crate::tui::theme::Theme;

use super::format;
use super::widgets::{Canvas, put_cut};

/// Rows of the steps, in two columns.
const STEPS: usize = 5;

/// A text: its beginning in a style, the rest plain.
type Text = (Span<'static>, String);

/// Steps and release are always visible; texts above them are shortened with an ellipsis.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let (model, theme) = (canvas.model, canvas.theme);
    let sprint = &model.snapshot.sprint;
    let note = sprint.epoch.map(|epoch| format!("for epoch {epoch}"));
    let inner = canvas.pane_frame(area, Pane::Sprint, &note.unwrap_or_default());
    let mut fixed = Vec::new();
    if usize::from(inner.height) > STEPS {
        fixed.extend(steps(model, theme));
    }
    if sprint.step != Step::Done {
        fixed.push(release(model, inner.width, theme));
    }
    let room = usize::from(inner.height).saturating_sub(fixed.len());
    let mut lines = fit(texts(canvas), usize::from(inner.width), room, theme);
    lines.append(&mut fixed);
    put_cut(canvas.buf, inner, lines);
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
    let is_before_renting = matches!(sprint.step, Step::Waiting | Step::Choosing);
    if let Some(preflight) = sprint.preflight.as_ref().filter(|_| is_before_renting) {
        texts.push(preflight_text(preflight, theme));
    }
    if is_before_renting && !sprint.overridden.is_empty() {
        let all: Vec<String> = sprint.overridden.iter().map(ToString::to_string).collect();
        let head = Span::styled("Governance overrides", theme.dim());
        texts.push((head, all.join(", ")));
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

/// Which requirements are unmet; alerts have the remedies. Warnings are only named; `pocpit check` explains
/// them.
fn preflight_text(preflight: &Preflight, theme: Theme) -> Text {
    let names = |findings: Vec<&Finding>| {
        let names = findings.iter().map(|it| it.requirement.to_string());
        names.collect::<Vec<_>>().join(", ")
    };
    let obstacles: Vec<&Finding> = preflight.obstacles().collect();
    if !obstacles.is_empty() {
        let head = Span::styled("Preflight not met:", theme.bad());
        return (head, names(obstacles));
    }
    let all = preflight.findings.len();
    let warnings: Vec<&Finding> = preflight.warnings().collect();
    if warnings.is_empty() {
        let head = Span::styled("Preflight", theme.ok());
        return (head, format!("{all} of {all} met"));
    }
    let met = all - warnings.len();
    let head = Span::styled("Preflight", theme.warn());
    let text = format!("{met} of {all} met, look at: {}", names(warnings));
    (head, text)
}

/// Two columns of steps.
fn steps(model: &Model, theme: Theme) -> Vec<Line<'static>> {
    let steps = model.snapshot.sprint.aim.steps();
    let (left, right) = steps.split_at(STEPS);
    let row = |(row, &step): (usize, &Step)| {
        let mut spans = step_spans(step, 9, 8, model, theme);
        if let Some(&second) = right.get(row) {
            spans.extend(step_spans(second, 12, 0, model, theme));
        }
        Line::from(spans)
    };
    left.iter().enumerate().map(row).collect()
}

fn step_spans(
    step: Step,
    name: usize,
    room: usize,
    model: &Model,
    theme: Theme,
) -> Vec<Span<'static>> {
    let sprint = &model.snapshot.sprint;
    let span = sprint.spans.iter().rev().find(|span| span.step == step);
    let (mark, style) = if step == sprint.step {
        (theme.glyph("▶", ">"), theme.accent())
    } else if span.is_some() {
        (theme.glyph("✓", "x"), theme.ok())
    } else {
        (theme.glyph("·", "."), theme.dim())
    };
    let time = span.map(|span| span.ended.unwrap_or_else(|| model.now()) - span.started);
    let time = time.map(format::length).unwrap_or_default();
    vec![
        Span::styled(format!("{mark} {:<name$}", step.name()), style),
        Span::styled(format!("{time:<room$}"), theme.dim()),
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
