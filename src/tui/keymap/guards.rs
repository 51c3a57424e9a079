//! Why an action is disabled now: the toast that its key shows instead.

use super::rents;
use crate::domain::{GateKind, Mode, Step};
use crate::tui::attention::last_loss;
use crate::tui::log::LongLines;
use crate::tui::model::{Dialog, Model};
use crate::tui::offers::OfferList;
use crate::tui::pane::Pane;

pub(super) fn enabled(_: &Model) -> Option<&'static str> {
    None
}

pub(super) fn not_a_question(model: &Model) -> Option<&'static str> {
    match model.dialog {
        Some(Dialog::Refused(_) | Dialog::Gone(_)) => Some("nothing to confirm"),
        _ => None,
    }
}

pub(super) fn cannot_start(model: &Model) -> Option<&'static str> {
    let over = model.snapshot.sprint.step == Step::Done;
    (model.gate() != Some(GateKind::Start) && !over).then_some("nothing to start")
}

pub(super) fn no_approvable_gate(model: &Model) -> Option<&'static str> {
    match model.gate() {
        None => Some("no gate waits for approval"),
        Some(GateKind::Rent | GateKind::Hedge) => {
            Some("choose an offer: Enter rents the selected one")
        }
        Some(GateKind::Start | GateKind::Register | GateKind::Release) => None,
    }
}

pub(super) fn no_selected_offer(model: &Model) -> Option<&'static str> {
    match model.offers.list {
        OfferList::Usable => {}
        OfferList::Rejected => return Some("these offers are out: Esc shows the usable ones"),
        OfferList::Avoided => return Some("these are machines: Esc shows the usable offers"),
    }
    let none = model.offers.selected_row().is_none();
    none.then_some("no offer is selected")
}

pub(super) fn cannot_open(model: &Model) -> Option<&'static str> {
    match model.focus {
        Pane::Fleet => None,
        Pane::Offers if rents(model) => cannot_rent(model),
        _ => no_details(model),
    }
}

fn cannot_rent(model: &Model) -> Option<&'static str> {
    if model.snapshot.mode == Mode::Auto {
        return Some("auto mode picks the offer: switch to manual first");
    }
    if let Some(reason) = no_selected_offer(model) {
        return Some(reason);
    }
    (!model.wants_offer()).then_some("cannot rent yet: the sprint has not asked for an offer")
}

pub(super) fn no_details(model: &Model) -> Option<&'static str> {
    match model.focus {
        Pane::Offers => match model.offers.list {
            OfferList::Usable => no_selected_offer(model),
            OfferList::Rejected => {
                let none = model.selected_rejected().is_none();
                none.then_some("no offer is out")
            }
            OfferList::Avoided => no_avoided_machine(model),
        },
        Pane::Nodes => no_node(model),
        Pane::History => no_past_sprint(model),
        _ => None,
    }
}

fn no_avoided_machine(model: &Model) -> Option<&'static str> {
    let none = model.selected_avoided().is_none();
    none.then_some("no machine is avoided")
}

pub(super) fn cannot_put_back(model: &Model) -> Option<&'static str> {
    match model.focus {
        Pane::Offers if model.offers.list == OfferList::Avoided => no_avoided_machine(model),
        Pane::Offers => Some("o shows the avoided machines, which can be put back"),
        Pane::Nodes => match model.selected_node() {
            None => Some(NO_NODE),
            Some((_, row)) => row.node.enabled.then_some("the node is already enabled"),
        },
        _ => None,
    }
}

pub(super) fn cannot_take_out(model: &Model) -> Option<&'static str> {
    match model.focus {
        Pane::Offers => no_selected_offer(model),
        Pane::Nodes => match model.selected_node() {
            None => Some(NO_NODE),
            Some((_, row)) => (!row.node.enabled).then_some("the node is already disabled"),
        },
        _ => None,
    }
}

pub(super) fn cannot_search(model: &Model) -> Option<&'static str> {
    let pool = &model.snapshot.replica.pool;
    // The replicas of a pool have their offers in common.
    let mut sprints = model.snapshot.sprints().filter(|(id, _)| id.pool == *pool);
    let searches = sprints.any(|(_, it)| matches!(it.step, Step::Waiting | Step::Choosing));
    (!searches).then_some("offers are searched only while a sprint waits or chooses")
}

pub(super) fn no_lost_journal(model: &Model) -> Option<&'static str> {
    let none = model.snapshot.lost_journal().is_none();
    none.then_some("no journal is missing: nothing to accept")
}

pub(super) fn cannot_abort(model: &Model) -> Option<&'static str> {
    (!model.snapshot.sprint.can_abort).then_some("nothing to abort")
}

pub(super) fn cannot_abort_any(model: &Model) -> Option<&'static str> {
    (!model.can_abort_any()).then_some("nothing to abort")
}

pub(super) fn already_following(model: &Model) -> Option<&'static str> {
    model
        .focused_log()
        .anchor
        .is_none()
        .then_some("already following")
}

pub(super) fn no_columns_left(model: &Model) -> Option<&'static str> {
    match model.scrolled_columns() {
        None => lines_wrapped(model),
        Some((column, _)) => (column == 0).then_some("the first columns are shown"),
    }
}

pub(super) fn no_columns_right(model: &Model) -> Option<&'static str> {
    match model.scrolled_columns() {
        None => lines_wrapped(model),
        Some((column, last)) => (column >= last).then_some("the last columns are shown"),
    }
}

fn lines_wrapped(model: &Model) -> Option<&'static str> {
    (model.focused_log().long == LongLines::Wrap).then_some("long lines are wrapped: w cuts them")
}

pub(super) fn no_times(model: &Model) -> Option<&'static str> {
    let past = model.focused_log().past.is_some();
    past.then_some("the lines of a past log have no times")
}

pub(super) fn no_log_filter(model: &Model) -> Option<&'static str> {
    let none = model.focused_log().filter.is_none();
    none.then_some("no filter: / starts one")
}

pub(super) fn no_stages(model: &Model) -> Option<&'static str> {
    let none = model.snapshot.rental.is_none();
    none.then_some("nothing is rented, so nothing boots")
}

pub(super) fn no_lines(model: &Model) -> Option<&'static str> {
    model
        .focused_log()
        .bottom()
        .is_none()
        .then_some("no line is shown")
}

const NO_NODE: &str = "no node is registered";

pub(super) fn no_node(model: &Model) -> Option<&'static str> {
    model.selected_node().is_none().then_some(NO_NODE)
}

pub(super) fn no_opened_row(model: &Model) -> Option<&'static str> {
    let none = model.fleet.opened.is_none();
    none.then_some("no fleet row is open: press Enter on one in 0 Fleet")
}

fn no_past_sprint(model: &Model) -> Option<&'static str> {
    match model.selected_past() {
        Some(_) => None,
        None if model.snapshot.history.is_empty() => Some("no sprint has ended yet"),
        None => Some("no sprint passes the filter"),
    }
}

pub(super) fn nothing_to_copy(model: &Model) -> Option<&'static str> {
    if model.focus.is_log() {
        return no_lines(model);
    }
    None
}

pub(super) fn no_alerts(model: &Model) -> Option<&'static str> {
    let none = model.snapshot.alerts.is_empty() && last_loss(model).is_none();
    none.then_some("no alerts")
}
