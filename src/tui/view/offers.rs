//! Offers: usable ones with their cost, rejected ones with the reason, avoided machines.

use std::ops::Range;

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::{Duration, RankedOffer, Step};
use crate::engine::{OffersSnapshot, SearchState};
use crate::tui::hit_areas::HitTarget;
use crate::tui::keymap::Action;
use crate::tui::layout::Rows as SectionRows;
use crate::tui::offers::{Column, Direction, OfferList, OffersPane};
use crate::tui::pane::Pane;
use crate::tui::prompt::PromptKind;
use crate::tui::theme::Theme;

use super::format;
use super::widgets::{Canvas, prompt_line, put_cut};

/// Older rows are marked: prices and offers change every minute.
const STALE: Duration = Duration::minutes(5);

/// The least that shows a country and the beginning of its region.
const LOCATION: usize = 10;
/// The longest usual names: `8x RTX PRO 6000 S`.
const GPU: usize = 17;

/// Widths of the columns in a pane.
struct Layout {
    columns: Vec<Column>,
    gpu: usize,
    /// The last column, which takes what is left.
    location: usize,
}

impl Layout {
    /// The most important columns that fit, always with the sorted one.
    fn new(width: u16, view: &OffersPane, shown: Range<usize>) -> Layout {
        let names = shown.filter_map(|row| view.row(row));
        let names = names.map(|(_, row)| row.offer.gpus().chars().count());
        let mut layout = Layout {
            columns: Vec::new(),
            gpu: names
                .max()
                .unwrap_or(0)
                .clamp(Column::Gpu.name().len() + 1, GPU),
            location: LOCATION,
        };
        let sort = view.sort;
        let mut room = usize::from(width).saturating_sub(LOCATION + 1);
        room = room.saturating_sub(match sort {
            Column::Location => 0,
            sort => layout.wide(sort) + 1,
        });
        let mut fits = |column: &Column| {
            if *column == sort || *column == Column::Location {
                return true;
            }
            let left = room.checked_sub(layout.wide(*column) + 1);
            room = left.unwrap_or(room);
            left.is_some()
        };
        let columns = Column::ALL.iter().copied();
        layout.columns = columns.filter(|column| fits(column)).collect();
        layout.location += room;
        layout
    }

    fn wide(&self, column: Column) -> usize {
        match column {
            Column::Rank => 4,
            Column::Gpu => self.gpu,
            Column::Price => 9,
            Column::Expected | Column::Worst | Column::Boot | Column::Machine => 8,
            Column::Chance | Column::Reliability | Column::Download => 6,
            Column::Location => self.location,
        }
    }

    fn cell(&self, column: Column, text: &str) -> String {
        cell(text, self.wide(column))
    }
}

fn text(column: Column, rank: usize, row: &RankedOffer) -> String {
    let offer = &row.offer;
    match column {
        Column::Rank => (rank + 1).to_string(),
        Column::Gpu => offer.gpus(),
        Column::Price => row.price.to_string(),
        Column::Expected => row.expected_cost().to_string(),
        Column::Worst => row.worst_cost.to_string(),
        Column::Chance => format!("{:.0}%", row.chance() * 100.0),
        Column::Boot => format::length(row.boot.median),
        Column::Reliability => format!("{:.1}%", offer.reliability * 100.0),
        Column::Download => format!("{:.0}", offer.download_mbps),
        Column::Machine => offer.machine.to_string(),
        Column::Location => offer.country_and_region(),
    }
}

/// What the list wants, with its title, its heading and the row that explains.
pub fn rows(canvas: &Canvas<'_>, listed: usize) -> SectionRows {
    let offers = &canvas.model.snapshot.offers;
    let beside = usize::from(matches!(offers.state, SearchState::Failed(_)))
        + usize::from(
            offers
                .read_at
                .is_some_and(|at| canvas.model.now() - at > STALE),
        )
        + usize::from(!canvas.model.offers.filter.is_empty());
    SectionRows::up_to(4, 3 + listed + beside)
}

pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let (model, theme) = (canvas.model, canvas.theme);
    let offers = &model.snapshot.offers;
    let age = format::ago(offers.read_at, model.now());
    let state = match &offers.state {
        SearchState::Idle => "idle".to_owned(),
        SearchState::Searching => format!("SEARCHING, rows {age}"),
        SearchState::Ready => age.clone(),
        SearchState::Failed(_) => format!("FAILED, rows {age}"),
    };
    let filter = &model.offers.filter;
    let of = if filter.is_empty() {
        String::new()
    } else {
        format!("{} of ", model.offers.len())
    };
    let (usable, rejected) = (offers.rows.len(), offers.rejected.len());
    let note = format!("{of}{usable} usable, {rejected} out, {state}");
    let inner = canvas.pane_frame(area, Pane::Offers, &note);
    let mut lines: Vec<Line<'_>> = Vec::new();
    let prompt = model.prompt.as_ref();
    if let Some(prompt) = prompt.filter(|open| open.kind == PromptKind::Offers) {
        lines.push(prompt_line(prompt, theme));
    } else if !filter.is_empty() && model.offers.list == OfferList::Usable {
        let all = canvas.key(Action::ShowAll);
        let text = format!("filter \"{filter}\" ({all} shows all)");
        lines.push(Line::styled(text, theme.accent()));
    }
    let refresh = canvas.key(Action::Refresh);
    let may_search = matches!(model.snapshot.sprint.step, Step::Waiting | Step::Choosing);
    let read_at = offers.read_at.filter(|_| may_search);
    if read_at.is_some_and(|at| model.now() - at > STALE) {
        let text = format!("OLD: read {age}; {refresh} searches again");
        lines.push(Line::styled(text, theme.warn()));
    }
    if let SearchState::Failed(why) = &offers.state {
        let text = format!("search failed: {why}; {refresh} retries");
        lines.push(Line::styled(text, theme.bad()));
    }
    let room = usize::from(inner.height).saturating_sub(lines.len());
    let top = lines.len();
    let (rows, targets) = match model.offers.list {
        OfferList::Usable => usable_rows(canvas, room, inner.width),
        OfferList::Rejected => (rejected_rows(canvas, room), Vec::new()),
        OfferList::Avoided => avoided_rows(canvas, room),
    };
    lines.extend(rows);
    // Below the heading.
    for (row, target) in targets.into_iter().enumerate() {
        canvas.hits.add_row(inner, top + 1 + row, target);
    }
    put_cut(canvas.buf, inner, lines);
}

/// Rows below a heading, and what a click on each selects.
type Rows = (Vec<Line<'static>>, Vec<HitTarget>);

fn usable_rows(canvas: &Canvas<'_>, height: usize, width: u16) -> Rows {
    let (model, theme) = (canvas.model, canvas.theme);
    let view = &model.offers;
    if model.snapshot.offers.rows.is_empty() {
        let text = nothing(&model.snapshot.offers, canvas);
        return (vec![Line::styled(text, theme.dim())], Vec::new());
    }
    let mut targets = Vec::new();
    let selected = view.selected_row();
    // The last row explains the rank of the selected offer.
    let visible = height.saturating_sub(2).max(1);
    let first = selected.map_or(0, |at| (at + 1).saturating_sub(visible));
    let shown = first..view.len().min(first + visible);
    let layout = Layout::new(width, view, shown.clone());
    let columns = layout.columns.iter().copied();
    let head = columns.map(|column| heading(column, &layout, view, theme));
    let mut lines: Vec<Line<'_>> = vec![head.collect()];
    for (row, (rank, offer)) in shown.filter_map(|row| Some((row, view.row(row)?))) {
        let id = offer.offer.id;
        targets.push(HitTarget::Offer(id));
        let is_marked = view.marked == Some(id);
        let mark = if is_marked {
            theme.glyph("◆", "*")
        } else {
            ""
        };
        let cells = layout.columns.iter().map(|&column| {
            let mark = if column == Column::Rank { mark } else { "" };
            let text = text(column, rank, offer);
            layout.cell(column, &format!("{text}{mark}"))
        });
        let style = theme.selected_if(selected == Some(row), theme.text());
        lines.push(Line::styled(cells.collect::<String>(), style));
    }
    let why = match view.selected_offer() {
        Some(row) => format!("offer {}: {}", row.offer.id, row.why()),
        None if view.is_empty() => {
            format!(
                "no offer matches: {} shows all",
                canvas.key(Action::ShowAll)
            )
        }
        None => {
            let down = canvas.key(Action::Down);
            format!("the selected offer is gone: {down} selects another")
        }
    };
    lines.push(Line::styled(why, theme.accent()));
    (lines, targets)
}

/// Heading of a column, with the sort direction.
fn heading(column: Column, layout: &Layout, view: &OffersPane, theme: Theme) -> Span<'static> {
    if column != view.sort {
        return Span::styled(layout.cell(column, column.name()), theme.dim());
    }
    let arrow = match view.direction {
        Direction::BestFirst => theme.glyph("▼", "v"),
        Direction::Reversed => theme.glyph("▲", "^"),
    };
    let name = format!("{}{arrow}", column.name());
    Span::styled(layout.cell(column, &name), theme.accent())
}

/// Why there is no row. Before the first answer an empty list means nothing.
fn nothing(offers: &OffersSnapshot, canvas: &Canvas<'_>) -> String {
    let refresh = canvas.key(Action::Refresh);
    match offers.state {
        SearchState::Idle => {
            format!("No search yet: a sprint searches when it chooses; {refresh} searches now.")
        }
        SearchState::Searching if offers.read_at.is_none() => "Searching Vast...".to_owned(),
        SearchState::Failed(_) if offers.read_at.is_none() => {
            format!("Offers unknown: the search failed, {refresh} retries.")
        }
        _ => {
            let rejected = canvas.key(Action::Rejected);
            format!("No usable offer. {rejected} shows why, {refresh} searches again.")
        }
    }
}

fn rejected_rows(canvas: &Canvas<'_>, height: usize) -> Vec<Line<'static>> {
    let back = canvas.key(Action::Rejected);
    let head = format!("OUT ({back} shows the usable offers)");
    let mut lines = vec![Line::styled(head, canvas.theme.warn())];
    let all = &canvas.model.snapshot.offers.rejected;
    let scroll = canvas.model.offers.rejected_scroll;
    let first = scroll.min(all.len().saturating_sub(1));
    for out in all.iter().skip(first).take(height.saturating_sub(1)) {
        let offer = &out.offer;
        lines.push(Line::raw(format!(
            "{:<10} {:<16} {:>9}  {}",
            offer.id.to_string(),
            offer.gpus(),
            offer.gpu_price.to_string(),
            out.reason
        )));
    }
    lines
}

fn avoided_rows(canvas: &Canvas<'_>, height: usize) -> Rows {
    let (model, theme) = (canvas.model, canvas.theme);
    let (back, allow) = (canvas.key(Action::Avoided), canvas.key(Action::Allow));
    let head = format!("AVOIDED ({back} shows the usable offers, {allow} uses a machine again)");
    let mut lines = vec![Line::styled(head, theme.warn())];
    let all = &model.snapshot.offers.avoided;
    if all.is_empty() {
        lines.push(Line::styled("No machine is avoided.", theme.dim()));
    }
    let selected = model.offers.avoided_index.min(all.len().saturating_sub(1));
    let visible = height.saturating_sub(1).max(1);
    let first = (selected + 1).saturating_sub(visible);
    let mut targets = Vec::new();
    for (index, machine) in all.iter().enumerate().skip(first).take(visible) {
        let text = format!(
            "machine {:<9} for {:<8} failed {}x  {}",
            machine.machine.to_string(),
            format::length(machine.until - model.now()),
            machine.failed_boots,
            machine.why()
        );
        let style = theme.selected_if(index == selected, theme.text());
        lines.push(Line::styled(text, style));
        targets.push(HitTarget::Avoided(index));
    }
    (lines, targets)
}

/// A text of exactly this width, and a space.
fn cell(text: &str, width: usize) -> String {
    let cut: String = text.chars().take(width).collect();
    format!("{cut:<width$} ")
}
