//! Mouse input. A click does what the key of its target does, with the same dialogs.

use ratatui::layout::Position;

use crate::engine::Command;
use crate::tui::hit_areas::HitTarget;
use crate::tui::keymap::Keymap;
use crate::tui::message::Pointer;
use crate::tui::model::Model;
use crate::tui::offers::OfferList;
use crate::tui::pane::Pane;

use super::navigation::{Move, focus, scroll, scroll_pane};
use super::{is_unseen_dialog, run};

/// Rows per notch of the wheel.
const NOTCH: usize = 3;

pub(super) fn on_pointer(model: &mut Model, keys: &Keymap, pointer: Pointer) -> Vec<Command> {
    if is_unseen_dialog(model) {
        return Vec::new();
    }
    match pointer {
        Pointer::Click(position) => return click(model, keys, position),
        Pointer::WheelUp(position) => wheel(model, keys, position, Move::Up(NOTCH)),
        Pointer::WheelDown(position) => wheel(model, keys, position, Move::Down(NOTCH)),
    }
    Vec::new()
}

/// Scrolls what is under the pointer; the focus stays.
fn wheel(model: &mut Model, keys: &Keymap, position: Position, by: Move) {
    if model.dialog.is_some() {
        return;
    }
    if model.overlay.is_some() {
        return scroll(model, keys, by);
    }
    if let Some(pane) = model.hit_areas.pane_at(position) {
        scroll_pane(model, pane, by);
    }
}

fn click(model: &mut Model, keys: &Keymap, position: Position) -> Vec<Command> {
    let Some(target) = model.hit_areas.at(position).cloned() else {
        return Vec::new();
    };
    if let HitTarget::Action(action) = target {
        let binding = keys.lookup_action(model, action);
        return binding.map_or_else(Vec::new, |binding| run(model, keys, binding));
    }
    // Nothing is selected behind a dialog, an overlay or a prompt.
    if model.is_covered() {
        return Vec::new();
    }
    let pane = match target {
        HitTarget::Pane(pane) => pane,
        HitTarget::Offer(offer) => {
            model.offers.select(Some(offer));
            Pane::Offers
        }
        HitTarget::Sort(column) => {
            model.offers.sort_or_reverse(column);
            Pane::Offers
        }
        HitTarget::Rejected(index) => {
            if model.offers.list == OfferList::Rejected {
                model.offers.rejected_index = index;
            }
            Pane::Offers
        }
        HitTarget::Avoided(index) => {
            if model.offers.list == OfferList::Avoided {
                model.offers.avoided_index = index;
            }
            Pane::Offers
        }
        HitTarget::Node(node) => {
            model.selected_node = Some(node);
            Pane::Nodes
        }
        HitTarget::Fleet(row) => {
            model.fleet.selected = Some(row);
            Pane::Fleet
        }
        HitTarget::Past(index) => {
            model.history_index = index;
            Pane::History
        }
        HitTarget::Action(_) => return Vec::new(),
    };
    focus(model, pane);
    Vec::new()
}
