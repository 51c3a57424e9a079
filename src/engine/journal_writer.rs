//! Writes the journal. While a write fails, nothing new is rented or registered, rentals are released
//! as planned, and the write is retried. What happens meanwhile counts, and is written afterwards.

use std::mem;

use crate::domain::{Duration, Time};
use crate::engine::state::{ReleaseOnly, Replica, Shared};
use crate::journal::{JournalError, Record, WriteOutcome};

/// A failing journal is retried this often, and checkpoints are no more frequent: the spool is for
/// rentals.
const RETRY_INTERVAL: Duration = Duration::seconds(10);

const COMPACTION_INTERVAL: Duration = Duration::minutes(10);

/// More would be a loop that records the same again and again.
const MOST_UNWRITTEN: usize = 1_000;

impl Replica {
    /// Records the sprint's state whenever it changed: a crash loses nothing. False while it cannot be
    /// recorded.
    pub(crate) fn save_checkpoint(&mut self, shared: &mut Shared) -> bool {
        if self.checkpoint.as_ref() == Some(&self.sprint) {
            return true;
        }
        if shared.retried_recently() {
            return false;
        }
        let Ok(sprint) = serde_json::to_value(&self.sprint) else {
            return false;
        };
        let clock = shared.clock.saved();
        let replica = self.id.clone();
        let checkpoint = Record::Checkpoint {
            replica,
            sprint,
            clock,
        };
        let is_recorded = shared.record(&checkpoint).is_some();
        if is_recorded {
            self.checkpoint = Some(self.sprint.clone());
        }
        is_recorded
    }
}

impl Shared {
    /// Records what happened, which counts at once. `None` when it cannot be written for now.
    pub(crate) fn record(&mut self, record: &Record) -> Option<WriteOutcome> {
        let now = self.ports.clock.now();
        // The order of records matters.
        let waits =
            !self.unwritten.is_empty() && (self.retried_recently() || !self.try_recover(now));
        let outcome = if waits {
            None
        } else {
            self.append(now, record)
        };
        // A checkpoint is made anew until it is written.
        if outcome.is_none() && !matches!(record, Record::Checkpoint { .. }) {
            self.ledger.apply(now, record);
            if self.unwritten.len() < MOST_UNWRITTEN {
                self.unwritten.push((now, record.clone()));
            }
        }
        outcome
    }

    fn append(&mut self, now: Time, record: &Record) -> Option<WriteOutcome> {
        let outcome = self.journal.append(now, record);
        match &outcome {
            Ok(WriteOutcome::Durable) => self.release_only = None,
            Ok(WriteOutcome::Spooled(error)) | Err(error) => self.enter_release_only(now, error),
        }
        let outcome = outcome.ok()?;
        self.ledger.apply(now, record);
        Some(outcome)
    }

    /// At the end of the program.
    pub(crate) fn write_unwritten(&mut self) {
        if !self.unwritten.is_empty() {
            self.try_recover(self.ports.clock.now());
        }
    }

    /// Records an intent to spend or register. Only if this returns true may it be carried out.
    pub(crate) fn record_intent(&mut self, intent: &Record) -> bool {
        let now = self.ports.clock.now();
        if self.ledger.lost().is_some() {
            return false;
        }
        self.try_recover(now) && matches!(self.append(now, intent), Some(WriteOutcome::Durable))
    }

    pub(crate) fn retry_journal(&mut self) {
        if !self.retried_recently() {
            self.try_recover(self.ports.clock.now());
        }
    }

    /// Called at a start and after a sprint. It reads everything: not for each of many that end together.
    pub(crate) fn compact_journal(&mut self, now: Time) {
        let is_recent = |at: Time| (now - at).abs() < COMPACTION_INTERVAL;
        if self.compacted_at.is_some_and(is_recent) {
            return;
        }
        self.compacted_at = Some(now);
        if let Err(error) = self.journal.compact(now) {
            self.enter_release_only(now, &error);
        }
    }

    /// True if the journal can be written, as far as is known.
    fn try_recover(&mut self, now: Time) -> bool {
        if self.release_only.is_none() {
            return true;
        }
        match self.recover() {
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

    fn recover(&mut self) -> Result<(), JournalError> {
        self.journal.recover()?;
        let mut facts = mem::take(&mut self.unwritten).into_iter();
        while let Some((at, record)) = facts.next() {
            if let Err(error) = self.journal.append(at, &record) {
                self.unwritten = std::iter::once((at, record)).chain(facts).collect();
                return Err(error);
            }
        }
        Ok(())
    }

    fn retried_recently(&self) -> bool {
        let now = self.ports.clock.now();
        let mode = self.release_only.as_ref();
        mode.is_some_and(|mode| now - mode.last_try < RETRY_INTERVAL)
    }

    fn enter_release_only(&mut self, now: Time, error: &JournalError) {
        let since = self.release_only.as_ref().map_or(now, |mode| mode.since);
        if since == now {
            tracing::error!("{error}: nothing new is rented or registered until it works");
        }
        let state_dir = self.config.paths.state_dir.display();
        let advice = match error {
            JournalError::Fenced { .. } => "close the pocpit that should not run here".to_owned(),
            _ => {
                format!("free space in {state_dir}; it resumes as soon as a write succeeds")
            }
        };
        self.release_only = Some(ReleaseOnly {
            since,
            why: error.to_string(),
            advice,
            last_try: now,
        });
    }
}
