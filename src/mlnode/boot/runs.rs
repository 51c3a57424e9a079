//! The runs of a workload: when one ended and the next began, by the onstart script's record and by the
//! API. Pure. A line of the log decides nothing here.

use crate::domain::{MlNodeStatus, RunRecord, RunState, ServiceState, StartupState};

/// Runs so far, the current one included.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Runs {
    number: u32,
    phase: Phase,
    record: Option<RunRecord>,
    /// Runs that the API showed before the record did.
    unrecorded: u32,
    startup: StartupState,
    state: ServiceState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Underway,
    Ended,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// With this exit status, when known.
    Exit(Option<i32>),
    /// The API says why the start of the model failed. It goes silent soon.
    FailedStart(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RunChange {
    Ended(Ending),
    Began,
}

/// Whether the API was silent before it answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Answering,
    Silent,
}

impl Runs {
    pub(super) fn new() -> Runs {
        Runs {
            number: 1,
            phase: Phase::Underway,
            record: None,
            unrecorded: 0,
            startup: StartupState::Unknown,
            state: ServiceState::Unknown,
        }
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    /// The last run has ended, and no other has begun.
    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// Without a record nothing is known to restart the workload.
    pub(super) fn has_record(&self) -> bool {
        self.record.is_some()
    }

    pub(super) fn on_record(&mut self, record: RunRecord) -> Vec<RunChange> {
        let mut changes = Vec::new();
        let Some(before) = self.record.replace(record) else {
            self.number = self.number.max(record.restarts.saturating_add(1));
            if record.state == RunState::Ended {
                self.end(Ending::Exit(record.status), &mut changes);
            }
            return changes;
        };
        if before == record {
            return changes;
        }
        match record.state {
            RunState::Ended => {
                // A short run between the two was missed.
                if before.state == RunState::Ended && self.phase == Phase::Ended {
                    self.begin(&mut changes);
                }
                self.end(Ending::Exit(record.status), &mut changes);
            }
            RunState::Running => {
                let restarts = record.restarts.saturating_sub(before.restarts);
                let known = std::mem::take(&mut self.unrecorded);
                if self.phase == Phase::Ended || restarts > known {
                    self.end(Ending::Exit(record.status), &mut changes);
                    self.begin(&mut changes);
                }
                self.number = self.number.max(record.restarts.saturating_add(1));
            }
        }
        changes
    }

    pub(super) fn on_status(&mut self, before: Before, status: &MlNodeStatus) -> Vec<RunChange> {
        let mut changes = Vec::new();
        let (startup, state) = (self.startup.clone(), self.state);
        self.state = status.state;
        // A failed call says nothing; an image that has never answered it is old.
        let now = match &status.startup {
            StartupState::Unknown => startup.clone(),
            known => known.clone(),
        };
        self.startup = now.clone();
        if let StartupState::Failed(why) = &status.startup {
            self.end(Ending::FailedStart(why.clone()), &mut changes);
            return changes;
        }
        let stopped = status.state == ServiceState::Stopped;
        let fresh = match status.startup {
            StartupState::NotStarted | StartupState::Starting => true,
            StartupState::Unknown => stopped && now == StartupState::Unknown,
            _ => false,
        };
        // The node has forgotten what it did before the silence: it is another process.
        let forgotten = match (&startup, &now) {
            (StartupState::Starting | StartupState::Completed, StartupState::NotStarted) => true,
            (StartupState::Unknown, StartupState::Unknown) => {
                stopped && matches!(state, ServiceState::Inference | ServiceState::Pow)
            }
            _ => false,
        };
        if before == Before::Silent && forgotten && !self.has_record() {
            self.end(Ending::Exit(None), &mut changes);
        }
        if fresh && self.phase == Phase::Ended {
            self.unrecorded += 1;
            self.begin(&mut changes);
        }
        changes
    }

    fn end(&mut self, ending: Ending, changes: &mut Vec<RunChange>) {
        if self.phase == Phase::Underway {
            self.phase = Phase::Ended;
            changes.push(RunChange::Ended(ending));
        }
    }

    fn begin(&mut self, changes: &mut Vec<RunChange>) {
        self.phase = Phase::Underway;
        self.number += 1;
        changes.push(RunChange::Began);
    }
}
