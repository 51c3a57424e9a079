//! Focus, scrolling and selection.

use crate::tui::keymap::{Keymap, search::search};
use crate::tui::model::{Model, Overlay};
use crate::tui::offers::OfferList;
use crate::tui::pane::Pane;

/// Rows of a page, except in the log: fixed, so that `update` needs no screen.
const PAGE: usize = 10;
/// Lines of an alert, at most.
const ALERT_LINES: usize = 10;
/// Lines of all charts, at most.
const CHART_LINES: usize = 40;
/// Headings of the help, at most.
const HELP_HEADINGS: usize = 10;

#[derive(Clone, Copy)]
pub(super) enum Move {
    Up(usize),
    Down(usize),
}

impl Move {
    fn from(self, index: usize, last: usize) -> usize {
        match self {
            Move::Up(by) => index.min(last).saturating_sub(by),
            Move::Down(by) => index.saturating_add(by).min(last),
        }
    }

    fn lines(self, scroll: u16, last: usize) -> u16 {
        let index = self.from(usize::from(scroll), last);
        u16::try_from(index).unwrap_or(u16::MAX)
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
    let alerts = model.snapshot.alerts.len();
    match model.overlay.take() {
        None => scroll_pane(model, model.focus, by),
        Some(Overlay::Help { scroll }) => {
            let scroll = by.lines(scroll, keys.bindings().count() + HELP_HEADINGS);
            model.overlay = Some(Overlay::Help { scroll });
        }
        Some(Overlay::Alerts { scroll }) => {
            let scroll = by.lines(scroll, alerts * ALERT_LINES);
            model.overlay = Some(Overlay::Alerts { scroll });
        }
        Some(Overlay::Palette(mut palette)) => {
            let matches = search(&palette.text, keys, model).len();
            palette.index = by.from(palette.index, matches.saturating_sub(1));
            model.overlay = Some(Overlay::Palette(palette));
        }
    }
}

pub(super) fn scroll_pane(model: &mut Model, pane: Pane, by: Move) {
    match pane {
        Pane::Offers => match model.offers.list {
            OfferList::Usable => select_offer(model, by),
            OfferList::Rejected => {
                let last = model.snapshot.offers.rejected.len().saturating_sub(1);
                model.offers.rejected_scroll = by.from(model.offers.rejected_scroll, last);
            }
            OfferList::Avoided => {
                let last = model.snapshot.offers.avoided.len().saturating_sub(1);
                model.offers.avoided_index = by.from(model.offers.avoided_index, last);
            }
        },
        Pane::Boot => match by {
            Move::Up(rows) => model.log.up(rows),
            Move::Down(rows) => model.log.down(rows),
        },
        Pane::Nodes => {
            let rows = &model.snapshot.nodes.rows;
            let index = model.selected_node().map_or(0, |(index, _)| index);
            let index = by.from(index, rows.len().saturating_sub(1));
            model.selected_node = rows.get(index).map(|row| row.node.config.id.clone());
        }
        Pane::History => {
            let last = model.snapshot.history.len().saturating_sub(1);
            model.history_index = by.from(model.history_index, last);
        }
        Pane::Charts => model.charts_scroll = by.from(model.charts_scroll, CHART_LINES),
        Pane::Countdown | Pane::Sprint | Pane::Journal => {}
    }
}

fn select_offer(model: &mut Model, by: Move) {
    let last = model.offers.len().saturating_sub(1);
    let index = match model.offers.selected_row() {
        Some(index) => by.from(index, last),
        None => 0,
    };
    model.offers.selected = model.offers.row(index).map(|(_, row)| row.offer.id);
}
