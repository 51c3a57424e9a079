//! Resumes the sprint of an earlier run, and begins the next one.

use crate::domain::{Aim, EpochIndex, Mode, OutcomeKind, Time};
use crate::engine::rules::sprint_rules;
use crate::engine::state::Engine;
use crate::flow::{Event, Sprint};
use crate::journal::Ledger;

/// The sprint that an earlier run left half done, or over and not yet reported.
pub fn saved_sprint(ledger: &Ledger) -> Result<Option<Sprint>, serde_json::Error> {
    let Some(saved) = ledger.checkpoint() else {
        return Ok(None);
    };
    let sprint: Sprint = serde_json::from_value(saved.clone())?;
    let last = ledger.reports().last();
    let reported = last.is_some_and(|(_, report)| report.steps == sprint.spans());
    Ok(Some(sprint).filter(|_| !reported))
}

impl Engine {
    /// Takes up the sprint that an earlier run left half done.
    pub(crate) fn resume(&mut self, now: Time) {
        self.skip_reported_epoch(now);
        match saved_sprint(&self.ledger) {
            // In the middle of a sprint there are more urgent things; it ends with a compaction.
            Ok(None) => self.compact_journal(now),
            Ok(Some(sprint)) => {
                tracing::info!(
                    "going on with the sprint that was left in step {}",
                    sprint.step()
                );
                if let Some((at, height)) = sprint.last_height() {
                    self.sources.anchor(at, height);
                }
                self.sprint = sprint;
                // The configuration may be another one by now.
                self.sprint.replan(sprint_rules(
                    &self.config,
                    self.ledger.boots(),
                    self.options.aim,
                    self.options.nonce,
                ));
                self.dispatch(now, Event::Resumed);
                // Hands off was asked for: a sprint that was left in manual mode would wait for
                // somebody. The other way round it goes on as it was.
                if self.options.mode == Mode::Auto {
                    self.dispatch(now, Event::ModeChanged(Mode::Auto));
                }
            }
            // The rentals in the ledger are still known: reconciling takes them down.
            Err(error) => tracing::error!(
                "the saved sprint cannot be read: {error}; what it rented is taken down"
            ),
        }
    }

    /// A program that is started again and again must not rent again and again for one epoch.
    fn skip_reported_epoch(&mut self, now: Time) {
        let last = self.ledger.reports().last().map(|(_, report)| report);
        let done = last
            .filter(|report| report.outcome != OutcomeKind::Aborted)
            .and_then(|report| report.epoch);
        // A rehearsal, or a model to serve, is no part of an epoch: it begins whatever was done in it.
        let proves = self.options.aim == Aim::Proof;
        if let (Mode::Auto, true, Some(done)) = (self.options.mode, proves, done) {
            self.begin_next_sprint(now, Some(done));
        }
    }

    /// A new sprint, by the same rules, for the next `PoC` after that of epoch `done`.
    pub(crate) fn begin_next_sprint(&mut self, now: Time, done: Option<EpochIndex>) {
        let mode = self.sprint.mode();
        self.options.nonce = self.options.nonce.wrapping_add(0x5851_f42d_4c95_7f2d);
        let sprint = Sprint::new(
            sprint_rules(
                &self.config,
                self.ledger.boots(),
                Aim::Proof,
                self.options.nonce,
            ),
            mode,
            now,
        );
        self.sprint = match done {
            Some(done) => sprint.not_before(done),
            None => sprint,
        };
        self.report_requested = false;
        self.report = None;
        self.observed.market = None;
        if let Some((_, view)) = self.observed.view.clone() {
            self.apply_chain_view(now, view);
        }
    }
}
