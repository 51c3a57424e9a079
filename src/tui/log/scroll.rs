//! Moving through the log by rows of the screen. Nothing here looks at more lines than a screen
//! shows, however many the log has.

use std::ops::Range;

use super::matches::Matches;
use super::rows::{LongLines, row_starts};
use crate::engine::BootLog;

/// Where a log that is held still ends on the screen. Anchored by a line's number, so lines that come
/// or go do not move it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The last line of which something is shown.
    pub line: u64,
    /// Rows of it that are below the pane.
    pub below: usize,
}

/// Rows of one line that are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The line's number.
    pub line: u64,
    /// Bytes at which each of its rows begins.
    pub starts: Vec<usize>,
    /// The rows that are shown.
    pub rows: Range<usize>,
}

/// The lines that can be moved through, and how they fall into rows.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a> {
    /// The log.
    pub log: &'a BootLog,
    /// Only these, when a filter is on.
    pub only: Option<&'a Matches>,
    /// What becomes of long lines.
    pub long: LongLines,
    /// Columns of the pane.
    pub width: u16,
}

impl Lines<'_> {
    /// The newest line before this one.
    pub fn before(&self, line: u64) -> Option<u64> {
        match self.only {
            Some(only) => only.last_before(line),
            None => line
                .min(self.log.end_seq())
                .checked_sub(1)
                .filter(|&before| before >= self.log.first_seq()),
        }
    }

    /// The oldest line from this one on.
    pub fn from(&self, line: u64) -> Option<u64> {
        match self.only {
            Some(only) => only.first_from(line),
            None => Some(line.max(self.log.first_seq())).filter(|&from| from < self.log.end_seq()),
        }
    }

    /// How many lines there are after this one.
    pub fn after(&self, line: u64) -> u64 {
        match self.only {
            Some(only) => (only.count() - only.before(line.saturating_add(1))) as u64,
            None => self
                .log
                .end_seq()
                .saturating_sub(line.saturating_add(1).max(self.log.first_seq())),
        }
    }

    /// The place at the newest line.
    pub fn end(&self) -> Option<Held> {
        let line = self.before(u64::MAX)?;
        Some(Held { line, below: 0 })
    }

    fn starts(&self, line: u64) -> Vec<usize> {
        self.log
            .line(line)
            .map_or_else(|| vec![0], |it| row_starts(it, self.long, self.width))
    }

    fn height(&self, line: u64) -> usize {
        self.starts(line).len()
    }

    /// The nearest place that there is: a line may be gone, filtered out, or have fewer rows now.
    pub fn settle(&self, held: Held) -> Option<Held> {
        if self.before(held.line.saturating_add(1)) == Some(held.line) {
            let below = held.below.min(self.height(held.line) - 1);
            return Some(Held { below, ..held });
        }
        let line = self.before(held.line).or_else(|| self.from(held.line))?;
        Some(Held { line, below: 0 })
    }

    /// The place so many rows further up, but not beyond a pane's height from the oldest line.
    pub fn up(&self, held: Held, rows: usize, pane: usize) -> Option<Held> {
        let mut at = self.settle(held)?;
        let top = self.topped(self.from(0)?, pane);
        // Above the top there is nothing, however far one wants to go.
        if rows == usize::MAX {
            return top;
        }
        at.below += rows;
        loop {
            let height = self.height(at.line);
            if at.below < height {
                break;
            }
            match self.before(at.line) {
                Some(line) => {
                    at = Held {
                        line,
                        below: at.below - height,
                    }
                }
                None => return top,
            }
        }
        top.map(|top| at.later_of(top))
    }

    /// The place so many rows further down, but not beyond the newest line.
    pub fn down(&self, held: Held, mut rows: usize) -> Option<Held> {
        let mut at = self.settle(held)?;
        if rows == usize::MAX {
            return self.end();
        }
        while rows > at.below {
            rows -= at.below + 1;
            let Some(line) = self.from(at.line + 1) else {
                return self.end();
            };
            at = Held {
                line,
                below: self.height(line) - 1,
            };
        }
        at.below -= rows;
        Some(at)
    }

    /// The place that has a line at the top of a pane of this height, as far as lines follow.
    pub fn topped(&self, line: u64, pane: usize) -> Option<Held> {
        let mut line = self.from(line).or_else(|| self.before(line))?;
        let mut rows = self.height(line);
        while rows < pane {
            let Some(next) = self.from(line + 1) else {
                return Some(Held { line, below: 0 });
            };
            line = next;
            rows += self.height(line);
        }
        let below = (rows - pane.max(1)).min(self.height(line) - 1);
        Some(Held { line, below })
    }

    /// The place that has a line in the middle of a pane of this height.
    pub fn centred(&self, line: u64, pane: usize) -> Option<Held> {
        self.topped(line, pane.div_ceil(2))
    }

    /// What a pane of this height shows above and at a place, from top to bottom.
    pub fn window(&self, held: Held, pane: usize) -> Vec<Shown> {
        let mut shown = Vec::new();
        let mut left = pane;
        let mut next = self.settle(held);
        while let Some(at) = next.filter(|_| left > 0) {
            let starts = self.starts(at.line);
            let end = starts.len().saturating_sub(at.below);
            let first = end.saturating_sub(left);
            left -= end - first;
            shown.push(Shown {
                line: at.line,
                starts,
                rows: first..end,
            });
            next = self.before(at.line).map(|line| Held { line, below: 0 });
        }
        shown.reverse();
        shown
    }
}

impl Held {
    fn later_of(self, other: Held) -> Held {
        let key = |held: Held| (held.line, std::cmp::Reverse(held.below));
        if key(self) >= key(other) { self } else { other }
    }
}
