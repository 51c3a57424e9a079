//! Where each pane goes. The one place that knows about screen sizes.

use ratatui::layout::{Constraint, Layout, Rect};

use super::model::{Model, Pane};

/// How much fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breakpoint {
    /// One status line.
    Tiny,
    /// The focused pane alone.
    Narrow,
    /// Countdown and sprint side by side, one pane below.
    Normal,
    /// The same with two panes below.
    Wide,
    /// Everything.
    Full,
}

impl Breakpoint {
    /// The breakpoint of a screen.
    pub fn of(width: u16, height: u16) -> Breakpoint {
        match (width, height) {
            (w, h) if w < 60 || h < 16 => Breakpoint::Tiny,
            (w, h) if w < 80 || h < 24 => Breakpoint::Narrow,
            (w, h) if w < 120 || h < 36 => Breakpoint::Normal,
            (w, h) if w < 180 || h < 50 => Breakpoint::Wide,
            _ => Breakpoint::Full,
        }
    }
}

/// The areas of one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Areas {
    /// The worst alert.
    pub alert: Rect,
    /// Money, countdown, step and what is wanted of the operator.
    pub glance: Rect,
    /// Names of the work panes, where not all are shown; else empty.
    pub tabs: Rect,
    /// Panes with their places.
    pub panes: Vec<(Pane, Rect)>,
    /// Keys.
    pub footer: Rect,
}

/// Splits a screen.
pub fn areas(model: &Model, screen: Rect) -> Areas {
    let size = Breakpoint::of(screen.width, screen.height);
    // Narrow, each answer takes two rows.
    let glance_rows = if screen.width < 80 { 4 } else { 2 };
    let [alert, glance, body, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(glance_rows),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(screen);
    let mut tabs = Rect::ZERO;
    let panes = if model.zoom {
        vec![(model.focus, body)]
    } else {
        match size {
            Breakpoint::Tiny | Breakpoint::Narrow => {
                let [bar, rest] = rows(body, [1, 0]);
                tabs = bar;
                vec![(model.focus, rest)]
            }
            Breakpoint::Normal => {
                let [top, bar, rest] = rows(body, [11, 1, 0]);
                tabs = bar;
                let mut panes = top_row(top);
                panes.push((model.work, rest));
                panes
            }
            Breakpoint::Wide => {
                let [top, bar, middle, bottom] = rows(body, [11, 1, 14, 0]);
                tabs = bar;
                let mut panes = top_row(top);
                let other = if model.work == Pane::Boot {
                    Pane::Offers
                } else {
                    Pane::Boot
                };
                panes.extend([(model.work, middle), (other, bottom)]);
                panes
            }
            Breakpoint::Full => {
                let [top, bar, rest] = rows(body, [12, 1, 0]);
                tabs = bar;
                let mut panes = top_row(top);
                let [left, right] = columns(rest, 54);
                let [offers, boot] = rows(left, [21, 0]);
                let [charts, last] = rows(right, [27, 0]);
                // What has the keys is always seen.
                let other = match model.work {
                    Pane::History | Pane::Journal => model.work,
                    _ => Pane::Nodes,
                };
                panes.extend([
                    (Pane::Offers, offers),
                    (Pane::Charts, charts),
                    (Pane::Boot, boot),
                    (other, last),
                ]);
                panes
            }
        }
    };
    Areas {
        alert,
        glance,
        tabs,
        panes,
        footer,
    }
}

fn top_row(area: Rect) -> Vec<(Pane, Rect)> {
    let [countdown, sprint] = columns(area, 46);
    vec![(Pane::Countdown, countdown), (Pane::Sprint, sprint)]
}

/// Rows of these heights; 0 takes what is left.
fn rows<const N: usize>(area: Rect, heights: [u16; N]) -> [Rect; N] {
    Layout::vertical(heights.map(|height| match height {
        0 => Constraint::Min(0),
        h => Constraint::Length(h),
    }))
    .areas(area)
}

fn columns(area: Rect, percent: u16) -> [Rect; 2] {
    Layout::horizontal([Constraint::Percentage(percent), Constraint::Min(0)]).areas(area)
}

/// A box of at most this size in the middle.
pub fn centered(area: Rect, width: u16, height: u16) -> Rect {
    let (w, h) = (width.min(area.width), height.min(area.height));
    Rect::new(
        area.x + (area.width - w) / 2,
        area.y + (area.height - h) / 2,
        w,
        h,
    )
}
