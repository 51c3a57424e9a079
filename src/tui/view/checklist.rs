//! The end of a sprint as a checklist: what is proven, what is under way, what is still to come.

use ratatui::text::{Line, Span};

use crate::domain::{GateKind, Milestone, Step};
use crate::engine::{NodeOwner, NodeRow};
use crate::tui::attention::{Feed, frozen_since};
use crate::tui::keymap::Action;
use crate::tui::model::Model;

use super::top::steps::{StepState, mark};
use super::widgets::Canvas;
use super::{format, proof};

struct Item {
    name: &'static str,
    state: StepState,
    note: String,
}

fn item(name: &'static str, state: StepState, note: impl Into<String>) -> Item {
    Item {
        name,
        state,
        note: note.into(),
    }
}

pub fn lines(canvas: &Canvas<'_>) -> Vec<Line<'static>> {
    let (model, theme) = (canvas.model, canvas.theme);
    let mut items = proven(model);
    items.extend(approval(canvas));
    items.extend(taken_down(model));
    let line = |item: Item| {
        let (mark, style) = mark(item.state, theme);
        Line::from(vec![
            Span::styled(format!("{mark} {:<21} ", item.name), style),
            Span::styled(item.note, theme.text()),
        ])
    };
    let mut lines: Vec<Line<'static>> = items.into_iter().map(line).collect();
    let rental = model.snapshot.rental.as_ref();
    if let Some(rental) = rental.filter(|rental| rental.releasing) {
        let id = rental.id;
        let text = format!("  If this stalls: vastai destroy instance {id}");
        lines.push(Line::styled(text, theme.dim()));
    }
    lines
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
        Some(None) => item(
            "weight on the chain",
            StepState::Current,
            sprint.doing.clone(),
        ),
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
        return Some(item(
            name,
            StepState::Current,
            format!("waits {waits}, {key} approves"),
        ));
    }
    if sprint.step < Step::Releasing {
        return Some(item(name, StepState::ToCome, format::release(sprint)));
    }
    let mut spans = sprint.spans.iter().rev();
    let began = spans.find(|span| span.step == Step::Releasing)?.started;
    Some(item(name, StepState::Done, format::clock(began, now)))
}

/// Node, rental and registration, until each is proven gone.
fn taken_down(model: &Model) -> Vec<Item> {
    let snapshot = &model.snapshot;
    let begun = snapshot.sprint.step == Step::Releasing && snapshot.sprint.gate.is_none();
    let ours = |row: &&NodeRow| matches!(row.owner, NodeOwner::Sprint | NodeOwner::Leftover);
    let ours = snapshot.nodes.rows.iter().find(ours);
    let is_known = snapshot.nodes.read_at.is_some();
    let id = ours.map(|row| row.node.config.id.to_string());
    let id = id.unwrap_or_default();
    let state = |done: bool| match (begun, done) {
        (true, true) => StepState::Done,
        (true, false) => StepState::Current,
        (false, _) => StepState::ToCome,
    };
    let is_off = ours.is_none_or(|row| !row.node.enabled);
    let rental = snapshot.rental.as_ref();
    let is_unread = frozen_since(model, Feed::Rentals).is_some();
    let note = match rental {
        _ if !begun => String::new(),
        _ if is_unread => "rentals unreadable: not proven".to_owned(),
        None => "not listed any more".to_owned(),
        Some(rental) => format!("#{}, {}: {}", rental.id, rental.gpus, rental.status),
    };
    let is_gone = rental.is_none() && !is_unread;
    let mut items = vec![
        item("node disabled", state(is_known && is_off), id.clone()),
        item("rental gone", state(is_gone), note),
        item(
            "registration removed",
            state(is_known && ours.is_none()),
            id,
        ),
    ];
    let mut rows = snapshot.nodes.rows.iter();
    if let Some(row) = rows.find(|row| row.owner == NodeOwner::Proxy) {
        let id = row.node.config.id.to_string();
        items.push(item("proxy registered", StepState::Done, id));
    }
    items
}
