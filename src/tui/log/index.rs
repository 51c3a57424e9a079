//! Numbers of some lines of the log, updated as lines arrive: no line is looked at twice.

use std::collections::VecDeque;

use crate::domain::LogLine;
use crate::engine::LogBuffer;

/// Numbers of lines, in order.
#[derive(Debug, Clone, Default)]
pub struct LineIndex {
    lines: VecDeque<u64>,
    /// Lines before this one were looked at.
    until: u64,
}

impl LineIndex {
    /// The lines of a log that are wanted.
    pub fn of(log: &LogBuffer, wanted: impl Fn(u64, &LogLine) -> bool) -> LineIndex {
        let mut index = LineIndex::default();
        index.update(log, wanted);
        index
    }

    /// Looks at new lines and forgets dropped ones.
    pub fn update(&mut self, log: &LogBuffer, wanted: impl Fn(u64, &LogLine) -> bool) {
        let gone = self.before(log.first_seq());
        self.lines.drain(..gone);
        for number in self.until.max(log.first_seq())..log.end_seq() {
            if log.line(number).is_some_and(|line| wanted(number, line)) {
                self.lines.push_back(number);
            }
        }
        self.until = log.end_seq();
    }

    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.lines.iter().copied()
    }

    pub fn count(&self) -> usize {
        self.lines.len()
    }

    pub fn contains(&self, line: u64) -> bool {
        self.first_from(line) == Some(line)
    }

    /// How many there are before a line.
    pub fn before(&self, line: u64) -> usize {
        self.lines.partition_point(|&number| number < line)
    }

    /// How many there are from a line on.
    pub fn from(&self, line: u64) -> usize {
        self.count() - self.before(line)
    }

    /// The last one before a line.
    pub fn last_before(&self, line: u64) -> Option<u64> {
        let at = self.before(line).checked_sub(1)?;
        self.lines.get(at).copied()
    }

    /// The first one at or after a line.
    pub fn first_from(&self, line: u64) -> Option<u64> {
        self.lines.get(self.before(line)).copied()
    }
}
