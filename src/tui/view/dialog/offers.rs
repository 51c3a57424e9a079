//! Dialogs about offers and machines.

use ratatui::text::Line;

use crate::domain::{MachineId, RankedOffer};
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::view::{format, offers};

use super::{COLUMNS, Question};

pub(super) fn explain(row: &RankedOffer, model: &Model, theme: Theme) -> Question {
    let lines = offers::detail(row, model, COLUMNS, theme);
    Question::new(format!("Why has offer {} its rank?", row.offer.id), lines)
}

/// Two offers side by side.
pub(super) fn compare([a, b]: &[RankedOffer; 2], theme: Theme) -> Question {
    let lines = offers::compare([a, b], COLUMNS, theme);
    Question::new("Which of the two?", lines)
}

pub(super) fn avoid(machine: MachineId, model: &Model) -> Question {
    let rows = model.snapshot.offers.rows.iter();
    let count = rows.filter(|row| row.offer.machine == machine).count();
    let offers = format::count(count, "usable offer");
    let lines = vec![
        Line::raw(format!("It has {offers} now.")),
        Line::raw(
            "It is avoided for as long as after a failed boot, in auto mode too. v lists avoided machines, u uses one again.",
        ),
        Line::raw("If you do nothing, its offers stay in the list."),
    ];
    Question::new(format!("Avoid machine {machine}?"), lines).asks("avoid it", "keep its offers")
}

pub(super) fn allow(machine: MachineId, model: &Model) -> Question {
    let now = model.now();
    let avoided = model.snapshot.offers.avoided.iter();
    let avoided = avoided.filter(|avoided| avoided.machine == machine);
    let mut lines = vec![Line::raw("It is avoided because:")];
    for one in avoided {
        let until = format::clock(one.until, now);
        lines.push(Line::raw(one.reason.clone()));
        lines.push(Line::raw(format!(
            "If you do nothing, it is avoided until {until}."
        )));
    }
    lines.push(Line::raw(
        "Its offers will be usable again, in auto mode too.",
    ));
    Question::new(format!("Use machine {machine} again?"), lines)
        .asks("use it again", "keep avoiding it")
}
