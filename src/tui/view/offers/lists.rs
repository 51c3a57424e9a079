//! Offers that are out, and machines that are avoided, with the reasons.

use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::domain::AvoidedMachine;
use crate::engine::RejectedOffer;
use crate::tui::hit_areas::HitTarget;
use crate::tui::keymap::Action;
use crate::tui::offers::OfferList;
use crate::tui::theme::Theme;
use crate::tui::view::format;
use crate::tui::view::widgets::{Canvas, put_cut};

use super::Rows;

/// A list below the usable offers takes no more rows than this.
const MOST_BELOW: usize = 4;

fn out_row(out: &RejectedOffer) -> String {
    let offer = &out.offer;
    format!(
        " {:>10}  {:<16} {:>9}  {}",
        offer.id.to_string(),
        offer.gpus(),
        offer.gpu_price.to_string(),
        out.reason
    )
}

fn avoided_row(machine: &AvoidedMachine, canvas: &Canvas<'_>) -> String {
    let now = canvas.model.now();
    format!(
        " machine {:>9}  until {}  {} failed  {}",
        machine.machine.to_string(),
        format::clock(machine.until, now),
        machine.failed_boots,
        machine.why()
    )
}

pub(super) fn rejected(canvas: &Canvas<'_>, height: usize) -> Rows {
    let (model, theme) = (canvas.model, canvas.theme);
    let back = canvas.key(Action::Back);
    let head = format!(" OUT ({back} shows the usable offers)");
    let all = model.shown_rejected();
    let list = List {
        head,
        empty: " No offer is out.",
        rows: all.into_iter().map(out_row).collect(),
        selected: model.offers.rejected_index,
        target: HitTarget::Rejected,
    };
    list.draw(height, theme)
}

pub(super) fn avoided(canvas: &Canvas<'_>, height: usize) -> Rows {
    let (model, theme) = (canvas.model, canvas.theme);
    let (back, again) = (canvas.key(Action::Back), canvas.key(Action::PutBack));
    let head = format!(" AVOIDED ({back} shows the usable offers, {again} uses a machine again)");
    let all = model.shown_avoided();
    let list = List {
        head,
        empty: " No machine is avoided.",
        rows: all
            .into_iter()
            .map(|one| avoided_row(one, canvas))
            .collect(),
        selected: model.offers.avoided_index,
        target: HitTarget::Avoided,
    };
    list.draw(height, theme)
}

/// A list in place of the usable offers.
struct List {
    head: String,
    empty: &'static str,
    rows: Vec<String>,
    selected: usize,
    target: fn(usize) -> HitTarget,
}

impl List {
    fn draw(self, height: usize, theme: Theme) -> Rows {
        let mut lines = vec![Line::styled(self.head, theme.warn())];
        if self.rows.is_empty() {
            lines.push(Line::styled(self.empty, theme.dim()));
        }
        let selected = self.selected.min(self.rows.len().saturating_sub(1));
        let visible = height.saturating_sub(1).max(1);
        let first = (selected + 1).saturating_sub(visible);
        let mut targets = vec![None];
        let rows = self.rows.into_iter().enumerate();
        for (index, row) in rows.skip(first).take(visible) {
            let style = theme.selected_if(index == selected, theme.text());
            lines.push(Line::styled(row, style));
            targets.push(Some((self.target)(index)));
        }
        (lines, targets)
    }
}

/// Why the selected offer is out.
pub(super) fn rejected_in_full(canvas: &Canvas<'_>, columns: u16) -> (String, Vec<Line<'static>>) {
    let Some(out) = canvas.model.selected_rejected() else {
        return ("out".to_owned(), Vec::new());
    };
    let offer = &out.offer;
    let lines = [
        format!("{}, machine {}", offer.gpus(), offer.machine),
        format!(
            "{} for the GPUs, {}",
            offer.gpu_price,
            offer.country_and_region()
        ),
        format!("It is out: {}", out.reason),
    ];
    (format!("offer {}", offer.id), wrapped(&lines, columns))
}

/// Why the selected machine is avoided, and until when.
pub(super) fn avoided_in_full(canvas: &Canvas<'_>, columns: u16) -> (String, Vec<Line<'static>>) {
    let model = canvas.model;
    let Some(avoided) = model.selected_avoided() else {
        return ("avoided".to_owned(), Vec::new());
    };
    let until = format::clock(avoided.until, model.now());
    let boots = format::count(avoided.failed_boots as usize, "failed boot");
    let lines = [
        format!("Avoided until {until} after {boots}:"),
        avoided.why(),
        format!("{} uses it again.", canvas.key(Action::PutBack)),
    ];
    (
        format!("machine {}", avoided.machine),
        wrapped(&lines, columns),
    )
}

fn wrapped(texts: &[String], columns: u16) -> Vec<Line<'static>> {
    let rows = texts
        .iter()
        .flat_map(|text| format::wrap(text, usize::from(columns)));
    rows.map(Line::raw).collect()
}

/// Rows of both lists below the usable offers.
pub(super) fn rows_below(canvas: &Canvas<'_>) -> usize {
    let offers = &canvas.model.snapshot.offers;
    let rows = |all: usize| if all == 0 { 0 } else { 1 + all.min(MOST_BELOW) };
    match canvas.model.offers.list {
        OfferList::Usable => rows(offers.rejected.len()) + rows(offers.avoided.len()),
        OfferList::Rejected | OfferList::Avoided => 0,
    }
}

/// The beginnings of both lists below the usable offers; the titles count all.
pub(super) fn draw_below(canvas: &mut Canvas<'_>, mut area: Rect) {
    let offers = &canvas.model.snapshot.offers;
    let out: Vec<String> = offers
        .rejected
        .iter()
        .take(MOST_BELOW)
        .map(out_row)
        .collect();
    let avoided = offers.avoided.iter().take(MOST_BELOW);
    let avoided: Vec<String> = avoided.map(|one| avoided_row(one, canvas)).collect();
    let lists = [
        ("out", offers.rejected.len(), out),
        ("avoided", offers.avoided.len(), avoided),
    ];
    for (name, all, rows) in lists {
        // A title without a row says nothing.
        if rows.is_empty() || area.height < 2 {
            continue;
        }
        let note = format!("{} shows all", canvas.key(Action::OtherList));
        let inner = canvas.rule(area, &format!("{name}: {all}"), &note, false);
        let used = u16::try_from(rows.len())
            .unwrap_or(u16::MAX)
            .min(inner.height);
        let style = canvas.theme.dim();
        let lines = rows.into_iter().map(|row| Line::styled(row, style));
        put_cut(canvas.buf, inner, lines);
        area.y += 1 + used;
        area.height -= 1 + used;
    }
}
