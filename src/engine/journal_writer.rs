//! What the engine keeps in its journal, and what it does when that cannot be written: nothing new
//! is rented or registered, everything is released that should be, and a write is tried again.

use crate::domain::{Duration, Time};
use crate::engine::release_only::{Recorded, ReleaseOnly};
use crate::engine::state::Engine;
use crate::journal::{JournalError, Record, WriteOutcome};

/// Between two tries to write. A sprint that moves is saved no more often meanwhile: the spool is
/// for rentals.
const RETRY_INTERVAL: Duration = Duration::seconds(10);

impl Engine {
    /// Writes down what is or was done.
    pub(crate) fn record(&mut self, record: &Record) -> Recorded {
        let now = self.ports.clock.now();
        let recorded = match self.journal.append(now, record) {
            Ok(WriteOutcome::Durable) => {
                self.release_only = None;
                Recorded::InJournal
            }
            Ok(WriteOutcome::Spooled(error)) => {
                self.enter_release_only(now, &error);
                Recorded::InSpool
            }
            Err(error) => {
                self.enter_release_only(now, &error);
                return Recorded::Nowhere;
            }
        };
        self.ledger.apply(now, record);
        recorded
    }

    /// Writes down what is about to be spent or registered. Only when this is true may it be done.
    pub(crate) fn record_intent(&mut self, intent: &Record) -> bool {
        let now = self.ports.clock.now();
        self.try_recover(now) && self.record(intent) == Recorded::InJournal
    }

    /// The sprint's state goes to the journal whenever it moved: a crash loses nothing.
    pub(crate) fn save_checkpoint(&mut self) {
        let is_saved = |saved| self.sprint.is_saved_by(saved);
        if self.checkpoint.as_ref().is_some_and(is_saved) || self.retried_recently() {
            return;
        }
        let Ok(sprint) = serde_json::to_value(&self.sprint) else {
            return;
        };
        if self.record(&Record::Checkpoint { sprint }) != Recorded::Nowhere {
            self.checkpoint = Some(self.sprint.clone());
        }
    }

    /// Tries to write again when that did not work.
    pub(crate) fn retry_journal(&mut self) {
        if !self.retried_recently() {
            self.try_recover(self.ports.clock.now());
        }
    }

    /// Drops what no longer counts. At a start and after a sprint: no rent call is open then.
    pub(crate) fn compact_journal(&mut self, now: Time) {
        if let Err(error) = self.journal.compact(now) {
            self.enter_release_only(now, &error);
        }
    }

    /// True when the journal can be written, as far as is known.
    fn try_recover(&mut self, now: Time) -> bool {
        if self.release_only.is_none() {
            return true;
        }
        match self.journal.recover() {
            Ok(()) => {
                tracing::info!("the journal can be written again");
                self.release_only = None;
                true
            }
            Err(error) => {
                self.enter_release_only(now, &error);
                false
            }
        }
    }

    fn retried_recently(&self) -> bool {
        let now = self.ports.clock.now();
        let tried = self.release_only.as_ref().map(|mode| mode.tried);
        tried.is_some_and(|tried| now - tried < RETRY_INTERVAL)
    }

    fn enter_release_only(&mut self, now: Time, error: &JournalError) {
        let since = self.release_only.as_ref().map_or(now, |mode| mode.since);
        if since == now {
            tracing::error!("{error}: nothing new is rented or registered until it works");
        }
        let state_dir = self.config.paths.state_dir.display();
        let advice = match error {
            JournalError::Fenced { .. } => "close the pocpit that should not work here".to_owned(),
            _ => {
                format!("free space in {state_dir}; it goes on by itself as soon as a write works")
            }
        };
        self.release_only = Some(ReleaseOnly {
            since,
            why: error.to_string(),
            advice,
            tried: now,
        });
    }
}
