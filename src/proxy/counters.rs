//! What survives a restart: whether inference is up, and counters.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::atomic_file;
use crate::domain::Serving;

/// The counters and the file that they are persisted in.
pub(super) struct CounterFile {
    file: PathBuf,
    counters: Mutex<Counters>,
    /// Held while the file is written, so that an older snapshot never replaces a newer one.
    writing: Mutex<()>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Counters {
    /// What the Network Node requested last.
    #[serde(rename = "service")]
    pub serving: Serving,
    #[serde(rename = "answers")]
    pub replies: BTreeMap<String, BTreeMap<u16, u64>>,
    pub upstreams: BTreeMap<String, Attempts>,
    pub sent: u64,
    /// Replies that broke off or that the caller abandoned.
    pub unfinished: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Attempts {
    pub answered: u64,
    pub failed: u64,
}

impl Counters {
    /// Replies with a status of one class: 2 for 200 to 299.
    pub fn replies_of_class(&self, class: u16) -> u64 {
        let statuses = self.replies.values().flatten();
        let of_class = statuses.filter(|(status, _)| **status / 100 == class);
        of_class.map(|(_, count)| count).sum()
    }
}

impl CounterFile {
    /// Restores the counters. A damaged file is moved aside and counting starts at zero: serving
    /// matters more.
    pub fn open(file: &Path) -> CounterFile {
        let counters = match atomic_file::read(file) {
            Ok(counters) => counters,
            Err(error) => {
                let aside = file.with_extension("damaged");
                tracing::warn!(
                    "the proxy's counters are lost: cannot read {}: {error}; moved to {}",
                    file.display(),
                    aside.display()
                );
                let _ = std::fs::rename(file, aside);
                Counters::default()
            }
        };
        CounterFile {
            file: file.to_owned(),
            counters: Mutex::new(counters),
            writing: Mutex::default(),
        }
    }

    pub fn serving(&self) -> Serving {
        self.lock().serving
    }

    /// Persisted at once: a restart must not serve what the Network Node has stopped.
    pub fn set_serving(&self, serving: Serving) {
        self.lock().serving = serving;
        self.persist();
    }

    pub fn record_reply(&self, endpoint: &str, status: u16) {
        let mut counters = self.lock();
        // Runs on every request, so the name is copied only the first time.
        let statuses = match counters.replies.get_mut(endpoint) {
            Some(statuses) => statuses,
            None => counters.replies.entry(endpoint.to_owned()).or_default(),
        };
        *statuses.entry(status).or_default() += 1;
    }

    pub fn record_attempt(&self, upstream: &str, count: impl FnOnce(&mut Attempts)) {
        let mut counters = self.lock();
        match counters.upstreams.get_mut(upstream) {
            Some(attempts) => count(attempts),
            None => count(counters.upstreams.entry(upstream.to_owned()).or_default()),
        }
    }

    pub fn record_body(&self, bytes: u64, end: BodyEnd) {
        let mut counters = self.lock();
        counters.sent += bytes;
        if end != BodyEnd::Complete {
            counters.unfinished += 1;
        }
    }

    pub fn snapshot(&self) -> Counters {
        self.lock().clone()
    }

    /// A full disk costs counts, never a reply.
    pub fn persist(&self) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = atomic_file::write(&self.file, &self.snapshot()) {
            tracing::warn!(
                "the proxy's counters are not saved: cannot write {}: {error}",
                self.file.display()
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Displayed in the access log.
#[derive(Debug, strum::IntoStaticStr, Clone, Copy, PartialEq, Eq)]
#[strum(serialize_all = "lowercase")]
pub(super) enum BodyEnd {
    #[strum(serialize = "whole")]
    Complete,
    Broken,
    Abandoned,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_survive_a_restart() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("state/proxy.json");
        let file = CounterFile::open(&path);
        assert_eq!(file.serving(), Serving::Up);
        file.record_reply("chat/completions", 200);
        file.record_attempt("a", |attempts| attempts.failed += 1);
        file.record_body(10, BodyEnd::Abandoned);
        file.set_serving(Serving::Stopped);

        let restarted = CounterFile::open(&path);
        assert_eq!(restarted.serving(), Serving::Stopped);
        assert_eq!(restarted.snapshot(), file.snapshot());
        assert_eq!(restarted.snapshot().replies["chat/completions"][&200], 1);
    }

    #[test]
    fn damaged_file_is_moved_aside() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("proxy.json");
        std::fs::write(&path, "{\"service\": \"up").unwrap();
        let file = CounterFile::open(&path);
        assert_eq!(file.snapshot(), Counters::default());
        let aside = std::fs::read_to_string(path.with_extension("damaged")).unwrap();
        assert_eq!(aside, "{\"service\": \"up");
    }
}
