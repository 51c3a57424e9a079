//! Looks that failed, counted from one run to the next: a service that does not answer once is no reason
//! to wake anybody; one that did not answer an hour ago either is.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::atomic_file;
use crate::cli::{Exit, status_line};
use crate::domain::Time;

const FILE: &str = "gc.json";
/// From so many failed looks on it is a failure: two bad checks before a word.
const A_FAILURE: u32 = 2;

/// The failed looks since the last good one.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Failed {
    looks: u32,
    since: Option<Time>,
}

/// What is kept of the looks at one state directory.
pub(super) struct Looks {
    file: PathBuf,
}

impl Looks {
    pub(super) fn of(state_dir: &Path) -> Looks {
        Looks {
            file: state_dir.join(FILE),
        }
    }

    /// Something could not be seen. Says how the run ends: not known, or failed when it could not be
    /// seen the last time either.
    pub(super) fn failed(&self, now: Time) -> Exit {
        let mut failed = self.read();
        failed.looks = failed.looks.saturating_add(1);
        let since = *failed.since.get_or_insert(now);
        self.keep(&failed);
        if failed.looks < A_FAILURE {
            return Exit::Unknown;
        }
        status_line(format_args!(
            "pocpit: that is look number {} that failed, since {}: what is left over may cost money and nobody sees it. See what `pocpit check` says",
            failed.looks,
            since.format("%Y-%m-%d %H:%M UTC")
        ));
        Exit::Failed
    }

    /// Everything was seen.
    pub(super) fn succeeded(&self) {
        if self.read().looks > 0 {
            self.keep(&Failed::default());
        }
    }

    fn read(&self) -> Failed {
        atomic_file::read(&self.file).unwrap_or_else(|error| {
            status_line(format_args!(
                "warning: {} cannot be read, so earlier looks that failed are not counted: {error}",
                self.file.display()
            ));
            Failed::default()
        })
    }

    fn keep(&self, failed: &Failed) {
        if let Err(error) = atomic_file::write(&self.file, failed) {
            status_line(format_args!(
                "warning: {} cannot be written, so this look is not counted: {error}",
                self.file.display()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_look_is_not_known_two_in_a_row_are_a_failure() {
        let scratch = tempfile::tempdir().unwrap();
        let looks = Looks::of(scratch.path());
        let now = Time::UNIX_EPOCH;
        assert_eq!(looks.failed(now), Exit::Unknown);
        looks.succeeded();
        assert_eq!(looks.failed(now), Exit::Unknown);
        assert_eq!(looks.failed(now), Exit::Failed);
        assert_eq!(looks.failed(now), Exit::Failed);
        // One that cannot be read counts nothing, and is no reason to fail.
        std::fs::write(scratch.path().join(FILE), "{").unwrap();
        assert_eq!(looks.failed(now), Exit::Unknown);
    }
}
