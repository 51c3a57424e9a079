//! Resumes the sprint of an earlier run, and starts the next one.

use crate::domain::{Aim, EpochIndex, Mode, OutcomeKind, Time};
use crate::engine::effects::release_log::ReleaseLog;
use crate::engine::rules::sprint_rules;
use crate::engine::state::Engine;
use crate::flow::{Event, Plan, Sprint};
use crate::journal::Ledger;

/// Odd, so that 2^64 sprints pass before a nonce repeats (the multiplier of Knuth's MMIX generator).
const NONCE_STEP: u64 = 0x5851_f42d_4c95_7f2d;

/// The sprint that an earlier run left unfinished or unreported.
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
    pub(crate) fn resume(&mut self, now: Time) {
        self.skip_reported_epoch(now);
        match saved_sprint(&self.ledger) {
            // A sprint in progress is more urgent; it ends with a compaction.
            Ok(None) => self.compact_journal(now),
            Ok(Some(sprint)) => {
                tracing::info!("resuming the sprint in step {}", sprint.step());
                if let Some((at, height)) = sprint.last_height() {
                    self.sources.anchor(at, height);
                }
                self.sprint = sprint;
                // The configuration may have changed.
                self.sprint.replan(self.plan(self.options.aim));
                self.dispatch(now, Event::Resumed);
                // Unattended, a sprint that was left in manual mode would wait forever. The other way
                // round it keeps its mode.
                if self.options.mode == Mode::Auto {
                    self.dispatch(now, Event::ModeChanged(Mode::Auto));
                }
            }
            // Its rentals are in the ledger: reconciling destroys them.
            Err(error) => {
                tracing::error!("cannot read the saved sprint: {error}; its rentals are destroyed");
            }
        }
    }

    /// A program that restarts in a loop must not rent again and again for one epoch.
    fn skip_reported_epoch(&mut self, now: Time) {
        let last = self.ledger.reports().last().map(|(_, report)| report);
        let done = last
            .filter(|report| report.outcome != OutcomeKind::Aborted)
            .and_then(|report| report.epoch);
        // Rehearsing and serving belong to no epoch.
        let proves = self.options.aim == Aim::Proof;
        if let (Mode::Auto, true, Some(done)) = (self.options.mode, proves, done) {
            self.begin_next_sprint(now, Some(done));
        }
    }

    /// Starts a sprint for the next `PoC` after that of epoch `done`.
    pub(crate) fn begin_next_sprint(&mut self, now: Time, done: Option<EpochIndex>) {
        let mode = self.sprint.mode();
        self.options.nonce = self.options.nonce.wrapping_add(NONCE_STEP);
        let sprint = Sprint::new(self.plan(Aim::Proof), mode, now);
        self.sprint = match done {
            Some(done) => sprint.not_before(done),
            None => sprint,
        };
        self.report_requested = false;
        self.report = None;
        self.release_log = ReleaseLog::default();
        self.observed.market = None;
        if let Some((_, view)) = self.observed.view.clone() {
            self.apply_chain_view(now, view);
        }
    }

    fn plan(&self, aim: Aim) -> Plan {
        sprint_rules(&self.config, self.ledger.boots(), aim, self.options.nonce)
    }
}
