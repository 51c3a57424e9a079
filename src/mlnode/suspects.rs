//! Why a workload ended, by what its log said before. Pure.
//!
//! Lines only name causes. The exit status and the API show that the workload ended: no line ends it.

use super::faults::{self, Fault, Weight};
use crate::domain::{BootFault, Duration, Time, Workload};

/// What the log of the latest run says about a cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspects {
    workload: Workload,
    run: Run,
    best: Option<Suspect>,
}

/// A cause, and how much is known about it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Suspect {
    pub(super) weight: Weight,
    pub(super) fault: BootFault,
}

/// Whether a run of the workload still writes the log.
#[derive(Debug, Clone, PartialEq)]
enum Run {
    Open,
    /// It ended. Leftover processes may still write, or the next run: the best cause since then.
    Ended(Option<Suspect>),
}

/// What a line of the log means for the run that wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LogLine {
    /// The run ended, or another began.
    RunBoundary,
    Other,
}

/// A workload ends within this time of the cause: what it outlives was none.
pub(super) const OUTLIVED: Duration = Duration::seconds(60);
/// The record and the API show a new run this much later than the log, at most.
const RECORD_LAG: Duration = Duration::seconds(15);

/// The onstart script's line about an end.
pub(super) const ENDED: &str = "pocpit: the workload ended with status ";

/// The first lines of an `MLNode`, and of its vLLM when a model is loaded again. Other instances of
/// vLLM follow the first one by seconds (v0.2.14 `api/models/manager.py`, `api/inference/vllm/runner.py`).
pub(super) const MLNODE_STARTS: &[&str] = &[
    "ModelManager initialized with cache_dir",
    "Starting vLLM instance 0 on port",
];
/// vLLM's banner; see `VLLM_MARKS` of the boot for its sources.
const VLLM_STARTS: &[&str] = &["vLLM API server version", "vLLM server version"];

impl Suspects {
    pub fn new(workload: Workload) -> Suspects {
        Suspects {
            workload,
            run: Run::Open,
            best: None,
        }
    }

    /// Takes the next line of the log.
    pub(super) fn observe(&mut self, now: Time, line: &str) -> LogLine {
        if line.contains(ENDED) {
            self.run = Run::Ended(None);
            return LogLine::RunBoundary;
        }
        let starts = match self.workload {
            Workload::MlNode => MLNODE_STARTS,
            Workload::Vllm => VLLM_STARTS,
        };
        if starts.iter().any(|start| line.contains(start)) {
            self.restart();
            return LogLine::RunBoundary;
        }
        if let Some(found) = self.suspect(now, line) {
            self.weigh(found);
        }
        LogLine::Other
    }

    /// Forgets the earlier run: the workload started again.
    pub fn restart(&mut self) {
        *self = Suspects::new(self.workload);
    }

    /// The record or the API shows another run. The log may be ahead, with the cause of that run's end, or
    /// behind, with the cause of the earlier end still to come.
    pub(super) fn begin_run(&mut self, now: Time) {
        match std::mem::replace(&mut self.run, Run::Open) {
            Run::Open => {
                let since = now - RECORD_LAG;
                self.best.take_if(|best| best.fault.seen_at < since);
            }
            Run::Ended(since) => self.best = since,
        }
    }

    /// The weightiest cause of the latest run. Of equal weight, the first counts: the others followed from
    /// it, unless the workload kept running for a while in between.
    pub fn cause(&self) -> Option<&BootFault> {
        self.best().map(|best| &best.fault)
    }

    pub(super) fn best(&self) -> Option<&Suspect> {
        self.best.as_ref()
    }

    /// The cause that the API gives, unless the log knows a better one.
    pub(super) fn best_with_error(&self, now: Time, error: &str) -> Option<Suspect> {
        let mut both = self.clone();
        if let Some(found) = self.suspect(now, error) {
            both.weigh(found);
        }
        both.best
    }

    fn weigh(&mut self, found: Suspect) {
        // A workload that fails before its first lines begins its next run with the cause.
        if found.weight == Weight::Cause && self.run != Run::Open {
            self.restart();
        }
        if let Run::Ended(since) = &mut self.run {
            keep_better(since, found.clone());
        }
        keep_better(&mut self.best, found);
    }

    fn suspect(&self, now: Time, line: &str) -> Option<Suspect> {
        let (known, at) = faults::locate(faults::LOG, line)?;
        Some(Suspect {
            weight: known.weight,
            fault: boot_fault(now, self.workload, known, evidence(line, at)),
        })
    }
}

fn keep_better(known: &mut Option<Suspect>, found: Suspect) {
    let is_better = known.as_ref().is_none_or(|known| {
        let outlived = found.fault.seen_at - known.fault.seen_at >= OUTLIVED;
        known.weight < found.weight || known.weight == found.weight && outlived
    });
    if is_better {
        *known = Some(found);
    }
}

/// What a log line says about lost work on a node that keeps running. Never a reason to end it.
pub fn work_trouble(now: Time, workload: Workload, line: &str) -> Option<BootFault> {
    let (known, at) = faults::locate(faults::WORK, line)?;
    Some(boot_fault(now, workload, known, evidence(line, at)))
}

pub(super) fn boot_fault(
    now: Time,
    workload: Workload,
    known: &Fault,
    evidence: String,
) -> BootFault {
    BootFault {
        name: known.name.to_owned(),
        evidence,
        advice: workload_advice(workload, known.advice),
        blame: known.blame,
        seen_at: now,
    }
}

/// Advice that names the workload's own settings.
fn workload_advice(workload: Workload, advice: &str) -> String {
    match workload {
        Workload::MlNode => advice.to_owned(),
        Workload::Vllm => advice.replace("vast.image", "vllm.image"),
    }
}

/// In characters.
const MAX_EVIDENCE: usize = 200;
/// Characters kept before the words that show the fault.
const BEFORE: usize = 60;

/// The part of a line around the words that show the fault: they may be far into it.
fn evidence(line: &str, at: usize) -> String {
    let before = line.get(..at).map_or(0, |before| before.chars().count());
    let skipped = if before + BEFORE < MAX_EVIDENCE {
        0
    } else {
        before - BEFORE
    };
    let kept = line.trim_end().chars().skip(skipped).take(MAX_EVIDENCE);
    let kept: String = kept.collect();
    kept.trim().to_owned()
}

#[cfg(test)]
mod tests;
