//! Dialogs: what confirming does, and when an open one is stale.

use crate::domain::Mode;
use crate::engine::{Command, QuitChoice, SprintCommand};
use crate::tui::ExitReason;
use crate::tui::keymap::{Action, Keymap};
use crate::tui::model::{Dialog, Model, Role};
use crate::tui::pane::Pane;

use super::navigation::{Move, focus};

/// Why an open dialog is out of date, if it is.
pub(super) fn stale_reason(model: &Model, dialog: &Dialog) -> Option<&'static str> {
    match dialog {
        Dialog::Rent(shown) => {
            let rows = &model.snapshot.offers.rows;
            match rows.iter().find(|row| row.offer.id == shown.offer.id) {
                // It says so itself.
                None => None,
                // The session gets shorter, and so cheaper, while the dialog is open: the shown cost
                // remains the maximum.
                Some(row) if row.worst_cost > shown.worst_cost || row.price != shown.price => {
                    Some("the offer's cost has changed: check it again")
                }
                Some(_) if !model.wants_offer() => Some("too late to rent: nothing was rented"),
                Some(_) => None,
            }
        }
        Dialog::Approve(kind) => {
            (model.gate() != Some(*kind)).then_some("this gate no longer waits")
        }
        Dialog::Abort => (!model.snapshot.sprint.can_abort).then_some("nothing left to abort"),
        Dialog::AbortAll => (!model.can_abort_any()).then_some("nothing left to abort"),
        Dialog::Allow(machine) => {
            (!model.is_avoided(*machine)).then_some("the machine is no longer avoided")
        }
        Dialog::Avoid(machine) => model
            .is_avoided(*machine)
            .then_some("the machine is already avoided"),
        Dialog::Auto => (model.snapshot.mode == Mode::Auto).then_some("auto mode is already on"),
        Dialog::AcceptJournal => {
            let none = model.snapshot.lost_journal().is_none();
            none.then_some("the journal is accepted already")
        }
        Dialog::Node {
            network_node, node, ..
        } => {
            let nodes = &model.snapshot.nodes_at(network_node).rows;
            let gone = nodes.iter().all(|row| row.node.config.id != *node);
            gone.then_some("the node is no longer registered")
        }
        Dialog::LeaveViewer | Dialog::Refused(_) | Dialog::Gone(_) => None,
        Dialog::Quit(_) => (!model.is_rented()).then_some("nothing is rented now: quit again"),
    }
}

/// What an open question about an offer has become: there is nothing left to confirm.
pub(super) fn replacement(model: &Model, dialog: &Dialog) -> Option<Dialog> {
    let Dialog::Rent(shown) = dialog else {
        return None;
    };
    let rows = &model.snapshot.offers.rows;
    match rows.iter().find(|row| row.offer.id == shown.offer.id) {
        None => Some(Dialog::Gone(shown.clone())),
        Some(row) => model
            .is_refused(row)
            .then(|| Dialog::Refused(Box::new(row.clone()))),
    }
}

/// Asks, or says why there is nothing to ask.
pub(super) fn rent(model: &mut Model, keys: &Keymap) {
    if let Some(now) = model.offers.take_change() {
        let key = keys.key_of(Action::Open);
        return model.show_toast(format!("the list just changed: {key} again rents {now}"));
    }
    let Some(row) = model.offers.selected_offer().cloned().map(Box::new) else {
        return;
    };
    let dialog = if model.is_refused(&row) {
        Dialog::Refused(row)
    } else {
        Dialog::Rent(row)
    };
    model.open_dialog(dialog);
}

pub(super) fn quit(model: &mut Model) -> Vec<Command> {
    if model.role != Role::Driver {
        model.exit = Some(ExitReason::Quit);
        return Vec::new();
    }
    if model.is_rented() {
        model.open_dialog(Dialog::Quit(None));
        return Vec::new();
    }
    model.exit = Some(ExitReason::Quit);
    vec![Command::Quit(QuitChoice::Detach)]
}

pub(super) fn confirm(model: &mut Model) -> Vec<Command> {
    if let Some(word) = model.confirmation_word()
        && model.answer.typed.trim() != word
    {
        return reject_word(model, &word);
    }
    let Some(dialog) = model.dialog.take() else {
        return Vec::new();
    };
    match dialog {
        Dialog::Rent(row) => {
            focus(model, Pane::Boot);
            vec![model.to_sprint(SprintCommand::Rent {
                offer: row.offer.id,
                agreed: row.worst_cost,
            })]
        }
        Dialog::Refused(_) | Dialog::Gone(_) => Vec::new(),
        Dialog::LeaveViewer => {
            model.exit = Some(ExitReason::Quit);
            Vec::new()
        }
        Dialog::Node {
            network_node,
            node,
            change,
            ..
        } => vec![Command::ChangeNode {
            network_node: Some(network_node),
            node,
            change,
        }],
        Dialog::Avoid(machine) => vec![Command::AvoidMachine(machine)],
        Dialog::Allow(machine) => vec![Command::AllowMachine(machine)],
        Dialog::Abort => vec![model.to_sprint(SprintCommand::Abort)],
        Dialog::AbortAll => vec![Command::AbortAll],
        Dialog::Approve(kind) => vec![model.to_sprint(SprintCommand::Approve(kind))],
        Dialog::Auto => vec![Command::SetMode(Mode::Auto)],
        Dialog::AcceptJournal => vec![Command::AcceptJournal],
        Dialog::Quit(None) => {
            model.show_toast("choose first: the arrows select what happens to the rental");
            Vec::new()
        }
        Dialog::Quit(Some(QuitChoice::Release)) => {
            model.quitting = true;
            vec![Command::Quit(QuitChoice::Release)]
        }
        Dialog::Quit(Some(QuitChoice::Detach)) => {
            model.exit = Some(ExitReason::Quit);
            vec![Command::Quit(QuitChoice::Detach)]
        }
    }
}

/// Moves through a dialog: to the next choice, or its text by rows.
pub(super) fn scroll(model: &mut Model, by: Move) {
    const CHOICES: [Option<QuitChoice>; 3] =
        [None, Some(QuitChoice::Release), Some(QuitChoice::Detach)];
    let Some(Dialog::Quit(choice)) = &mut model.dialog else {
        // The next frame knows how many rows there are, and corrects it.
        return by.shift(&mut model.answer.scroll, usize::MAX);
    };
    let mut index = CHOICES.iter().position(|it| it == choice).unwrap_or(0);
    by.shift(&mut index, CHOICES.len());
    *choice = CHOICES[index];
}

/// A wrong word does not confirm; without a word, Enter closes the dialog.
fn reject_word(model: &mut Model, word: &str) -> Vec<Command> {
    if model.answer.typed.is_empty() {
        model.dialog = None;
        model.show_toast("nothing typed: cancelled");
    } else {
        model.answer.typed.clear();
        model.show_toast(format!("that is not {word}: nothing was done"));
    }
    Vec::new()
}
