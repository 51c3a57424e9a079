//! The last lines of a log.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::LogLine;

/// The last lines of a log, of a rental or of this program; cheap to clone: full chunks are shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct LogBuffer {
    chunks: Vec<Arc<Vec<LogLine>>>,
    first: u64,
    len: usize,
    /// Memory of the lines that are kept, roughly.
    bytes: usize,
    /// A line that is still being rewritten by carriage returns: a progress bar.
    pub live: Option<LogLine>,
}

impl LogBuffer {
    const CHUNK: usize = 256;
    /// Lines that are kept; older ones are in the log's file.
    pub const CAPACITY: usize = 100_000;
    /// Bytes that are kept: lines can be long.
    const BYTES: usize = 64 << 20;

    /// A log without lines whose first one will have this sequence number.
    pub(in crate::engine) fn beginning_at(first: u64) -> LogBuffer {
        LogBuffer {
            first,
            ..LogBuffer::default()
        }
    }

    /// Adds a line; the oldest chunks go when there is too much.
    pub fn push(&mut self, line: LogLine) {
        self.bytes += line.bytes();
        match self.chunks.last_mut() {
            Some(last) if last.len() < Self::CHUNK => Arc::make_mut(last).push(line),
            _ => self.chunks.push(Arc::new(vec![line])),
        }
        self.len += 1;
        while self.len > Self::CAPACITY || self.bytes > Self::BYTES && self.chunks.len() > 1 {
            let oldest = self.chunks.remove(0);
            self.first += oldest.len() as u64;
            self.len -= oldest.len();
            self.bytes -= oldest.iter().map(LogLine::bytes).sum::<usize>();
        }
    }

    /// Number of lines that are kept.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when there is no line.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sequence number of the oldest line that is kept; the first line ever is 0.
    pub fn first_seq(&self) -> u64 {
        self.first
    }

    /// Sequence number that the next line will get.
    pub fn end_seq(&self) -> u64 {
        self.first + self.len as u64
    }

    /// The line with this sequence number, if it is kept. Constant time.
    pub fn line(&self, seq: u64) -> Option<&LogLine> {
        let index = usize::try_from(seq.checked_sub(self.first)?).ok()?;
        self.chunks
            .get(index / Self::CHUNK)?
            .get(index % Self::CHUNK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Time;

    #[test]
    fn flood_of_lines_keeps_newest_within_memory() {
        let mut log = LogBuffer::default();
        for number in 0..40_000 {
            let text = format!("{number} {}", "x".repeat(4_000));
            log.push(LogLine::plain(Time::UNIX_EPOCH, text));
        }
        let kept = (log.first_seq()..log.end_seq()).filter_map(|seq| log.line(seq));
        let bytes: usize = kept.map(LogLine::bytes).sum();
        assert!(bytes <= LogBuffer::BYTES, "{bytes}");
        assert!(log.len() > 10_000, "{}", log.len());
        assert!(log.line(39_999).unwrap().text().starts_with("39999 "));
    }
}
