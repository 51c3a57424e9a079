//! What the mouse does. A click is worth no more than the key of what was clicked: the questions
//! that the key asks are asked.

use ratatui::layout::Position;

use crate::engine::Command;
use crate::tui::keymap::{Action, lookup_action};
use crate::tui::message::Pointer;
use crate::tui::model::{Model, OfferList, Pane};
use crate::tui::target::Target;

use super::moves::{Move, focus, scroll, scroll_pane};
use super::run;

/// Rows that a notch of the wheel scrolls by.
const NOTCH: usize = 3;

pub(super) fn on_pointer(model: &mut Model, pointer: Pointer) -> Vec<Command> {
    // What was clicked before the question was on the screen was something else.
    if model.dialog.is_some() && !model.dialog_drawn {
        return Vec::new();
    }
    match pointer {
        Pointer::Click(place) => return click(model, place),
        Pointer::WheelUp(place) => wheel(model, place, Move::Up(NOTCH)),
        Pointer::WheelDown(place) => wheel(model, place, Move::Down(NOTCH)),
    }
    Vec::new()
}

/// Scrolls what is under the pointer; the keys stay where they are.
fn wheel(model: &mut Model, place: Position, by: Move) {
    if model.dialog.is_some() {
        return;
    }
    if model.overlay.is_some() {
        return scroll(model, by);
    }
    if let Some(pane) = model.targets.pane_at(place) {
        scroll_pane(model, pane, by);
    }
}

fn click(model: &mut Model, place: Position) -> Vec<Command> {
    let Some(target) = model.targets.at(place).cloned() else {
        return Vec::new();
    };
    if let Target::Do(action) = target {
        return press(model, action);
    }
    // Behind a question, what lies over the panes or a typed line, nothing is selected unseen.
    if model.dialog.is_some() || model.overlay.is_some() || model.prompt.is_some() {
        return Vec::new();
    }
    match target {
        Target::Pane(pane) => focus(model, pane),
        Target::Offer(offer) => {
            focus(model, Pane::Offers);
            model.selected = Some(offer);
        }
        Target::Avoided(place) => {
            focus(model, Pane::Offers);
            if model.offer_list == OfferList::Avoided {
                model.avoided_at = place;
            }
        }
        Target::Node(node) => {
            focus(model, Pane::Nodes);
            model.selected_node = Some(node);
        }
        Target::Past(place) => {
            focus(model, Pane::History);
            model.past_at = place;
        }
        Target::Do(_) => {}
    }
    Vec::new()
}

/// As the action's key, where it counts now.
fn press(model: &mut Model, action: Action) -> Vec<Command> {
    match lookup_action(model, action) {
        Some(binding) => run(model, binding),
        None => Vec::new(),
    }
}
