//! Why an action is disabled now: the toast that its key shows instead.

use crate::domain::{GateKind, Mode, Step};
use crate::tui::attention::last_loss;
use crate::tui::log::LongLines;
use crate::tui::model::{Dialog, Model};
use crate::tui::offers::OfferList;

pub(super) fn enabled(_: &Model) -> Option<&'static str> {
    None
}

pub(super) fn not_a_question(model: &Model) -> Option<&'static str> {
    match model.dialog {
        Some(Dialog::Offer(_) | Dialog::Compare(_) | Dialog::Refused(_) | Dialog::Gone(_)) => {
            Some("nothing to confirm")
        }
        _ => None,
    }
}

pub(super) fn not_quitting(model: &Model) -> Option<&'static str> {
    match model.dialog {
        Some(Dialog::Quit(_)) => None,
        _ => Some("this dialog has no such choice"),
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
        OfferList::Rejected => {
            return Some("these offers are rejected: go back to the usable ones");
        }
        OfferList::Avoided => return Some("these are machines: go back to the usable offers"),
    }
    let none = model.offers.selected_row().is_none();
    none.then_some("no offer is selected")
}

pub(super) fn cannot_rent(model: &Model) -> Option<&'static str> {
    if model.offers.list != OfferList::Usable {
        return no_selected_offer(model);
    }
    if model.snapshot.mode == Mode::Auto {
        return Some("auto mode picks the offer: switch to manual first");
    }
    if let Some(reason) = no_selected_offer(model) {
        return Some(reason);
    }
    (!model.wants_offer()).then_some("cannot rent yet: the sprint has not asked for an offer")
}

pub(super) fn no_avoided_machine(model: &Model) -> Option<&'static str> {
    if model.offers.list != OfferList::Avoided {
        return Some("show the avoided machines first");
    }
    let none = model.selected_avoided().is_none();
    none.then_some("no machine is avoided")
}

pub(super) fn cannot_search(model: &Model) -> Option<&'static str> {
    let step = model.snapshot.sprint.step;
    (!matches!(step, Step::Waiting | Step::Choosing))
        .then_some("offers are searched only while a sprint waits or chooses")
}

pub(super) fn no_lost_journal(model: &Model) -> Option<&'static str> {
    let none = model.snapshot.lost_journal().is_none();
    none.then_some("no journal is missing: nothing to accept")
}

pub(super) fn cannot_abort(model: &Model) -> Option<&'static str> {
    (!model.snapshot.sprint.can_abort).then_some("nothing to abort")
}

pub(super) fn already_following(model: &Model) -> Option<&'static str> {
    model.log.anchor.is_none().then_some("already following")
}

pub(super) fn lines_wrapped(model: &Model) -> Option<&'static str> {
    (model.log.long == LongLines::Wrap).then_some("long lines are wrapped: unwrap them first")
}

pub(super) fn no_active_search(model: &Model) -> Option<&'static str> {
    let none = model.log.search.is_none();
    none.then_some("no search: / starts one")
}

pub(super) fn no_search_or_filter(model: &Model) -> Option<&'static str> {
    let off = model.log.search.is_none() && model.log.filter.is_none();
    off.then_some("no search and no filter")
}

pub(super) fn no_offer_filter(model: &Model) -> Option<&'static str> {
    let all = model.offers.filter.is_empty() && model.offers.marked.is_none();
    all.then_some("all offers are already shown")
}

pub(super) fn no_stages(model: &Model) -> Option<&'static str> {
    let none = model.snapshot.rental.is_none();
    none.then_some("nothing is rented, so nothing boots")
}

pub(super) fn no_lines(model: &Model) -> Option<&'static str> {
    model.log.bottom().is_none().then_some("no line is shown")
}

const NO_NODE: &str = "no node is registered";

pub(super) fn no_node(model: &Model) -> Option<&'static str> {
    model.selected_node().is_none().then_some(NO_NODE)
}

pub(super) fn no_enabled_node(model: &Model) -> Option<&'static str> {
    match model.selected_node() {
        None => Some(NO_NODE),
        Some((_, row)) => (!row.node.enabled).then_some("the node is already disabled"),
    }
}

pub(super) fn no_disabled_node(model: &Model) -> Option<&'static str> {
    match model.selected_node() {
        None => Some(NO_NODE),
        Some((_, row)) => row.node.enabled.then_some("the node is already enabled"),
    }
}

pub(super) fn no_past_sprint(model: &Model) -> Option<&'static str> {
    let history = &model.snapshot.history;
    history.is_empty().then_some("no sprint has ended yet")
}

pub(super) fn log_is_live(model: &Model) -> Option<&'static str> {
    let live = model.log.past.is_none();
    live.then_some("already showing the live log")
}

pub(super) fn no_alerts(model: &Model) -> Option<&'static str> {
    let none = model.snapshot.alerts.is_empty() && last_loss(model).is_none();
    none.then_some("no alerts")
}
