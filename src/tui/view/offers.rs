//! Offers: usable ones with their cost, rejected ones with the reason, avoided machines.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::{Duration, OfferId, RankedOffer, Step};
use crate::engine::{OffersSnapshot, SearchState};
use crate::tui::hit_areas::{HitAreas, HitTarget};
use crate::tui::keymap::{Action, Keymap};
use crate::tui::model::Model;
use crate::tui::offers::{Column, Direction, OfferList, OffersPane};
use crate::tui::pane::Pane;
use crate::tui::prompt::PromptKind;
use crate::tui::theme::Theme;

use super::format;
use super::widgets::{pane_frame, prompt_line, put_cut};

/// Older rows are marked: prices and offers change every minute.
const STALE: Duration = Duration::minutes(5);

const LOCATION: usize = 10;

fn wide(column: Column) -> usize {
    match column {
        Column::Rank => 4,
        Column::Gpu => 14,
        Column::Price => 9,
        Column::Expected | Column::Worst | Column::Boot | Column::Machine => 8,
        Column::Chance | Column::Reliability | Column::Download => 6,
        Column::Location => LOCATION,
    }
}

fn text(column: Column, rank: usize, row: &RankedOffer) -> String {
    let offer = &row.offer;
    match column {
        Column::Rank => (rank + 1).to_string(),
        Column::Gpu => format!("{}x {}", offer.gpu_count, offer.gpu_name),
        Column::Price => row.price.to_string(),
        Column::Expected => row.expected_cost().to_string(),
        Column::Worst => row.worst_cost.to_string(),
        Column::Chance => format!("{:.0}%", row.chance() * 100.0),
        Column::Boot => format::length(row.boot.median),
        Column::Reliability => format!("{:.1}%", offer.reliability * 100.0),
        Column::Download => format!("{:.0}", offer.download_mbps),
        Column::Machine => offer.machine.to_string(),
        Column::Location => offer
            .location
            .clone()
            .unwrap_or_else(|| "unknown".to_owned()),
    }
}

/// The most important columns that fit, always with the sorted one.
fn columns(width_of_pane: u16, sort: Column) -> Vec<Column> {
    let mut room = usize::from(width_of_pane).saturating_sub(wide(sort) + LOCATION + 2);
    let mut fits = |column: &Column| {
        let needed = wide(*column) + 1;
        *column == sort
            || *column == Column::Location
            || room
                .checked_sub(needed)
                .inspect(|left| room = *left)
                .is_some()
    };
    let all = Column::ALL.iter().copied();
    all.filter(|column| fits(column)).collect()
}

pub fn draw(
    buf: &mut Buffer,
    area: Rect,
    model: &Model,
    keys: &Keymap,
    hits: &mut HitAreas,
    theme: Theme,
) {
    let offers = &model.snapshot.offers;
    let key = |action| keys.key_of(action);
    let age = format::ago(offers.read_at, model.now());
    let state = match &offers.state {
        SearchState::Idle => "idle".to_owned(),
        SearchState::Searching => format!("SEARCHING, rows {age}"),
        SearchState::Ready => age.clone(),
        SearchState::Failed(_) => format!("FAILED, rows {age}"),
    };
    let all = offers.rows.len();
    let shown = if model.offers.filter.is_empty() {
        format!("{all} usable")
    } else {
        format!("{} of {all} usable", model.offers.len())
    };
    let note = format!("{shown}, {} out, {state}", offers.rejected.len());
    let inner = pane_frame(buf, area, Pane::Offers, &note, model, theme);
    let mut lines: Vec<Line<'_>> = Vec::new();
    if let Some(prompt) = model
        .prompt
        .as_ref()
        .filter(|open| open.kind == PromptKind::Offers)
    {
        lines.push(prompt_line(prompt, theme));
    } else if !model.offers.filter.is_empty() {
        let text = format!(
            "only offers with \"{}\" ({} shows all)",
            model.offers.filter,
            key(Action::ShowAll)
        );
        lines.push(Line::styled(text, theme.accent()));
    }
    let may_search = matches!(model.snapshot.sprint.step, Step::Waiting | Step::Choosing);
    if let Some(read_at) = offers.read_at.filter(|_| may_search)
        && model.now() - read_at > STALE
    {
        let text = format!(
            "OLD: these were read {age}; {} searches again",
            key(Action::Refresh)
        );
        lines.push(Line::styled(text, theme.warn()));
    }
    if let SearchState::Failed(why) = &offers.state {
        lines.push(Line::styled(
            format!("search failed: {why}; {} tries again", key(Action::Refresh)),
            theme.bad(),
        ));
    }
    let rows = usize::from(inner.height).saturating_sub(lines.len());
    match model.offers.list {
        OfferList::Usable => {
            let first = lines.len() + 1;
            let shown = usable(&mut lines, rows, inner.width, model, keys, theme);
            for (row, offer) in shown.into_iter().enumerate() {
                hits.add_row(inner, first + row, HitTarget::Offer(offer));
            }
        }
        OfferList::Rejected => rejected(&mut lines, rows, model, keys, theme),
        OfferList::Avoided => {
            let top = lines.len() + 1;
            let shown = avoided(&mut lines, rows, model, keys, theme);
            for (row, place) in shown.enumerate() {
                hits.add_row(inner, top + row, HitTarget::Avoided(place));
            }
        }
    }
    put_cut(buf, inner, lines);
}

/// Rows of usable offers; returns the visible offers.
fn usable(
    lines: &mut Vec<Line<'_>>,
    height: usize,
    width: u16,
    model: &Model,
    keys: &Keymap,
    theme: Theme,
) -> Vec<OfferId> {
    let rows = &model.snapshot.offers.rows;
    if rows.is_empty() {
        lines.push(Line::styled(nothing(&model.snapshot.offers), theme.dim()));
        return Vec::new();
    }
    let view = &model.offers;
    let mut placed = Vec::new();
    let columns = columns(width, view.sort);
    let head = columns.iter().map(|&column| heading(column, view, theme));
    lines.push(Line::from(head.collect::<Vec<_>>()));
    let selected = model.offers.selected_row();
    // The last row explains the rank of the selected offer.
    let visible = height.saturating_sub(2).max(1);
    let first = selected.map_or(0, |at| (at + 1).saturating_sub(visible));
    let shown =
        (first..view.len().min(first + visible)).filter_map(|row| Some((row, view.row(row)?)));
    for (row, (rank, offer)) in shown {
        placed.push(offer.offer.id);
        let mark = match model.offers.marked {
            Some(id) if id == offer.offer.id => theme.glyph("◆", "*"),
            _ => "",
        };
        let cells = columns.iter().map(|&column| match column {
            Column::Rank => cell(&format!("{}{mark}", rank + 1), wide(column)),
            column => cell(&text(column, rank, offer), wide(column)),
        });
        let style = if selected == Some(row) {
            theme.selected()
        } else {
            theme.text()
        };
        lines.push(Line::styled(cells.collect::<String>(), style));
    }
    let why = match model.offers.selected_offer() {
        Some(row) => format!("offer {}: {}", row.offer.id, row.why()),
        None if view.is_empty() => format!(
            "no offer holds that: {} shows all again",
            keys.key_of(Action::ShowAll)
        ),
        None => format!(
            "the selected offer is gone: {} picks another",
            keys.key_of(Action::Down)
        ),
    };
    lines.push(Line::styled(why, theme.accent()));
    placed
}

/// Heading of a column, with the sort direction.
fn heading(column: Column, view: &OffersPane, theme: Theme) -> Span<'static> {
    if column != view.sort {
        return Span::styled(cell(column.name(), wide(column)), theme.dim());
    }
    let arrow = match view.direction {
        Direction::BestFirst => theme.glyph("▼", "v"),
        Direction::Reversed => theme.glyph("▲", "^"),
    };
    let name = format!("{}{arrow}", column.name());
    Span::styled(cell(&name, wide(column)), theme.accent())
}

/// Why there is no row. Before the first answer an empty list means nothing.
fn nothing(offers: &OffersSnapshot) -> &'static str {
    match offers.state {
        SearchState::Idle => "Not searched yet. A sprint searches when it chooses; r looks now.",
        SearchState::Searching if offers.read_at.is_none() => "The market is being asked.",
        SearchState::Failed(_) if offers.read_at.is_none() => "What the market has is not known.",
        _ => "No usable offer. e shows what is out and why, r searches again.",
    }
}

fn rejected(lines: &mut Vec<Line<'_>>, height: usize, model: &Model, keys: &Keymap, theme: Theme) {
    lines.push(Line::styled(
        format!(
            "OUT ({} shows the usable ones)",
            keys.key_of(Action::Rejected)
        ),
        theme.warn(),
    ));
    let all = &model.snapshot.offers.rejected;
    let first = model
        .offers
        .rejected_scroll
        .min(all.len().saturating_sub(1));
    for out in all.iter().skip(first).take(height.saturating_sub(1)) {
        let offer = &out.offer;
        lines.push(Line::raw(format!(
            "{:<10} {:<16} {:>9}  {}",
            offer.id.to_string(),
            format!("{}x {}", offer.gpu_count, offer.gpu_name),
            offer.gpu_price.to_string(),
            out.reason
        )));
    }
}

/// Rows of avoided machines; returns the visible indices.
fn avoided(
    lines: &mut Vec<Line<'_>>,
    height: usize,
    model: &Model,
    keys: &Keymap,
    theme: Theme,
) -> std::ops::Range<usize> {
    lines.push(Line::styled(
        format!(
            "AVOIDED ({} shows the usable offers, {} uses a machine again)",
            keys.key_of(Action::Avoided),
            keys.key_of(Action::Allow)
        ),
        theme.warn(),
    ));
    let all = &model.snapshot.offers.avoided;
    if all.is_empty() {
        lines.push(Line::styled("No machine is avoided.", theme.dim()));
    }
    let selected = model.offers.avoided_index.min(all.len().saturating_sub(1));
    let visible = height.saturating_sub(1).max(1);
    let first = (selected + 1).saturating_sub(visible);
    for (index, machine) in all.iter().enumerate().skip(first).take(visible) {
        let style = if index == selected {
            theme.selected()
        } else {
            theme.text()
        };
        let text = format!(
            "machine {:<9} for {:<8} failed {}x  {}",
            machine.machine.to_string(),
            format::length(machine.until - model.now()),
            machine.failed_boots,
            machine.reason
        );
        lines.push(Line::styled(text, style));
    }
    first..all.len().min(first + visible)
}

/// A text of exactly this width, and a space.
fn cell(text: &str, width: usize) -> String {
    let cut: String = text.chars().take(width).collect();
    format!("{cut:<width$} ")
}
