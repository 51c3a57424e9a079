//! A text that lines are filtered by.

use std::ops::Range;

use crate::domain::LogLine;

/// A text to look for, ignoring the case of ASCII letters.
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

    /// In its text, or in the name of what wrote it.
    pub fn is_in(&self, line: &LogLine) -> bool {
        let mut texts = [Some(line.text()), line.target()].into_iter().flatten();
        texts.any(|text| self.next_in(text.as_bytes(), 0).is_some())
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
