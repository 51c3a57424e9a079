//! The sprint: its steps, what it does, the gate that waits, how it ended.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::{GateKind, Outcome, Preflight, Step};
use crate::engine::GateSnapshot;
use crate::tui::model::{Model, Pane, Role};
use crate::tui::theme::Theme;

use super::{frame, put, words};

/// Draws the pane.
pub fn draw(buf: &mut Buffer, area: Rect, model: &Model, theme: Theme) {
    let sprint = &model.snapshot.sprint;
    let note = sprint
        .epoch
        .map(|e| format!("for epoch {e}"))
        .unwrap_or_default();
    let inner = frame(buf, area, Pane::Sprint, &note, model, theme);
    let mut lines = Vec::new();
    if let Some(outcome) = &sprint.outcome {
        let good = matches!(outcome, Outcome::Confirmed { .. });
        let style = if good {
            theme.ok().patch(theme.strong())
        } else {
            theme.bad()
        };
        lines.push(Line::styled(words::outcome(outcome), style));
        if model.role == Role::Driver {
            lines.push(Line::styled("Press s for the next sprint.", theme.accent()));
        }
    }
    if let Some(gate) = &sprint.gate {
        gate_lines(&mut lines, gate, model, theme);
    }
    lines.push(Line::from(vec![
        Span::styled(
            format!("{} ", sprint.step.name().to_uppercase()),
            theme.accent(),
        ),
        Span::raw(sprint.doing.clone()),
    ]));
    if let Some(cause) = &sprint.cause {
        lines.push(Line::styled(format!("Because: {cause}"), theme.warn()));
    }
    if let Some(preflight) = sprint
        .preflight
        .as_ref()
        .filter(|_| is_before_renting(sprint.step))
    {
        lines.push(preflight_line(preflight, theme));
    }
    if inner.height >= 5 {
        steps(&mut lines, model, theme);
    }
    if sprint.step != Step::Done {
        lines.push(release(model, theme));
    }
    put(buf, inner, lines);
}

fn gate_lines(lines: &mut Vec<Line<'static>>, gate: &GateSnapshot, model: &Model, theme: Theme) {
    let key = match gate.kind {
        _ if model.role != Role::Driver => "its driver decides",
        GateKind::Start => "s starts",
        GateKind::Rent | GateKind::Hedge => "3, pick, Enter",
        GateKind::Register | GateKind::Release => "a approves",
    };
    let until = gate
        .until
        .map(|until| format!(", {} left", words::length(until - model.now())))
        .unwrap_or_default();
    lines.push(Line::from(vec![
        Span::styled(format!("GATE {} [{key}{until}] ", gate.kind), theme.warn()),
        Span::raw(gate.question.clone()),
    ]));
}

/// What is in the way is an alert with its remedy; here is how many.
fn preflight_line(preflight: &Preflight, theme: Theme) -> Line<'static> {
    let obstacles: Vec<String> = preflight
        .obstacles()
        .map(|finding| finding.requirement.to_string())
        .collect();
    let all = preflight.findings.len();
    let (text, style) = if obstacles.is_empty() {
        (format!("{all} of {all} are met"), theme.ok())
    } else {
        (format!("not met: {}", obstacles.join(", ")), theme.bad())
    };
    Line::from(vec![
        Span::styled("Preflight ", theme.dim()),
        Span::styled(text, style),
    ])
}

fn is_before_renting(step: Step) -> bool {
    matches!(step, Step::Waiting | Step::Choosing)
}

/// Two columns: the first five steps beside the last five.
fn steps(lines: &mut Vec<Line<'static>>, model: &Model, theme: Theme) {
    let (left, right) = Step::ALL.split_at(5);
    for (&a, &b) in left.iter().zip(right) {
        let mut spans = step_spans(a, 9, 8, model, theme);
        spans.extend(step_spans(b, 12, 0, model, theme));
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
        words::length(span.ended.unwrap_or_else(|| model.now()) - span.started)
    });
    vec![
        Span::styled(format!("{mark} {:<name$}", step.name()), style),
        Span::styled(format!("{time:<room$}"), theme.dim()),
    ]
}

fn release(model: &Model, theme: Theme) -> Line<'static> {
    let sprint = &model.snapshot.sprint;
    let when = sprint.release_at.map_or_else(
        || words::policy(sprint.release_policy),
        |band| {
            let plus_minus = theme.glyph("±", "+-");
            format!(
                "{}, {}",
                words::band(band, model.now(), plus_minus),
                words::policy(sprint.release_policy)
            )
        },
    );
    Line::from(vec![Span::styled("Release ", theme.dim()), Span::raw(when)])
}
