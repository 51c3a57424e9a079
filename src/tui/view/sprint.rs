//! The sprint: steps, activity, gate, outcome.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::{GateKind, Outcome, Preflight, Step};
use crate::engine::GateSnapshot;
use crate::tui::keymap::{Action, Keymap};
use crate::tui::model::{Model, Role};
use crate::tui::pane::Pane;
use crate::tui::theme::Theme;

use super::widgets::{pane_frame, put_cut};
use super::{format, summary};

/// Rows of the steps, in two columns.
const STEPS: usize = 5;

/// Something to say: its beginning in a style, the rest plain.
type Said = (Span<'static>, String);

/// Steps and release are always visible; texts above them are shortened with an ellipsis.
pub fn draw(buf: &mut Buffer, area: Rect, model: &Model, keys: &Keymap, theme: Theme) {
    let sprint = &model.snapshot.sprint;
    let note = sprint
        .epoch
        .map(|e| format!("for epoch {e}"))
        .unwrap_or_default();
    let inner = pane_frame(buf, area, Pane::Sprint, &note, model, theme);
    let mut fixed = Vec::new();
    if usize::from(inner.height) > STEPS {
        steps(&mut fixed, model, theme);
    }
    if sprint.step != Step::Done {
        fixed.push(release(model, inner.width, theme));
    }
    let room = usize::from(inner.height).saturating_sub(fixed.len());
    let mut lines = fit(
        said(model, keys, theme),
        usize::from(inner.width),
        room,
        theme,
    );
    lines.append(&mut fixed);
    put_cut(buf, inner, lines);
}

fn said(model: &Model, keys: &Keymap, theme: Theme) -> Vec<Said> {
    let sprint = &model.snapshot.sprint;
    let mut said = Vec::new();
    if let Some(outcome) = &sprint.outcome {
        let good = matches!(outcome, Outcome::Confirmed { .. } | Outcome::Served);
        let style = if good {
            theme.ok().patch(theme.strong())
        } else {
            theme.bad()
        };
        let text = format::outcome(outcome);
        let (word, rest) = match text.split_once(':') {
            Some((word, rest)) => (format!("{word}:"), rest.trim()),
            None => (text.clone(), ""),
        };
        said.push((Span::styled(word, style), rest.to_owned()));
    }
    if let Some(gate) = &sprint.gate {
        said.push(gate_said(gate, model, keys, theme));
    }
    let name = sprint.step.name().to_uppercase();
    said.push((Span::styled(name, theme.accent()), sprint.doing.clone()));
    if let Some(cause) = &sprint.cause {
        said.push((Span::styled("Because:", theme.warn()), cause.clone()));
    }
    if let Some(preflight) = sprint
        .preflight
        .as_ref()
        .filter(|_| is_before_renting(sprint.step))
    {
        said.push(preflight_said(preflight, theme));
    }
    said
}

/// One row each; the rest of the room goes to the first that need more.
fn fit(said: Vec<Said>, columns: usize, room: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut spare = room.saturating_sub(said.len());
    let mut lines = Vec::new();
    for (head, rest) in said.into_iter().take(room) {
        let text = format!("{} {rest}", head.content);
        let rows = format::wrap_into(&text, columns, 1 + spare, theme.glyph("…", "..."));
        spare -= (rows.len() - 1).min(spare);
        lines.extend(rows.into_iter().enumerate().map(|(row, text)| {
            match text
                .strip_prefix(head.content.as_ref())
                .filter(|_| row == 0)
            {
                Some(rest) => Line::from(vec![head.clone(), Span::raw(rest.to_owned())]),
                None => Line::raw(text),
            }
        }));
    }
    lines
}

fn gate_said(gate: &GateSnapshot, model: &Model, keys: &Keymap, theme: Theme) -> Said {
    let until = gate
        .until
        .map(|until| format!(", {} left", format::length(until - model.now())))
        .unwrap_or_default();
    let how = match gate.kind {
        GateKind::Start if model.role == Role::Driver => {
            format!(
                "{}, {} reads all",
                summary::how(gate.kind, model, keys),
                keys.key_of(Action::Approve)
            )
        }
        kind => summary::how(kind, model, keys),
    };
    let head = format!("GATE {} [{how}{until}]", gate.kind);
    (Span::styled(head, theme.warn()), gate.question.clone())
}

/// Which requirements are unmet; alerts have the remedies.
fn preflight_said(preflight: &Preflight, theme: Theme) -> Said {
    let obstacles: Vec<String> = preflight
        .obstacles()
        .map(|finding| finding.requirement.to_string())
        .collect();
    let all = preflight.findings.len();
    if obstacles.is_empty() {
        let head = Span::styled("Preflight", theme.ok());
        return (head, format!("{all} of {all} are met"));
    }
    let head = Span::styled("Preflight not met:", theme.bad());
    (head, obstacles.join(", "))
}

fn is_before_renting(step: Step) -> bool {
    matches!(step, Step::Waiting | Step::Choosing)
}

/// Two columns of steps.
fn steps(lines: &mut Vec<Line<'static>>, model: &Model, theme: Theme) {
    let steps = model.snapshot.sprint.aim.steps();
    let (left, right) = steps.split_at(STEPS);
    for (row, &step) in left.iter().enumerate() {
        let mut spans = step_spans(step, 9, 8, model, theme);
        if let Some(&beside) = right.get(row) {
            spans.extend(step_spans(beside, 12, 0, model, theme));
        }
        lines.push(Line::from(spans));
    }
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
    let (mark, style): (&str, Style) = if step == sprint.step {
        (theme.glyph("▶", ">"), theme.accent())
    } else if span.is_some() {
        (theme.glyph("✓", "x"), theme.ok())
    } else {
        (theme.glyph("·", "."), theme.dim())
    };
    let time = span.map_or_else(String::new, |span| {
        format::length(span.ended.unwrap_or_else(|| model.now()) - span.started)
    });
    vec![
        Span::styled(format!("{mark} {:<name$}", step.name()), style),
        Span::styled(format!("{time:<room$}"), theme.dim()),
    ]
}

fn release(model: &Model, width: u16, theme: Theme) -> Line<'static> {
    let sprint = &model.snapshot.sprint;
    let when = sprint.release_at.map_or_else(
        || format::release(sprint),
        |band| {
            let plus_minus = theme.glyph("±", "+-");
            let when = format::band(band, model.now(), plus_minus);
            let policy = format::release(sprint);
            // Clock and band are dropped first where the line is too narrow.
            match when.split_once(&format!(" {plus_minus}")) {
                Some((length, _)) if width < 56 => format!("{length}, {policy}"),
                _ => format!("{when}, {policy}"),
            }
        },
    );
    Line::from(vec![Span::styled("Release ", theme.dim()), Span::raw(when)])
}
