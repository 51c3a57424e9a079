//! Keys that count while one pane has the focus.

use crossterm::event::KeyCode;

use super::blocked::{
    follows, no_avoided, no_disabled_node, no_enabled_node, no_lines, no_match, no_node, no_past,
    no_rent, no_selection, no_stages, not_past, nothing_narrowed, nothing_to_clear, wraps,
};
use super::key::{c, k};
use super::row::{Binding, row};
use super::{Action, Context, Key};

const fn offers(
    action: Action,
    keys: &'static [Key],
    hint: &'static str,
    help: &'static str,
) -> Binding {
    row(Context::Offers, action, keys, hint, help)
}

const fn nodes(
    action: Action,
    keys: &'static [Key],
    hint: &'static str,
    help: &'static str,
) -> Binding {
    row(Context::Nodes, action, keys, hint, help)
}

const fn boot(
    action: Action,
    keys: &'static [Key],
    hint: &'static str,
    help: &'static str,
) -> Binding {
    row(Context::Boot, action, keys, hint, help)
}

pub(super) const OFFERS: &[Binding] = &[
    offers(
        Action::Rent,
        &[k(KeyCode::Enter)],
        "rent",
        "Rent the selected offer; asks first",
    )
    .danger()
    .unless(no_rent),
    offers(
        Action::Explain,
        &[c('d')],
        "why",
        "Show why the selected offer ranks where it does",
    )
    .unless(no_selection),
    offers(
        Action::Narrow,
        &[c('/')],
        "filter",
        "Show only offers with these words, as they are typed: GPU, price, place, machine",
    ),
    offers(
        Action::ShowAll,
        &[k(KeyCode::Esc)],
        "all",
        "Show all offers again, and compare none",
    )
    .unless(nothing_narrowed),
    offers(
        Action::SortAfter,
        &[c('>')],
        "sort",
        "Sort by the next column",
    ),
    offers(
        Action::SortBefore,
        &[c('<')],
        "",
        "Sort by the column before",
    ),
    offers(
        Action::Reverse,
        &[c('i')],
        "",
        "Turn the order of the offers around",
    ),
    offers(
        Action::Compare,
        &[c('c')],
        "compare",
        "Mark the selected offer; on another one, compare the two",
    )
    .unless(no_selection),
    offers(
        Action::Rejected,
        &[c('e')],
        "rejected",
        "Show offers that are out, with the reason",
    ),
    offers(
        Action::Avoided,
        &[c('v')],
        "avoided",
        "Show machines that are avoided, with the evidence",
    ),
    offers(
        Action::Avoid,
        &[c('A')],
        "avoid",
        "Leave out the selected offer's machine for some time; asks first",
    )
    .unless(no_selection),
    offers(
        Action::Allow,
        &[c('u')],
        "use again",
        "No longer avoid the selected machine; asks first",
    )
    .unless(no_avoided),
];

pub(super) const NODES: &[Binding] = &[
    nodes(
        Action::EnableNode,
        &[c('e')],
        "enable",
        "Let the selected node take part from the next epoch on; asks first",
    )
    .danger()
    .unless(no_disabled_node),
    nodes(
        Action::DisableNode,
        &[c('d')],
        "disable",
        "Let the selected node take no part from the next epoch on; asks first",
    )
    .danger()
    .unless(no_enabled_node),
    nodes(
        Action::RemoveNode,
        &[c('D'), k(KeyCode::Delete)],
        "remove",
        "Remove the selected node from the list; asks first, for its name if it is not ours",
    )
    .danger()
    .unless(no_node),
];

pub(super) const HISTORY: &[Binding] = &[row(
    Context::History,
    Action::OpenLog,
    &[k(KeyCode::Enter)],
    "its log",
    "Show the log of the selected sprint's rental",
)
.unless(no_past)];

pub(super) const BOOT: &[Binding] = &[
    boot(
        Action::LiveLog,
        &[c('b')],
        "back",
        "Back from a past rental's log to the one that runs",
    )
    .unless(not_past),
    boot(
        Action::Pause,
        &[c('p'), c(' ')],
        "pause",
        "Hold the log still, or go on",
    ),
    boot(Action::Follow, &[c('f')], "follow", "Follow the log's end").unless(follows),
    boot(
        Action::Wrap,
        &[c('w')],
        "wrap",
        "Wrap long lines, or cut them",
    ),
    boot(
        Action::Search,
        &[c('/')],
        "search",
        "Search the log, upper and lower case alike",
    ),
    boot(
        Action::NextMatch,
        &[c('n')],
        "next",
        "To the next newer match",
    )
    .unless(no_match),
    boot(
        Action::PreviousMatch,
        &[c('N')],
        "",
        "To the next older match",
    )
    .unless(no_match),
    boot(
        Action::Filter,
        &[c('&')],
        "filter",
        "Show only lines that hold a text; nothing shows all",
    ),
    boot(
        Action::ClearSearch,
        &[k(KeyCode::Esc)],
        "all",
        "End search and filter",
    )
    .unless(nothing_to_clear),
    boot(
        Action::GoTo,
        &[c('t')],
        "go to",
        "Go to a time (14:05, UTC) or to where a boot stage began",
    ),
    boot(
        Action::PreviousStage,
        &[c('[')],
        "",
        "To where the boot stage above began",
    )
    .unless(no_stages),
    boot(
        Action::NextStage,
        &[c(']')],
        "",
        "To where the next boot stage began",
    )
    .unless(no_stages),
    boot(
        Action::Save,
        &[c('S')],
        "save",
        "Save the log, or what the filter shows of it, to a new file",
    )
    .unless(no_lines),
    boot(
        Action::Copy,
        &[c('c')],
        "copy",
        "Copy the lines on the screen, whole, to the clipboard, also over SSH",
    )
    .unless(no_lines),
    boot(
        Action::Left,
        &[c('h'), k(KeyCode::Left)],
        "",
        "Scroll the log left",
    )
    .unless(wraps),
    boot(
        Action::Right,
        &[c('l'), k(KeyCode::Right)],
        "",
        "Scroll the log right",
    )
    .unless(wraps),
];
