//! The table of usable offers: numbers at the right, the sorted column always there.

use ratatui::text::{Line, Span};

use crate::domain::RankedOffer;
use crate::tui::hit_areas::HitTarget;
use crate::tui::model::Model;
use crate::tui::offers::{Column, Direction, OffersPane};
use crate::tui::theme::Theme;
use crate::tui::view::format;
use crate::tui::view::widgets::Canvas;

use super::Rows;

/// Between columns.
const GAP: usize = 2;
/// The longest usual names: `8x RTX PRO 6000 S`.
const GPU: usize = 17;
const LOCATION: usize = 22;

/// A column with its width.
struct Shown {
    column: Column,
    wide: usize,
}

/// A cell, and whether it is a figure.
fn text(column: Column, rank: usize, row: &RankedOffer, theme: Theme) -> String {
    let offer = &row.offer;
    match column {
        Column::Rank => (rank + 1).to_string(),
        Column::Success => row.cost_of_success().to_string(),
        Column::Price => row.price.0.to_string(),
        Column::Estimate => row.expected_cost().to_string(),
        Column::Worst => format::worst(row.worst_cost, theme),
        Column::Chance => format!("{:.0}%", row.chance() * 100.0),
        Column::Boot => format::length(row.boot.median),
        Column::Reliability => format!("{:.1}%", offer.reliability * 100.0),
        Column::Download => format::whole(offer.download_mbps),
        Column::Machine => offer.machine.to_string(),
        Column::Gpu => offer.gpus(),
        Column::Location => offer.country_and_region(),
        Column::Offer => offer.id.to_string(),
    }
}

fn is_name(column: Column) -> bool {
    matches!(column, Column::Gpu | Column::Location)
}

/// The most that a name takes; figures are never cut.
fn most(column: Column) -> usize {
    match column {
        Column::Gpu => GPU,
        Column::Location => LOCATION,
        _ => usize::MAX,
    }
}

/// By importance, from the first that is not scrolled away. Different GPUs are told apart before anything
/// else; the rank and what is sorted by stay.
fn by_importance(view: &OffersPane) -> Vec<Column> {
    let mut all = Column::ALL.to_vec();
    if view.common().gpus.is_none() {
        all.retain(|column| *column != Column::Gpu);
        all.insert(3, Column::Gpu);
    }
    let mut place = 0;
    all.retain(|column| {
        place += 1;
        let is_away = (2..=view.first_column + 1).contains(&place);
        !is_away || *column == view.sort
    });
    all
}

/// The most important columns that fit, always with the sorted one.
fn layout(
    width: u16,
    view: &OffersPane,
    rows: &[(usize, &RankedOffer)],
    theme: Theme,
) -> Vec<Shown> {
    let wide = |column: Column| {
        let cells = rows.iter().map(|(rank, row)| {
            let text = text(column, *rank, row, theme);
            text.chars().count()
        });
        let head = head(column, view, theme).chars().count();
        cells.max().unwrap_or(0).min(most(column)).max(head)
    };
    let all = by_importance(view).into_iter();
    let all = all.map(|column| Shown {
        column,
        wide: wide(column),
    });
    let all: Vec<Shown> = all.collect();
    let sorted = all.iter().find(|shown| shown.column == view.sort);
    let mut room = usize::from(width).saturating_sub(sorted.map_or(0, taken));
    let mut is_full = false;
    let fits = all.into_iter().filter(|shown| {
        if shown.column == view.sort {
            return true;
        }
        // A later column in place of one that is left out would look like it.
        is_full |= room < taken(shown);
        if !is_full {
            room -= taken(shown);
        }
        !is_full
    });
    fits.collect()
}

/// With the gap, and the mark behind rank and worst case.
fn taken(shown: &Shown) -> usize {
    shown.wide + mark_width(shown.column) + if shown.column == Column::Rank { 1 } else { GAP }
}

fn mark_width(column: Column) -> usize {
    usize::from(matches!(column, Column::Rank | Column::Worst))
}

/// Heading of a column; the sorted one with `▲` where the smallest is first.
fn head(column: Column, view: &OffersPane, theme: Theme) -> String {
    if column != view.sort {
        return column.name().to_owned();
    }
    let is_rising = column.is_ascending() == (view.direction == Direction::BestFirst);
    let arrow = if is_rising {
        theme.glyph("▲", "^")
    } else {
        theme.glyph("▼", "v")
    };
    format!("{}{arrow}", column.name())
}

/// Names begin at the left, figures end at the right.
fn aligned(shown: &Shown, text: &str) -> String {
    let wide = shown.wide;
    let gap = if shown.column == Column::Rank { 1 } else { GAP };
    if is_name(shown.column) {
        let cut: String = text.chars().take(wide).collect();
        format!("{:gap$}{cut:<wide$}", "")
    } else {
        format!("{:gap$}{text:>wide$}", "")
    }
}

/// The rows, and the columns of the heading with their widths.
pub(super) struct Table {
    pub(super) rows: Rows,
    pub(super) columns: Vec<(Column, usize)>,
}

pub(super) fn table(canvas: &Canvas<'_>, height: usize, width: u16) -> Table {
    let (model, theme) = (canvas.model, canvas.theme);
    let view = &model.offers;
    let selected = view.selected_row();
    let visible = height.saturating_sub(1).max(1);
    let first = selected.map_or(0, |at| (at + 1).saturating_sub(visible));
    let shown = first..view.len().min(first + visible);
    let offers: Vec<(usize, &RankedOffer)> = shown.filter_map(|row| view.row(row)).collect();
    let columns = layout(width, view, &offers, theme);
    let mut lines = vec![heading(&columns, view, theme)];
    let mut targets = vec![None];
    for (row, (rank, offer)) in (first..).zip(offers) {
        targets.push(Some(HitTarget::Offer(offer.offer.id)));
        let line = line(&columns, rank, offer, model, theme);
        lines.push(if selected == Some(row) {
            line.patch_style(theme.selected())
        } else {
            line
        });
    }
    let columns = columns.iter().map(|shown| (shown.column, taken(shown)));
    Table {
        columns: columns.collect(),
        rows: (lines, targets),
    }
}

fn heading(columns: &[Shown], view: &OffersPane, theme: Theme) -> Line<'static> {
    let cells = columns.iter().map(|shown| {
        let style = if shown.column == view.sort {
            theme.accent()
        } else {
            theme.dim()
        };
        let mark = " ".repeat(mark_width(shown.column));
        let text = aligned(shown, &head(shown.column, view, theme));
        Span::styled(format!("{text}{mark}"), style)
    });
    cells.collect()
}

/// A row; one over a cap is dim, with a red `!` behind its worst case.
fn line(
    columns: &[Shown],
    rank: usize,
    offer: &RankedOffer,
    model: &Model,
    theme: Theme,
) -> Line<'static> {
    let is_over = model.snapshot.money.refusal(offer).is_some();
    let is_marked = model.offers.is_marked(offer.offer.id);
    let style = if is_over { theme.dim() } else { theme.text() };
    let mut spans = Vec::new();
    for shown in columns {
        let text = text(shown.column, rank, offer, theme);
        spans.push(Span::styled(aligned(shown, &text), style));
        spans.push(match shown.column {
            Column::Rank if is_marked => Span::styled(theme.glyph("◆", "*"), theme.accent()),
            Column::Worst if is_over => Span::styled("!", theme.bad()),
            column => Span::raw(" ".repeat(mark_width(column))),
        });
    }
    Line::from(spans)
}
