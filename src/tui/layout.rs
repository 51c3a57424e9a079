//! Where each pane goes.

use ratatui::layout::{Constraint, Layout, Rect};

use super::breakpoint::Breakpoint;
use super::model::Model;
use super::pane::Pane;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Areas {
    pub alert: Rect,
    /// Money, countdown, step and what the operator has to do.
    pub summary: Rect,
    /// Tabs of the panes; empty where all are shown.
    pub tabs: Rect,
    pub panes: Vec<(Pane, Rect)>,
    pub footer: Rect,
}

pub fn areas(model: &Model, screen: Rect) -> Areas {
    let size = Breakpoint::of(screen.width, screen.height);
    // A narrow screen needs two rows each for money and sprint.
    let summary_rows = if screen.width < 80 { 4 } else { 2 };
    let [alert, summary, body, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(summary_rows),
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
                // The focused pane is always visible.
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
        summary,
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
