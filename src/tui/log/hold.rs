//! Following the end of a log, or holding it while it is read.

use super::scroll::Anchor;
use super::{LogPane, first_from};
use crate::domain::Time;

impl LogPane {
    /// Holds the log here, or follows it.
    pub(super) fn set_anchor(&mut self, anchor: Option<Anchor>) {
        if self.anchor.is_none() {
            self.held_until = self.log.end_seq();
        }
        self.anchor = anchor;
    }

    pub fn toggle_pause(&mut self) {
        match self.anchor {
            Some(_) => self.follow(),
            None => self.set_anchor(self.bottom()),
        }
    }

    pub fn follow(&mut self) {
        (self.anchor, self.current) = (None, None);
    }

    /// Scrolls up; from the top, matches and errors are gone through anew.
    pub fn up(&mut self, rows: usize) {
        if rows == usize::MAX {
            self.current = None;
        }
        let bottom = self.bottom();
        let up = bottom.and_then(|bottom| self.lines().up(bottom, rows, self.height()));
        self.set_anchor(up);
    }

    /// Scrolls down; follows again at the end.
    pub fn down(&mut self, rows: usize) {
        let Some(bottom) = self.bottom() else { return };
        let lines = self.lines();
        let anchor = lines.down(bottom, rows);
        match anchor.filter(|anchor| Some(*anchor) != lines.end()) {
            Some(anchor) => self.set_anchor(Some(anchor)),
            None => self.follow(),
        }
    }

    /// Goes to the first line at or after this time.
    pub fn go_to(&mut self, at: Time) {
        let line = first_from(&self.log, at);
        self.set_anchor(self.lines().at_top(line, self.height()));
    }

    pub fn lines_below(&self) -> usize {
        let bottom = self.bottom();
        bottom.map_or(0, |bottom| self.lines().after(bottom.line))
    }

    /// Errors that came since it is held.
    pub fn new_errors(&self) -> usize {
        match self.anchor {
            Some(_) => self.trouble.errors.from(self.held_until),
            None => 0,
        }
    }
}
