//! The program's own log, on its way to its pane.

use std::sync::{Arc, Mutex, PoisonError};

use tui_logger::CircularBuffer;

use crate::domain::LogLine;

/// Records that wait to be taken; the oldest go when nobody takes them.
const WAITING: usize = 10_000;

/// What the program has recorded and its pane has not taken yet. Clones share the records.
#[derive(Clone)]
pub struct ProgramLog(Arc<Mutex<CircularBuffer<LogLine>>>);

impl Default for ProgramLog {
    fn default() -> ProgramLog {
        ProgramLog(Arc::new(Mutex::new(CircularBuffer::new(WAITING))))
    }
}

impl ProgramLog {
    pub fn record(&self, line: LogLine) {
        self.waiting().push(line);
    }

    /// The records since the last call.
    pub fn take(&self) -> Vec<LogLine> {
        self.waiting().take()
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, CircularBuffer<LogLine>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for ProgramLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ProgramLog({} waiting)", self.waiting().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{LogLevel, Time};

    #[test]
    fn untaken_records_are_bounded() {
        let log = ProgramLog::default();
        for number in 0..WAITING + 5 {
            let text = number.to_string();
            let line = LogLine::record(Time::UNIX_EPOCH, LogLevel::Info, "test", &text);
            log.record(line);
        }
        let lines = log.take();
        assert_eq!(lines.len(), WAITING);
        assert_eq!(lines.first().map(LogLine::text), Some("5"));
        assert_eq!(lines.last().map(LogLine::text), Some("10004"));
    }
}
