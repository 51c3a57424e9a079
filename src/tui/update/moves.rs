//! Moving: which pane has the keys, and what is scrolled or selected in it.

use crate::tui::model::{Model, OfferList, Overlay, Pane};

/// Rows of a page, except in the log: fixed, so that `update` needs no screen.
const PAGE: usize = 10;
/// Lines that an alert takes at most where one scrolls through them.
const ALERT_LINES: usize = 10;

/// Lines that all charts take at most.
const CHART_LINES: usize = 40;

#[derive(Clone, Copy)]
pub(super) enum Move {
    Up(usize),
    Down(usize),
}

impl Move {
    fn from(self, place: usize, last: usize) -> usize {
        match self {
            Move::Up(by) => place.min(last).saturating_sub(by),
            Move::Down(by) => place.saturating_add(by).min(last),
        }
    }

    fn lines(self, scroll: u16, last: usize) -> u16 {
        let place = self.from(usize::from(scroll), last);
        u16::try_from(place).unwrap_or(u16::MAX)
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

pub(super) fn scroll(model: &mut Model, by: Move) {
    let alerts = model.snapshot.alerts.len();
    match model.overlay.take() {
        None => scroll_pane(model, model.focus, by),
        Some(Overlay::Help { scroll }) => {
            let scroll = by.lines(scroll, model.keymap.bindings().count() + 10);
            model.overlay = Some(Overlay::Help { scroll });
        }
        Some(Overlay::Alerts { scroll }) => {
            let scroll = by.lines(scroll, alerts * ALERT_LINES);
            model.overlay = Some(Overlay::Alerts { scroll });
        }
        Some(Overlay::Palette(mut palette)) => {
            let last = palette.entries(model).len().saturating_sub(1);
            palette.at = by.from(palette.at, last);
            model.overlay = Some(Overlay::Palette(palette));
        }
    }
}

pub(super) fn scroll_pane(model: &mut Model, pane: Pane, by: Move) {
    match pane {
        Pane::Offers => match model.offer_list {
            OfferList::Usable => select(model, by),
            OfferList::Rejected => {
                let last = model.snapshot.offers.rejected.len().saturating_sub(1);
                model.rejected_scroll = by.from(model.rejected_scroll, last);
            }
            OfferList::Avoided => {
                let last = model.snapshot.offers.avoided.len().saturating_sub(1);
                model.avoided_at = by.from(model.avoided_at, last);
            }
        },
        Pane::Boot => scroll_log(model, by),
        Pane::Nodes => {
            let rows = &model.snapshot.nodes.rows;
            let place = model.selected_node().map_or(0, |(place, _)| place);
            let place = by.from(place, rows.len().saturating_sub(1));
            model.selected_node = rows.get(place).map(|row| row.node.config.id.clone());
        }
        Pane::History => {
            let last = model.snapshot.history.len().saturating_sub(1);
            model.past_at = by.from(model.past_at, last);
        }
        Pane::Charts => model.charts_scroll = by.from(model.charts_scroll, CHART_LINES),
        Pane::Countdown | Pane::Sprint | Pane::Journal => {}
    }
}

fn select(model: &mut Model, by: Move) {
    let last = model.offers.len().saturating_sub(1);
    let place = match model.selected_row() {
        Some(place) => by.from(place, last),
        None => 0,
    };
    model.selected = model.offers.row(place).map(|(_, row)| row.offer.id);
}

fn scroll_log(model: &mut Model, by: Move) {
    let log = &model.boot_log;
    match by {
        Move::Up(rows) => model.log.up(log, rows),
        Move::Down(rows) => model.log.down(log, rows),
    }
}
