//! Where each section goes.

mod blocks;
mod bodies;
mod rows;

use ratatui::layout::{Constraint, Layout, Rect};

use super::breakpoint::Breakpoint;
use super::model::Model;

pub use blocks::{Measure, Placed};
pub use rows::Rows;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Areas {
    /// Attention, money, steps, what is next, and the last outcome.
    pub top: Rect,
    pub tabs: Rect,
    pub body: Rect,
    pub footer: Rect,
}

pub fn areas(screen: Rect, top_rows: u16) -> Areas {
    let [top, tabs, body, footer] = Layout::vertical([
        Constraint::Length(top_rows),
        Constraint::Length(1),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(screen);
    Areas {
        top,
        tabs,
        body,
        footer,
    }
}

/// Places the sections of the body.
pub fn place(model: &Model, size: Breakpoint, body: Rect, measure: &mut Measure<'_>) -> Placed {
    let mut placed = Placed::default();
    bodies::body(model, size).place(body, measure, &mut placed);
    placed
}

/// Places the sections of the pane that has the keys on a page of their own.
pub fn place_pane(model: &Model, page: Rect, measure: &mut Measure<'_>) -> Placed {
    let mut placed = Placed::default();
    bodies::of_pane(model, model.focus, Breakpoint::Normal).place(page, measure, &mut placed);
    placed
}

/// A centred box of at most this size.
pub fn centered(area: Rect, width: u16, height: u16) -> Rect {
    let (w, h) = (width.min(area.width), height.min(area.height));
    Rect::new(
        area.x + (area.width - w) / 2,
        area.y + (area.height - h) / 2,
        w,
        h,
    )
}
