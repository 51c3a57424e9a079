//! Keys of what lies over the panes: questions, help, alerts, the palette and typed lines.

use crossterm::event::KeyCode;

use super::guards::{not_a_question, not_quitting};
use super::key::{Key, c, ctrl, k};
use super::row::{Binding, row};
use super::{Action, Context};

const ERASE: &[Key] = &[k(KeyCode::Backspace), ctrl('h')];
const ERASE_ALL: &[Key] = &[ctrl('u')];
const LEAVE: &[Key] = &[k(KeyCode::Esc), ctrl('c')];

pub(super) const DIALOG: &[Binding] = &[
    row(
        Context::Dialog,
        Action::Confirm,
        &[c('y')],
        "yes",
        "Agree to what the dialog says",
    )
    .danger()
    .guard(not_a_question),
    row(
        Context::Dialog,
        Action::Cancel,
        &[
            k(KeyCode::Enter),
            k(KeyCode::Esc),
            c('n'),
            c('q'),
            ctrl('c'),
        ],
        "cancel",
        "Close the dialog, change nothing",
    ),
    row(
        Context::Dialog,
        Action::PickRelease,
        &[c('r')],
        "",
        "Quit dialog: choose release and quit",
    )
    .guard(not_quitting),
    row(
        Context::Dialog,
        Action::PickLeave,
        &[c('l')],
        "",
        "Quit dialog: choose leave it running",
    )
    .guard(not_quitting),
];

/// A question that is answered by a word, because too much depends on it for one key.
pub(super) const TYPED: &[Binding] = &[
    row(
        Context::TypedDialog,
        Action::Confirm,
        &[k(KeyCode::Enter)],
        "agree, once typed",
        "Agree, once the word that the dialog asks for is typed; else close it",
    )
    .danger(),
    row(
        Context::TypedDialog,
        Action::Cancel,
        LEAVE,
        "cancel",
        "Close the dialog, change nothing",
    ),
    row(
        Context::TypedDialog,
        Action::Erase,
        ERASE,
        "",
        "Erase the last character",
    ),
    row(
        Context::TypedDialog,
        Action::EraseAll,
        ERASE_ALL,
        "",
        "Erase all",
    ),
];

pub(super) const HELP: &[Binding] = &[row(
    Context::Help,
    Action::Close,
    &[
        c('?'),
        k(KeyCode::Esc),
        c('q'),
        k(KeyCode::Enter),
        ctrl('c'),
    ],
    "close",
    "Close the help",
)];

pub(super) const ALERTS: &[Binding] = &[row(
    Context::Alerts,
    Action::Close,
    &[
        c('!'),
        k(KeyCode::Esc),
        c('q'),
        k(KeyCode::Enter),
        ctrl('c'),
    ],
    "close",
    "Close the alerts",
)];

pub(super) const PALETTE: &[Binding] = &[
    row(
        Context::Palette,
        Action::Run,
        &[k(KeyCode::Enter)],
        "do it",
        "Do the selected action, with the questions that its key asks",
    ),
    row(
        Context::Palette,
        Action::Close,
        LEAVE,
        "close",
        "Close the palette",
    ),
    row(
        Context::Palette,
        Action::Up,
        &[k(KeyCode::Up), ctrl('p')],
        "",
        "Up one action",
    ),
    row(
        Context::Palette,
        Action::Down,
        &[k(KeyCode::Down), ctrl('n'), k(KeyCode::Tab)],
        "",
        "Down one action",
    ),
    row(
        Context::Palette,
        Action::Erase,
        ERASE,
        "",
        "Erase the last character",
    ),
    row(
        Context::Palette,
        Action::EraseAll,
        ERASE_ALL,
        "",
        "Erase all",
    ),
];

pub(super) const PROMPT: &[Binding] = &[
    row(
        Context::Prompt,
        Action::Accept,
        &[k(KeyCode::Enter)],
        "accept",
        "Do it",
    ),
    row(
        Context::Prompt,
        Action::ClosePrompt,
        LEAVE,
        "close",
        "Do nothing",
    ),
    row(
        Context::Prompt,
        Action::Erase,
        ERASE,
        "",
        "Erase the last character",
    ),
    row(
        Context::Prompt,
        Action::EraseAll,
        ERASE_ALL,
        "",
        "Erase all",
    ),
];
