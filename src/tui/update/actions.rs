//! What each action does. No catch-all arm: an action without a handler does not compile.

use super::navigation::{self, Move, Turn, back, next_pane, page, pick};
use super::{dialogs, edit_text, log, prompt, run_selected};
use crate::domain::{Mode, RankedOffer};
use crate::engine::{Command, NodeChange, QuitChoice};
use crate::tui::keymap::{Action, Keymap};
use crate::tui::log::Toward;
use crate::tui::model::{Dialog, Model, Overlay, Palette};
use crate::tui::offers::{Column, OfferList};
use crate::tui::prompt::{Prompt, PromptKind, erase};
use crate::tui::view::next_decision;

pub(super) fn run(model: &mut Model, keys: &Keymap, action: Action) -> Vec<Command> {
    match action {
        Action::Confirm => return dialogs::confirm(model),
        Action::Cancel => model.dialog = None,
        Action::PickRelease => model.dialog = Some(Dialog::Quit(Some(QuitChoice::Release))),
        Action::PickLeave => model.dialog = Some(Dialog::Quit(Some(QuitChoice::Detach))),
        Action::Start => return vec![Command::Start],
        Action::Approve => open(model, model.gate().map(Dialog::Approve)),
        Action::Rent => dialogs::rent(model, keys),
        Action::Explain => open(model, selected_offer(model).map(Dialog::Offer)),
        Action::Avoid => {
            let machine = model.offers.selected_offer().map(|row| row.offer.machine);
            open(model, machine.map(Dialog::Avoid));
        }
        Action::Allow => {
            let machine = model.selected_avoided().map(|avoided| avoided.machine);
            open(model, machine.map(Dialog::Allow));
        }
        Action::Abort => model.open_dialog(Dialog::Abort),
        Action::ToggleMode => match model.snapshot.mode {
            Mode::Auto => {
                model.show_toast(format!("manual: {}", next_decision(model)));
                return vec![Command::SetMode(Mode::Manual)];
            }
            Mode::Manual => model.open_dialog(Dialog::Auto),
        },
        Action::AcceptJournal => model.open_dialog(Dialog::AcceptJournal),
        Action::Refresh => return vec![Command::RefreshOffers],
        Action::Quit => return dialogs::quit(model),
        Action::Run => return run_selected(model, keys),
        Action::Close => model.overlay = None,
        Action::Help => model.overlay = Some(Overlay::Help { scroll: 0 }),
        Action::Alerts => {
            model.seen_until = model.snapshot.history.last().map(|row| row.at);
            model.overlay = Some(Overlay::Alerts { scroll: 0 });
        }
        Action::Palette => model.overlay = Some(Overlay::Palette(Palette::default())),
        Action::Redraw => model.effects.redraw = true,
        Action::Suspend => model.effects.suspend = true,
        Action::Zoom => model.zoom = !model.zoom,
        Action::NextPane => next_pane(model, Turn::Next),
        Action::PreviousPane => next_pane(model, Turn::Previous),
        Action::Pane(pane) => pick(model, pane),
        Action::Back => back(model),
        Action::SortBefore => sort(model, Column::ALL.len() - 1),
        Action::SortAfter => sort(model, 1),
        Action::Reverse => model.offers.reverse(),
        Action::FilterOffers => open_prompt(model, PromptKind::Offers),
        Action::ShowAll => {
            model.offers.marked = None;
            model.offers.set_filter("");
        }
        Action::Compare => compare(model, keys),
        Action::EnableNode => open_node_dialog(model, NodeChange::Enable),
        Action::DisableNode => open_node_dialog(model, NodeChange::Disable),
        Action::RemoveNode => open_node_dialog(model, NodeChange::Remove),
        Action::OpenLog => log::open_past(model),
        Action::LiveLog => model.log.show(None, model.snapshot.boot_log.clone()),
        Action::Rejected => toggle_list(model, OfferList::Rejected),
        Action::Avoided => toggle_list(model, OfferList::Avoided),
        Action::Up => scroll(model, keys, Move::Up(1)),
        Action::Down => scroll(model, keys, Move::Down(1)),
        Action::PageUp => scroll(model, keys, Move::Up(page(model))),
        Action::PageDown => scroll(model, keys, Move::Down(page(model))),
        Action::Top => scroll(model, keys, Move::Up(usize::MAX)),
        Action::Bottom => scroll(model, keys, Move::Down(usize::MAX)),
        Action::Pause => model.log.toggle_pause(),
        Action::Follow => model.log.follow(),
        Action::Wrap => log::toggle_wrap(model),
        Action::Left => model.log.left(),
        Action::Right => model.log.right(),
        Action::Search => open_prompt(model, PromptKind::Search),
        Action::Filter => open_prompt(model, PromptKind::Filter),
        Action::GoTo => open_prompt(model, PromptKind::GoTo),
        Action::NextMatch => log::next_match(model, Toward::Newer),
        Action::PreviousMatch => log::next_match(model, Toward::Older),
        Action::NextStage => log::next_stage(model, Toward::Newer),
        Action::PreviousStage => log::next_stage(model, Toward::Older),
        Action::ClearSearch => model.log.clear(),
        Action::Save => log::save(model),
        Action::Copy => log::copy(model),
        Action::Accept => prompt::accept(model, keys),
        Action::ClosePrompt => prompt::close(model),
        Action::Erase => edit_text(model, erase),
        Action::EraseAll => edit_text(model, String::clear),
    }
    Vec::new()
}

fn scroll(model: &mut Model, keys: &Keymap, by: Move) {
    if model.dialog.is_some() {
        return dialogs::scroll(model, by);
    }
    navigation::scroll(model, keys, by);
}

fn open(model: &mut Model, dialog: Option<Dialog>) {
    if let Some(dialog) = dialog {
        model.open_dialog(dialog);
    }
}

fn selected_offer(model: &Model) -> Option<Box<RankedOffer>> {
    model.offers.selected_offer().cloned().map(Box::new)
}

/// The filter of the offers can be edited; other prompts start empty.
fn open_prompt(model: &mut Model, kind: PromptKind) {
    let text = match kind {
        PromptKind::Offers => model.offers.filter.clone(),
        PromptKind::Search | PromptKind::Filter | PromptKind::GoTo => String::new(),
    };
    model.prompt = Some(Prompt { kind, text });
}

fn sort(model: &mut Model, by: usize) {
    let column = model.offers.sort.step(by);
    model.offers.sort_by(column);
    model.show_toast(format!("sorted by {}", column.name()));
}

/// Marks the selected offer, or compares it with the marked one.
fn compare(model: &mut Model, keys: &Keymap) {
    let Some(second) = model.offers.selected_offer().cloned() else {
        return;
    };
    let mut rows = model.snapshot.offers.rows.iter();
    let marked = model.offers.marked.take();
    let marked = marked.filter(|id| *id != second.offer.id);
    let first = marked.and_then(|id| rows.find(|row| row.offer.id == id));
    if let Some(first) = first.cloned() {
        model.open_dialog(Dialog::Compare(Box::new([first, second])));
    } else {
        model.offers.marked = Some(second.offer.id);
        let key = keys.key_of(Action::Compare);
        model.show_toast(format!("marked: {key} on another offer compares the two"));
    }
}

fn open_node_dialog(model: &mut Model, change: NodeChange) {
    let node = model.selected_node().map(|(_, row)| Dialog::Node {
        node: row.node.config.id.clone(),
        owner: row.owner,
        change,
    });
    open(model, node);
}

/// Shows a list, or the usable offers again.
fn toggle_list(model: &mut Model, list: OfferList) {
    model.offers.list = if model.offers.list == list {
        OfferList::Usable
    } else {
        list
    };
}
