//! What ends a run of the workload, and what ends the rental. Pure.
//!
//! The exit status and the API show that a run ended; the log only names the cause. A fault ends the
//! rental; a setback may be cured by another start.

use super::readiness::Readiness;
use super::runs::{Ending, RunChange};
use super::{Api, BootTracker, Files, record};
use crate::domain::{Blame, BootFault, BootStage, Duration, Instance, Time, excerpt};
use crate::mlnode::faults::{ANOTHER_MACHINE, Weight};
use crate::mlnode::suspects::Suspect;

/// A silence of two polls is reported.
const REPORTED_SILENCE: Duration = Duration::seconds(8);
/// At the start and the end of a download the API compares all files in its only thread.
const DOWNLOAD_SILENCE: Duration = Duration::seconds(90);
/// Before the first answer, and without a record of runs, a line that names a cause counts when nothing
/// follows it for this long.
const LAST_WORDS: Duration = Duration::seconds(30);
/// A failure that came this often will come again.
const SAME_FAILURES: usize = 3;
/// So many failures of any kind are enough.
const FAILURES: usize = 6;
/// A shell's statuses for a command that is not executable or not found.
const NOT_RUN: [i32; 2] = [126, 127];

impl BootTracker {
    pub(super) fn on_failed_download(&mut self, now: Time, why: &str) {
        let known = self.suspects.best_with_error(now, why);
        let failure = known.unwrap_or_else(|| {
            let advice = "the download is retried; see the boot log";
            unexplained(now, "the model's download failed", excerpt(why), advice)
        });
        self.record_failure(failure);
    }

    pub(super) fn on_run(&mut self, now: Time, change: RunChange) {
        match change {
            RunChange::Ended(ending) => {
                let mut failure = self.explain(now, &ending);
                failure.fault.seen_at = now;
                self.lose_model();
                self.record_failure(failure);
            }
            RunChange::Began => self.begin_run(now),
        }
    }

    fn begin_run(&mut self, now: Time) {
        self.suspects.begin_run(now);
        if self.files != Files::OnDisk {
            self.files = Files::Unknown;
        }
        self.step_back(BootStage::Api);
        if self.api == Api::Answering {
            self.reach(now, BootStage::Api);
        }
        if let Some(setback) = &self.setback {
            self.detail = format!("restarted after: {}: {}", setback.name, setback.evidence);
        }
    }

    fn explain(&self, now: Time, ending: &Ending) -> Suspect {
        match ending {
            Ending::FailedStart(why) => {
                let known = self.suspects.best_with_error(now, why);
                known.unwrap_or_else(|| {
                    let evidence = format!("vLLM failed to start: {why}");
                    unexplained(now, "vLLM did not start", evidence, "see the boot log")
                })
            }
            Ending::Exit(status) => {
                let exit = record::describe(*status);
                match self.suspects.best() {
                    Some(known) => {
                        let mut known = known.clone();
                        known.fault.evidence = format!("{} ({exit})", known.fault.evidence);
                        known
                    }
                    None if status.is_some_and(|status| NOT_RUN.contains(&status)) => Suspect {
                        weight: Weight::Cause,
                        fault: BootFault {
                            name: "the workload's command cannot be run".to_owned(),
                            evidence: exit,
                            advice: "check mlnode.command and vast.image".to_owned(),
                            blame: Blame::Ours,
                            seen_at: now,
                        },
                    },
                    None => unexplained(now, "the workload ended", exit, "see the boot log"),
                }
            }
        }
    }

    /// The log arrives separately from the API, and may name a cause after the failure is known.
    pub(super) fn revise_failure(&mut self) {
        let (Some(weight), Some(found)) = (self.last_failure, self.suspects.best()) else {
            return;
        };
        if found.weight > weight {
            let found = found.clone();
            self.failures.pop();
            self.record_failure(found);
        }
    }

    fn record_failure(&mut self, failure: Suspect) {
        self.last_failure = Some(failure.weight);
        let cause = failure.fault;
        self.detail = format!("{}: {}", cause.name, cause.evidence);
        self.failures.push(cause.name.clone());
        self.judge_failure(cause);
    }

    /// What would fail again ends the boot; another start may cure anything else.
    fn judge_failure(&mut self, cause: BootFault) {
        let same = self.failures.iter().filter(|name| **name == cause.name);
        let same = same.count();
        self.setback = Some(cause.clone());
        if cause.blame == Blame::Ours && self.readiness == Readiness::Never {
            return self.fail(cause);
        }
        if same < SAME_FAILURES && self.failures.len() < FAILURES {
            return;
        }
        self.fail(BootFault {
            evidence: format!("{} times: {}", self.failures.len(), cause.evidence),
            // Another machine may do better, and this one must not be chosen again.
            blame: match cause.blame {
                Blame::Nobody => Blame::Host,
                blame => blame,
            },
            ..cause
        });
    }

    /// Older scripts write no record, and do not restart the workload.
    pub(super) fn weigh_last_words(&mut self, now: Time) {
        if self.runs.has_record() {
            return;
        }
        let since = self.started.last().map_or(now, |(_, since)| *since);
        let last = self
            .suspects
            .cause()
            .filter(|cause| cause.seen_at > since && now - cause.seen_at >= LAST_WORDS);
        if let Some(cause) = last.cloned() {
            self.fail(cause);
        }
    }

    pub(super) fn container_exited(&mut self, now: Time, instance: &Instance, message: &str) {
        let name = match self.api {
            Api::Unanswered => "the container exited during the boot",
            _ => "the container exited",
        };
        let status = &instance.actual;
        let evidence = format!("status {status}: {message}");
        self.blame_host(now, name, evidence);
    }

    /// The market does not intend it to run: it never will, and its disk costs.
    pub(super) fn contract_stopped(&mut self, now: Time, message: &str) {
        let evidence = format!("intended status stopped: {message}");
        self.blame_host(now, "the market stopped the contract", evidence);
    }

    pub(super) fn blame_host(&mut self, now: Time, name: &str, evidence: String) {
        self.fail(BootFault {
            name: name.to_owned(),
            evidence,
            advice: ANOTHER_MACHINE.to_owned(),
            blame: Blame::Host,
            seen_at: now,
        });
    }

    pub(super) fn has_just_answered(&self, now: Time) -> bool {
        matches!(self.api, Api::Silent { since } if now - since < LAST_WORDS)
    }

    /// Since when it has been silent, if long enough to report.
    pub(super) fn silence(&self, now: Time) -> Option<Time> {
        let Api::Silent { since } = self.api else {
            return None;
        };
        let usual = match self.files {
            Files::Downloading(_) => DOWNLOAD_SILENCE,
            _ => REPORTED_SILENCE,
        };
        (now - since >= usual).then_some(since)
    }
}

/// A failure of which only the end is known.
fn unexplained(now: Time, name: &str, evidence: String, advice: &str) -> Suspect {
    Suspect {
        weight: Weight::End,
        fault: BootFault {
            name: name.to_owned(),
            evidence,
            advice: advice.to_owned(),
            blame: Blame::Nobody,
            seen_at: now,
        },
    }
}
