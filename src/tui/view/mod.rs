//! Draws the model, one file per pane. Pure; builds only visible rows.

mod alerts;
mod boot;
mod charts;
mod chrome;
mod countdown;
mod dialog;
pub mod format;
mod history;
mod log;
mod nodes;
mod offers;
mod palette;
mod sprint;
mod summary;
pub(super) mod widgets;

use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::widgets::Widget as _;

use super::breakpoint::Breakpoint;
use super::hit_areas::{HitAreas, HitTarget};
use super::keymap::{Action, Keymap};
use super::layout::areas;
use super::message::DrawnFrame;
use super::model::{Model, Overlay};
use super::pane::Pane;
use super::theme::Theme;
use widgets::pane_frame;

pub fn draw(
    buf: &mut Buffer,
    screen: Rect,
    model: &Model,
    keys: &Keymap,
    theme: Theme,
) -> DrawnFrame {
    let size = Breakpoint::of(screen.width, screen.height);
    let mut hits = HitAreas::default();
    let mut log = None;
    if !screen.is_empty() {
        if size == Breakpoint::Tiny {
            chrome::tiny(buf, screen, model, theme);
        } else {
            log = draw_panes(buf, screen, model, keys, &mut hits, theme);
        }
        draw_overlays(buf, screen, model, keys, &mut hits, theme);
    }
    DrawnFrame {
        size,
        hit_areas: hits,
        log,
    }
}

fn draw_panes(
    buf: &mut Buffer,
    screen: Rect,
    model: &Model,
    keys: &Keymap,
    hits: &mut HitAreas,
    theme: Theme,
) -> Option<Size> {
    let mut log = None;
    let areas = areas(model, screen);
    alerts::draw_line(buf, areas.alert, model, keys, theme);
    hits.add(areas.alert, HitTarget::Action(Action::Alerts));
    summary::draw(buf, areas.summary, model, keys, theme);
    chrome::tabs(buf, areas.tabs, model, hits, theme);
    for (pane, area) in areas.panes.into_iter().filter(|(_, area)| !area.is_empty()) {
        hits.add(area, HitTarget::Pane(pane));
        match pane {
            Pane::Countdown => countdown::draw(buf, area, model, theme),
            Pane::Sprint => sprint::draw(buf, area, model, keys, theme),
            Pane::Offers => offers::draw(buf, area, model, keys, hits, theme),
            Pane::Boot => log = Some(boot::draw(buf, area, model, keys, theme)),
            Pane::Nodes => nodes::draw(buf, area, model, hits, theme),
            Pane::Journal => draw_program_log(buf, area, model, theme),
            Pane::History => history::draw(buf, area, model, hits, theme),
            Pane::Charts => charts::draw(buf, area, model, theme),
        }
    }
    chrome::footer(buf, areas.footer, model, keys, hits, theme);
    log
}

fn draw_overlays(
    buf: &mut Buffer,
    screen: Rect,
    model: &Model,
    keys: &Keymap,
    hits: &mut HitAreas,
    theme: Theme,
) {
    match &model.overlay {
        Some(Overlay::Help { scroll }) => chrome::help(buf, screen, model, keys, *scroll, theme),
        Some(Overlay::Alerts { scroll }) => {
            alerts::draw_all(buf, screen, model, keys, *scroll, theme);
        }
        Some(Overlay::Palette(palette)) => palette::draw(buf, screen, palette, model, keys, theme),
        None => {}
    }
    if let Some(dialog) = &model.dialog {
        dialog::draw(buf, screen, dialog, model, hits, theme);
    }
}

fn draw_program_log(buf: &mut Buffer, area: Rect, model: &Model, theme: Theme) {
    let inner = pane_frame(buf, area, Pane::Journal, "", model, theme);
    if inner.is_empty() {
        return;
    }
    tui_logger::TuiLoggerWidget::default()
        .style_error(theme.bad())
        .style_warn(theme.warn())
        .style_info(theme.text())
        .style_debug(theme.dim())
        .style_trace(theme.dim())
        .output_file(false)
        .output_line(false)
        .output_timestamp(Some("%H:%M:%S".to_owned()))
        .render(inner, buf);
}
