//! Keys and names of the former version: they work for one more, and say what to use now.

use super::{Action, Key};
use crate::tui::model::Model;
use crate::tui::pane::Pane;

/// Keys that meant something else, pane by pane. Where the key has a meaning of its own now, that counts.
const KEYS: [(Pane, &str, Action); 9] = [
    (Pane::Offers, "d", Action::Details),
    (Pane::Offers, "e", Action::OtherList),
    (Pane::Offers, "v", Action::OtherList),
    (Pane::Offers, "A", Action::TakeOut),
    (Pane::Offers, "u", Action::PutBack),
    (Pane::Boot, "b", Action::Back),
    (Pane::Boot, "Space", Action::Pause),
    (Pane::Nodes, "e", Action::PutBack),
    (Pane::Nodes, "d", Action::TakeOut),
];

/// Names in `cockpit.keys`.
const NAMES: [(&str, Action); 34] = [
    ("pane_countdown", Action::Pane(Pane::Schedule)),
    ("pane_journal", Action::Pane(Pane::Journal)),
    ("offers.rent", Action::Open),
    ("offers.explain", Action::Details),
    ("offers.narrow", Action::Filter),
    ("offers.show_all", Action::Back),
    ("offers.sort_after", Action::SortAfter),
    ("offers.sort_before", Action::SortBefore),
    ("offers.reverse", Action::Reverse),
    ("offers.compare", Action::Mark),
    ("offers.rejected", Action::OtherList),
    ("offers.avoided", Action::OtherList),
    ("offers.avoid", Action::TakeOut),
    ("offers.allow", Action::PutBack),
    ("boot.live_log", Action::Back),
    ("boot.pause", Action::Pause),
    ("boot.follow", Action::Follow),
    ("boot.wrap", Action::Wrap),
    ("boot.search", Action::Filter),
    ("boot.filter", Action::Filter),
    ("boot.next_match", Action::NextMatch),
    ("boot.previous_match", Action::PreviousMatch),
    ("boot.clear_search", Action::Back),
    ("boot.go_to", Action::GoTo),
    ("boot.previous_stage", Action::PreviousStage),
    ("boot.next_stage", Action::NextStage),
    ("boot.save", Action::Save),
    ("boot.copy", Action::Copy),
    ("boot.left", Action::Left),
    ("boot.right", Action::Right),
    ("nodes.enable_node", Action::PutBack),
    ("nodes.disable_node", Action::TakeOut),
    ("nodes.remove_node", Action::RemoveNode),
    ("history.open_log", Action::Open),
];

/// What a key meant in the pane that has the keys.
pub(super) fn action_of_key(model: &Model, key: Key) -> Option<Action> {
    let mut known = KEYS.iter();
    let found = known.find(|(pane, name, _)| *pane == model.focus && *name == key.name());
    found
        .filter(|_| !model.is_covered())
        .map(|(_, _, action)| *action)
}

pub(super) fn action_of_name(name: &str) -> Option<Action> {
    let found = NAMES.iter().find(|(former, _)| *former == name);
    found.map(|(_, action)| *action)
}
