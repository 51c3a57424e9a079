//! Where each pane goes.

use ratatui::layout::{Constraint, Layout, Rect};

use super::breakpoint::Breakpoint;
use super::model::Model;
use super::pane::Pane;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Areas {
    /// Attention, money, steps, what is next, and the last outcome.
    pub top: Rect,
    /// Tabs of the panes; empty where all are shown.
    pub tabs: Rect,
    pub panes: Vec<(Pane, Rect)>,
    pub footer: Rect,
}

pub fn areas(model: &Model, screen: Rect, top_rows: u16) -> Areas {
    let size = Breakpoint::of(screen.width, screen.height);
    let [top, body, footer] = Layout::vertical([
        Constraint::Length(top_rows),
        Constraint::Min(0),
        Constraint::Length(1),
    ])
    .areas(screen);
    let (tabs, panes) = panes(model, size, body);
    Areas {
        top,
        tabs,
        panes,
        footer,
    }
}

/// The area of the tabs and those of the visible panes.
fn panes(model: &Model, size: Breakpoint, body: Rect) -> (Rect, Vec<(Pane, Rect)>) {
    let work = model.work;
    if model.zoom {
        return (Rect::ZERO, vec![(model.focus, body)]);
    }
    if let Breakpoint::Tiny | Breakpoint::Narrow = size {
        let [tabs, rest] = rows(body, [1, 0]);
        return (tabs, vec![(model.focus, rest)]);
    }
    let top_rows = if size == Breakpoint::Full { 12 } else { 11 };
    let [top, tabs, rest] = rows(body, [top_rows, 1, 0]);
    let [countdown, sprint] = columns(top, 46);
    let mut panes = vec![(Pane::Countdown, countdown), (Pane::Sprint, sprint)];
    match size {
        Breakpoint::Wide => {
            let [middle, bottom] = rows(rest, [14, 0]);
            let other = match work {
                Pane::Boot => Pane::Offers,
                _ => Pane::Boot,
            };
            panes.extend([(work, middle), (other, bottom)]);
        }
        Breakpoint::Full => {
            let [left, right] = columns(rest, 54);
            let [offers, boot] = rows(left, [21, 0]);
            let [charts, last] = rows(right, [27, 0]);
            // The focused pane is always visible.
            let other = match work {
                Pane::History | Pane::Journal => work,
                _ => Pane::Nodes,
            };
            panes.extend([(Pane::Offers, offers), (Pane::Charts, charts)]);
            panes.extend([(Pane::Boot, boot), (other, last)]);
        }
        _ => panes.push((work, rest)),
    }
    (tabs, panes)
}

/// Rows of these heights; 0 takes the rest.
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
