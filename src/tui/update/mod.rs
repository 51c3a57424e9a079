//! Applies a message to the model and returns the commands for the engine. Pure.

mod actions;
mod dialogs;
mod log;
mod navigation;
mod pointer;
mod prompt;

use std::collections::HashSet;

use crossterm::event::{KeyEvent, KeyEventKind};

use super::ExitReason;
use super::attention::refusal_text;
use super::breakpoint::Breakpoint;
use super::keymap::{Action, Binding, Keymap, disabled_reason, search::search};
use super::message::{DrawnFrame, Message};
use super::model::{Dialog, Model, Overlay, Role};
use super::pane::Pane;
use super::prompt::{push, typed_character};
use super::scene::Scene;
use crate::domain::{Duration, GateKind, ReplicaId};
use crate::engine::{AlertLevel, Command, Snapshot};
use navigation::focus;

pub fn update(model: &mut Model, keys: &Keymap, message: Message) -> Vec<Command> {
    let commands = on_message(model, keys, message);
    if let (Role::Viewer { driver }, false) = (model.role, commands.is_empty()) {
        model.show_toast(format!("sent to the main cockpit (pid {driver})"));
    }
    commands
}

fn on_message(model: &mut Model, keys: &Keymap, message: Message) -> Vec<Command> {
    match message {
        Message::Key(key) if key.kind == KeyEventKind::Release => {}
        Message::Key(key) => return on_key(model, keys, key),
        Message::Pointer(pointer) => return pointer::on_pointer(model, keys, pointer),
        Message::Paste(_) => model.show_toast("pasted text is ignored: only keys count"),
        Message::Snapshot(snapshot) => {
            let bell = bell_text(&model.received, &snapshot);
            let snapshot = model.receive(snapshot);
            let scene = model.scene();
            let refused = snapshot.money.refused;
            if let Some(refusal) = refused.filter(|it| Some(*it) != model.snapshot.money.refused) {
                model.show_toast(refusal_text(&refusal));
            }
            model.effects.bell = bell.or(model.effects.bell.take());
            model.snapshot = snapshot;
            model.since_snapshot = Duration::zero();
            after_snapshot(model, scene);
        }
        Message::DriverEnded => {
            if let Role::Viewer { driver } = model.role {
                model.role = Role::Orphaned { driver };
                model.open_dialog(Dialog::LeaveViewer);
            }
        }
        Message::Tick(elapsed) => {
            model.since_snapshot = elapsed;
            model.age_toast();
            model.offers.age();
        }
        Message::Drawn(frame) => on_drawn(model, frame),
        Message::PastLog(instance, log) => {
            let back = keys.key_of(Action::Back);
            model.show_toast(format!("log of rental {instance}: {back} goes back"));
            model.log.show(Some(instance), *log);
            focus(model, Pane::Boot);
        }
        Message::Recorded(lines) => model.program_log.extend(lines),
        Message::TaskDone(text) => model.show_toast(text),
        Message::CommandLost(reason) => {
            model.quitting = false;
            model.exit = None;
            model.show_toast(reason);
        }
    }
    Vec::new()
}

/// Text of a bell: there are more alerts than before, or a gate has begun to wait. Alerts are counted,
/// because the text of one changes while it lasts.
fn bell_text(before: &Snapshot, now: &Snapshot) -> Option<String> {
    let count = |snapshot: &Snapshot, level| {
        let alerts = snapshot.alerts.iter();
        alerts.filter(|alert| alert.level >= level).count()
    };
    let has_more = [AlertLevel::Critical, AlertLevel::Warning]
        .into_iter()
        .any(|level| count(now, level) > count(before, level));
    if let Some(worst) = now.alerts.first().filter(|_| has_more) {
        return Some(worst.text.clone());
    }
    let known: HashSet<_> = gates(before).collect();
    let (replica, gate) = gates(now).find(|gate| !known.contains(gate))?;
    Some(if now.is_single() {
        format!("the {gate} gate waits for you")
    } else {
        format!("{replica}: the {gate} gate waits for you")
    })
}

/// What waits for the operator, whichever replica is shown.
fn gates(snapshot: &Snapshot) -> impl Iterator<Item = (&ReplicaId, GateKind)> {
    let sprints = snapshot.sprints();
    sprints.filter_map(|(replica, sprint)| Some((replica, sprint.gate.as_ref()?.kind)))
}

fn after_snapshot(model: &mut Model, before: Scene) {
    model.update_log();
    model.update_fleet();
    model.trends.record(&model.snapshot);
    model.offers.set_ranked(&model.snapshot.offers.rows);
    // A viewer stays open to show how it ended.
    if model.snapshot.ended && model.role == Role::Driver {
        model.exit = Some(ExitReason::EngineEnded);
    }
    navigation::follow(model, before);
    let dialog = model.dialog.as_ref();
    if let Some(dialog) = dialog.and_then(|dialog| dialogs::replacement(model, dialog)) {
        return model.open_dialog(dialog);
    }
    let dialog = model.dialog.as_ref();
    if let Some(reason) = dialog.and_then(|dialog| dialogs::stale_reason(model, dialog)) {
        model.dialog = None;
        model.show_toast(reason);
    }
}

fn on_drawn(model: &mut Model, frame: DrawnFrame) {
    model.hit_areas = frame.hit_areas;
    model.visible = frame.panes;
    if let Some(size) = frame.logs.rental {
        model.log.size = size;
    }
    if let Some(size) = frame.logs.program {
        model.program_log.size = size;
    }
    if let Some(most) = frame.most_away.nodes {
        model.node_columns.set_most(most);
    }
    if let Some(most) = frame.most_away.history {
        model.history_columns.set_most(most);
    }
    if let (Some(_), Some(top)) = (&model.dialog, frame.overlay_top) {
        model.answer.scroll = top;
    } else if let Some(scroll) = model.overlay.as_mut().and_then(Overlay::scroll_mut)
        && let Some(top) = frame.overlay_top
    {
        *scroll = top;
    }
    if frame.size == Breakpoint::Tiny && model.dialog.is_some() {
        // Half a question must not be answered.
        model.dialog = None;
        model.show_toast("too small for a dialog: enlarge to at least 60x16");
        return;
    }
    model.answer.enabled = model.dialog.is_some();
}

/// A dialog is open but not drawn yet: input was meant for what was on the screen before.
fn is_unseen_dialog(model: &Model) -> bool {
    model.dialog.is_some() && !model.answer.enabled
}

fn on_key(model: &mut Model, keys: &Keymap, key: KeyEvent) -> Vec<Command> {
    if is_unseen_dialog(model) {
        return Vec::new();
    }
    if model.focus == Pane::Offers {
        model.seen_refusal = model.snapshot.money.refused;
    }
    if let Some(pressed) = keys.lookup(model, key) {
        if pressed.renamed.is_some() {
            model.toast = None;
        }
        let commands = run(model, keys, pressed.binding);
        if let Some([former, now]) = pressed.renamed {
            tell_new_key(model, &former, &now);
        }
        return commands;
    }
    type_key(model, key);
    Vec::new()
}

/// The key of a former version still works; the next one will not know it.
fn tell_new_key(model: &mut Model, former: &str, now: &str) {
    let hint = format!("{former} is now {now}");
    let said = model.toast.take().map(|toast| toast.text);
    model.show_toast(match said {
        Some(said) => format!("{hint}: {said}"),
        None => hint,
    });
}

/// Runs a binding unless it is disabled. What it is about is shown first.
fn run(model: &mut Model, keys: &Keymap, binding: &Binding) -> Vec<Command> {
    if binding.action.is_about_a_sprint() {
        navigation::show_acted_on(model);
    }
    if let Some(reason) = disabled_reason(model, binding) {
        model.show_toast(reason);
        return Vec::new();
    }
    actions::run(model, keys, binding.action)
}

/// Runs the selected action of the palette, as its key in its pane would.
fn run_selected(model: &mut Model, keys: &Keymap) -> Vec<Command> {
    let Some(Overlay::Palette(palette)) = model.overlay.take() else {
        return Vec::new();
    };
    let entries = search(&palette.text, keys, model);
    let index = palette.index.min(entries.len().saturating_sub(1));
    let Some(binding) = entries.get(index).map(|entry| entry.binding) else {
        model.show_toast("no such action");
        return Vec::new();
    };
    if !binding.acts_in(model.focus)
        && let Some(pane) = binding.panes.first()
    {
        focus(model, *pane);
    }
    run(model, keys, binding)
}

/// An unbound key is text, where text is typed.
fn type_key(model: &mut Model, key: KeyEvent) {
    let Some(letter) = typed_character(key) else {
        return;
    };
    if model.dialog.is_some() && model.confirmation_word().is_none() {
        return;
    }
    edit_text(model, |text| push(text, letter));
}

/// Edits the text that is being typed, if any.
fn edit_text(model: &mut Model, edit: impl FnOnce(&mut String)) {
    if model.dialog.is_some() {
        edit(&mut model.answer.typed);
    } else if let Some(open) = &mut model.prompt {
        edit(&mut open.text);
        prompt::preview(model);
    } else if let Some(Overlay::Palette(palette)) = &mut model.overlay {
        palette.index = 0;
        edit(&mut palette.text);
    }
}
