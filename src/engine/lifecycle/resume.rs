//! Resumes the sprint of an earlier run, and starts the next one.

use crate::domain::{Aim, EpochIndex, Mode, OutcomeKind, ReplicaId, SprintReport, Time};
use crate::engine::effects::release_log::ReleaseLog;
use crate::engine::rules::sprint_rules;
use crate::engine::state::{EndAfter, Engine, Replica, Shared, Standing};
use crate::flow::{Event, Plan, Sprint};
use crate::journal::Ledger;

/// Odd, so that 2^64 sprints pass before a nonce repeats (the multiplier of Knuth's MMIX generator).
const NONCE_STEP: u64 = 0x5851_f42d_4c95_7f2d;

/// The sprint that an earlier run left unfinished or unreported.
fn saved_sprint(ledger: &Ledger, replica: &ReplicaId) -> Result<Option<Sprint>, serde_json::Error> {
    let Some(saved) = ledger.checkpoint(replica) else {
        return Ok(None);
    };
    let sprint: Sprint = serde_json::from_value(saved.clone())?;
    let last = ledger.reports_of(replica).next_back();
    let reported = last.is_some_and(|(_, report)| report.steps == sprint.spans());
    Ok(Some(sprint).filter(|_| !reported))
}

/// The same of every replica that has one.
pub fn saved_sprints(
    ledger: &Ledger,
) -> impl Iterator<Item = (&ReplicaId, Result<Sprint, serde_json::Error>)> {
    ledger.checkpoints().filter_map(|(replica, _)| {
        let saved = saved_sprint(ledger, replica).transpose()?;
        Some((replica, saved))
    })
}

/// Those that can be read.
pub fn readable_sprints(ledger: &Ledger) -> impl Iterator<Item = (&ReplicaId, Sprint)> {
    saved_sprints(ledger).filter_map(|(replica, saved)| Some((replica, saved.ok()?)))
}

impl Engine {
    /// Takes up what an earlier run left.
    pub(crate) fn resume(&mut self, now: Time) {
        // A sprint in progress is more urgent; it ends with a compaction.
        if saved_sprints(&self.shared.ledger).next().is_none() {
            self.shared.compact_journal(now);
        }
        let pursued = self.epochs_pursued();
        for replica in self.replicas.iter_mut() {
            replica.resume(&mut self.shared, now);
            replica.rest(&mut self.shared, now, &pursued);
        }
    }

    /// The epochs of the sprints that an earlier run began, if this run is to finish those and no other.
    fn epochs_pursued(&self) -> Vec<EpochIndex> {
        if self.shared.options.end_after != EndAfter::OneSprint {
            return Vec::new();
        }
        let saved = readable_sprints(&self.shared.ledger);
        saved.filter_map(|(_, sprint)| sprint.poc_epoch()).collect()
    }

    /// Starts a replica's sprint for the next `PoC` after that of epoch `done`.
    pub(crate) fn begin_next_sprint(
        &mut self,
        now: Time,
        id: &ReplicaId,
        done: Option<EpochIndex>,
    ) {
        if let Some(replica) = self.replicas.get_mut(id) {
            replica.renew_sprint(&mut self.shared, now, done);
        }
        self.show_chain(now, id);
    }
}

impl Replica {
    fn resume(&mut self, shared: &mut Shared, now: Time) {
        self.skip_reported_epoch(shared, now);
        match saved_sprint(&shared.ledger, &self.id) {
            Ok(None) => {}
            Ok(Some(sprint)) => {
                tracing::info!("resuming the sprint in step {}", sprint.step());
                if let Some((at, height)) = sprint.last_height() {
                    shared.sources.anchor(at, height);
                }
                self.checkpoint = Some(sprint.clone());
                self.sprint = sprint;
                if self.standing == Standing::Active {
                    // The configuration may have changed.
                    let aim = shared.options.aim;
                    self.sprint.replan(self.plan(shared, aim));
                }
                self.dispatch(shared, now, Event::Resumed);
                self.retire(shared, now);
                // Unattended, a sprint that was left in manual mode would wait forever. The other way
                // round it keeps its mode.
                if shared.options.mode == Mode::Auto {
                    self.dispatch(shared, now, Event::ModeChanged(Mode::Auto));
                }
            }
            // Its rentals are in the ledger: reconciling destroys them.
            Err(error) => {
                tracing::error!("cannot read the saved sprint: {error}; its rentals are destroyed");
            }
        }
    }

    /// A program that restarts in a loop must not rent again and again for one epoch.
    fn skip_reported_epoch(&mut self, shared: &mut Shared, now: Time) {
        let last = shared.ledger.reports_of(&self.id).next_back();
        let done = last
            .map(|(_, report)| report)
            .filter(|report| report.outcome != OutcomeKind::Aborted)
            .and_then(|report| report.epoch);
        // Rehearsing and serving belong to no epoch.
        let proves = shared.options.aim == Aim::Proof;
        if let (Mode::Auto, true, Some(done)) = (shared.options.mode, proves, done) {
            self.renew_sprint(shared, now, Some(done));
        }
    }

    fn renew_sprint(&mut self, shared: &mut Shared, now: Time, done: Option<EpochIndex>) {
        let mode = self.sprint.mode();
        let sprint = Sprint::new(self.plan(shared, Aim::Proof), mode, now);
        self.sprint = match done {
            Some(done) => sprint.not_before(done),
            None => sprint,
        };
        self.checkpoint = None;
        self.report_requested = false;
        self.report = None;
        self.release_log = ReleaseLog::default();
        shared.observed.markets.remove(&self.id.pool);
    }

    /// A replica that has ended an epoch which others still pursue waits for them, and begins no other.
    fn rest(&mut self, shared: &mut Shared, now: Time, pursued: &[EpochIndex]) {
        if shared.ledger.checkpoint(&self.id).is_some() {
            return;
        }
        let is_pursued = |report: &SprintReport| {
            let epoch = report.epoch;
            epoch.is_some_and(|epoch| pursued.contains(&epoch))
        };
        let ended = shared
            .ledger
            .reports_of(&self.id)
            .rfind(|(_, report)| is_pursued(report))
            .map(|(_, report)| report.clone());
        let Some(report) = ended else {
            return;
        };
        self.report = Some(report);
        self.report_requested = true;
        self.dispatch(shared, now, Event::AbortRequested);
    }

    /// A replica that the configuration no longer has finishes what it has rented, and rents nothing.
    fn retire(&mut self, shared: &mut Shared, now: Time) {
        let rents = self.sprint.rentals().next().is_some() || self.sprint.is_renting();
        if self.standing == Standing::Retiring && !rents {
            self.dispatch(shared, now, Event::AbortRequested);
        }
    }

    fn plan(&self, shared: &mut Shared, aim: Aim) -> Plan {
        let nonce = shared.next_nonce();
        sprint_rules(&self.config, shared.ledger.boots(), aim, self.place, nonce)
    }
}

impl Shared {
    /// Makes the labels of a sprint unique.
    pub(crate) fn next_nonce(&mut self) -> u64 {
        let nonce = self.options.nonce;
        self.options.nonce = nonce.wrapping_add(NONCE_STEP);
        nonce
    }
}
