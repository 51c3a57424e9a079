//! Which lines of the log hold a text. Kept up as lines come: no line is looked at twice.

use std::collections::VecDeque;
use std::ops::Range;

use crate::domain::LogLine;
use crate::engine::BootLog;

/// A text to look for. ASCII letters match in either case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query(String);

impl Query {
    /// Absent for an empty text: every line would hold it.
    pub fn new(text: &str) -> Option<Query> {
        (!text.is_empty()).then(|| Query(text.to_owned()))
    }

    /// What is looked for.
    pub fn text(&self) -> &str {
        &self.0
    }

    fn is_in(&self, line: &LogLine) -> bool {
        self.next_in(line.text().as_bytes(), 0).is_some()
    }

    /// Where it stands in a text, in bytes.
    pub fn places(&self, text: &str) -> Vec<Range<usize>> {
        let mut places = Vec::new();
        let mut from = 0;
        while let Some(start) = self.next_in(text.as_bytes(), from) {
            from = start + self.0.len();
            places.push(start..from);
        }
        places
    }

    fn next_in(&self, text: &[u8], from: usize) -> Option<usize> {
        let wanted = self.0.as_bytes();
        let first = wanted.first()?;
        let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
        let last = text.len().checked_sub(wanted.len())?;
        (from..=last).find(|&at| {
            (text[at] == lower || text[at] == upper)
                && text[at..at + wanted.len()].eq_ignore_ascii_case(wanted)
        })
    }
}

/// Numbers of the lines that hold all of some texts, in order.
#[derive(Debug, Clone, Default)]
pub struct Matches {
    queries: Vec<Query>,
    lines: VecDeque<u64>,
    /// Lines before this one were looked at.
    until: u64,
}

impl Matches {
    /// Looks at the whole log.
    pub fn of(queries: Vec<Query>, log: &BootLog) -> Matches {
        let mut matches = Matches {
            queries,
            ..Matches::default()
        };
        matches.keep_up(log);
        matches
    }

    /// Looks at the lines that are new, and forgets those that are gone.
    pub fn keep_up(&mut self, log: &BootLog) {
        let gone = self.lines.partition_point(|&line| line < log.first_seq());
        self.lines.drain(..gone);
        for number in self.until.max(log.first_seq())..log.end_seq() {
            let holds = |line: &LogLine| self.queries.iter().all(|query| query.is_in(line));
            if log.line(number).is_some_and(holds) {
                self.lines.push_back(number);
            }
        }
        self.until = log.end_seq();
    }

    /// A line that is still being written would be one of them.
    pub fn would_hold(&self, line: &LogLine) -> bool {
        self.queries.iter().all(|query| query.is_in(line))
    }

    /// Every number, in order.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.lines.iter().copied()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lines.len()
    }

    /// How many there are before a line.
    pub fn before(&self, line: u64) -> usize {
        self.lines.partition_point(|&held| held < line)
    }

    /// The newest one before a line.
    pub fn last_before(&self, line: u64) -> Option<u64> {
        let at = self.before(line).checked_sub(1)?;
        self.lines.get(at).copied()
    }

    /// The oldest one from a line on.
    pub fn first_from(&self, line: u64) -> Option<u64> {
        self.lines.get(self.before(line)).copied()
    }
}
