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
mod top;
pub(super) mod widgets;

use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use ratatui::widgets::Widget as _;

use super::attention::headline;
use super::breakpoint::Breakpoint;
use super::hit_areas::{HitAreas, HitTarget};
use super::keymap::Keymap;
use super::layout::areas;
use super::message::DrawnFrame;
use super::model::{Model, Overlay};
use super::pane::Pane;
use super::theme::Theme;
pub(super) use dialog::next_decision;
use widgets::Canvas;

pub fn draw(
    buf: &mut Buffer,
    screen: Rect,
    model: &Model,
    keys: &Keymap,
    theme: Theme,
) -> DrawnFrame {
    let size = Breakpoint::of(screen.width, screen.height);
    let mut canvas = Canvas {
        buf,
        hits: HitAreas::default(),
        model,
        keys,
        theme,
    };
    let (mut log, mut overlay_top) = (None, None);
    if !screen.is_empty() {
        if size == Breakpoint::Tiny {
            chrome::tiny(&mut canvas, screen);
        } else {
            log = draw_panes(&mut canvas, screen);
        }
        overlay_top = draw_overlays(&mut canvas, screen);
    }
    DrawnFrame {
        size,
        hit_areas: canvas.hits,
        log,
        overlay_top,
    }
}

fn draw_panes(canvas: &mut Canvas<'_>, screen: Rect) -> Option<Size> {
    let mut log = None;
    let headline = headline(canvas.model, canvas.keys);
    let top_rows = top::rows(&headline, canvas.model);
    let areas = areas(canvas.model, screen, top_rows);
    top::draw(canvas, areas.top, &headline);
    chrome::tabs(canvas, areas.tabs);
    for (pane, area) in areas.panes.into_iter().filter(|(_, area)| !area.is_empty()) {
        canvas.hits.add(area, HitTarget::Pane(pane));
        match pane {
            Pane::Countdown => countdown::draw(canvas, area),
            Pane::Sprint => sprint::draw(canvas, area),
            Pane::Offers => offers::draw(canvas, area),
            Pane::Boot => log = Some(boot::draw(canvas, area)),
            Pane::Nodes => nodes::draw(canvas, area),
            Pane::Journal => draw_program_log(canvas, area),
            Pane::History => history::draw(canvas, area),
            Pane::Charts => charts::draw(canvas, area),
        }
    }
    chrome::footer(canvas, areas.footer);
    log
}

/// Returns the first visible row of what scrolls on top.
fn draw_overlays(canvas: &mut Canvas<'_>, screen: Rect) -> Option<usize> {
    let top = match &canvas.model.overlay {
        Some(Overlay::Help { scroll }) => Some(chrome::help(canvas, screen, *scroll)),
        Some(Overlay::Alerts { scroll }) => Some(alerts::draw_all(canvas, screen, *scroll)),
        Some(Overlay::Palette(palette)) => {
            palette::draw(canvas, screen, palette);
            None
        }
        None => None,
    };
    match &canvas.model.dialog {
        Some(dialog) => Some(dialog::draw(canvas, screen, dialog)),
        None => top,
    }
}

fn draw_program_log(canvas: &mut Canvas<'_>, area: Rect) {
    let theme = canvas.theme;
    let inner = canvas.pane_frame(area, Pane::Journal, "");
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
        .render(inner, canvas.buf);
}
