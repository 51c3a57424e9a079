//! The top area: attention, money, steps, what comes next, how the last sprint ended. The same fact is in
//! the same row at every size.

mod attention;
pub(super) mod last;
mod money;
mod next;
pub(super) mod steps;

pub use attention::look;

use std::ops::Range;

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::domain::Step;
use crate::tui::attention::Headline;
use crate::tui::hit_areas::HitTarget;
use crate::tui::model::Model;
use crate::tui::scene::Scene;

use super::widgets::{Canvas, put_cut};

/// Columns of a row's label, and the space before it.
const LABEL: usize = 8;
/// Width from which rows are written out.
const WIDE: u16 = 100;

/// How many rows it takes.
pub fn rows(headline: &Headline, model: &Model) -> u16 {
    let attention = 1 + u16::from(headline.second.is_some());
    attention + 3 + u16::from(last::is_shown(model))
}

pub fn draw(canvas: &mut Canvas<'_>, area: Rect, headline: &Headline) {
    let Headline {
        first,
        second,
        others,
    } = headline;
    let mut rows = area.rows();
    if let Some(row) = rows.next() {
        attention::draw(canvas, row, first, *others);
    }
    if let (Some(second), Some(row)) = (second, second.as_ref().and_then(|_| rows.next())) {
        attention::draw(canvas, row, second, 0);
    }
    let width = area.width;
    let steps::Row { line, places } = steps::row(canvas, width);
    let rows: Vec<Rect> = rows.collect();
    if let Some(row) = rows.get(1) {
        add_steps(canvas, *row, places);
    }
    let mut lines = vec![money::line(canvas, width), line, next::line(canvas, width)];
    if last::is_shown(canvas.model) {
        lines.push(last::line(canvas, width));
    }
    for (row, line) in rows.into_iter().zip(lines) {
        put_cut(canvas.buf, row, [line]);
    }
}

/// A click on a step opens its pane.
fn add_steps(canvas: &mut Canvas<'_>, row: Rect, places: Vec<(Step, Range<usize>)>) {
    let columns = |width: usize| u16::try_from(width).unwrap_or(u16::MAX);
    for (step, place) in places {
        let x = row.x.saturating_add(columns(place.start));
        let cell = Rect::new(x, row.y, columns(place.len()), 1).intersection(row);
        let pane = Scene::of_step(step).home();
        canvas.hits.add(cell, HitTarget::Pane(pane));
    }
}

/// A row's label in its columns.
fn label(name: &str, style: Style) -> Vec<Span<'static>> {
    vec![
        Span::raw(" "),
        Span::styled(name.to_owned(), style),
        Span::raw(" ".repeat((LABEL + 1).saturating_sub(name.len()))),
    ]
}

/// Spans that are drawn together or not at all.
type Item = Vec<Span<'static>>;

/// A row of items, up to the first that does not fit: half a number is worse than none, and later items
/// matter less.
fn fit(mut line: Vec<Span<'static>>, items: Vec<Item>, width: u16) -> Line<'static> {
    let mut used: usize = line.iter().map(Span::width).sum();
    for item in items {
        let wide: usize = item.iter().map(Span::width).sum();
        if used + wide > usize::from(width) {
            break;
        }
        used += wide;
        line.extend(item);
    }
    Line::from(line)
}

fn item(text: impl Into<String>, style: Style) -> Item {
    vec![Span::styled(text.into(), style)]
}
