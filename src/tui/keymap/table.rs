//! The default keys, named as in the configuration. Outside dialogs and typed lines a key means one thing.

use super::row::{Binding, bind};
use super::{Action, Context, guards};
use crate::tui::pane::Pane;

const ERASE: &str = "Backspace Ctrl-H";
const LEAVE: &str = "Esc Ctrl-C";

/// Panes whose rows can be opened or explained.
const ROWS: &[Pane] = &[
    Pane::Fleet,
    Pane::Schedule,
    Pane::Sprint,
    Pane::Offers,
    Pane::Nodes,
    Pane::History,
];
const FILTERED: &[Pane] = &[
    Pane::Fleet,
    Pane::Offers,
    Pane::Boot,
    Pane::Nodes,
    Pane::Journal,
    Pane::History,
];
const OFFERS: &[Pane] = &[Pane::Offers];
const LOGS: &[Pane] = &[Pane::Boot, Pane::Journal];
const BOOT: &[Pane] = &[Pane::Boot];
const NODES: &[Pane] = &[Pane::Nodes];
const IN_OR_OUT: &[Pane] = &[Pane::Offers, Pane::Nodes];
const SIDEWAYS: &[Pane] = &[
    Pane::Boot,
    Pane::Journal,
    Pane::Offers,
    Pane::Nodes,
    Pane::History,
];

pub(super) fn rows(context: Context) -> Vec<Binding> {
    let rows = match context {
        Context::Panes => [sprint(), list(), log(), movement(), panes(), program()].concat(),
        Context::Prompt => prompt(),
        Context::Dialog => dialog(),
        Context::TypedDialog => typed_dialog(),
        Context::Palette => palette(),
        Context::Overlay => overlay(),
    };
    let in_context = |row| Binding { context, ..row };
    rows.into_iter().map(in_context).collect()
}

fn sprint() -> Vec<Binding> {
    vec![
        bind(
            "s",
            Action::Start,
            "Start the waiting sprint, or the next one",
        )
        .guard(guards::cannot_start),
        bind(
            "a",
            Action::Approve,
            "Review and approve the pending action; asks first",
        )
        .danger()
        .guard(guards::no_approvable_gate),
        bind(
            "x",
            Action::Abort,
            "Abort the sprint and release everything; asks first",
        )
        .danger()
        .guard(guards::cannot_abort),
        bind(
            "X",
            Action::AbortAll,
            "Abort every sprint; asks for the word \"all\"",
        )
        .danger()
        .guard(guards::cannot_abort_any),
        bind(
            "m",
            Action::ToggleMode,
            "Switch between manual and auto; auto asks first",
        )
        .danger(),
        bind("r", Action::Refresh, "Search offers again").guard(guards::cannot_search),
        bind(
            "J",
            Action::AcceptJournal,
            "Go on with a journal that has lost earlier records; asks first",
        )
        .danger()
        .guard(guards::no_lost_journal),
        bind(
            "!",
            Action::Alerts,
            "Show all alerts: since when, what they mean, what to do",
        )
        .guard(guards::no_alerts),
        bind(":", Action::Palette, "Find an action by a few letters"),
    ]
}

/// What is done with the rows of a pane.
fn list() -> Vec<Binding> {
    vec![
        bind(
            "Enter",
            Action::Open,
            "Open the row or act on it: rent an offer (asks first), details, the log of a past sprint",
        )
        .danger()
        .only_in(ROWS)
        .guard(guards::cannot_open),
        bind("i", Action::Details, "Details of the selected row")
            .only_in(ROWS)
            .guard(guards::no_details),
        bind("/", Action::Filter, "Filter this pane as you type").only_in(FILTERED),
        bind("Space", Action::Mark, "Mark an offer; two marked ones are compared")
            .only_in(OFFERS)
            .guard(guards::no_selected_offer),
        bind(
            "+",
            Action::PutBack,
            "Put back: use the selected machine again, enable the selected node; asks first",
        )
        .danger()
        .only_in(IN_OR_OUT)
        .guard(guards::cannot_put_back),
        bind(
            "-",
            Action::TakeOut,
            "Take out: avoid the selected offer's machine for some time, disable the selected node; asks first",
        )
        .danger()
        .only_in(IN_OR_OUT)
        .guard(guards::cannot_take_out),
        bind(
            "D Delete",
            Action::RemoveNode,
            "Remove the selected node; asks first, for its name if it is not ours",
        )
        .danger()
        .only_in(NODES)
        .guard(guards::no_node),
        bind(
            "o",
            Action::OtherList,
            "Other list: usable offers, those that are out, avoided machines",
        )
        .only_in(OFFERS),
        bind(">", Action::SortAfter, "Sort by the next column").only_in(OFFERS),
        bind("<", Action::SortBefore, "Sort by the previous column").only_in(OFFERS),
        bind("^", Action::Reverse, "Reverse the sort order").only_in(OFFERS),
    ]
}

fn log() -> Vec<Binding> {
    vec![
        bind("n", Action::NextMatch, "To the next newer match")
            .only_in(LOGS)
            .guard(guards::no_log_filter),
        bind("N", Action::PreviousMatch, "To the next older match")
            .only_in(LOGS)
            .guard(guards::no_log_filter),
        bind(
            "&",
            Action::OtherLines,
            "With a filter: show the other lines too, with the matches marked, or hide them",
        )
        .only_in(LOGS)
        .guard(guards::no_log_filter),
        bind("e", Action::NextError, "To the next newer error").only_in(LOGS),
        bind("E", Action::PreviousError, "To the next older error").only_in(LOGS),
        bind(
            "t",
            Action::GoTo,
            "Go to a time (14:05, UTC) or a boot stage",
        )
        .only_in(LOGS),
        bind(
            "[",
            Action::PreviousStage,
            "To the start of the boot stage above",
        )
        .only_in(BOOT)
        .guard(guards::no_stages),
        bind(
            "]",
            Action::NextStage,
            "To the start of the next boot stage",
        )
        .only_in(BOOT)
        .guard(guards::no_stages),
        bind("p", Action::Pause, "Hold the log, or let it run").only_in(LOGS),
        bind("f", Action::Follow, "Follow the end of the log")
            .only_in(LOGS)
            .guard(guards::already_following),
        bind("w", Action::Wrap, "Wrap or cut long lines").only_in(LOGS),
        bind(".", Action::Times, "Show or hide the times of the lines")
            .only_in(LOGS)
            .guard(guards::no_times),
        bind(
            "S",
            Action::Save,
            "Save the log, or its filtered lines, to a new file",
        )
        .only_in(LOGS)
        .guard(guards::no_lines),
        bind(
            "c",
            Action::Copy,
            "Copy what the pane shows to the clipboard, also over SSH",
        )
        .guard(guards::nothing_to_copy),
    ]
}

fn movement() -> Vec<Binding> {
    vec![
        bind("k Up", Action::Up, "Up one row"),
        bind("j Down", Action::Down, "Down one row"),
        bind("PgUp Ctrl-B", Action::PageUp, "Up one page"),
        bind("PgDn Ctrl-F", Action::PageDown, "Down one page"),
        bind("g Home", Action::Top, "To the top"),
        bind("G End", Action::Bottom, "To the bottom"),
        bind("h Left", Action::Left, "To the columns on the left")
            .only_in(SIDEWAYS)
            .guard(guards::no_columns_left),
        bind("l Right", Action::Right, "To the columns on the right")
            .only_in(SIDEWAYS)
            .guard(guards::no_columns_right),
    ]
}

fn panes() -> Vec<Binding> {
    let pane = |key, pane, help| bind(key, Action::Pane(pane), help);
    vec![
        bind("Tab", Action::NextPane, "Next pane"),
        bind("Shift-Tab", Action::PreviousPane, "Previous pane"),
        pane(
            "0",
            Pane::Fleet,
            "Fleet: every sprint and node, the most urgent first",
        ),
        pane(
            "1",
            Pane::Schedule,
            "Schedule: the epoch, what comes next, preflight",
        ),
        pane("2", Pane::Sprint, "Sprint: steps, gate, outcome"),
        pane("3", Pane::Offers, "Offers"),
        pane("4", Pane::Boot, "Boot and log of the rental"),
        pane("5", Pane::Nodes, "Registrations"),
        pane("6", Pane::Journal, "Program log"),
        pane(
            "7",
            Pane::History,
            "History: outcome, cost, weight and times of past sprints",
        ),
        pane("8", Pane::Charts, "Charts: epochs, prices, block time"),
        bind(
            "{",
            Action::PreviousSprint,
            "Previous row of the fleet, while one is open",
        )
        .guard(guards::no_opened_row),
        bind(
            "}",
            Action::NextSprint,
            "Next row of the fleet, while one is open",
        )
        .guard(guards::no_opened_row),
        bind("z", Action::Zoom, "Maximize or restore this pane"),
        bind(
            "Esc",
            Action::Back,
            "Back, one thing a press: filter and marks, other list or log, zoom, picked pane",
        ),
    ]
}

fn program() -> Vec<Binding> {
    vec![
        bind(
            "?",
            Action::Help,
            "Show or hide this help, this pane's keys first",
        ),
        bind("Ctrl-L", Action::Redraw, "Redraw the screen"),
        bind(
            "Ctrl-Z",
            Action::Suspend,
            "Suspend the program, with the engine; fg resumes it",
        ),
        bind(
            "q Ctrl-C",
            Action::Quit,
            "Quit; asks first when something is rented",
        )
        .danger(),
    ]
}

fn prompt() -> Vec<Binding> {
    vec![
        bind("Enter", Action::Accept, "Keep the filter; go there"),
        bind(LEAVE, Action::ClosePrompt, "Drop what was typed"),
        bind(ERASE, Action::Erase, "Erase the last character"),
        bind("Ctrl-U", Action::EraseAll, "Erase all"),
    ]
}

fn dialog() -> Vec<Binding> {
    vec![
        bind("y", Action::Confirm, "Confirm the dialog")
            .danger()
            .guard(guards::not_a_question),
        bind(
            "Enter Esc n q Ctrl-C",
            Action::Cancel,
            "Close the dialog, change nothing",
        ),
        bind("Up", Action::Up, "Scroll up, or the choice before"),
        bind("Down", Action::Down, "Scroll down, or the next choice"),
    ]
}

/// Too much depends on the answer for a single key.
fn typed_dialog() -> Vec<Binding> {
    vec![
        bind(
            "Enter",
            Action::Confirm,
            "Confirm with the word that the dialog asks for; without a word, close it",
        )
        .danger(),
        bind(LEAVE, Action::Cancel, "Close the dialog, change nothing"),
        bind("Up", Action::Up, "Scroll up"),
        bind("Down", Action::Down, "Scroll down"),
        bind(ERASE, Action::Erase, "Erase the last character"),
        bind("Ctrl-U", Action::EraseAll, "Erase all"),
    ]
}

fn palette() -> Vec<Binding> {
    vec![
        bind(
            "Enter",
            Action::Run,
            "Run the selected action; it asks as its key does",
        ),
        bind(LEAVE, Action::Close, "Close the palette"),
        bind("Up Ctrl-P", Action::Up, "Up one action"),
        bind("Down Ctrl-N Tab", Action::Down, "Down one action"),
        bind(ERASE, Action::Erase, "Erase the last character"),
        bind("Ctrl-U", Action::EraseAll, "Erase all"),
    ]
}

fn overlay() -> Vec<Binding> {
    vec![bind(
        "Esc Enter q Ctrl-C",
        Action::Close,
        "Clear the filter, or close",
    )]
}
