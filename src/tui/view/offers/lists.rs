//! Offers that are out, and machines that are avoided, with the reasons.

use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::domain::AvoidedMachine;
use crate::engine::RejectedOffer;
use crate::tui::hit_areas::HitTarget;
use crate::tui::keymap::Action;
use crate::tui::offers::OfferList;
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
    let theme = canvas.theme;
    let back = canvas.key(Action::Rejected);
    let head = format!(" OUT ({back} shows the usable offers)");
    let mut lines = vec![Line::styled(head, theme.warn())];
    let all = &canvas.model.snapshot.offers.rejected;
    if all.is_empty() {
        lines.push(Line::styled(" No offer is out.", theme.dim()));
    }
    let scroll = canvas.model.offers.rejected_scroll;
    let first = scroll.min(all.len().saturating_sub(1));
    let shown = all.iter().skip(first).take(height.saturating_sub(1));
    lines.extend(shown.map(|out| Line::raw(out_row(out))));
    (lines, Vec::new())
}

pub(super) fn avoided(canvas: &Canvas<'_>, height: usize) -> Rows {
    let (model, theme) = (canvas.model, canvas.theme);
    let (back, allow) = (canvas.key(Action::Avoided), canvas.key(Action::Allow));
    let head = format!(" AVOIDED ({back} shows the usable offers, {allow} uses a machine again)");
    let mut lines = vec![Line::styled(head, theme.warn())];
    let all = &model.snapshot.offers.avoided;
    if all.is_empty() {
        lines.push(Line::styled(" No machine is avoided.", theme.dim()));
    }
    let selected = model.offers.avoided_index.min(all.len().saturating_sub(1));
    let visible = height.saturating_sub(1).max(1);
    let first = (selected + 1).saturating_sub(visible);
    let mut targets = vec![None];
    for (index, machine) in all.iter().enumerate().skip(first).take(visible) {
        let style = theme.selected_if(index == selected, theme.text());
        lines.push(Line::styled(avoided_row(machine, canvas), style));
        targets.push(Some(HitTarget::Avoided(index)));
    }
    (lines, targets)
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
        ("out", Action::Rejected, offers.rejected.len(), out),
        ("avoided", Action::Avoided, offers.avoided.len(), avoided),
    ];
    for (name, action, all, rows) in lists {
        // A title without a row says nothing.
        if rows.is_empty() || area.height < 2 {
            continue;
        }
        let note = format!("{} shows all", canvas.key(action));
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
