//! What outlives a restart: whether inference is up, and what was answered.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::atomic_file;
use crate::domain::Serving;
use serde::{Deserialize, Serialize};

/// Kept in one small file.
pub(super) struct Memory {
    file: PathBuf,
    kept: Mutex<Kept>,
    /// Held while the file is written: what was copied first is not written last.
    writing: Mutex<()>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    /// What the Network Node asked for last.
    pub service: Serving,
    /// By endpoint and HTTP status.
    pub answers: BTreeMap<String, BTreeMap<u16, u64>>,
    /// By upstream.
    pub upstreams: BTreeMap<String, Attempts>,
    /// Of answers, in bytes.
    pub sent: u64,
    /// Answers that the caller did not wait for, or that broke off.
    pub unfinished: u64,
}

/// What became of requests to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Attempts {
    pub answered: u64,
    pub failed: u64,
}

impl Default for Kept {
    fn default() -> Kept {
        Kept {
            service: Serving::Up,
            answers: BTreeMap::new(),
            upstreams: BTreeMap::new(),
            sent: 0,
            unfinished: 0,
        }
    }
}

impl Memory {
    /// What the last process left. A file that cannot be read is put aside, not overwritten: to serve
    /// is worth more than to count.
    pub fn open(file: &Path) -> Memory {
        let kept = match atomic_file::read(file) {
            Ok(kept) => kept,
            Err(error) => {
                let aside = file.with_extension("damaged");
                tracing::warn!(
                    "the proxy's counters are lost: {}: {error}; put aside as {}",
                    file.display(),
                    aside.display()
                );
                let _ = std::fs::rename(file, aside);
                Kept::default()
            }
        };
        Memory {
            file: file.to_owned(),
            kept: Mutex::new(kept),
            writing: Mutex::default(),
        }
    }

    pub fn service(&self) -> Serving {
        self.kept().service
    }

    /// Written at once: a restart must not serve what the Network Node has stopped.
    pub fn set_service(&self, service: Serving) {
        self.kept().service = service;
        self.save();
    }

    pub fn answered(&self, endpoint: &str, status: u16) {
        let mut kept = self.kept();
        let of_endpoint = match kept.answers.get_mut(endpoint) {
            Some(known) => known,
            None => kept.answers.entry(endpoint.to_owned()).or_default(),
        };
        *of_endpoint.entry(status).or_default() += 1;
    }

    pub fn attempted(&self, upstream: &str, count: impl FnOnce(&mut Attempts)) {
        let mut kept = self.kept();
        match kept.upstreams.get_mut(upstream) {
            Some(known) => count(known),
            None => count(kept.upstreams.entry(upstream.to_owned()).or_default()),
        }
    }

    pub fn sent(&self, bytes: u64, end: End) {
        let mut kept = self.kept();
        kept.sent += bytes;
        if end != End::Whole {
            kept.unfinished += 1;
        }
    }

    pub fn copy(&self) -> Kept {
        self.kept().clone()
    }

    /// A disk that is full costs counts, never an answer.
    pub fn save(&self) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = self.copy();
        if let Err(error) = atomic_file::write(&self.file, &kept) {
            tracing::warn!(
                "the proxy's counters are not saved: {}: {error}",
                self.file.display()
            );
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    /// The upstream broke off.
    Broken,
    /// The caller was gone.
    Abandoned,
}

impl End {
    pub fn name(self) -> &'static str {
        match self {
            End::Whole => "whole",
            End::Broken => "broken",
            End::Abandoned => "abandoned",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_there_after_a_restart() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("state/proxy.json");
        let memory = Memory::open(&file);
        assert_eq!(memory.service(), Serving::Up);
        memory.answered("chat/completions", 200);
        memory.attempted("a", |attempts| attempts.failed += 1);
        memory.sent(10, End::Abandoned);
        memory.set_service(Serving::Stopped);

        let again = Memory::open(&file);
        assert_eq!(again.service(), Serving::Stopped);
        assert_eq!(again.copy(), memory.copy());
        assert_eq!(again.copy().answers["chat/completions"][&200], 1);
    }

    #[test]
    fn a_damaged_file_is_put_aside_and_the_proxy_serves() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("proxy.json");
        std::fs::write(&file, "{\"service\": \"up").unwrap();
        let memory = Memory::open(&file);
        assert_eq!(memory.copy(), Kept::default());
        let aside = std::fs::read_to_string(file.with_extension("damaged")).unwrap();
        assert_eq!(aside, "{\"service\": \"up");
    }
}
