//! Dialogs about offers and machines.

use ratatui::text::Line;

use crate::domain::MachineId;
use crate::tui::keymap::Action;
use crate::tui::model::Model;
use crate::tui::view::format;
use crate::tui::view::widgets::Canvas;

use super::Question;

pub(super) fn avoid(machine: MachineId, canvas: &Canvas<'_>) -> Question {
    let model = canvas.model;
    let (list, again) = (canvas.key(Action::OtherList), canvas.key(Action::PutBack));
    let rows = model.snapshot.offers.rows.iter();
    let count = rows.filter(|row| row.offer.machine == machine).count();
    let offers = format::count(count, "usable offer");
    let lines = vec![
        Line::raw(format!("It has {offers} now.")),
        Line::raw(format!(
            "It is avoided for as long as after a failed boot, in auto mode too. {list} lists avoided machines, {again} uses one again.",
        )),
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
