//! The end of a sprint as a checklist: what is proven, what is under way, what is still to come.

use ratatui::text::{Line, Span};

use crate::domain::{
    BETWEEN_LISTINGS, GateKind, LISTINGS_WITHOUT, Milestone, ReleaseAction, ReleaseStep, Step,
};
use crate::engine::NodeOwner;
use crate::tui::attention::{Feed, frozen_since};
use crate::tui::keymap::Action;
use crate::tui::model::Model;

use super::top::steps::{StepState, mark};
use super::widgets::Canvas;
use super::{format, proof};

/// Columns of a time, or of how far something is.
const WHEN: usize = 14;

struct Item {
    name: &'static str,
    state: StepState,
    when: String,
    note: String,
}

fn item(name: &'static str, state: StepState, when: impl Into<String>) -> Item {
    Item {
        name,
        state,
        when: when.into(),
        note: String::new(),
    }
}

impl Item {
    fn with_note(self, note: impl Into<String>) -> Item {
        Item {
            note: note.into(),
            ..self
        }
    }
}

/// Where not all of it fits, what is done is only counted.
pub fn lines(canvas: &Canvas<'_>, height: usize) -> Vec<Line<'static>> {
    let (model, theme) = (canvas.model, canvas.theme);
    let mut items = proven(model);
    items.extend(approval(canvas));
    items.extend(taken_down(model));
    if items.len() > height {
        items = without_done(items);
    }
    let line = |item: Item| {
        let (mark, style) = mark(item.state, theme);
        Line::from(vec![
            Span::styled(format!("{mark} {:<22} ", item.name), style),
            Span::styled(format!("{:<WHEN$} ", item.when), theme.text()),
            Span::styled(item.note, theme.text()),
        ])
    };
    let mut lines: Vec<Line<'static>> = items.into_iter().map(line).collect();
    let rental = model.snapshot.rental.as_ref();
    if let Some(rental) = rental.filter(|rental| rental.releasing && lines.len() < height) {
        let id = rental.id;
        let text = format!("  If this stalls: vastai destroy instance {id}");
        lines.push(Line::styled(text, theme.dim()));
    }
    lines
}

fn without_done(items: Vec<Item>) -> Vec<Item> {
    let all = items.len();
    let is_open = |item: &Item| item.state != StepState::Done;
    let open: Vec<Item> = items.into_iter().filter(is_open).collect();
    let done = all - open.len();
    let done = (done > 0).then(|| item("done", StepState::Done, format!("{done} of {all}")));
    done.into_iter().chain(open).collect()
}

/// What the chain says of the `PoC`.
fn proven(model: &Model) -> Vec<Item> {
    let (sprint, now) = (&model.snapshot.sprint, model.now());
    if !sprint.aim.proves() || sprint.cause.is_some() {
        return Vec::new();
    }
    let validated = proof::end_of(Milestone::PocValidationEnd, model);
    let mut spans = sprint.spans.iter().rev();
    let confirming = spans.find(|span| span.step == Step::Confirming);
    let validation = match validated.filter(|at| *at <= now) {
        Some(at) => item("validation ended", StepState::Done, format::clock(at, now)),
        None if confirming.is_some() => item("validation ended", StepState::Done, ""),
        None => item("validation ended", StepState::ToCome, ""),
    };
    let weight = match confirming.map(|span| span.ended) {
        Some(Some(at)) => item(
            "weight on the chain",
            StepState::Done,
            format::clock(at, now),
        ),
        Some(None) => {
            item("weight on the chain", StepState::Current, "").with_note(sprint.doing.clone())
        }
        None => item("weight on the chain", StepState::ToCome, ""),
    };
    vec![validation, weight]
}

/// Whether the operator has agreed, where that is asked.
fn approval(canvas: &Canvas<'_>) -> Option<Item> {
    let model = canvas.model;
    let (sprint, now) = (&model.snapshot.sprint, model.now());
    let name = "release approved";
    if let Some(gate) = sprint
        .gate
        .as_ref()
        .filter(|gate| gate.kind == GateKind::Release)
    {
        let waits = format::short(now - gate.since);
        let key = canvas.key(Action::Approve);
        let waits = item(name, StepState::Current, format!("waits {waits}"));
        return Some(waits.with_note(format!("{key} approves")));
    }
    if sprint.step < Step::Releasing {
        return Some(item(name, StepState::ToCome, "").with_note(format::release(sprint)));
    }
    let mut spans = sprint.spans.iter().rev();
    let began = spans.find(|span| span.step == Step::Releasing)?.started;
    Some(item(name, StepState::Done, format::clock(began, now)))
}

/// Node, rental, registration and proxy: each until it is proven.
fn taken_down(model: &Model) -> Vec<Item> {
    let steps = model.snapshot.sprint.release_steps.iter();
    steps.map(|step| release_item(step, model)).collect()
}

fn release_item(step: &ReleaseStep, model: &Model) -> Item {
    let name = match step.action {
        ReleaseAction::DisableNode => "node disabled",
        ReleaseAction::DestroyRental => "rental destroyed",
        ReleaseAction::ProveGone => "gone from two listings",
        ReleaseAction::RemoveNode => "registration removed",
        ReleaseAction::RegisterProxy => "proxy registered",
    };
    let state = match (step.done, step.started) {
        (Some(_), _) => StepState::Done,
        (None, Some(_)) => StepState::Current,
        (None, None) => StepState::ToCome,
    };
    Item {
        name,
        state,
        when: when(step),
        note: step_note(step, model),
    }
}

/// When it was proven, or how far it is.
fn when(step: &ReleaseStep) -> String {
    match (step.done, step.action, step.started) {
        (Some(at), ..) => format::second(at),
        (None, _, None) => String::new(),
        (None, ReleaseAction::ProveGone, _) => format!("{} of {LISTINGS_WITHOUT}", step.count),
        (None, _, Some(_)) if step.count == 1 => "asked once".to_owned(),
        (None, _, Some(_)) => format!("asked {} times", step.count),
    }
}

/// Why it is not done, and else what it is about.
fn step_note(step: &ReleaseStep, model: &Model) -> String {
    if let Some(failure) = &step.failure {
        return failure.clone();
    }
    let snapshot = &model.snapshot;
    match step.action {
        ReleaseAction::DisableNode | ReleaseAction::RemoveNode => id_of(model, NodeOwner::Sprint),
        ReleaseAction::RegisterProxy => id_of(model, NodeOwner::Proxy),
        ReleaseAction::DestroyRental => match &snapshot.rental {
            Some(rental) if step.done.is_none() => format!("#{}, {}", rental.id, rental.gpus),
            _ if step.count > 1 => format!("asked {} times, accepted", step.count),
            _ => String::new(),
        },
        ReleaseAction::ProveGone => match (step.done, step.replied) {
            _ if frozen_since(model, Feed::Rentals).is_some() => {
                "rentals unreadable: not proven".to_owned()
            }
            (None, Some(at)) => {
                let (seen, next) = (format::second(at), format::second(at + BETWEEN_LISTINGS));
                format!("absent at {seen}, next {next}")
            }
            (None, None) => "30s apart".to_owned(),
            (Some(_), _) => String::new(),
        },
    }
}

fn id_of(model: &Model, owner: NodeOwner) -> String {
    let mut rows = model.snapshot.nodes.rows.iter();
    let row = rows.find(|row| row.owner == owner);
    row.map_or_else(String::new, |row| row.node.config.id.to_string())
}
