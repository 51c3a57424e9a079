//! Focus, scrolling and selection.

use crate::domain::{NetworkNodeName, ReplicaId};
use crate::tui::filter::Filtered;
use crate::tui::fleet::FleetKey;
use crate::tui::keymap::{Keymap, search::search};
use crate::tui::log::{LogPane, RentalMarks};
use crate::tui::model::{Model, Overlay, Picked};
use crate::tui::offers::OfferList;
use crate::tui::pane::Pane;
use crate::tui::scene::Scene;

/// Rows of a page, except in the log: fixed, so that `update` needs no screen.
const PAGE: usize = 10;

#[derive(Clone, Copy)]
pub(super) enum Move {
    Up(usize),
    Down(usize),
}

#[derive(Clone, Copy)]
pub(super) enum Turn {
    Next,
    Previous,
}

impl Turn {
    /// The place after or before this one among so many; the last is followed by the first.
    fn from(self, place: usize, all: usize) -> usize {
        let by = match self {
            Turn::Next => 1,
            Turn::Previous => all.saturating_sub(1),
        };
        (place + by) % all.max(1)
    }
}

impl Move {
    /// Moves an index into a list with this many rows.
    pub(super) fn shift(self, index: &mut usize, rows: usize) {
        let last = rows.saturating_sub(1);
        *index = match self {
            Move::Up(by) => (*index).min(last).saturating_sub(by),
            Move::Down(by) => index.saturating_add(by).min(last),
        };
    }
}

/// Gives the keys to a pane, which is shown if it is not yet.
pub(super) fn focus(model: &mut Model, pane: Pane) {
    if !model.visible.contains(&pane) {
        return pick(model, pane);
    }
    model.focus = pane;
}

/// Gives a pane the main place until `Esc`.
pub(super) fn pick(model: &mut Model, pane: Pane) {
    let scene = model.scene();
    if pane == Pane::Fleet {
        model.fleet.opened = None;
    }
    model.picked = Some(Picked { pane, scene });
    model.focus = pane;
}

/// The next pane on the screen; where there is only one, the next of all.
pub(super) fn next_pane(model: &mut Model, toward: Turn) {
    let all = match &model.visible[..] {
        [] | [_] => Pane::ALL,
        several => several,
    };
    let place = all.iter().position(|pane| *pane == model.focus);
    let next = place.map_or(0, |place| toward.from(place, all.len()));
    focus(model, all[next]);
}

/// Back by one: filter and marks of the pane, its other list or log, the whole screen for it, the pane
/// itself. At home there is nothing to do.
pub(super) fn back(model: &mut Model) {
    if clear_filter(model) || leave_list(model) {
        return;
    }
    // A node of the fleet is opened by picking its pane.
    let is_elsewhere =
        model.picked.is_some() && !matches!(model.fleet.opened, Some(FleetKey::Node(..)));
    if model.zoom {
        model.zoom = false;
    } else if let Some(row) = model.fleet.opened.take_if(|_| !is_elsewhere) {
        model.fleet.selected = Some(row);
        pick(model, Pane::Fleet);
    } else {
        model.picked = None;
        model.focus = model.scene().home();
    }
}

/// Makes the panes be about the selected row of the fleet.
pub(super) fn drill(model: &mut Model) {
    let selected = model.fleet.selected_row().map(|(_, row)| row.key.clone());
    if let Some(row) = selected {
        open_row(model, row);
    }
}

/// Goes from the opened row of the fleet to the one before or after it.
pub(super) fn drill_beside(model: &mut Model, toward: Turn) {
    let rows = model.fleet.rows();
    let opened = model.fleet.opened.as_ref();
    let place = rows.iter().position(|row| Some(&row.key) == opened);
    let next = place.map_or(0, |place| toward.from(place, rows.len()));
    if let Some(row) = rows.get(next).map(|row| row.key.clone()) {
        open_row(model, row);
    }
}

/// Makes the panes be about the replica that the keys act on.
pub(super) fn show_acted_on(model: &mut Model) {
    let id = model.acted_on().clone();
    show_replica(model, &id);
}

/// From now on the panes are about this replica: nothing of the one before is left in them.
fn show_replica(model: &mut Model, id: &ReplicaId) {
    if *id == model.snapshot.replica {
        return;
    }
    model.snapshot = model.received_of(id);
    model.rental_marks = RentalMarks::default();
    model.show_live_log();
    model.trends.record(&model.snapshot);
    model.offers.show(&model.snapshot.offers.rows);
}

/// The nodes that are shown are those of the shown replica's Network Node.
fn show_nodes_of(model: &mut Model, network_node: &NetworkNodeName) {
    if model.snapshot.nodes.name() == *network_node {
        return;
    }
    let received = model.received.clone();
    let mut replicas = received.replicas.iter();
    if let Some(there) = replicas.find(|replica| replica.network_node == *network_node) {
        show_replica(model, &there.id);
    }
}

fn open_row(model: &mut Model, row: FleetKey) {
    if let FleetKey::Replica(id) = &row {
        show_replica(model, id);
    }
    model.picked = None;
    model.focus = model.scene().home();
    if let FleetKey::Node(network_node, id) = &row {
        show_nodes_of(model, network_node);
        model.selected_node = Some(id.clone());
        pick(model, Pane::Nodes);
    }
    model.fleet.opened = Some(row);
}

/// Clears filter and marks of the pane that has the keys; false without any.
fn clear_filter(model: &mut Model) -> bool {
    let of = Filtered::Pane(model.focus);
    let is_filtered = !model.filter(of).is_empty();
    if is_filtered {
        model.set_filter(of, "");
    }
    let is_marked = model.focus == Pane::Offers && model.offers.has_marks();
    if is_marked {
        model.offers.clear_marks();
    }
    is_filtered || is_marked
}

/// Goes from another list, or the log of a past rental, to the usual one; false where that is shown.
fn leave_list(model: &mut Model) -> bool {
    match model.focus {
        Pane::Offers if model.offers.list != OfferList::Usable => {
            model.offers.list = OfferList::Usable;
        }
        Pane::Boot if model.log.past.is_some() => {
            model.show_live_log();
        }
        _ => return false,
    }
    true
}

/// The layout follows the sprint, unless the operator's keys are elsewhere.
pub(super) fn follow(model: &mut Model, before: Scene) {
    let now = model.scene();
    if now == before || model.picked.is_some() {
        return;
    }
    if model.focus == before.home() {
        model.focus = now.home();
    } else {
        // Keys must not change their meaning while they are used.
        model.picked = Some(Picked {
            pane: model.focus,
            scene: before,
        });
    }
}

pub(super) fn page(model: &Model) -> usize {
    if model.focus.is_log() && model.overlay.is_none() {
        model.focused_log().page()
    } else {
        PAGE
    }
}

pub(super) fn scroll(model: &mut Model, keys: &Keymap, by: Move) {
    let Some(mut overlay) = model.overlay.take() else {
        return scroll_pane(model, model.focus, by);
    };
    if let Overlay::Palette(palette) = &mut overlay {
        let matches = search(&palette.text, keys, model).len();
        by.shift(&mut palette.index, matches);
    } else if let Some(scroll) = overlay.scroll_mut() {
        // The next frame knows how many rows there are, and corrects it.
        by.shift(scroll, usize::MAX);
    }
    model.overlay = Some(overlay);
}

pub(super) fn scroll_pane(model: &mut Model, pane: Pane, by: Move) {
    match pane {
        Pane::Offers => match model.offers.list {
            OfferList::Usable => select_offer(model, by),
            OfferList::Rejected => {
                let all = model.shown_rejected().len();
                by.shift(&mut model.offers.rejected_index, all);
            }
            OfferList::Avoided => {
                let all = model.shown_avoided().len();
                by.shift(&mut model.offers.avoided_index, all);
            }
        },
        Pane::Boot => scroll_log(&mut model.log, by),
        Pane::Journal => scroll_log(&mut model.program_log, by),
        Pane::Nodes => {
            let rows = model.shown_nodes();
            let mut index = model.selected_node().map_or(0, |(index, _)| index);
            by.shift(&mut index, rows.len());
            let selected = rows.get(index).map(|row| row.node.config.id.clone());
            model.selected_node = selected;
        }
        Pane::History => {
            let all = model.shown_history().len();
            by.shift(&mut model.history_index, all);
        }
        Pane::Fleet => {
            let mut index = model.fleet.selected_row().map_or(0, |(index, _)| index);
            by.shift(&mut index, model.fleet.count());
            model.fleet.select(index);
        }
        Pane::Schedule | Pane::Sprint | Pane::Charts => {}
    }
}

fn scroll_log(log: &mut LogPane, by: Move) {
    match by {
        Move::Up(rows) => log.up(rows),
        Move::Down(rows) => log.down(rows),
    }
}

fn select_offer(model: &mut Model, by: Move) {
    let index = model.offers.selected_row().map_or(0, |mut row| {
        by.shift(&mut row, model.offers.len());
        row
    });
    let offer = model.offers.row(index).map(|(_, row)| row.offer.id);
    model.offers.select(offer);
}
