//! Keys that count while one pane has the focus.

use crossterm::event::KeyCode;

use super::guards::{
    already_following, cannot_rent, lines_wrapped, log_is_live, no_active_search,
    no_avoided_machine, no_disabled_node, no_enabled_node, no_lines, no_node, no_offer_filter,
    no_past_sprint, no_search_or_filter, no_selected_offer, no_stages,
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
    .guard(cannot_rent),
    offers(
        Action::Explain,
        &[c('d')],
        "why",
        "Show why the selected offer ranks where it does",
    )
    .guard(no_selected_offer),
    offers(
        Action::FilterOffers,
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
    .guard(no_offer_filter),
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
    .guard(no_selected_offer),
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
    .guard(no_selected_offer),
    offers(
        Action::Allow,
        &[c('u')],
        "use again",
        "No longer avoid the selected machine; asks first",
    )
    .guard(no_avoided_machine),
];

pub(super) const NODES: &[Binding] = &[
    nodes(
        Action::EnableNode,
        &[c('e')],
        "enable",
        "Let the selected node take part from the next epoch on; asks first",
    )
    .danger()
    .guard(no_disabled_node),
    nodes(
        Action::DisableNode,
        &[c('d')],
        "disable",
        "Let the selected node take no part from the next epoch on; asks first",
    )
    .danger()
    .guard(no_enabled_node),
    nodes(
        Action::RemoveNode,
        &[c('D'), k(KeyCode::Delete)],
        "remove",
        "Remove the selected node from the list; asks first, for its name if it is not ours",
    )
    .danger()
    .guard(no_node),
];

pub(super) const HISTORY: &[Binding] = &[row(
    Context::History,
    Action::OpenLog,
    &[k(KeyCode::Enter)],
    "its log",
    "Show the log of the selected sprint's rental",
)
.guard(no_past_sprint)];

pub(super) const BOOT: &[Binding] = &[
    boot(
        Action::LiveLog,
        &[c('b')],
        "back",
        "Back from a past rental's log to the one that runs",
    )
    .guard(log_is_live),
    boot(
        Action::Pause,
        &[c('p'), c(' ')],
        "pause",
        "Hold the log still, or go on",
    ),
    boot(Action::Follow, &[c('f')], "follow", "Follow the log's end").guard(already_following),
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
    .guard(no_active_search),
    boot(
        Action::PreviousMatch,
        &[c('N')],
        "",
        "To the next older match",
    )
    .guard(no_active_search),
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
    .guard(no_search_or_filter),
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
    .guard(no_stages),
    boot(
        Action::NextStage,
        &[c(']')],
        "",
        "To where the next boot stage began",
    )
    .guard(no_stages),
    boot(
        Action::Save,
        &[c('S')],
        "save",
        "Save the log, or what the filter shows of it, to a new file",
    )
    .guard(no_lines),
    boot(
        Action::Copy,
        &[c('c')],
        "copy",
        "Copy the lines on the screen, whole, to the clipboard, also over SSH",
    )
    .guard(no_lines),
    boot(
        Action::Left,
        &[c('h'), k(KeyCode::Left)],
        "",
        "Scroll the log left",
    )
    .guard(lines_wrapped),
    boot(
        Action::Right,
        &[c('l'), k(KeyCode::Right)],
        "",
        "Scroll the log right",
    )
    .guard(lines_wrapped),
];
