//! Focus, scrolling and selection.

use crate::tui::keymap::{Keymap, search::search};
use crate::tui::model::{Model, Overlay};
use crate::tui::offers::OfferList;
use crate::tui::pane::Pane;

/// Rows of a page, except in the log: fixed, so that `update` needs no screen.
const PAGE: usize = 10;
/// Lines of all charts, at most.
const CHART_LINES: usize = 41;

#[derive(Clone, Copy)]
pub(super) enum Move {
    Up(usize),
    Down(usize),
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

pub(super) fn focus(model: &mut Model, pane: Pane) {
    model.focus = pane;
    if pane.is_work() {
        model.work = pane;
    }
}

pub(super) fn page(model: &Model) -> usize {
    if model.focus == Pane::Boot && model.overlay.is_none() {
        model.log.page()
    } else {
        PAGE
    }
}

pub(super) fn scroll(model: &mut Model, keys: &Keymap, by: Move) {
    let Some(mut overlay) = model.overlay.take() else {
        return scroll_pane(model, model.focus, by);
    };
    match &mut overlay {
        // The next frame knows how many rows there are, and corrects it.
        Overlay::Help { scroll } | Overlay::Alerts { scroll } => by.shift(scroll, usize::MAX),
        Overlay::Palette(palette) => {
            let matches = search(&palette.text, keys, model).len();
            by.shift(&mut palette.index, matches);
        }
    }
    model.overlay = Some(overlay);
}

pub(super) fn scroll_pane(model: &mut Model, pane: Pane, by: Move) {
    match pane {
        Pane::Offers => match model.offers.list {
            OfferList::Usable => select_offer(model, by),
            OfferList::Rejected => {
                let all = model.snapshot.offers.rejected.len();
                by.shift(&mut model.offers.rejected_scroll, all);
            }
            OfferList::Avoided => {
                let all = model.snapshot.offers.avoided.len();
                by.shift(&mut model.offers.avoided_index, all);
            }
        },
        Pane::Boot => match by {
            Move::Up(rows) => model.log.up(rows),
            Move::Down(rows) => model.log.down(rows),
        },
        Pane::Nodes => {
            let rows = &model.snapshot.nodes.rows;
            let mut index = model.selected_node().map_or(0, |(index, _)| index);
            by.shift(&mut index, rows.len());
            model.selected_node = rows.get(index).map(|row| row.node.config.id.clone());
        }
        Pane::History => by.shift(&mut model.history_index, model.snapshot.history.len()),
        Pane::Charts => by.shift(&mut model.charts_scroll, CHART_LINES),
        Pane::Countdown | Pane::Sprint | Pane::Journal => {}
    }
}

fn select_offer(model: &mut Model, by: Move) {
    let index = model.offers.selected_row().map_or(0, |mut row| {
        by.shift(&mut row, model.offers.len());
        row
    });
    model.offers.selected = model.offers.row(index).map(|(_, row)| row.offer.id);
}
