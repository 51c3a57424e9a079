//! Counts failed runs of `gc` across processes, as a debounce: the first failure is reported as unknown, the
//! second in a row, an hour later, as failed.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::atomic_file;
use crate::cli::{Exit, status_line};
use crate::domain::Time;

const FILE: &str = "gc.json";
/// Failed runs in a row before the exit code says so.
const THRESHOLD: u32 = 2;

/// Failed runs since the last complete one.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Failures {
    #[serde(rename = "looks")]
    count: u32,
    since: Option<Time>,
}

/// The failure count of one state directory.
pub(super) struct FailureCount {
    file: PathBuf,
}

impl FailureCount {
    pub(super) fn of(state_dir: &Path) -> FailureCount {
        FailureCount {
            file: state_dir.join(FILE),
        }
    }

    /// Something could not be listed. The run ends as unknown the first time, then as failed.
    pub(super) fn record_failure(&self, now: Time) -> Exit {
        let mut failures = self.read();
        failures.count = failures.count.saturating_add(1);
        let since = *failures.since.get_or_insert(now);
        self.persist(&failures);
        if failures.count < THRESHOLD {
            return Exit::Unknown;
        }
        status_line(format_args!(
            "pocpit: check {} in a row failed, since {}: leftovers may cost money unnoticed. Run `pocpit check`",
            failures.count,
            since.format("%Y-%m-%d %H:%M UTC")
        ));
        Exit::Failed
    }

    pub(super) fn reset(&self) {
        if self.read().count > 0 {
            self.persist(&Failures::default());
        }
    }

    fn read(&self) -> Failures {
        atomic_file::read(&self.file).unwrap_or_else(|error| {
            status_line(format_args!(
                "warning: cannot read {}, so earlier failures are not counted: {error}",
                self.file.display()
            ));
            Failures::default()
        })
    }

    fn persist(&self, failures: &Failures) {
        if let Err(error) = atomic_file::write(&self.file, failures) {
            status_line(format_args!(
                "warning: cannot write {}, so this failure is not counted: {error}",
                self.file.display()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_failure_in_a_row_fails() {
        let scratch = tempfile::tempdir().unwrap();
        let count = FailureCount::of(scratch.path());
        let now = Time::UNIX_EPOCH;
        assert_eq!(count.record_failure(now), Exit::Unknown);
        count.reset();
        assert_eq!(count.record_failure(now), Exit::Unknown);
        assert_eq!(count.record_failure(now), Exit::Failed);
        assert_eq!(count.record_failure(now), Exit::Failed);
        // An unreadable file counts as zero.
        std::fs::write(scratch.path().join(FILE), "{").unwrap();
        assert_eq!(count.record_failure(now), Exit::Unknown);
    }
}
