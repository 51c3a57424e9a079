//! What each message does to the model, and which commands follow. Pure: the loop sends them.

use crossterm::event::{KeyEvent, KeyEventKind};

use crate::domain::{Duration, Mode, RankedOffer};
use crate::engine::{Command, QuitChoice};

use super::ExitReason;
use super::keymap::{Action, lookup};
use super::layout::Breakpoint;
use super::log::{LongLines, Toward};
use super::message::Message;
use super::model::{Dialog, Model, OfferList, Pane, Role, suggested_pane};
use super::prompt::{self, Ask, Prompt};
use super::task::{self, Save, Task};

/// Rows of a page, except in the log: fixed, so that `update` needs no screen.
const PAGE: usize = 10;

/// Takes one message in.
pub fn update(model: &mut Model, message: Message) -> Vec<Command> {
    match message {
        Message::Key(key) if key.kind == KeyEventKind::Release => Vec::new(),
        Message::Key(key) => on_key(model, key),
        Message::Paste => {
            model.say("pasted text is ignored: keys only");
            Vec::new()
        }
        Message::Snapshot(snapshot) => {
            let stepped = snapshot.sprint.step != model.snapshot.sprint.step;
            model.snapshot = snapshot;
            model.since_snapshot = Duration::zero();
            after_snapshot(model, stepped);
            Vec::new()
        }
        Message::DriverEnded => {
            if let Role::Viewer { driver } = model.role {
                model.role = Role::LeftBehind { driver };
                model.ask(Dialog::LeaveViewer);
            }
            Vec::new()
        }
        Message::Tick(elapsed) => {
            model.since_snapshot = elapsed;
            if let Some((_, ticks)) = &mut model.toast {
                *ticks = ticks.saturating_sub(1);
            }
            model.toast.take_if(|(_, ticks)| *ticks == 0);
            Vec::new()
        }
        Message::Drawn(Breakpoint::Tiny) if model.dialog.is_some() => {
            // Half a question must not be agreed to.
            model.dialog = None;
            model.say("too small for a question: make the terminal 60x16 or larger");
            Vec::new()
        }
        Message::Drawn(_) => {
            model.dialog_drawn = model.dialog.is_some();
            Vec::new()
        }
        Message::LogDrawn(size) => {
            model.log.size = size;
            Vec::new()
        }
        Message::Told(text) => {
            model.say(text);
            Vec::new()
        }
        Message::CommandLost(why) => {
            model.leaving = false;
            model.exit = None;
            model.say(why);
            Vec::new()
        }
    }
}

fn after_snapshot(model: &mut Model, stepped: bool) {
    model.log.take(&model.snapshot.boot_log);
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
    if let Some(reason) = model.dialog.as_ref().and_then(|d| moot(model, d)) {
        model.dialog = None;
        model.say(reason);
    }
}

/// Why an open question no longer fits what is.
fn moot(model: &Model, dialog: &Dialog) -> Option<&'static str> {
    match dialog {
        Dialog::Rent(shown) => {
            let rows = &model.snapshot.offers.rows;
            match rows.iter().find(|row| row.offer.id == shown.offer.id) {
                None => Some("the offer is gone: nothing was rented"),
                // A session gets shorter, and so cheaper, while one looks: what was shown still is
                // the most that it can cost.
                Some(row) if row.worst_cost > shown.worst_cost || row.price != shown.price => {
                    Some("the offer's cost has changed: look again")
                }
                Some(_) if !model.asks_for_an_offer() => {
                    Some("it is no longer the time to rent: nothing was rented")
                }
                Some(_) => None,
            }
        }
        Dialog::Approve(kind) => {
            (model.gate() != Some(*kind)).then_some("the gate no longer waits")
        }
        Dialog::Abort => {
            (!model.snapshot.sprint.can_abort).then_some("there is nothing to abort any more")
        }
        Dialog::Allow(machine) => {
            let avoided = &model.snapshot.offers.avoided;
            let gone = avoided.iter().all(|avoided| avoided.machine != *machine);
            gone.then_some("the machine is not avoided any more")
        }
        Dialog::Auto => (model.snapshot.mode == Mode::Auto).then_some("auto mode is on already"),
        Dialog::LeaveViewer | Dialog::Offer(_) => None,
        Dialog::Quit(_) => {
            (!model.is_rented()).then_some("nothing is rented any more: press q again to quit")
        }
    }
}

fn on_key(model: &mut Model, key: KeyEvent) -> Vec<Command> {
    // Keys typed before the question was on the screen were meant for something else.
    if model.dialog.is_some() && !model.dialog_drawn {
        return Vec::new();
    }
    let Some(binding) = lookup(model, key) else {
        type_into_prompt(model, key);
        return Vec::new();
    };
    if let (true, Some(driver)) = (binding.action.commands(), viewed(model)) {
        model.say(format!(
            "this is a viewer: process {driver} drives, use its own terminal"
        ));
        return Vec::new();
    }
    if let Some(reason) = (binding.blocked)(model) {
        model.say(reason);
        return Vec::new();
    }
    act(model, binding.action)
}

/// What means nothing else is a part of the line that is typed.
fn type_into_prompt(model: &mut Model, key: KeyEvent) {
    if model.dialog.is_some() {
        return;
    }
    if let (Some(prompt), Some(letter)) = (&mut model.prompt, Prompt::character(key)) {
        prompt.push(letter);
    }
}

/// The process whose engine is only looked at.
fn viewed(model: &Model) -> Option<u32> {
    match model.role {
        Role::Driver => None,
        Role::Viewer { driver } | Role::LeftBehind { driver } => Some(driver),
    }
}

fn act(model: &mut Model, action: Action) -> Vec<Command> {
    match action {
        Action::Confirm => return confirm(model),
        Action::Cancel => model.dialog = None,
        Action::PickRelease => model.dialog = Some(Dialog::Quit(Some(QuitChoice::Release))),
        Action::PickLeave => model.dialog = Some(Dialog::Quit(Some(QuitChoice::Detach))),
        Action::CloseHelp => model.help = false,
        Action::Start => return vec![Command::Start],
        Action::Approve => {
            if let Some(kind) = model.gate() {
                model.ask(Dialog::Approve(kind));
            }
        }
        Action::Rent => ask_about_offer(model, Dialog::Rent),
        Action::Explain => ask_about_offer(model, Dialog::Offer),
        Action::Allow => {
            if let Some(machine) = model.selected_avoided().map(|avoided| avoided.machine) {
                model.ask(Dialog::Allow(machine));
            }
        }
        Action::Abort => model.ask(Dialog::Abort),
        Action::ToggleMode => match model.snapshot.mode {
            Mode::Auto => return vec![Command::SetMode(Mode::Manual)],
            Mode::Manual => model.ask(Dialog::Auto),
        },
        Action::Refresh => return vec![Command::RefreshOffers],
        Action::Quit => return quit(model),
        Action::Redraw => model.redraw = true,
        Action::Suspend => model.suspend = true,
        other => look(model, other),
    }
    Vec::new()
}

fn ask_about_offer(model: &mut Model, dialog: fn(Box<RankedOffer>) -> Dialog) {
    let selected = model.selected_row();
    let row = selected.and_then(|index| model.snapshot.offers.rows.get(index));
    if let Some(row) = row.cloned() {
        model.ask(dialog(Box::new(row)));
    }
}

/// Actions that only change what is looked at.
fn look(model: &mut Model, action: Action) {
    match action {
        Action::Help => {
            model.help = !model.help;
            model.help_scroll = 0;
        }
        Action::Zoom => model.zoom = !model.zoom,
        Action::NextPane => focus(model, model.focus.step(1)),
        Action::PreviousPane => focus(model, model.focus.step(Pane::ALL.len() - 1)),
        Action::Pane(index) => focus(model, Pane::Countdown.step(usize::from(index))),
        Action::Rejected => show(model, OfferList::Rejected),
        Action::Avoided => show(model, OfferList::Avoided),
        Action::Up => scroll(model, Move::Up(1)),
        Action::Down => scroll(model, Move::Down(1)),
        Action::PageUp => scroll(model, Move::Up(page(model))),
        Action::PageDown => scroll(model, Move::Down(page(model))),
        Action::Top => scroll(model, Move::Up(usize::MAX)),
        Action::Bottom => scroll(model, Move::Down(usize::MAX)),
        other => look_at_log(model, other),
    }
}

/// Actions that only change how the log is looked at.
fn look_at_log(model: &mut Model, action: Action) {
    let log = &model.snapshot.boot_log;
    match action {
        Action::Pause => model.log.pause(log),
        Action::Follow => model.log.follow(),
        Action::Wrap => {
            model.log.wrap();
            let wraps = model.log.long == LongLines::Wrap;
            model.say(if wraps {
                "long lines are wrapped"
            } else {
                "long lines are cut"
            });
        }
        Action::Left => model.log.left(),
        Action::Right => model.log.right(),
        Action::Search => model.prompt = Some(Prompt::new(Ask::Search)),
        Action::Filter => model.prompt = Some(Prompt::new(Ask::Filter)),
        Action::GoTo => model.prompt = Some(Prompt::new(Ask::GoTo)),
        Action::NextMatch => next_match(model, Toward::Newer),
        Action::PreviousMatch => next_match(model, Toward::Older),
        Action::NextStage => prompt::next_stage(model, Toward::Newer),
        Action::PreviousStage => prompt::next_stage(model, Toward::Older),
        Action::ClearSearch => model.log.clear(),
        Action::Save => model.task = Some(Task::Save(Save::of(model))),
        Action::Copy => {
            let (text, count) = task::copied(model);
            model.say(format!(
                "{} copied; if the terminal took none, S saves them to a file",
                task::lines(count)
            ));
            model.task = Some(Task::Copy(text));
        }
        Action::Accept => prompt::accept(model),
        Action::ClosePrompt => model.prompt = None,
        Action::Erase => {
            if let Some(prompt) = &mut model.prompt {
                prompt.text.pop();
            }
        }
        Action::EraseAll => {
            if let Some(prompt) = &mut model.prompt {
                prompt.text.clear();
            }
        }
        // The rest is done by `act`.
        _ => {}
    }
}

/// Shows a list, or the usable offers again.
fn show(model: &mut Model, list: OfferList) {
    model.offer_list = if model.offer_list == list {
        OfferList::Usable
    } else {
        list
    };
}

fn next_match(model: &mut Model, toward: Toward) {
    if !model.log.next_match(toward, &model.snapshot.boot_log) {
        model.say("no line that is shown holds it");
    }
}

fn page(model: &Model) -> usize {
    if model.focus == Pane::Boot && !model.help {
        model.log.page()
    } else {
        PAGE
    }
}

fn focus(model: &mut Model, pane: Pane) {
    model.focus = pane;
    if pane.is_work() {
        model.work = pane;
    }
}

fn quit(model: &mut Model) -> Vec<Command> {
    if viewed(model).is_some() {
        model.exit = Some(ExitReason::Quit);
        return Vec::new();
    }
    if model.is_rented() {
        model.ask(Dialog::Quit(None));
        return Vec::new();
    }
    model.exit = Some(ExitReason::Quit);
    vec![Command::Quit(QuitChoice::Detach)]
}

fn confirm(model: &mut Model) -> Vec<Command> {
    let Some(dialog) = model.dialog.take() else {
        return Vec::new();
    };
    match dialog {
        Dialog::Rent(row) => {
            // What comes next is to be seen there.
            focus(model, Pane::Boot);
            vec![Command::Rent {
                offer: row.offer.id,
                agreed: row.worst_cost,
            }]
        }
        Dialog::Offer(_) => Vec::new(),
        Dialog::LeaveViewer => {
            model.exit = Some(ExitReason::Quit);
            Vec::new()
        }
        Dialog::Allow(machine) => vec![Command::AllowMachine(machine)],
        Dialog::Abort => vec![Command::Abort],
        Dialog::Approve(kind) => vec![Command::Approve(kind)],
        Dialog::Auto => vec![Command::SetMode(Mode::Auto)],
        Dialog::Quit(None) => {
            model.say("nothing was chosen: r releases and quits, l leaves it running");
            Vec::new()
        }
        Dialog::Quit(Some(QuitChoice::Release)) => {
            model.leaving = true;
            vec![Command::Quit(QuitChoice::Release)]
        }
        Dialog::Quit(Some(QuitChoice::Detach)) => {
            model.exit = Some(ExitReason::Quit);
            vec![Command::Quit(QuitChoice::Detach)]
        }
    }
}

#[derive(Clone, Copy)]
enum Move {
    Up(usize),
    Down(usize),
}

impl Move {
    fn from(self, place: usize, last: usize) -> usize {
        match self {
            Move::Up(by) => place.saturating_sub(by),
            Move::Down(by) => place.saturating_add(by).min(last),
        }
    }
}

fn scroll(model: &mut Model, by: Move) {
    if model.help {
        let last = super::keymap::BINDINGS.len() + 10;
        let place = by.from(usize::from(model.help_scroll), last);
        model.help_scroll = u16::try_from(place).unwrap_or(u16::MAX);
        return;
    }
    match model.focus {
        Pane::Offers => match model.offer_list {
            OfferList::Usable => select(model, by),
            OfferList::Rejected => {
                let last = model.snapshot.offers.rejected.len().saturating_sub(1);
                model.rejected_scroll = by.from(model.rejected_scroll.min(last), last);
            }
            OfferList::Avoided => {
                let last = model.snapshot.offers.avoided.len().saturating_sub(1);
                model.avoided_at = by.from(model.avoided_at.min(last), last);
            }
        },
        Pane::Boot => scroll_log(model, by),
        Pane::Nodes => {
            let last = model.snapshot.nodes.rows.len().saturating_sub(1);
            model.nodes_scroll = by.from(model.nodes_scroll.min(last), last);
        }
        Pane::Countdown | Pane::Sprint | Pane::Journal => {}
    }
}

fn select(model: &mut Model, by: Move) {
    let rows = &model.snapshot.offers.rows;
    let last = rows.len().saturating_sub(1);
    let place = match model.selected_row() {
        Some(place) => by.from(place, last),
        None => 0,
    };
    model.selected = rows.get(place).map(|row| row.offer.id);
}

fn scroll_log(model: &mut Model, by: Move) {
    let log = &model.snapshot.boot_log;
    match by {
        Move::Up(rows) => model.log.up(log, rows),
        Move::Down(rows) => model.log.down(log, rows),
    }
}
