//! The market: usable offers with their cost, or those that are out with the reason.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::domain::RankedOffer;
use crate::engine::{OffersSnapshot, SearchState};
use crate::tui::model::{Model, OfferList, Pane};
use crate::tui::theme::Theme;

use super::{frame, put_cut, words};

/// Name, width and text of a column, by importance from left to right.
type Column = (&'static str, usize, fn(usize, &RankedOffer) -> String);

const COLUMNS: [Column; 10] = [
    ("#", 3, |rank, _| (rank + 1).to_string()),
    ("GPU", 14, |_, row| gpu(row)),
    ("price", 9, |_, row| row.price.to_string()),
    ("expected", 8, |_, row| row.expected_cost().to_string()),
    ("worst", 8, |_, row| row.worst_cost.to_string()),
    ("chance", 6, |_, row| {
        format!("{:.0}%", row.chance() * 100.0)
    }),
    ("boot", 8, |_, row| words::length(row.boot.median)),
    ("rel.", 6, |_, row| {
        format!("{:.1}%", row.offer.reliability * 100.0)
    }),
    ("Mb/s", 6, |_, row| {
        format!("{:.0}", row.offer.download_mbps)
    }),
    ("machine", 8, |_, row| row.offer.machine.to_string()),
];

/// Columns that are kept for the location.
const LOCATION: usize = 10;

fn gpu(row: &RankedOffer) -> String {
    format!("{}x {}", row.offer.gpu_count, row.offer.gpu_name)
}

/// Draws the pane.
pub fn draw(buf: &mut Buffer, area: Rect, model: &Model, theme: Theme) {
    let offers = &model.snapshot.offers;
    let age = words::ago(offers.read_at, model.now());
    let state = match &offers.state {
        SearchState::Idle => "idle".to_owned(),
        SearchState::Searching => format!("SEARCHING, rows {age}"),
        SearchState::Ready => age,
        SearchState::Failed(_) => format!("FAILED, rows {age}"),
    };
    let note = format!(
        "{} usable, {} out, {state}",
        offers.rows.len(),
        offers.rejected.len()
    );
    let inner = frame(buf, area, Pane::Offers, &note, model, theme);
    let mut lines = Vec::new();
    if let SearchState::Failed(why) = &offers.state {
        lines.push(Line::styled(
            format!("search failed: {why}; r tries again"),
            theme.bad(),
        ));
    }
    let rows = usize::from(inner.height).saturating_sub(lines.len());
    match model.offer_list {
        OfferList::Usable => usable(&mut lines, rows, inner.width, model, theme),
        OfferList::Rejected => rejected(&mut lines, rows, model, theme),
        OfferList::Avoided => avoided(&mut lines, rows, model, theme),
    }
    put_cut(buf, inner, lines);
}

fn usable(lines: &mut Vec<Line<'static>>, height: usize, width: u16, model: &Model, theme: Theme) {
    let rows = &model.snapshot.offers.rows;
    if rows.is_empty() {
        lines.push(Line::styled(nothing(&model.snapshot.offers), theme.dim()));
        return;
    }
    let mut room = usize::from(width).saturating_sub(LOCATION);
    let columns: Vec<&Column> = COLUMNS
        .iter()
        .take_while(|(_, w, _)| {
            room.checked_sub(w + 1)
                .inspect(|&left| room = left)
                .is_some()
        })
        .collect();
    let head: String = columns.iter().map(|(name, w, _)| cell(name, *w)).collect();
    lines.push(Line::styled(format!("{head}location"), theme.dim()));
    let selected = model.selected_row();
    // The last line says why the selected one ranks there.
    let visible = height.saturating_sub(2).max(1);
    let first = selected.map_or(0, |at| (at + 1).saturating_sub(visible));
    for (rank, row) in rows.iter().enumerate().skip(first).take(visible) {
        let mut text: String = columns
            .iter()
            .map(|(_, w, f)| cell(&f(rank, row), *w))
            .collect();
        text.push_str(row.offer.location.as_deref().unwrap_or("unknown"));
        let style = if selected == Some(rank) {
            theme.selected()
        } else {
            theme.text()
        };
        lines.push(Line::styled(text, style));
    }
    let why = selected.and_then(|at| rows.get(at)).map_or_else(
        || "the selected offer is gone: j picks another".to_owned(),
        |row| format!("offer {}: {}", row.offer.id, row.why()),
    );
    lines.push(Line::styled(why, theme.accent()));
}

/// Why there is no row. An empty list means something else before the first answer.
fn nothing(offers: &OffersSnapshot) -> &'static str {
    match offers.state {
        SearchState::Idle => "Not searched yet. A sprint searches when it chooses; r looks now.",
        SearchState::Searching if offers.read_at.is_none() => "The market is being asked.",
        SearchState::Failed(_) if offers.read_at.is_none() => "What the market has is not known.",
        _ => "No usable offer. e shows what is out and why, r searches again.",
    }
}

fn rejected(lines: &mut Vec<Line<'static>>, height: usize, model: &Model, theme: Theme) {
    lines.push(Line::styled("OUT (e shows the usable ones)", theme.warn()));
    let all = &model.snapshot.offers.rejected;
    let first = model.rejected_scroll.min(all.len().saturating_sub(1));
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

fn avoided(lines: &mut Vec<Line<'static>>, height: usize, model: &Model, theme: Theme) {
    lines.push(Line::styled(
        "AVOIDED (v shows the usable offers, u uses a machine again)",
        theme.warn(),
    ));
    let all = &model.snapshot.offers.avoided;
    if all.is_empty() {
        lines.push(Line::styled("No machine is avoided.", theme.dim()));
    }
    let selected = model.avoided_at.min(all.len().saturating_sub(1));
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
            words::length(machine.until - model.now()),
            machine.failed_boots,
            machine.reason
        );
        lines.push(Line::styled(text, style));
    }
}

/// Text in exactly this many columns and a space.
fn cell(text: &str, width: usize) -> String {
    let cut: String = text.chars().take(width).collect();
    format!("{cut:<width$} ")
}
