//! Scrolling by rows of the screen. No function reads more lines than a screen shows.

use std::ops::Range;

use super::index::LineIndex;
use super::marks::Mark;
use super::rows::{LongLines, row_starts};
use crate::engine::LogBuffer;

/// The last visible row of a paused log. Anchored to a line, so new or dropped lines do not move it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    pub line: u64,
    /// Rows of it below the pane.
    pub below: usize,
}

/// A line and its visible rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibleLine {
    pub line: u64,
    /// Rows for marks above its text.
    pub marks: usize,
    /// Where the rows of its text begin.
    pub starts: Vec<usize>,
    /// Those of the marks and of the text, counted together.
    pub rows: Range<usize>,
}

/// A mark, and the line that it stands above.
pub type PlacedMark = (u64, Mark);

/// The lines that are shown, with the marks between them, and how they break into rows.
#[derive(Debug, Clone, Copy)]
pub struct Lines<'a> {
    pub log: &'a LogBuffer,
    pub shown: &'a LineIndex,
    /// In the order of their lines.
    pub marks: &'a [PlacedMark],
    pub long: LongLines,
    /// Columns of the text.
    pub width: u16,
}

impl<'a> Lines<'a> {
    /// The newest line before this one.
    pub fn before(&self, line: u64) -> Option<u64> {
        self.shown.last_before(line)
    }

    /// This line or the next one.
    pub fn from(&self, line: u64) -> Option<u64> {
        self.shown.first_from(line)
    }

    /// Number of lines after this one.
    pub fn after(&self, line: u64) -> usize {
        self.shown.from(line.saturating_add(1))
    }

    /// The marks above a line.
    pub fn marks_of(&self, line: u64) -> &'a [PlacedMark] {
        let first = self.marks.partition_point(|(above, _)| *above < line);
        let end = self.marks.partition_point(|(above, _)| *above <= line);
        &self.marks[first..end]
    }

    pub fn end(&self) -> Option<Anchor> {
        let line = self.before(u64::MAX)?;
        Some(Anchor { line, below: 0 })
    }

    fn starts(&self, line: u64) -> Vec<usize> {
        self.log
            .line(line)
            .map_or_else(|| vec![0], |it| row_starts(it, self.long, self.width))
    }

    fn rows_of(&self, line: u64) -> usize {
        self.marks_of(line).len() + self.starts(line).len()
    }

    /// The nearest valid anchor: a line may be dropped, filtered out, or have fewer rows now.
    pub fn clamp(&self, anchor: Anchor) -> Option<Anchor> {
        if self.before(anchor.line.saturating_add(1)) == Some(anchor.line) {
            let below = anchor.below.min(self.rows_of(anchor.line) - 1);
            return Some(Anchor { below, ..anchor });
        }
        let line = self
            .before(anchor.line)
            .or_else(|| self.from(anchor.line))?;
        Some(Anchor { line, below: 0 })
    }

    /// So many rows further up, until the oldest line is at the top.
    pub fn up(&self, anchor: Anchor, rows: usize, height: usize) -> Option<Anchor> {
        let mut at = self.clamp(anchor)?;
        let top = self.at_top(self.from(0)?, height);
        if rows == usize::MAX {
            return top;
        }
        at.below += rows;
        loop {
            let height = self.rows_of(at.line);
            if at.below < height {
                break;
            }
            match self.before(at.line) {
                Some(line) => {
                    at = Anchor {
                        line,
                        below: at.below - height,
                    }
                }
                None => return top,
            }
        }
        top.map(|top| at.max_by_row(top))
    }

    /// So many rows further down, up to the newest line.
    pub fn down(&self, anchor: Anchor, mut rows: usize) -> Option<Anchor> {
        let mut at = self.clamp(anchor)?;
        if rows == usize::MAX {
            return self.end();
        }
        while rows > at.below {
            rows -= at.below + 1;
            let Some(line) = self.from(at.line + 1) else {
                return self.end();
            };
            at = Anchor {
                line,
                below: self.rows_of(line) - 1,
            };
        }
        at.below -= rows;
        Some(at)
    }

    /// The anchor that puts a line at the top of a pane, as far as enough lines follow.
    pub fn at_top(&self, line: u64, height: usize) -> Option<Anchor> {
        let mut line = self.from(line).or_else(|| self.before(line))?;
        let mut rows = self.rows_of(line);
        while rows < height {
            let Some(next) = self.from(line + 1) else {
                return Some(Anchor { line, below: 0 });
            };
            line = next;
            rows += self.rows_of(line);
        }
        let below = (rows - height.max(1)).min(self.rows_of(line) - 1);
        Some(Anchor { line, below })
    }

    /// The anchor that puts a line in the middle of a pane.
    pub fn centred(&self, line: u64, height: usize) -> Option<Anchor> {
        self.at_top(line, height.div_ceil(2))
    }

    /// The lines that a pane shows above and at an anchor, from top to bottom.
    pub fn window(&self, anchor: Anchor, height: usize) -> Vec<VisibleLine> {
        let mut shown = Vec::new();
        let mut left = height;
        let mut next = self.clamp(anchor);
        while let Some(at) = next.filter(|_| left > 0) {
            let (marks, starts) = (self.marks_of(at.line).len(), self.starts(at.line));
            let end = (marks + starts.len()).saturating_sub(at.below);
            let first = end.saturating_sub(left);
            left -= end - first;
            shown.push(VisibleLine {
                line: at.line,
                marks,
                starts,
                rows: first..end,
            });
            next = self.before(at.line).map(|line| Anchor { line, below: 0 });
        }
        shown.reverse();
        shown
    }
}

impl Anchor {
    fn max_by_row(self, other: Anchor) -> Anchor {
        let key = |anchor: Anchor| (anchor.line, std::cmp::Reverse(anchor.below));
        if key(self) >= key(other) { self } else { other }
    }
}
