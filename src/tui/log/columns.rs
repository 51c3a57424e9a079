//! What a line takes beside its text, and what is done with a long one.

use super::LogPane;
use super::rows::LongLines;

/// Columns that a key scrolls by.
const COLUMNS: u16 = 8;
/// Lines are not longer than this (`ssh::sanitize`).
const LAST_COLUMN: u16 = 4_096;
/// Columns of the mark, and of the level with its space.
pub(super) const MARK: u16 = 1;
pub(super) const LEVEL: u16 = 6;
/// Columns of a time with its space.
pub(super) const TIME: u16 = 9;

/// Whether lines have their times beside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    Shown,
    Hidden,
}

impl LogPane {
    /// Every line of a past log came at its end: there are no times to show.
    pub fn shows_times(&self) -> bool {
        self.times == Times::Shown && self.past.is_none()
    }

    pub fn toggle_times(&mut self) {
        self.times = match self.times {
            Times::Shown => Times::Hidden,
            Times::Hidden => Times::Shown,
        };
    }

    /// Columns left of the text.
    pub fn text_column(&self) -> u16 {
        MARK + LEVEL + if self.shows_times() { TIME } else { 0 }
    }

    pub fn toggle_wrap(&mut self) {
        self.long = match self.long {
            LongLines::Wrap => LongLines::Cut { column: 0 },
            LongLines::Cut { .. } => LongLines::Wrap,
        };
        if let Some(anchor) = &mut self.anchor {
            anchor.below = 0;
        }
    }

    pub fn left(&mut self) {
        if let LongLines::Cut { column } = &mut self.long {
            *column = column.saturating_sub(COLUMNS);
        }
    }

    pub fn right(&mut self) {
        if let LongLines::Cut { column } = &mut self.long {
            *column = column.saturating_add(COLUMNS).min(LAST_COLUMN);
        }
    }
}
