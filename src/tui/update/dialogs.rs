//! Questions: what agreeing does, and when an open one no longer fits what is.

use crate::domain::Mode;
use crate::engine::{Command, QuitChoice};
use crate::tui::ExitReason;
use crate::tui::model::{Dialog, Model, Pane, Role};

use super::moves::focus;

/// Why an open question no longer fits what is.
pub(super) fn moot(model: &Model, dialog: &Dialog) -> Option<&'static str> {
    match dialog {
        Dialog::Rent(shown) => {
            let rows = &model.snapshot.offers.rows;
            match rows.iter().find(|row| row.offer.id == shown.offer.id) {
                None => Some("the offer is gone: nothing was rented"),
                // A session gets shorter, and so cheaper, while one looks: what was shown still is
                // the most that it can cost.
                Some(row) if row.worst_cost > shown.worst_cost || row.price != shown.price => {
                    Some("the offer's cost has changed: look again")
                }
                Some(_) if !model.asks_for_an_offer() => {
                    Some("it is no longer the time to rent: nothing was rented")
                }
                Some(_) => None,
            }
        }
        Dialog::Approve(kind) => {
            (model.gate() != Some(*kind)).then_some("the gate no longer waits")
        }
        Dialog::Abort => {
            (!model.snapshot.sprint.can_abort).then_some("there is nothing to abort any more")
        }
        Dialog::Allow(machine) => {
            let avoided = &model.snapshot.offers.avoided;
            let gone = avoided.iter().all(|avoided| avoided.machine != *machine);
            gone.then_some("the machine is not avoided any more")
        }
        Dialog::Auto => (model.snapshot.mode == Mode::Auto).then_some("auto mode is on already"),
        Dialog::Avoid(machine) => {
            let avoided = &model.snapshot.offers.avoided;
            let done = avoided.iter().any(|avoided| avoided.machine == *machine);
            done.then_some("the machine is avoided already")
        }
        Dialog::Node { node, .. } => {
            let nodes = &model.snapshot.nodes.rows;
            let gone = nodes.iter().all(|row| row.node.config.id != *node);
            gone.then_some("the node is not registered any more")
        }
        Dialog::LeaveViewer | Dialog::Offer(_) | Dialog::Compare(_) => None,
        Dialog::Quit(_) => (!model.is_rented()).then_some("nothing is rented any more: quit again"),
    }
}

pub(super) fn quit(model: &mut Model) -> Vec<Command> {
    if model.role != Role::Driver {
        model.exit = Some(ExitReason::Quit);
        return Vec::new();
    }
    if model.is_rented() {
        model.ask(Dialog::Quit(None));
        return Vec::new();
    }
    model.exit = Some(ExitReason::Quit);
    vec![Command::Quit(QuitChoice::Detach)]
}

pub(super) fn confirm(model: &mut Model) -> Vec<Command> {
    if let Some(word) = model.word()
        && model.typed.trim() != word
    {
        return not_that(model, &word);
    }
    let Some(dialog) = model.dialog.take() else {
        return Vec::new();
    };
    match dialog {
        Dialog::Rent(row) => {
            // What comes next is to be seen there.
            focus(model, Pane::Boot);
            vec![Command::Rent {
                offer: row.offer.id,
                agreed: row.worst_cost,
            }]
        }
        Dialog::Offer(_) | Dialog::Compare(_) => Vec::new(),
        Dialog::LeaveViewer => {
            model.exit = Some(ExitReason::Quit);
            Vec::new()
        }
        Dialog::Node { node, change, .. } => vec![Command::ChangeNode { node, change }],
        Dialog::Avoid(machine) => vec![Command::AvoidMachine(machine)],
        Dialog::Allow(machine) => vec![Command::AllowMachine(machine)],
        Dialog::Abort => vec![Command::Abort],
        Dialog::Approve(kind) => vec![Command::Approve(kind)],
        Dialog::Auto => vec![Command::SetMode(Mode::Auto)],
        Dialog::Quit(None) => {
            model.say("nothing was chosen: r releases and quits, l leaves it running");
            Vec::new()
        }
        Dialog::Quit(Some(QuitChoice::Release)) => {
            model.leaving = true;
            vec![Command::Quit(QuitChoice::Release)]
        }
        Dialog::Quit(Some(QuitChoice::Detach)) => {
            model.exit = Some(ExitReason::Quit);
            vec![Command::Quit(QuitChoice::Detach)]
        }
    }
}

/// Enter without the word is no agreement: with nothing typed it closes the question.
fn not_that(model: &mut Model, word: &str) -> Vec<Command> {
    if model.typed.is_empty() {
        model.dialog = None;
        model.say("nothing was typed, so nothing was done");
    } else {
        model.typed.clear();
        model.say(format!("that is not {word}: nothing was done"));
    }
    Vec::new()
}
