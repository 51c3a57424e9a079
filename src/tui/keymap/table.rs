//! The default keys of each context, named as in the configuration.

use super::row::{Binding, bind};
use super::{Action, Context, guards};
use crate::tui::pane::Pane;

const ERASE: &str = "Backspace Ctrl-H";
const LEAVE: &str = "Esc Ctrl-C";

pub(super) fn rows(context: Context) -> Vec<Binding> {
    let rows = match context {
        Context::Global => global(),
        Context::Offers => offers(),
        Context::Boot => boot(),
        Context::Nodes => nodes(),
        Context::History => history(),
        Context::Prompt => prompt(),
        Context::Dialog => dialog(),
        Context::TypedDialog => typed_dialog(),
        Context::Palette => palette(),
        Context::Alerts => vec![close("! Esc q Enter Ctrl-C").help("Close the alerts")],
        Context::Help => vec![close("? Esc q Enter Ctrl-C").help("Close the help")],
    };
    let in_context = |row| Binding { context, ..row };
    rows.into_iter().map(in_context).collect()
}

fn close(keys: &str) -> Binding {
    bind(keys, Action::Close, "close")
}

fn pane(key: &str, pane: Pane) -> Binding {
    bind(key, Action::Pane(pane), "")
}

/// Keys that work wherever nothing else is open.
fn global() -> Vec<Binding> {
    vec![
        bind("s", Action::Start, "start")
            .help("Start the waiting sprint, or the next one")
            .guard(guards::cannot_start),
        bind("a", Action::Approve, "approve")
            .help("Review and approve the pending action; asks first")
            .danger()
            .guard(guards::no_approvable_gate),
        bind("x", Action::Abort, "abort")
            .help("Abort the sprint and release everything; asks first")
            .danger()
            .guard(guards::cannot_abort),
        bind("m", Action::ToggleMode, "mode")
            .help("Switch between manual and auto; auto asks first")
            .danger(),
        bind("r", Action::Refresh, "refresh")
            .help("Search offers again")
            .guard(guards::cannot_search),
        bind("J", Action::AcceptJournal, "accept journal")
            .help("Go on with a journal that has lost earlier records; asks first")
            .danger()
            .guard(guards::no_lost_journal),
        bind("!", Action::Alerts, "alerts")
            .help("Show all alerts: since when, what they mean, what to do")
            .guard(guards::no_alerts),
        bind(":", Action::Palette, "find").help("Find an action by a few of its letters"),
        bind("k Up", Action::Up, "").help("Up one row"),
        bind("j Down", Action::Down, "").help("Down one row"),
        bind("PgUp Ctrl-B", Action::PageUp, "").help("Up one page"),
        bind("PgDn Ctrl-F", Action::PageDown, "").help("Down one page"),
        bind("g Home", Action::Top, "").help("To the top"),
        bind("G End", Action::Bottom, "").help("To the bottom"),
        bind("Tab", Action::NextPane, "pane").help("Next pane"),
        bind("Shift-Tab", Action::PreviousPane, "").help("Previous pane"),
        pane("1", Pane::Schedule).help("Schedule: the epoch, what comes next, preflight"),
        pane("2", Pane::Sprint).help("Sprint: steps, gate, outcome"),
        pane("3", Pane::Offers).help("Offers"),
        pane("4", Pane::Boot).help("Boot and log of the rental"),
        pane("5", Pane::Nodes).help("Registrations"),
        pane("6", Pane::Journal).help("Program log"),
        pane("7", Pane::History).help("History: outcome, cost, weight and times of past sprints"),
        pane("8", Pane::Charts).help("Charts: epochs, prices, block time"),
        bind("Esc", Action::Back, "")
            .help("Back: from the maximized pane, then to the panes of the step"),
        bind("z", Action::Zoom, "zoom").help("Maximize or restore this pane"),
        bind("?", Action::Help, "help").help("Show or hide this help"),
        bind("Ctrl-L", Action::Redraw, "").help("Redraw the screen"),
        bind("Ctrl-Z", Action::Suspend, "")
            .help("Suspend the program, with the engine; fg resumes it"),
        bind("q Ctrl-C", Action::Quit, "quit")
            .help("Quit; asks first when something is rented")
            .danger(),
    ]
}

fn offers() -> Vec<Binding> {
    vec![
        bind("Enter", Action::Rent, "rent")
            .help("Rent the selected offer; asks first")
            .danger()
            .guard(guards::cannot_rent),
        bind("d", Action::Explain, "why")
            .help("Explain the rank of the selected offer")
            .guard(guards::no_selected_offer),
        bind("/", Action::FilterOffers, "filter")
            .help("Filter the offers as you type: GPU, price, location, machine"),
        bind("Esc", Action::ShowAll, "all")
            .help("Clear the filter and the mark")
            .guard(guards::no_offer_filter),
        bind(">", Action::SortAfter, "sort").help("Sort by the next column"),
        bind("<", Action::SortBefore, "").help("Sort by the previous column"),
        bind("i", Action::Reverse, "").help("Reverse the sort order"),
        bind("c", Action::Compare, "compare")
            .help("Mark the selected offer; on another one, compare the two")
            .guard(guards::no_selected_offer),
        bind("e", Action::Rejected, "rejected").help("Show rejected offers with the reasons"),
        bind("v", Action::Avoided, "avoided").help("Show avoided machines with the evidence"),
        bind("A", Action::Avoid, "avoid")
            .help("Avoid the selected offer's machine for some time; asks first")
            .guard(guards::no_selected_offer),
        bind("u", Action::Allow, "use again")
            .help("Use the selected machine again; asks first")
            .guard(guards::no_avoided_machine),
    ]
}

fn nodes() -> Vec<Binding> {
    vec![
        bind("e", Action::EnableNode, "enable")
            .help("Enable the selected node from the next epoch on; asks first")
            .danger()
            .guard(guards::no_disabled_node),
        bind("d", Action::DisableNode, "disable")
            .help("Disable the selected node from the next epoch on; asks first")
            .danger()
            .guard(guards::no_enabled_node),
        bind("D Delete", Action::RemoveNode, "remove")
            .help("Remove the selected node; asks first, for its name if it is not ours")
            .danger()
            .guard(guards::no_node),
    ]
}

fn history() -> Vec<Binding> {
    let log = bind("Enter", Action::OpenLog, "its log")
        .help("Show the log of the selected sprint's rental")
        .guard(guards::no_past_sprint);
    vec![log]
}

fn boot() -> Vec<Binding> {
    vec![
        bind("b", Action::LiveLog, "back")
            .help("Back from a past rental's log to the live one")
            .guard(guards::log_is_live),
        bind("p Space", Action::Pause, "hold").help("Hold or resume the log"),
        bind("f", Action::Follow, "follow")
            .help("Follow the end of the log")
            .guard(guards::already_following),
        bind("w", Action::Wrap, "wrap").help("Wrap or cut long lines"),
        bind("/", Action::Search, "search").help("Search the log, ignoring case"),
        bind("n", Action::NextMatch, "next")
            .help("To the next newer match")
            .guard(guards::no_active_search),
        bind("N", Action::PreviousMatch, "")
            .help("To the next older match")
            .guard(guards::no_active_search),
        bind("&", Action::Filter, "filter")
            .help("Show only lines with a text; an empty text shows all"),
        bind("Esc", Action::ClearSearch, "all")
            .help("Clear search and filter")
            .guard(guards::no_search_or_filter),
        bind("t", Action::GoTo, "go to").help("Go to a time (14:05, UTC) or a boot stage"),
        bind("[", Action::PreviousStage, "")
            .help("To the start of the boot stage above")
            .guard(guards::no_stages),
        bind("]", Action::NextStage, "")
            .help("To the start of the next boot stage")
            .guard(guards::no_stages),
        bind("S", Action::Save, "save")
            .help("Save the log, or its filtered lines, to a new file")
            .guard(guards::no_lines),
        bind("c", Action::Copy, "copy")
            .help("Copy the visible lines in full to the clipboard, also over SSH")
            .guard(guards::no_lines),
        bind("h Left", Action::Left, "")
            .help("Scroll the log left")
            .guard(guards::lines_wrapped),
        bind("l Right", Action::Right, "")
            .help("Scroll the log right")
            .guard(guards::lines_wrapped),
    ]
}

fn prompt() -> Vec<Binding> {
    vec![
        bind("Enter", Action::Accept, "accept").help("Apply what was typed"),
        bind(LEAVE, Action::ClosePrompt, "close").help("Close the prompt"),
        bind(ERASE, Action::Erase, "").help("Erase the last character"),
        bind("Ctrl-U", Action::EraseAll, "").help("Erase all"),
    ]
}

fn dialog() -> Vec<Binding> {
    vec![
        bind("y", Action::Confirm, "yes")
            .help("Confirm the dialog")
            .danger()
            .guard(guards::not_a_question),
        bind("Enter Esc n q Ctrl-C", Action::Cancel, "cancel")
            .help("Close the dialog, change nothing"),
        bind("Up k", Action::Up, "").help("Scroll up, or the choice before"),
        bind("Down j", Action::Down, "").help("Scroll down, or the next choice"),
        bind("r", Action::PickRelease, "")
            .help("Quit dialog: choose release and quit")
            .guard(guards::not_quitting),
        bind("l", Action::PickLeave, "")
            .help("Quit dialog: choose leave it running")
            .guard(guards::not_quitting),
    ]
}

/// Too much depends on the answer for a single key.
fn typed_dialog() -> Vec<Binding> {
    vec![
        bind("Enter", Action::Confirm, "confirm, once typed")
            .help("Confirm with the word that the dialog asks for; without a word, close it")
            .danger(),
        bind(LEAVE, Action::Cancel, "cancel").help("Close the dialog, change nothing"),
        bind("Up", Action::Up, "").help("Scroll up"),
        bind("Down", Action::Down, "").help("Scroll down"),
        bind(ERASE, Action::Erase, "").help("Erase the last character"),
        bind("Ctrl-U", Action::EraseAll, "").help("Erase all"),
    ]
}

fn palette() -> Vec<Binding> {
    vec![
        bind("Enter", Action::Run, "run").help("Run the selected action; it asks as its key does"),
        close(LEAVE).help("Close the palette"),
        bind("Up Ctrl-P", Action::Up, "").help("Up one action"),
        bind("Down Ctrl-N Tab", Action::Down, "").help("Down one action"),
        bind(ERASE, Action::Erase, "").help("Erase the last character"),
        bind("Ctrl-U", Action::EraseAll, "").help("Erase all"),
    ]
}
