//! What each message does to the model, and which commands follow. Pure: the loop sends them.

mod act;
mod dialogs;
mod moves;
mod pointer;

use crossterm::event::{KeyEvent, KeyEventKind};

use crate::domain::Duration;
use crate::engine::{AlertLevel, Command, Snapshot};

use super::ExitReason;
use super::keymap::{Action, Binding, lookup, reason_against};
use super::layout::Breakpoint;
use super::message::Message;
use super::model::{Dialog, Model, Overlay, Pane, Role, suggested_pane};
use super::prompt::{self, Prompt};

/// Takes one message in.
pub fn update(model: &mut Model, message: Message) -> Vec<Command> {
    let commands = take(model, message);
    if let (Role::Viewer { driver }, false) = (model.role, commands.is_empty()) {
        model.say(format!("handed to process {driver}, which drives"));
    }
    commands
}

fn take(model: &mut Model, message: Message) -> Vec<Command> {
    match message {
        Message::Key(key) if key.kind == KeyEventKind::Release => {}
        Message::Key(key) => return on_key(model, key),
        Message::Pointer(pointer) => return pointer::on_pointer(model, pointer),
        Message::Paste(_) => model.say("pasted text is ignored: keys only"),
        Message::Snapshot(snapshot) => {
            let stepped = snapshot.sprint.step != model.snapshot.sprint.step;
            model.ring = news(&model.snapshot, &snapshot).or(model.ring.take());
            model.snapshot = snapshot;
            model.since_snapshot = Duration::zero();
            after_snapshot(model, stepped);
        }
        Message::DriverEnded => {
            if let Role::Viewer { driver } = model.role {
                model.role = Role::LeftBehind { driver };
                model.ask(Dialog::LeaveViewer);
            }
        }
        Message::Tick(elapsed) => {
            model.since_snapshot = elapsed;
            if let Some((_, ticks)) = &mut model.toast {
                *ticks = ticks.saturating_sub(1);
            }
            model.toast.take_if(|(_, ticks)| *ticks == 0);
        }
        Message::Drawn(Breakpoint::Tiny) if model.dialog.is_some() => {
            // Half a question must not be agreed to.
            model.dialog = None;
            model.say("too small for a question: make the terminal 60x16 or larger");
        }
        Message::Drawn(_) => model.dialog_drawn = model.dialog.is_some(),
        Message::Placed(targets) => model.targets = targets,
        Message::LogDrawn(size) => model.log.size = size,
        Message::PastLog(instance, log) => {
            let back = model.keymap.key_of(Action::LiveLog);
            model.say(format!("the log of rental {instance}; {back} goes back"));
            model.show_log(Some(instance), *log);
            moves::focus(model, Pane::Boot);
        }
        Message::Told(text) => model.say(text),
        Message::CommandLost(why) => {
            model.leaving = false;
            model.exit = None;
            model.say(why);
        }
    }
    Vec::new()
}

/// What of a snapshot an operator who looks elsewhere must know: more is wrong than before, or a gate
/// has begun to wait. An alert's text changes while it lasts, so they are counted.
fn news(before: &Snapshot, now: &Snapshot) -> Option<String> {
    let count = |snapshot: &Snapshot, level| {
        let alerts = snapshot.alerts.iter();
        alerts.filter(|alert| alert.level >= level).count()
    };
    let more = [AlertLevel::Critical, AlertLevel::Warning]
        .into_iter()
        .any(|level| count(now, level) > count(before, level));
    if let Some(worst) = now.alerts.first().filter(|_| more) {
        return Some(worst.text.clone());
    }
    let kind = |snapshot: &Snapshot| snapshot.sprint.gate.as_ref().map(|gate| gate.kind);
    let waits = kind(now).filter(|_| kind(now) != kind(before))?;
    Some(format!("the {waits} gate waits for you"))
}

fn after_snapshot(model: &mut Model, stepped: bool) {
    if model.past.is_none() {
        model.boot_log = model.snapshot.boot_log.clone();
        model.log.take(&model.boot_log);
    }
    model.trends.take(&model.snapshot);
    model.offers.take(&model.snapshot.offers.rows);
    // A viewer stays to show how it ended.
    if model.snapshot.ended && model.role == Role::Driver {
        model.exit = Some(ExitReason::EngineEnded);
    }
    // A focused work pane stays: keys must not change their meaning under the operator's fingers.
    if stepped && !model.focus.is_work() {
        model.work = suggested_pane(model.snapshot.sprint.step);
    }
    if model.selected.is_none() {
        model.selected = model.snapshot.offers.rows.first().map(|row| row.offer.id);
    }
    if let Some(reason) = model.dialog.as_ref().and_then(|d| dialogs::moot(model, d)) {
        model.dialog = None;
        model.say(reason);
    }
}

fn on_key(model: &mut Model, key: KeyEvent) -> Vec<Command> {
    // Keys typed before the question was on the screen were meant for something else.
    if model.dialog.is_some() && !model.dialog_drawn {
        return Vec::new();
    }
    if let Some(binding) = lookup(model, key) {
        return run(model, binding);
    }
    type_in(model, key);
    Vec::new()
}

/// Does what a row of the table says, unless something is against it.
fn run(model: &mut Model, binding: &Binding) -> Vec<Command> {
    if let Some(reason) = reason_against(model, binding) {
        model.say(reason);
        return Vec::new();
    }
    act::act(model, binding.action)
}

/// Does what is selected in the palette, as if its key had been pressed in its pane.
fn run_selected(model: &mut Model) -> Vec<Command> {
    let Some(Overlay::Palette(palette)) = model.overlay.take() else {
        return Vec::new();
    };
    let Some(binding) = palette.selected(model) else {
        model.say("no action is called like that");
        return Vec::new();
    };
    if let Some(pane) = binding.context.pane() {
        moves::focus(model, pane);
    }
    run(model, binding)
}

/// What means nothing else is a part of what is typed, where something is typed.
fn type_in(model: &mut Model, key: KeyEvent) {
    let Some(letter) = Prompt::character(key) else {
        return;
    };
    if model.dialog.is_some() {
        if model.word().is_some() {
            prompt::push(&mut model.typed, letter);
        }
    } else if let Some(open) = &mut model.prompt {
        prompt::push(&mut open.text, letter);
        prompt::follow(model);
    } else if let Some(Overlay::Palette(palette)) = &mut model.overlay {
        prompt::push(&mut palette.text, letter);
        palette.at = 0;
    }
}

/// The text that is typed now, if any is.
fn typed(model: &mut Model) -> Option<&mut String> {
    if model.dialog.is_some() {
        return Some(&mut model.typed);
    }
    if let Some(open) = &mut model.prompt {
        return Some(&mut open.text);
    }
    match &mut model.overlay {
        Some(Overlay::Palette(palette)) => {
            palette.at = 0;
            Some(&mut palette.text)
        }
        _ => None,
    }
}
