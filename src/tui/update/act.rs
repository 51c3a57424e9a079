//! What each action does. There is no row for "the rest": an action without a handler does not
//! compile.

use crate::domain::{Mode, RankedOffer};
use crate::engine::{Command, NodeChange, QuitChoice};
use crate::tui::keymap::Action;
use crate::tui::log::{LongLines, Toward};
use crate::tui::model::{Dialog, Model, OfferList, Overlay, Pane};
use crate::tui::offers::Column;
use crate::tui::palette::Palette;
use crate::tui::prompt::{self, Ask, Prompt};
use crate::tui::task::{self, Save, Task};

use super::moves::{Move, focus, page, scroll};
use super::{dialogs, run_selected, typed};

pub(super) fn act(model: &mut Model, action: Action) -> Vec<Command> {
    match action {
        Action::Confirm => return dialogs::confirm(model),
        Action::Cancel => model.dialog = None,
        Action::PickRelease => model.dialog = Some(Dialog::Quit(Some(QuitChoice::Release))),
        Action::PickLeave => model.dialog = Some(Dialog::Quit(Some(QuitChoice::Detach))),
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
        Action::Quit => return dialogs::quit(model),
        Action::Run => return run_selected(model),
        Action::Close => model.overlay = None,
        Action::Help => model.overlay = Some(Overlay::Help { scroll: 0 }),
        Action::Alerts => model.overlay = Some(Overlay::Alerts { scroll: 0 }),
        Action::Palette => model.overlay = Some(Overlay::Palette(Palette::default())),
        Action::Redraw => model.redraw = true,
        Action::Suspend => model.suspend = true,
        Action::Zoom => model.zoom = !model.zoom,
        Action::NextPane => focus(model, model.focus.step(1)),
        Action::PreviousPane => focus(model, model.focus.step(Pane::ALL.len() - 1)),
        Action::Pane(pane) => focus(model, pane),
        Action::SortBefore => sort(model, Column::ALL.len() - 1),
        Action::SortAfter => sort(model, 1),
        Action::Reverse => model.offers.reverse(),
        Action::Narrow => {
            let text = model.offers.filter.clone();
            model.prompt = Some(Prompt {
                ask: Ask::Offers,
                text,
            });
        }
        Action::ShowAll => {
            model.marked = None;
            prompt::narrow(model, "");
        }
        Action::Compare => compare(model),
        Action::Avoid => {
            if let Some(machine) = model.selected_offer().map(|row| row.offer.machine) {
                model.ask(Dialog::Avoid(machine));
            }
        }
        Action::EnableNode => ask_about_node(model, NodeChange::Enable),
        Action::DisableNode => ask_about_node(model, NodeChange::Disable),
        Action::RemoveNode => ask_about_node(model, NodeChange::Remove),
        Action::OpenLog => open_log(model),
        Action::LiveLog => {
            let live = model.snapshot.boot_log.clone();
            model.show_log(None, live);
        }
        Action::Rejected => show(model, OfferList::Rejected),
        Action::Avoided => show(model, OfferList::Avoided),
        Action::Up => scroll(model, Move::Up(1)),
        Action::Down => scroll(model, Move::Down(1)),
        Action::PageUp => scroll(model, Move::Up(page(model))),
        Action::PageDown => scroll(model, Move::Down(page(model))),
        Action::Top => scroll(model, Move::Up(usize::MAX)),
        Action::Bottom => scroll(model, Move::Down(usize::MAX)),
        Action::Pause => model.log.pause(&model.boot_log),
        Action::Follow => model.log.follow(),
        Action::Wrap => wrap(model),
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
        Action::Copy => copy(model),
        Action::Accept => prompt::accept(model),
        Action::ClosePrompt => prompt::close(model),
        Action::Erase => edit(model, |text| {
            text.pop();
        }),
        Action::EraseAll => edit(model, String::clear),
    }
    Vec::new()
}

fn ask_about_offer(model: &mut Model, dialog: fn(Box<RankedOffer>) -> Dialog) {
    if let Some(row) = model.selected_offer().cloned() {
        model.ask(dialog(Box::new(row)));
    }
}

/// Changes the text that is typed.
fn edit(model: &mut Model, change: impl FnOnce(&mut String)) {
    if let Some(text) = typed(model) {
        change(text);
    }
    prompt::follow(model);
}

fn sort(model: &mut Model, by: usize) {
    let column = model.offers.sort.step(by);
    model.offers.sort_by(column);
    model.say(format!("sorted by {}", column.name()));
}

/// Marks an offer, or compares the marked one with another.
fn compare(model: &mut Model) {
    let Some(second) = model.selected_offer().cloned() else {
        return;
    };
    let rows = &model.snapshot.offers.rows;
    let first = model.marked.take().filter(|id| *id != second.offer.id);
    let first = first.and_then(|id| rows.iter().find(|row| row.offer.id == id));
    if let Some(first) = first.cloned() {
        model.ask(Dialog::Compare(Box::new([first, second])));
    } else {
        model.marked = Some(second.offer.id);
        let key = model.keymap.key_of(Action::Compare);
        model.say(format!(
            "marked: press {key} on another offer to compare the two"
        ));
    }
}

fn ask_about_node(model: &mut Model, change: NodeChange) {
    if let Some((_, row)) = model.selected_node() {
        let (node, owner) = (row.node.config.id.clone(), row.owner);
        model.ask(Dialog::Node {
            node,
            owner,
            change,
        });
    }
}

/// Of a sprint with several rentals, the log of the one that worked, else of the last one.
fn open_log(model: &mut Model) {
    let Some(past) = model.selected_past() else {
        return;
    };
    let worked = past.boots.iter().find(|boot| boot.total().is_some());
    let boot = worked.or(past.boots.last());
    match boot.and_then(|boot| boot.instance) {
        Some(instance) => model.task = Some(Task::ReadLog(instance, past.at)),
        None => model.say("no boot of this sprint was watched: there is no log of it"),
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

fn wrap(model: &mut Model) {
    model.log.wrap();
    let wraps = model.log.long == LongLines::Wrap;
    model.say(if wraps {
        "long lines are wrapped"
    } else {
        "long lines are cut"
    });
}

fn next_match(model: &mut Model, toward: Toward) {
    if !model.log.next_match(toward, &model.boot_log) {
        model.say("no line that is shown holds it");
    }
}

fn copy(model: &mut Model) {
    let (text, count) = task::copied(model);
    model.say(format!(
        "{} copied; if the terminal took none, S saves them to a file",
        task::lines(count)
    ));
    model.task = Some(Task::Copy(text));
}
