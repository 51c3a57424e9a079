//! Lines of the log with a text, updated as lines arrive: no line is searched twice.

use std::collections::VecDeque;
use std::ops::Range;

use crate::domain::LogLine;
use crate::engine::BootLog;

/// A text to search for, ignoring the case of ASCII letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query(String);

impl Query {
    /// None for an empty text, which every line has.
    pub fn new(text: &str) -> Option<Query> {
        (!text.is_empty()).then(|| Query(text.to_owned()))
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    fn is_in(&self, line: &LogLine) -> bool {
        self.next_in(line.text().as_bytes(), 0).is_some()
    }

    /// Byte ranges of the matches in a text.
    pub fn ranges(&self, text: &str) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        let mut from = 0;
        while let Some(start) = self.next_in(text.as_bytes(), from) {
            from = start + self.0.len();
            ranges.push(start..from);
        }
        ranges
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

/// Numbers of the lines that match, in order.
#[derive(Debug, Clone)]
pub struct Matches {
    query: Query,
    lines: VecDeque<u64>,
    /// Lines before this one were searched.
    until: u64,
}

impl Matches {
    /// The lines with a text.
    pub fn of(query: Query, log: &BootLog) -> Matches {
        let mut matches = Matches {
            query,
            lines: VecDeque::new(),
            until: 0,
        };
        matches.update(log);
        matches
    }

    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Searches the log, or another one, from its start.
    pub fn restart(&mut self, log: &BootLog) {
        *self = Matches::of(self.query.clone(), log);
    }

    /// Searches new lines and forgets dropped ones.
    pub fn update(&mut self, log: &BootLog) {
        let gone = self.lines.partition_point(|&line| line < log.first_seq());
        self.lines.drain(..gone);
        for number in self.until.max(log.first_seq())..log.end_seq() {
            if log.line(number).is_some_and(|line| self.matches(line)) {
                self.lines.push_back(number);
            }
        }
        self.until = log.end_seq();
    }

    pub fn matches(&self, line: &LogLine) -> bool {
        self.query.is_in(line)
    }

    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.lines.iter().copied()
    }

    pub fn count(&self) -> usize {
        self.lines.len()
    }

    /// Number of matches before a line.
    pub fn before(&self, line: u64) -> usize {
        self.lines.partition_point(|&number| number < line)
    }

    /// The last match before a line.
    pub fn last_before(&self, line: u64) -> Option<u64> {
        let at = self.before(line).checked_sub(1)?;
        self.lines.get(at).copied()
    }

    /// The first match at or after a line.
    pub fn first_from(&self, line: u64) -> Option<u64> {
        self.lines.get(self.before(line)).copied()
    }
}
