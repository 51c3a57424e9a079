//! Lines that want a look: errors and warnings.

use super::index::LineIndex;
use crate::domain::{LogLevel, LogLine};
use crate::engine::LogBuffer;

/// Lines that want a look.
#[derive(Debug, Clone, Default)]
pub struct Trouble {
    pub errors: LineIndex,
    pub warnings: LineIndex,
}

impl Trouble {
    pub(super) fn update(&mut self, log: &LogBuffer) {
        let of = |level| move |_: u64, line: &LogLine| line.level() == Some(level);
        self.errors.update(log, of(LogLevel::Error));
        self.warnings.update(log, of(LogLevel::Warn));
    }
}
