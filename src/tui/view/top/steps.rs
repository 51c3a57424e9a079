//! Row 3: the steps of the sprint.

use std::ops::Range;

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use crate::domain::{Duration, Mode, Outcome, Step, StepSpan};
use crate::engine::{NodeOwner, SprintSnapshot};
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::view::format;

use super::super::dialog::next_gate;
use super::super::widgets::Canvas;
use super::{WIDE, label};

/// Width from which every step has its word.
const ALL_STEPS: u16 = 78;

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    Done,
    Current,
    Failed,
    ToCome,
}

/// The steps in order, with where each stands.
pub fn states(sprint: &SprintSnapshot) -> Vec<(Step, StepState)> {
    let steps = sprint.aim.steps();
    let steps = steps.into_iter().filter(|step| *step != Step::Done);
    let steps: Vec<Step> = steps.collect();
    let failed = failed_step(sprint);
    let state = |step: Step| {
        let is_seen = sprint.spans.iter().any(|span| span.step == step);
        if Some(step) == failed {
            StepState::Failed
        } else if step == sprint.step {
            StepState::Current
        } else if is_seen {
            StepState::Done
        } else {
            StepState::ToCome
        }
    };
    steps.into_iter().map(|step| (step, state(step))).collect()
}

/// The step in which a sprint failed: the last one before the release.
fn failed_step(sprint: &SprintSnapshot) -> Option<Step> {
    let has_failed = match &sprint.outcome {
        Some(Outcome::Failed { .. } | Outcome::NoWeight { .. } | Outcome::Unknown { .. }) => true,
        Some(_) => false,
        None => sprint.step == Step::Releasing && sprint.cause.is_some(),
    };
    let before = |span: &&StepSpan| span.step < Step::Releasing;
    let last = sprint.spans.iter().rev().find(before);
    last.map(|span| span.step).filter(|_| has_failed)
}

/// The row, and the columns at which each step stands.
pub(super) struct Row {
    pub(super) line: Line<'static>,
    pub(super) places: Vec<(Step, Range<usize>)>,
}

pub(super) fn row(canvas: &Canvas<'_>, width: u16) -> Row {
    let (model, theme) = (canvas.model, canvas.theme);
    let sprint = &model.snapshot.sprint;
    let mut spans = match (model.quitting, model.snapshot.mode) {
        (true, _) => label("QUITTING", theme.warn()),
        (false, Mode::Manual) => label("MANUAL", theme.strong()),
        (false, Mode::Auto) => label("AUTO", theme.accent()),
    };
    let epoch = sprint.epoch.map(|epoch| format!(" epoch {epoch} "));
    let epoch = epoch.filter(|_| width >= WIDE);
    let epoch = if model.snapshot.is_single() {
        epoch
    } else {
        let id = &model.snapshot.replica;
        Some(format!(" {id}{}", epoch.as_deref().unwrap_or(" ")))
    };
    let room = usize::from(width).saturating_sub(epoch.as_ref().map_or(0, String::len));
    let mut places = Vec::new();
    if model.quitting {
        spans.push(Span::styled(quitting(model), theme.warn()));
    } else if width < ALL_STEPS {
        spans.extend(in_words(canvas));
    } else {
        let mut from: usize = spans.iter().map(Span::width).sum();
        for (step, span) in all(model, room, width >= WIDE, theme) {
            let to = from + span.width();
            places.extend(step.map(|step| (step, from..to)));
            from = to;
            spans.push(span);
        }
    }
    let used: usize = spans.iter().map(Span::width).sum();
    let fits = |epoch: &String| used + epoch.width() <= usize::from(width);
    if let Some(epoch) = epoch.filter(fits) {
        spans.push(Span::raw(" ".repeat(room.saturating_sub(used))));
        spans.push(Span::styled(epoch, theme.dim()));
    }
    Row {
        line: Line::from(spans),
        places,
    }
}

/// A part of the row, and the step that it is of.
type Part = (Option<Step>, Span<'static>);

/// Every step with its mark; finished ones fold from the left where they do not fit.
fn all(model: &Model, room: usize, with_times: bool, theme: Theme) -> Vec<Part> {
    let states = states(&model.snapshot.sprint);
    let finished = states
        .iter()
        .take_while(|(_, state)| *state == StepState::Done);
    let finished = finished.count();
    let mut last = Vec::new();
    for folded in 0..=finished {
        let mut spans = Vec::new();
        if folded > 0 {
            let mark = theme.glyph("✓", "+");
            spans.push((None, Span::styled(format!("{mark}{folded} "), theme.ok())));
        }
        for &(step, state) in states.iter().skip(folded) {
            let span = step_span(step, state, with_times, model, theme);
            spans.extend([(Some(step), span), (None, Span::raw(" "))]);
        }
        let wide: usize = spans.iter().map(|(_, span)| span.width()).sum();
        last = spans;
        // The label takes ten columns, and the last space none.
        if wide + 10 <= room + 1 {
            break;
        }
    }
    last
}

fn step_span(
    step: Step,
    state: StepState,
    with_times: bool,
    model: &Model,
    theme: Theme,
) -> Span<'static> {
    let (mark, style) = mark(state, theme);
    let time = match state {
        StepState::Current => current_time(step, model),
        StepState::Done if with_times => took(step, model),
        _ => None,
    };
    let time = time.map_or_else(String::new, |time| format!(" {time}"));
    let name = step.verb();
    let name = if matches!(state, StepState::Current | StepState::Failed) {
        name.to_uppercase()
    } else {
        name.to_owned()
    };
    Span::styled(format!("{mark}{name}{time}"), style)
}

pub fn mark(state: StepState, theme: Theme) -> (&'static str, Style) {
    match state {
        StepState::Done => (theme.glyph("✓", "+"), theme.ok()),
        StepState::Current => (theme.glyph("▶", ">"), theme.accent()),
        StepState::Failed => (theme.glyph("✗", "x"), theme.bad()),
        StepState::ToCome => (theme.glyph("·", "."), theme.dim()),
    }
}

fn span_of(step: Step, model: &Model) -> Option<&StepSpan> {
    let mut spans = model.snapshot.sprint.spans.iter().rev();
    spans.find(|span| span.step == step)
}

/// Before the `PoC` begins a registered node waits for it.
fn current_time(step: Step, model: &Model) -> Option<String> {
    let now = model.now();
    if step == Step::Proving
        && let Some(band) = model.poc_start_ahead()
    {
        return Some(format!("in {}", format::short(band.p50 - now)));
    }
    let started = match model.poc_started() {
        Some(started) if step == Step::Proving => started,
        _ => span_of(step, model)?.started,
    };
    Some(format::roughly((now - started).max(Duration::zero())))
}

fn took(step: Step, model: &Model) -> Option<String> {
    let span = span_of(step, model)?;
    Some(format::roughly(span.ended? - span.started))
}

/// `▶WARM 4m, step 5 of 9; next register (a)`.
fn in_words(canvas: &Canvas<'_>) -> Vec<Span<'static>> {
    let (model, theme) = (canvas.model, canvas.theme);
    let states = states(&model.snapshot.sprint);
    let at = states
        .iter()
        .position(|(_, state)| matches!(state, StepState::Current | StepState::Failed));
    let Some(at) = at else {
        return vec![Span::styled("finished", theme.text())];
    };
    let (step, state) = states[at];
    let place = format!(", step {} of {}", at + 1, states.len());
    let next = next_gate(model).filter(|_| step < Step::Releasing);
    let next = next.map(|(name, action)| format!("; next {name} ({})", canvas.key(action)));
    vec![
        step_span(step, state, false, model, theme),
        Span::styled(place, theme.dim()),
        Span::styled(next.unwrap_or_default(), theme.dim()),
    ]
}

fn quitting(model: &Model) -> String {
    let snapshot = &model.snapshot;
    let rentals = snapshot.rentals().count();
    let nodes = snapshot.all_nodes().flat_map(|nodes| &nodes.rows);
    let registrations = nodes.filter(|row| row.owner == NodeOwner::Sprint).count();
    if rentals + registrations == 0 {
        // A rent call in flight may still give a rental.
        return "the cockpit closes when everything is released".to_owned();
    }
    format!(
        "{} and {} to release",
        format::count(rentals, "rental"),
        format::count(registrations, "registration")
    )
}
