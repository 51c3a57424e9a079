//! Keys that count wherever nothing else is open.

use crossterm::event::KeyCode;

use super::guards::{cannot_abort, cannot_search, cannot_start, no_alerts, no_approvable_gate};
use super::key::{c, ctrl, k};
use super::row::{Binding, row};
use super::{Action, Context, Key};
use crate::tui::pane::Pane;

const fn global(
    action: Action,
    keys: &'static [Key],
    hint: &'static str,
    help: &'static str,
) -> Binding {
    row(Context::Global, action, keys, hint, help)
}

const fn pane(pane: Pane, key: &'static [Key], help: &'static str) -> Binding {
    global(Action::Pane(pane), key, "", help)
}

pub(super) const ROWS: &[Binding] = &[
    global(
        Action::Start,
        &[c('s')],
        "start",
        "Start the sprint that waits, or the next one",
    )
    .guard(cannot_start),
    global(
        Action::Approve,
        &[c('a')],
        "approve",
        "Read in full what the gate that waits is about, and approve it; asks first",
    )
    .danger()
    .guard(no_approvable_gate),
    global(
        Action::Abort,
        &[c('x')],
        "abort",
        "Abort the sprint and release everything; asks first",
    )
    .danger()
    .guard(cannot_abort),
    global(
        Action::ToggleMode,
        &[c('m')],
        "mode",
        "Switch between manual and auto; auto asks first",
    )
    .danger(),
    global(Action::Refresh, &[c('r')], "refresh", "Search offers again").guard(cannot_search),
    global(
        Action::Alerts,
        &[c('!')],
        "alerts",
        "Show every alert: since when, what it means, what to do",
    )
    .guard(no_alerts),
    global(
        Action::Palette,
        &[c(':')],
        "find",
        "Find any action by a few letters of it, with its key",
    ),
    global(Action::Up, &[c('k'), k(KeyCode::Up)], "", "Up one row"),
    global(
        Action::Down,
        &[c('j'), k(KeyCode::Down)],
        "",
        "Down one row",
    ),
    global(
        Action::PageUp,
        &[k(KeyCode::PageUp), ctrl('b')],
        "",
        "Up one page",
    ),
    global(
        Action::PageDown,
        &[k(KeyCode::PageDown), ctrl('f')],
        "",
        "Down one page",
    ),
    global(Action::Top, &[c('g'), k(KeyCode::Home)], "", "To the top"),
    global(
        Action::Bottom,
        &[c('G'), k(KeyCode::End)],
        "",
        "To the bottom",
    ),
    global(Action::NextPane, &[k(KeyCode::Tab)], "pane", "Next pane"),
    global(
        Action::PreviousPane,
        &[k(KeyCode::BackTab)],
        "",
        "Previous pane",
    ),
    pane(Pane::Countdown, &[c('1')], "To the countdown"),
    pane(Pane::Sprint, &[c('2')], "To the sprint's steps"),
    pane(Pane::Offers, &[c('3')], "To the offers"),
    pane(Pane::Boot, &[c('4')], "To the boot and its log"),
    pane(Pane::Nodes, &[c('5')], "To the registrations"),
    pane(Pane::Journal, &[c('6')], "To the program's own log"),
    pane(
        Pane::History,
        &[c('7')],
        "To past sprints: outcome, cost, weight, times, log",
    ),
    pane(
        Pane::Charts,
        &[c('8')],
        "To pictures: epoch, boot, GPUs, pace, prices, past epochs",
    ),
    global(
        Action::Zoom,
        &[c('z')],
        "zoom",
        "Give the focused pane the whole screen, or not",
    ),
    global(Action::Help, &[c('?')], "help", "Show or hide this help"),
    global(
        Action::Redraw,
        &[ctrl('l')],
        "",
        "Draw the screen from nothing",
    ),
    global(
        Action::Suspend,
        &[ctrl('z')],
        "",
        "Suspend the program (the engine too); fg resumes",
    ),
    global(
        Action::Quit,
        &[c('q'), ctrl('c')],
        "quit",
        "Quit; asks first when something is rented",
    )
    .danger(),
];
