//! Row 5: how the last sprint ended, until the next one rents.

use ratatui::text::Line;

use crate::domain::{OutcomeKind, SprintReport};
use crate::engine::PastSprintRow;
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::view::format;
use crate::tui::view::outcome::{self, Ended};

use super::super::widgets::Canvas;
use super::{Item, WIDE, fit, item, label};

/// The panes get the row while something is rented.
pub(super) fn is_shown(model: &Model) -> bool {
    !model.is_rented()
}

pub fn line(canvas: &Canvas<'_>, width: u16) -> Line<'static> {
    let (model, theme) = (canvas.model, canvas.theme);
    let head = label("LAST", theme.dim());
    let Some(row) = model.snapshot.history.last() else {
        return fit(head, vec![item("no sprint yet", theme.dim())], width);
    };
    fit(head, items(row, model, width >= WIDE, theme), width)
}

fn items(row: &PastSprintRow, model: &Model, is_wide: bool, theme: Theme) -> Vec<Item> {
    let report = &row.report;
    let Ended { word, style, why } = outcome::ended(row, model, theme);
    let epoch = report.epoch.map(|epoch| format!("{epoch} "));
    let mut items = vec![item(format!("{}{word}", epoch.unwrap_or_default()), style)];
    let mut add = |text: String| items.push(item(format!("  {text}"), theme.text()));
    let weight = report
        .weight
        .filter(|_| report.outcome == OutcomeKind::Confirmed);
    match (why, weight) {
        (Some(why), _) => add(why),
        (None, Some(weight)) => add(format!("weight {}", format::grouped(weight.0))),
        (None, None) => {}
    }
    let spent = row.spent();
    if report.was_tried() {
        add(spent.in_words());
    }
    if let Some(rate) = report.per_1000_weight(spent) {
        add(format!("{rate}/1000"));
    }
    add(format!("ended {}", format::clock(row.at, model.now())));
    items.push(left(report, is_wide, theme));
    items
}

/// What is left over, in red; that nothing is, where there is room.
fn left(report: &SprintReport, is_wide: bool, theme: Theme) -> Item {
    let rentals = report.rentals_left.unwrap_or_default();
    let registrations = report.registrations_left.unwrap_or_default();
    let count = |number, noun| format::count(number, noun).to_uppercase();
    let text = match (rentals, registrations) {
        (0, 0) if is_wide => return item(", nothing left", theme.text()),
        (0, 0) => String::new(),
        (0, _) => format!("  {} LEFT", count(registrations, "registration")),
        (_, 0) => format!("  {} LEFT", count(rentals, "rental")),
        _ => format!(
            "  {} AND {} LEFT",
            count(rentals, "rental"),
            count(registrations, "registration")
        ),
    };
    item(text, theme.bad())
}
