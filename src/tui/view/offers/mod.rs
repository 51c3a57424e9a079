//! Offers: usable ones with their cost, the selected one in detail, rejected ones with the reason, avoided
//! machines.

mod compare;
mod detail;
mod lists;
mod table;

use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;

use crate::domain::{Duration, Step};
use crate::engine::{OffersSnapshot, SearchState};
use crate::tui::filter::Filtered;
use crate::tui::hit_areas::HitTarget;
use crate::tui::keymap::Action;
use crate::tui::layout::Rows as SectionRows;
use crate::tui::model::Model;
use crate::tui::offers::OfferList;
use crate::tui::pane::Pane;

use super::format;
use super::log::from_main_cockpit;
use super::widgets::{Canvas, count_of, filter_line, put_cut};
use compare::compare;
use detail::detail;

/// Older rows are marked: prices and offers change every minute.
const STALE: Duration = Duration::minutes(5);

/// From this width on the details are beside the list.
const BESIDE: u16 = 112;
const LIST: u16 = 76;
/// Rows of the details below the list, and the fewest rows of offers that they leave.
const BELOW: u16 = detail::COMPACT + 1;
const LEAST_ROWS: u16 = 5;
/// Rows that the details may have beside nothing.
const MOST_BLANK: usize = 3;
/// Offers that are worth rows of their own before anything else may grow.
const WANTED_ROWS: usize = 12;

/// Rows, and what a click on each selects.
type Rows = (Vec<Line<'static>>, Vec<Option<HitTarget>>);

/// What the list wants, with its title, its heading and the details of the selected offer.
pub fn rows(canvas: &Canvas<'_>, width: u16) -> SectionRows {
    let model = canvas.model;
    let above = 1 + above(canvas).len();
    let listed = match model.offers.list {
        OfferList::Usable => model.offers.len(),
        OfferList::Rejected => model.shown_rejected().len(),
        OfferList::Avoided => model.shown_avoided().len(),
    };
    let rows_for = |listed: usize| {
        let list = 1 + listed.max(1) + lists::rows_below(canvas);
        let side = side_width(canvas, width).map(|columns| details(canvas, columns).len());
        above
            + match side {
                Some(side) if model.zoom => list.max(side),
                // A short list leaves little empty below it; the details count what they leave out.
                Some(side) => list.max(side.min(list + MOST_BLANK)),
                None if is_usable(canvas) => list + usize::from(rows_below(canvas, width)),
                None => list,
            }
    };
    SectionRows {
        most: SectionRows::up_to(4, rows_for(listed)).most,
        ..SectionRows::up_to(4, rows_for(listed.min(WANTED_ROWS)))
    }
}

pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let side = side_width(canvas, area.width).unwrap_or_default();
    let [area, rule, side] = Layout::horizontal([
        Constraint::Min(0),
        Constraint::Length(side.min(1)),
        Constraint::Length(side),
    ])
    .areas(area);
    let note = note(canvas.model);
    let inner = canvas.pane_frame(area, Pane::Offers, &note);
    let lines = above(canvas);
    let top = u16::try_from(lines.len())
        .unwrap_or(u16::MAX)
        .min(inner.height);
    put_cut(canvas.buf, inner, lines);
    let [_, body] = Layout::vertical([Constraint::Length(top), Constraint::Min(0)]).areas(inner);
    match canvas.model.offers.list {
        OfferList::Usable if side.is_empty() => usable(canvas, body),
        OfferList::Usable => list_and_rest(canvas, body),
        OfferList::Rejected => {
            let rows = lists::rejected(canvas, usize::from(body.height));
            put_rows(canvas, body, rows);
        }
        OfferList::Avoided => {
            let rows = lists::avoided(canvas, usize::from(body.height));
            put_rows(canvas, body, rows);
        }
    }
    if !side.is_empty() {
        put_details(canvas, side);
        canvas.divide(rule);
    }
}

fn is_usable(canvas: &Canvas<'_>) -> bool {
    let model = canvas.model;
    model.offers.list == OfferList::Usable && !model.snapshot.offers.rows.is_empty()
}

/// The columns of the details beside the list, where the pane is wide enough.
fn side_width(canvas: &Canvas<'_>, width: u16) -> Option<u16> {
    let side = width.checked_sub(LIST.max(width * 64 / 100) + 1)?;
    (width >= BESIDE && is_usable(canvas)).then_some(side)
}

fn put_rows(canvas: &mut Canvas<'_>, area: Rect, (lines, targets): Rows) {
    for (row, target) in targets.into_iter().enumerate() {
        if let Some(target) = target {
            canvas.hits.add_row(area, row, target);
        }
    }
    put_cut(canvas.buf, area, lines);
}

/// What the list is, and how old.
fn note(model: &Model) -> String {
    let offers = &model.snapshot.offers;
    let view = &model.offers;
    let mut parts: Vec<String> = Vec::new();
    parts.extend(view.gone().map(|offer| format!("{offer} gone")));
    match view.list {
        OfferList::Usable => {
            let of = count_of(model, Pane::Offers, view.len());
            parts.push(format!("{of}{} usable", offers.rows.len()));
            parts.push(format!("{} out", offers.rejected.len()));
            parts.extend(in_common(model));
        }
        OfferList::Rejected => parts.push(format!("{} out", offers.rejected.len())),
        OfferList::Avoided => parts.push(format!("{} avoided", offers.avoided.len())),
    }
    parts.push(age(model));
    parts.join(", ")
}

fn in_common(model: &Model) -> Option<String> {
    let common = model.offers.common();
    let gpus = common.gpus.as_ref().filter(|_| model.offers.len() > 1)?;
    let country = common.country.as_ref();
    let country = country.map_or_else(String::new, |country| format!(" in {country}"));
    Some(format!("all {gpus}{country}"))
}

/// Once something is rented the list does not get older.
fn age(model: &Model) -> String {
    let offers = &model.snapshot.offers;
    let now = model.now();
    let ago = format::ago(offers.read_at, now);
    match (&offers.state, offers.read_at) {
        _ if model.lacks_offers() => "not here yet".to_owned(),
        (SearchState::Searching, None) => "searching".to_owned(),
        (SearchState::Searching, _) => format!("searching, rows {ago}"),
        (SearchState::Failed(_), _) => format!("search FAILED, rows {ago}"),
        (_, Some(at)) if !may_search(model) => format!("searched {}", format::clock(at, now)),
        (SearchState::Idle, None) => "no search yet".to_owned(),
        (SearchState::Idle | SearchState::Ready, _) => ago,
    }
}

fn may_search(model: &Model) -> bool {
    let step = model.snapshot.sprint.step;
    matches!(step, Step::Waiting | Step::Choosing) || model.is_hedging()
}

/// The filter, and what is wrong with the list.
fn above<'a>(canvas: &Canvas<'a>) -> Vec<Line<'a>> {
    let (model, theme) = (canvas.model, canvas.theme);
    let offers = &model.snapshot.offers;
    let filter = filter_line(canvas, Filtered::Pane(Pane::Offers));
    let mut lines: Vec<Line<'_>> = filter.into_iter().collect();
    let refresh = canvas.key(Action::Refresh);
    let read_at = offers.read_at.filter(|_| may_search(model));
    if let Some(at) = read_at.filter(|at| model.now() - *at > STALE) {
        let age = format::ago(Some(at), model.now());
        let text = format!("read {age}: {refresh} searches again");
        lines.push(Line::styled(text, theme.warn()));
    }
    if let SearchState::Failed(why) = &offers.state {
        let text = format!("search failed: {why}; {refresh} retries");
        lines.push(Line::styled(text, theme.bad()));
    }
    lines
}

/// The table, and the details below it, where there is room.
fn usable(canvas: &mut Canvas<'_>, area: Rect) {
    let model = canvas.model;
    if model.snapshot.offers.rows.is_empty() {
        let text = nothing(&model.snapshot.offers, canvas);
        let line = Line::styled(format!(" {text}"), canvas.theme.dim());
        return put_cut(canvas.buf, area, [line]);
    }
    let rows = u16::try_from(model.offers.len()).unwrap_or(u16::MAX);
    let least = rows.min(LEAST_ROWS);
    if area.height > least + BELOW {
        let below = rows_below(canvas, area.width).min(area.height - least - 1);
        let most = area.height - below;
        let [list, below, rest] = Layout::vertical([
            Constraint::Length(rows.saturating_add(1).min(most)),
            Constraint::Length(below),
            Constraint::Min(0),
        ])
        .areas(area);
        put_table(canvas, list);
        put_compact(canvas, below);
        return lists::draw_below(canvas, rest);
    }
    // Too low for both: one row says why.
    let [list, why] = Layout::vertical([Constraint::Min(0), Constraint::Length(1)]).areas(area);
    put_table(canvas, list);
    let line = why_line(canvas);
    put_cut(canvas.buf, why, [line]);
}

/// Rows of the details below the list, with their title: a comparison has more.
fn rows_below(canvas: &Canvas<'_>, width: u16) -> u16 {
    let Some(pair) = canvas.model.offers.marked_pair() else {
        return BELOW;
    };
    let lines = compare(pair, usize::from(width).saturating_sub(1), canvas.theme);
    u16::try_from(lines.len() + 1).unwrap_or(u16::MAX)
}

fn put_table(canvas: &mut Canvas<'_>, area: Rect) {
    let table = table::table(canvas, usize::from(area.height), area.width);
    let mut x = area.x;
    for (column, wide) in table.columns {
        let width = u16::try_from(wide).unwrap_or(u16::MAX);
        let cell = Rect::new(x, area.y, width, 1).intersection(area);
        canvas.hits.add(cell, HitTarget::Sort(column));
        x = x.saturating_add(width);
    }
    put_rows(canvas, area, table.rows);
}

/// The table, and below it what is out and avoided, where there is room.
fn list_and_rest(canvas: &mut Canvas<'_>, area: Rect) {
    let rows = u16::try_from(canvas.model.offers.len()).unwrap_or(u16::MAX);
    let height = rows.saturating_add(1).min(area.height);
    let [list, rest] =
        Layout::vertical([Constraint::Length(height), Constraint::Min(0)]).areas(area);
    put_table(canvas, list);
    lists::draw_below(canvas, rest);
}

/// What the details are of, and its place.
fn title(model: &Model) -> (String, String) {
    if model.offers.marked_pair().is_some() {
        return ("two offers".to_owned(), String::new());
    }
    let selected = model.offers.selected_offer();
    selected.map_or_else(Default::default, |row| {
        (format!("offer {}", row.offer.id), detail::rank(row, model))
    })
}

/// Of the selected row, or of two that are marked.
pub(super) fn in_full(canvas: &Canvas<'_>, columns: u16) -> (String, Vec<Line<'static>>) {
    let model = canvas.model;
    match model.offers.list {
        OfferList::Usable => (title(model).0, details(canvas, columns)),
        OfferList::Rejected => lists::rejected_in_full(canvas, columns),
        OfferList::Avoided => lists::avoided_in_full(canvas, columns),
    }
}

fn details(canvas: &Canvas<'_>, columns: u16) -> Vec<Line<'static>> {
    let (model, theme) = (canvas.model, canvas.theme);
    let columns = usize::from(columns).saturating_sub(1);
    if let Some(two) = model.offers.marked_pair() {
        return compare(two, columns, theme);
    }
    match model.offers.selected_offer() {
        Some(row) => detail(row, model, columns, theme),
        None => vec![why_line(canvas)],
    }
}

fn put_details(canvas: &mut Canvas<'_>, area: Rect) {
    let (title, note) = title(canvas.model);
    let inner = padded(canvas.rule(area, &title, &note, false));
    let lines = counted(details(canvas, area.width), inner, canvas);
    put_cut(canvas.buf, inner, lines);
}

fn put_compact(canvas: &mut Canvas<'_>, area: Rect) {
    let (model, theme) = (canvas.model, canvas.theme);
    let (title, note) = title(model);
    let inner = padded(canvas.rule(area, &title, &note, false));
    let columns = usize::from(inner.width);
    let lines = match (model.offers.marked_pair(), model.offers.selected_offer()) {
        (Some(two), _) => compare(two, columns, theme),
        (None, Some(row)) => detail::compact(row, model, columns, theme),
        (None, None) => vec![why_line(canvas)],
    };
    let lines = counted(lines, inner, canvas);
    put_cut(canvas.buf, inner, lines);
}

/// Without its first column.
fn padded(area: Rect) -> Rect {
    Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(1),
        ..area
    }
}

/// What does not fit is counted in the last row.
fn counted(mut lines: Vec<Line<'static>>, area: Rect, canvas: &Canvas<'_>) -> Vec<Line<'static>> {
    let height = usize::from(area.height);
    if lines.len() > height {
        let kept = height.saturating_sub(1);
        let more = format::count(lines.len() - kept, "row");
        let key = canvas.key(Action::Details);
        lines.truncate(kept);
        let text = format!("{more} more: {key} shows all");
        lines.push(Line::styled(text, canvas.theme.dim()));
    }
    lines
}

/// Why the selected offer has its rank, or why none is selected.
fn why_line(canvas: &Canvas<'_>) -> Line<'static> {
    let view = &canvas.model.offers;
    let text = match view.selected_offer() {
        Some(row) => format!("offer {}: {}", row.offer.id, row.why()),
        None if view.is_empty() => {
            format!("no offer matches: {} shows all", canvas.key(Action::Back))
        }
        None => format!(
            "no offer is selected: {} selects one",
            canvas.key(Action::Down)
        ),
    };
    Line::styled(format!(" {text}"), canvas.theme.accent())
}

/// Why there is no row. Before the first answer an empty list means nothing.
fn nothing(offers: &OffersSnapshot, canvas: &Canvas<'_>) -> String {
    let refresh = canvas.key(Action::Refresh);
    match offers.state {
        _ if canvas.model.lacks_offers() => {
            let pool = &canvas.model.snapshot.replica.pool;
            from_main_cockpit(canvas.model, &format!("the offers of {pool}"))
        }
        SearchState::Idle => {
            format!("No search yet: a sprint searches when it chooses; {refresh} searches now.")
        }
        SearchState::Searching if offers.read_at.is_none() => "Searching Vast...".to_owned(),
        SearchState::Failed(_) if offers.read_at.is_none() => {
            format!("Offers unknown: the search failed, {refresh} retries.")
        }
        _ => {
            let out = canvas.key(Action::OtherList);
            format!("No usable offer. {out} shows why, {refresh} searches again.")
        }
    }
}
