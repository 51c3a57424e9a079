//! Draws the model, one file per pane. Pure; builds only visible rows.

mod alerts;
mod bars;
mod boot_trouble;
mod charts;
mod checklist;
mod chrome;
mod columns;
mod details;
mod dialog;
mod epoch_bar;
mod fleet;
mod fleet_detail;
pub mod format;
mod help;
mod history;
mod link;
mod log;
mod log_rows;
mod money;
mod nodes;
mod offers;
mod outcome;
mod palette;
mod proof;
mod race;
mod rental;
mod schedule;
mod sections;
mod sprint;
mod stages;
mod timeline;
mod top;
pub(super) mod widgets;

use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};

use super::attention::headline;
use super::breakpoint::Breakpoint;
use super::hit_areas::HitAreas;
use super::keymap::Keymap;
use super::layout::{areas, place, place_pane};
use super::message::{DrawnFrame, LogSizes, MostAway};
use super::model::{Model, Overlay};
use super::pane::Pane;
use super::theme::Theme;
pub(super) use dialog::next_decision;
use sections::Prepared;
use widgets::Canvas;

/// A page that every pane fits on.
const PAGE: Size = Size::new(200, 300);

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
        most_away: MostAway::default(),
        model,
        keys,
        theme,
    };
    let (mut body, mut overlay_top) = (Body::default(), None);
    if !screen.is_empty() {
        if size == Breakpoint::Tiny {
            chrome::tiny(&mut canvas, screen);
        } else {
            body = draw_body(&mut canvas, screen, size);
        }
        overlay_top = draw_overlays(&mut canvas, screen);
    }
    DrawnFrame {
        size,
        hit_areas: canvas.hits,
        panes: body.panes,
        logs: body.logs,
        most_away: canvas.most_away,
        overlay_top,
    }
}

/// The pane that has the keys as text, whole and without colours: what copying takes.
pub(super) fn pane_text(model: &Model, keys: &Keymap) -> String {
    let page = Rect::new(0, 0, PAGE.width, PAGE.height);
    let mut buf = Buffer::empty(page);
    let mut canvas = Canvas {
        buf: &mut buf,
        hits: HitAreas::default(),
        most_away: MostAway::default(),
        model,
        keys,
        theme: Theme::PLAIN,
    };
    let mut prepared = Prepared::new(false);
    let measure = &mut |section, width| sections::measure(&canvas, section, width, &mut prepared);
    let placed = place_pane(model, page, measure);
    sections::draw(&mut canvas, &placed, prepared);
    let rows = (0..page.height).map(|y| {
        let cells = (0..page.width).map(|x| buf[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned()
    });
    let text = rows.collect::<Vec<String>>().join("\n");
    text.trim_end().to_owned()
}

/// What a frame shows below its first rows.
#[derive(Default)]
struct Body {
    panes: Vec<Pane>,
    logs: LogSizes,
}

fn draw_body(canvas: &mut Canvas<'_>, screen: Rect, size: Breakpoint) -> Body {
    let headline = headline(canvas.model, canvas.keys);
    let areas = areas(screen, top::rows(&headline, canvas.model));
    top::draw(canvas, areas.top, &headline);
    chrome::tabs(canvas, areas.tabs);
    let is_low = size < Breakpoint::Normal || canvas.model.zoom;
    let mut prepared = Prepared::new(is_low);
    let measure = &mut |section, width| sections::measure(canvas, section, width, &mut prepared);
    let placed = place(canvas.model, size, areas.body, measure);
    let logs = sections::draw(canvas, &placed, prepared);
    chrome::footer(canvas, areas.footer);
    let mut panes: Vec<Pane> = Vec::new();
    for (section, _) in &placed.sections {
        if !panes.contains(&section.pane()) {
            panes.push(section.pane());
        }
    }
    Body { panes, logs }
}

/// Returns the first visible row of what scrolls on top.
fn draw_overlays(canvas: &mut Canvas<'_>, screen: Rect) -> Option<usize> {
    let top = match &canvas.model.overlay {
        Some(Overlay::Help(view)) => Some(help::draw(canvas, screen, view)),
        Some(Overlay::Details { scroll }) => Some(details::draw(canvas, screen, *scroll)),
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
