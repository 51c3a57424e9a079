//! Epochs for which nothing was rented: each of them is in the journal, with the reason.

use crate::domain::{Aim, Cause, EpochIndex, Mode, Step, Time, UsdPerHour};
use crate::engine::alerts::notice_body;
use crate::engine::alerts::notice_body::NextEpoch;
use crate::engine::snapshot::Snapshot;
use crate::engine::state::Engine;
use crate::journal::Record;
use crate::notify::{Notice, NoticeLevel};

/// So many of the last ones are written down one by one; those before them, of a program that was not
/// used for a month, are one entry.
const MAX_SINGLE_RECORDS: u64 = 30;

/// Names of causes that an operator can do something about.
const NOT_RUNNING: &str = "not_running";
const HELD_UP: &str = "held_up";

impl Engine {
    /// Writes down the epochs between the last one that the journal knows of and the one that the
    /// sprint waits for. Those before `first`, the next epoch of this run's first reading, were over
    /// before it began; `held_up` is what was in the way until now.
    pub(crate) fn record_missed_epochs(
        &mut self,
        now: Time,
        first: EpochIndex,
        held_up: Option<&str>,
    ) {
        if self.sprint.step() != Step::Waiting || self.sprint.plan().aim != Aim::Proof {
            return;
        }
        let Some(next) = self.sprint.poc_epoch() else {
            return;
        };
        let told = self.ledger.reports().iter();
        let told = told.filter_map(|(_, report)| report.epoch).max();
        let from = told.map_or(first.0, |told| told.0 + 1);
        let later = from.max(next.0.saturating_sub(MAX_SINGLE_RECORDS));
        if from < later {
            let last = EpochIndex(later - 1);
            let cause = self.missed_cause(last, first, held_up);
            self.record_missed_epoch(now, last, with_earlier_epochs(cause, from, last));
        }
        for epoch in (later..next.0).map(EpochIndex) {
            let cause = self.missed_cause(epoch, first, held_up);
            self.record_missed_epoch(now, epoch, cause);
        }
    }

    fn missed_cause(&self, epoch: EpochIndex, first: EpochIndex, held_up: Option<&str>) -> Cause {
        if epoch < first {
            return Cause::new(NOT_RUNNING, "no pocpit was running in time for its PoC");
        }
        match (held_up, self.sprint.mode()) {
            (Some(why), _) => Cause::new(HELD_UP, why),
            (None, Mode::Manual) => Cause::new("not_started", "nobody started it in time"),
            (None, Mode::Auto) => Cause::new(
                "too_late",
                "when pocpit could begin, its PoC was too near for any boot",
            ),
        }
    }

    fn record_missed_epoch(&mut self, now: Time, epoch: EpochIndex, cause: Cause) {
        tracing::warn!(
            "epoch {epoch} was not tried: {}: {}",
            cause.name,
            cause.detail
        );
        if self.sprint.mode() == Mode::Auto {
            let notice = missed_epoch_notice(epoch, &cause, &self.situation(now));
            self.ports.notifier.notify(&notice);
        }
        self.record(&Record::EpochNotTried { epoch, cause });
    }
}

/// A cause that is that of all epochs from the first to the last.
fn with_earlier_epochs(cause: Cause, from: u64, last: EpochIndex) -> Cause {
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

/// Only hands-off tells of it: whoever works by hand knows.
fn missed_epoch_notice(epoch: EpochIndex, cause: &Cause, snapshot: &Snapshot) -> Notice {
    let (action, command) = match cause.name.as_str() {
        NOT_RUNNING => (
            "see why it was not running, and that it is started with the machine",
            "systemctl status pocpit",
        ),
        HELD_UP => (
            "mend what was in the way before the next PoC",
            "pocpit check",
        ),
        _ => ("nothing, unless it happens again", "pocpit plan"),
    };
    let running = notice_body::running_price(snapshot);
    let money = if running == UsdPerHour::ZERO {
        "nothing was spent on it, and no rental earns in it".to_owned()
    } else {
        format!(
            "nothing was spent on it, no rental earns in it, and {running} may be running for another one"
        )
    };
    let page = notice_body::epoch_body(snapshot, NextEpoch::Automatic, action, money, command);
    Notice {
        level: NoticeLevel::Warning,
        title: format!("epoch {epoch}: not tried"),
        body: format!("Nothing was rented for it: {}.\n{page}", cause.detail),
        at: snapshot.at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attach::tests::snapshot;

    #[test]
    fn an_epoch_that_was_not_tried_is_told_with_its_cause_and_what_to_do() {
        let told = |name, detail| {
            let cause = Cause::new(name, detail);
            missed_epoch_notice(EpochIndex(7), &cause, &snapshot(0))
        };
        let notice = told(HELD_UP, "the model is not approved");
        assert_eq!(notice.title, "epoch 7: not tried");
        assert_eq!(
            notice.body,
            "Nothing was rented for it: the model is not approved.\n\
             To do: mend what was in the way before the next PoC.\n\
             Money: nothing was spent on it, and no rental earns in it.\n\
             pocpit: it goes on with the next epoch by itself.\n\
             Look: pocpit check"
        );
        assert!(
            told(NOT_RUNNING, "x")
                .body
                .contains("systemctl status pocpit")
        );
        assert!(told("too_late", "x").body.ends_with("Look: pocpit plan"));
    }
}
