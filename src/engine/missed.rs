//! Epochs for which nothing was rented: each of them is in the journal, with the reason.

use super::core::Engine;
use crate::domain::{Aim, Cause, EpochIndex, Mode, Step, Time};
use crate::journal::Record;
use crate::notify::{Notice, NoticeLevel};

/// So many of the last ones are written down one by one; those before them, of a program that was not
/// used for a month, are one entry.
const ONE_BY_ONE: u64 = 30;

impl Engine {
    /// Writes down the epochs between the last one that the journal knows of and the one that the
    /// sprint waits for. Those before `first`, the next epoch of this run's first reading, were over
    /// before it began; `held_up` is what was in the way until now.
    pub(super) fn write_down_what_was_not_tried(
        &mut self,
        now: Time,
        first: EpochIndex,
        held_up: Option<&str>,
    ) {
        if self.sprint.step() != Step::Waiting || self.sprint.plan().aim != Aim::Proof {
            return;
        }
        let Some(next) = self.sprint.proves_in() else {
            return;
        };
        let told = self.ledger.reports().iter();
        let told = told.filter_map(|(_, report)| report.epoch).max();
        let from = told.map_or(first.0, |told| told.0 + 1);
        let later = from.max(next.0.saturating_sub(ONE_BY_ONE));
        if from < later {
            let last = EpochIndex(later - 1);
            let cause = self.why_not_tried(last, first, held_up);
            self.not_tried(now, last, with_those_before(cause, from, last));
        }
        for epoch in (later..next.0).map(EpochIndex) {
            let cause = self.why_not_tried(epoch, first, held_up);
            self.not_tried(now, epoch, cause);
        }
    }

    fn why_not_tried(&self, epoch: EpochIndex, first: EpochIndex, held_up: Option<&str>) -> Cause {
        if epoch < first {
            return Cause::new("not_running", "no pocpit was running in time for its PoC");
        }
        match (held_up, self.sprint.mode()) {
            (Some(why), _) => Cause::new("held_up", why),
            (None, Mode::Manual) => Cause::new("not_started", "nobody started it in time"),
            (None, Mode::Auto) => Cause::new(
                "too_late",
                "when pocpit could begin, its PoC was too near for any boot",
            ),
        }
    }

    fn not_tried(&mut self, now: Time, epoch: EpochIndex, cause: Cause) {
        tracing::warn!(
            "epoch {epoch} was not tried: {}: {}",
            cause.name,
            cause.detail
        );
        if self.sprint.mode() == Mode::Auto {
            self.ports.notifier.notify(&Notice {
                level: NoticeLevel::Warning,
                title: format!("epoch {epoch}: not tried"),
                body: format!("nothing was rented for it: {}", cause.detail),
                at: now,
            });
        }
        self.record(&Record::EpochNotTried { epoch, cause });
    }
}

/// A cause that is that of all epochs from the first to the last.
fn with_those_before(cause: Cause, from: u64, last: EpochIndex) -> Cause {
    let count = last.0 + 1 - from;
    if count == 1 {
        return cause;
    }
    let detail = format!(
        "{}; nor were the epochs from {from} on tried: {count} in all",
        cause.detail
    );
    Cause { detail, ..cause }
}
