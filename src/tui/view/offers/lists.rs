//! Offers that are out, and machines that are avoided, with the reasons.

use ratatui::text::Line;

use crate::domain::AvoidedMachine;
use crate::engine::RejectedOffer;
use crate::tui::hit_areas::HitTarget;
use crate::tui::keymap::Action;
use crate::tui::view::format;
use crate::tui::view::widgets::Canvas;

use super::{Rows, rule};

/// A list below the usable offers takes no more rows than this.
const MOST_BELOW: usize = 4;

fn out_row(out: &RejectedOffer) -> String {
    let offer = &out.offer;
    format!(
        "{:>10}  {:<16} {:>9}  {}",
        offer.id.to_string(),
        offer.gpus(),
        offer.gpu_price.to_string(),
        out.reason
    )
}

fn avoided_row(machine: &AvoidedMachine, canvas: &Canvas<'_>) -> String {
    let now = canvas.model.now();
    format!(
        "machine {:>9}  until {}  {} failed  {}",
        machine.machine.to_string(),
        format::clock(machine.until, now),
        machine.failed_boots,
        machine.why()
    )
}

pub(super) fn rejected(canvas: &Canvas<'_>, height: usize) -> Rows {
    let theme = canvas.theme;
    let back = canvas.key(Action::Rejected);
    let head = format!("OUT ({back} shows the usable offers)");
    let mut lines = vec![Line::styled(head, theme.warn())];
    let all = &canvas.model.snapshot.offers.rejected;
    if all.is_empty() {
        lines.push(Line::styled("No offer is out.", theme.dim()));
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
    let head = format!("AVOIDED ({back} shows the usable offers, {allow} uses a machine again)");
    let mut lines = vec![Line::styled(head, theme.warn())];
    let all = &model.snapshot.offers.avoided;
    if all.is_empty() {
        lines.push(Line::styled("No machine is avoided.", theme.dim()));
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

/// The beginnings of both lists in this many rows below the usable offers; what is left out is counted in
/// the title.
pub(super) fn below(canvas: &Canvas<'_>, height: usize, columns: usize) -> Vec<Line<'static>> {
    let offers = &canvas.model.snapshot.offers;
    let style = canvas.theme.dim();
    let out = offers.rejected.iter();
    let out = out.map(|out| Line::styled(out_row(out), style));
    let avoided = offers.avoided.iter();
    let avoided = avoided.map(|machine| Line::styled(avoided_row(machine, canvas), style));
    let lists = [
        ("out", Action::Rejected, out.collect::<Vec<_>>()),
        ("avoided", Action::Avoided, avoided.collect()),
    ];
    let mut lines = Vec::new();
    for (name, key, rows) in lists {
        // A title without a row says nothing.
        let room = height.saturating_sub(lines.len() + 1).min(MOST_BELOW);
        if rows.is_empty() || room == 0 {
            continue;
        }
        let title = format!("{name}: {}", rows.len());
        let note = format!("{} shows all", canvas.key(key));
        lines.push(rule(&title, &note, columns, canvas.theme));
        lines.extend(rows.into_iter().take(room));
    }
    lines
}
