//! The cockpit in the terminal. It owns the screen and the operator's view; it never waits for the
//! world and knows nothing of the engine but its snapshots and commands.

mod app;
mod input;
pub mod keymap;
pub mod layout;
pub mod log;
pub mod message;
pub mod model;
pub mod offers;
pub mod palette;
pub mod pane;
pub mod prompt;
mod ring;
pub mod setup;
pub mod target;
pub mod task;
mod terminal;
pub mod theme;
mod timings;
pub mod trends;
pub mod update;
pub mod view;

use std::path::PathBuf;

use crate::config::{BellMode, MouseMode};
use crate::domain::Usd;
use crate::engine::RentalLogs;

pub use app::{Seat, run};
pub use keymap::markdown_table;
pub use terminal::{check as check_terminal, is_taken as has_terminal};
pub use timings::TimingsChoice;

/// Whether colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorChoice {
    /// What the environment says that the terminal shows; none with `NO_COLOR`.
    #[default]
    Auto,
    /// These.
    Use(theme::Colors),
}

/// Background that the colours must be readable on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum BackgroundChoice {
    /// From `COLORFGBG`; dark if it is not set.
    #[default]
    Auto,
    /// Black or nearly so.
    Dark,
    /// White or nearly so.
    Light,
}

/// Character set of the cockpit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum GlyphChoice {
    /// From the locale.
    #[default]
    Auto,
    /// ASCII only.
    Ascii,
    /// Unicode.
    Unicode,
}

/// How the cockpit looks and listens.
#[derive(Debug, Clone, Copy)]
pub struct TuiOptions {
    /// What the keys do.
    pub keymap: &'static keymap::Keymap,
    /// The operator's own colours.
    pub own_colors: theme::OwnColors,
    /// Colours.
    pub color: ColorChoice,
    /// What is behind the text.
    pub ground: BackgroundChoice,
    /// Characters.
    pub glyphs: GlyphChoice,
    /// Whose the mouse is.
    pub mouse: MouseMode,
    /// How it rings.
    pub bell: BellMode,
    /// Whether it says at its end how fast it was.
    pub timings: TimingsChoice,
    /// A rental whose worst case is above this is agreed to by typing the sum.
    pub typed_above: Option<Usd>,
}

/// Where the cockpit's files are.
#[derive(Debug, Clone)]
pub struct Places {
    /// Where the operator's files go.
    pub saved: PathBuf,
    /// The logs of past rentals.
    pub rental_logs: RentalLogs,
}

/// Why the cockpit ended. The engine's fate is decided by its commands, not by this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitReason {
    /// The operator quit; the engine was told.
    Quit,
    /// The engine stopped.
    EngineEnded,
    /// The terminal is gone; nobody was asked anything.
    TerminalLost,
    /// SIGTERM or SIGINT; nobody was asked anything.
    Signal,
}

/// Why the cockpit could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum TuiError {
    /// Not a terminal.
    #[error(
        "{0} is not a terminal, so the cockpit cannot be drawn: run it in a terminal, or use `pocpit auto` without one"
    )]
    NotATerminal(&'static str),
    /// A terminal without cursor movement.
    #[error(
        "TERM={0:?} cannot show the cockpit: set TERM to what your terminal is (often xterm-256color), or use `pocpit auto`"
    )]
    DumbTerminal(String),
    /// Keys or colours that mean nothing.
    #[error(
        "the cockpit cannot look as the configuration says:\n  {}\nfix cockpit.keys and cockpit.colors, or leave them out",
        .0.join("\n  ")
    )]
    Look(Vec<String>),
    /// The terminal failed.
    #[error("the terminal failed while {doing}: {source}")]
    Terminal {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl TuiError {
    /// Nobody sits at the terminal any more: what was tried failed for that alone.
    fn terminal_is_gone(&self) -> bool {
        use rustix::io::Errno;
        let TuiError::Terminal { source, .. } = self else {
            return false;
        };
        // A terminal whose other side was closed answers with the first.
        let gone = [Errno::IO, Errno::NXIO, Errno::PIPE, Errno::BADF];
        let error = source.raw_os_error();
        gone.iter().any(|gone| error == Some(gone.raw_os_error()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_finds_nobody_is_a_lost_terminal_and_no_defect() {
        let failed = |number| TuiError::Terminal {
            doing: "drawing",
            source: std::io::Error::from_raw_os_error(number),
        };
        assert!(failed(rustix::io::Errno::IO.raw_os_error()).terminal_is_gone());
        assert!(!failed(rustix::io::Errno::NOSPC.raw_os_error()).terminal_is_gone());
        assert!(!TuiError::NotATerminal("standard output").terminal_is_gone());
    }
}
