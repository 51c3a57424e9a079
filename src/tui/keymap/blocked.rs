//! Why an action does nothing now: what its key answers then.

use crate::domain::{GateKind, Mode, Step};
use crate::tui::log::LongLines;
use crate::tui::model::{Dialog, Model, OfferList};

pub(super) fn never(_: &Model) -> Option<&'static str> {
    None
}

pub(super) fn only_tells(model: &Model) -> Option<&'static str> {
    match model.dialog {
        Some(Dialog::Offer(_) | Dialog::Compare(_)) => Some("there is nothing to agree to here"),
        _ => None,
    }
}

pub(super) fn not_quitting(model: &Model) -> Option<&'static str> {
    match model.dialog {
        Some(Dialog::Quit(_)) => None,
        _ => Some("this dialog has no such choice"),
    }
}

pub(super) fn no_start(model: &Model) -> Option<&'static str> {
    let over = model.snapshot.sprint.step == Step::Done;
    (model.gate() != Some(GateKind::Start) && !over).then_some("nothing waits to be started")
}

pub(super) fn no_gate(model: &Model) -> Option<&'static str> {
    match model.gate() {
        None => Some("no gate waits for approval"),
        Some(GateKind::Rent | GateKind::Hedge) => {
            Some("pick an offer and rent it to pass this gate")
        }
        Some(GateKind::Start | GateKind::Register | GateKind::Release) => None,
    }
}

pub(super) fn no_selection(model: &Model) -> Option<&'static str> {
    match model.offer_list {
        OfferList::Usable => {}
        OfferList::Rejected => return Some("these offers are out: go back to the usable ones"),
        OfferList::Avoided => return Some("these are machines: go back to the usable offers"),
    }
    model
        .selected_row()
        .is_none()
        .then_some("no offer is selected")
}

pub(super) fn no_rent(model: &Model) -> Option<&'static str> {
    if model.offer_list != OfferList::Usable {
        return no_selection(model);
    }
    if model.snapshot.mode == Mode::Auto {
        return Some("auto mode picks the offer: switch to manual first");
    }
    if let Some(reason) = no_selection(model) {
        return Some(reason);
    }
    (!model.asks_for_an_offer()).then_some("it is not the time to rent: no rent gate waits")
}

pub(super) fn no_avoided(model: &Model) -> Option<&'static str> {
    if model.offer_list != OfferList::Avoided {
        return Some("look at the machines that are avoided first");
    }
    model
        .selected_avoided()
        .is_none()
        .then_some("no machine is avoided")
}

pub(super) fn no_search(model: &Model) -> Option<&'static str> {
    let step = model.snapshot.sprint.step;
    (!matches!(step, Step::Waiting | Step::Choosing))
        .then_some("offers are searched while a sprint waits or chooses")
}

pub(super) fn no_abort(model: &Model) -> Option<&'static str> {
    (!model.snapshot.sprint.can_abort).then_some("there is nothing to abort now")
}

pub(super) fn follows(model: &Model) -> Option<&'static str> {
    model.log.held.is_none().then_some("it follows already")
}

pub(super) fn wraps(model: &Model) -> Option<&'static str> {
    (model.log.long == LongLines::Wrap).then_some("long lines are wrapped: cut them first")
}

pub(super) fn no_match(model: &Model) -> Option<&'static str> {
    model
        .log
        .search
        .is_none()
        .then_some("nothing is searched for")
}

pub(super) fn nothing_to_clear(model: &Model) -> Option<&'static str> {
    let off = model.log.search.is_none() && model.log.filter.is_none();
    off.then_some("neither search nor filter is on")
}

pub(super) fn nothing_narrowed(model: &Model) -> Option<&'static str> {
    let all = model.offers.filter.is_empty() && model.marked.is_none();
    all.then_some("all offers are shown")
}

pub(super) fn no_stages(model: &Model) -> Option<&'static str> {
    model
        .snapshot
        .rental
        .is_none()
        .then_some("nothing is rented, so nothing boots")
}

pub(super) fn no_lines(model: &Model) -> Option<&'static str> {
    model
        .log
        .place(&model.boot_log)
        .is_none()
        .then_some("no line is shown")
}

pub(super) fn no_node(model: &Model) -> Option<&'static str> {
    let none = model.selected_node().is_none();
    none.then_some("no node is registered")
}

pub(super) fn no_enabled_node(model: &Model) -> Option<&'static str> {
    match model.selected_node() {
        None => Some("no node is registered"),
        Some((_, row)) => (!row.node.enabled).then_some("the node is disabled already"),
    }
}

pub(super) fn no_disabled_node(model: &Model) -> Option<&'static str> {
    match model.selected_node() {
        None => Some("no node is registered"),
        Some((_, row)) => row.node.enabled.then_some("the node is enabled already"),
    }
}

pub(super) fn no_past(model: &Model) -> Option<&'static str> {
    let none = model.snapshot.history.is_empty();
    none.then_some("no sprint has ended yet")
}

pub(super) fn not_past(model: &Model) -> Option<&'static str> {
    let live = model.past.is_none();
    live.then_some("it is the log of what runs")
}

pub(super) fn no_alerts(model: &Model) -> Option<&'static str> {
    model
        .snapshot
        .alerts
        .is_empty()
        .then_some("nothing is wrong")
}
