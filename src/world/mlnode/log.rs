//! The workload's log: lines with their times, future ones included.

use crate::domain::Time;

/// vLLM's server process, as it calls itself.
pub(super) const API_SERVER: &str = "APIServer pid=871";

/// Whose line it is: a process that ends writes no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    /// The start script.
    Onstart,
    MlNode,
    Vllm,
}

#[derive(Debug, Clone)]
struct LogEntry {
    at: Time,
    writer: Writer,
    bytes: Vec<u8>,
}

/// The file `mlnode.log`, sorted by time.
#[derive(Debug, Clone, Default)]
pub(in crate::world) struct Log(Vec<LogEntry>);

impl Log {
    /// Adds text, verbatim.
    pub(super) fn raw(&mut self, at: Time, writer: Writer, text: &str) {
        let entry = LogEntry {
            at,
            writer,
            bytes: text.as_bytes().to_vec(),
        };
        let after = self.0.partition_point(|other| other.at <= at);
        self.0.insert(after, entry);
    }

    /// Nothing is written any more.
    pub(super) fn end(&mut self, now: Time) {
        self.0.retain(|entry| entry.at <= now);
    }

    pub(super) fn onstart(&mut self, at: Time, text: &str) {
        self.raw(at, Writer::Onstart, &format!("{text}\n"));
    }

    /// A line of the `MLNode`'s logger (`common/logger.py`).
    pub(super) fn node(&mut self, at: Time, name: &str, level: &str, text: &str) {
        let time = at.format("%Y-%m-%d %H:%M:%S,%3f");
        let line = format!("{time} - {name} - {level} - {text}\n");
        self.raw(at, Writer::MlNode, &line);
    }

    /// A line of the `MLNode`'s uvicorn.
    pub(super) fn uvicorn(&mut self, at: Time, text: &str) {
        self.raw(at, Writer::MlNode, &format!("INFO:     {text}\n"));
    }

    /// A line of one of vLLM's processes, which `place` in its source wrote.
    pub(super) fn vllm(&mut self, at: Time, process: &str, level: &str, place: &str, text: &str) {
        let time = at.format("%m-%d %H:%M:%S");
        let line = format!("\u{1b}[1;36m({process})\u{1b}[0;0m {level} {time} [{place}] {text}\n");
        self.raw(at, Writer::Vllm, &line);
    }

    /// Removes what these writers would have written from `at` on.
    pub(super) fn cut(&mut self, at: Time, writers: &[Writer]) {
        self.0
            .retain(|entry| entry.at <= at || !writers.contains(&entry.writer));
    }

    /// Part of the log up to `now`; `None` before its first line.
    pub fn part(&self, now: Time, offset: u64, max: usize) -> Option<Vec<u8>> {
        if self.0.first().is_none_or(|entry| entry.at > now) {
            return None;
        }
        let mut before = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut part = Vec::new();
        for entry in self.0.iter().take_while(|entry| entry.at <= now) {
            let from = before.min(entry.bytes.len());
            before -= from;
            let room = max - part.len();
            part.extend(entry.bytes[from..].iter().take(room));
            if part.len() == max {
                break;
            }
        }
        (before == 0).then_some(part)
    }
}
