//! Records epochs for which nothing was rented, with the reason.

use crate::domain::{Aim, Cause, EpochIndex, Mode, ReplicaId, Step, Time, UsdPerHour};
use crate::engine::alerts::notice_body::{self, NextEpoch};
use crate::engine::snapshot::Snapshot;
use crate::engine::state::Engine;
use crate::journal::Record;
use crate::notify::{Notice, NoticeLevel};

/// So many of the last ones are recorded one by one; earlier ones share a record.
const MAX_SINGLE_RECORDS: u64 = 30;

/// Causes that the operator can do something about.
const NOT_RUNNING: &str = "not_running";
const HELD_UP: &str = "held_up";

impl Engine {
    /// Records the epochs between the last one in the journal and the one that the sprint waits for.
    /// Those before `first`, the next epoch at this run's first reading, were over when it started;
    /// `held_up` is what blocked the sprint until now.
    pub(crate) fn record_missed_epochs(
        &mut self,
        now: Time,
        id: &ReplicaId,
        first: EpochIndex,
        held_up: Option<&str>,
    ) {
        let Some(sprint) = self.replicas.get_mut(id).map(|replica| &replica.sprint) else {
            return;
        };
        if sprint.step() != Step::Waiting || sprint.plan().aim != Aim::Proof {
            return;
        }
        let Some(next) = sprint.poc_epoch() else {
            return;
        };
        let mode = sprint.mode();
        let last = self.shared.ledger.last_epoch_of(id);
        let from = last.map_or(first, EpochIndex::next).0;
        let later = from.max(next.0.saturating_sub(MAX_SINGLE_RECORDS));
        if from < later {
            let last = EpochIndex(later - 1);
            let cause = missed_cause(mode, last, first, held_up);
            self.record_missed_epoch(now, id, mode, last, with_earlier_epochs(cause, from, last));
        }
        for epoch in (later..next.0).map(EpochIndex) {
            let cause = missed_cause(mode, epoch, first, held_up);
            self.record_missed_epoch(now, id, mode, epoch, cause);
        }
    }

    fn record_missed_epoch(
        &mut self,
        now: Time,
        id: &ReplicaId,
        mode: Mode,
        epoch: EpochIndex,
        cause: Cause,
    ) {
        tracing::warn!(
            "epoch {epoch} was not tried: {}: {}",
            cause.name,
            cause.detail
        );
        let pools = &self.shared.config.pools;
        let pool = pools.get(&id.pool).unwrap_or(&pools.first);
        let network_node = pool.network_node.clone();
        // In manual mode the operator knows.
        let is_alone = self.is_alone_in_pool(id);
        if mode == Mode::Auto && is_alone {
            let notice = missed_epoch_notice(epoch, &cause, &self.situation(now));
            self.shared.ports.notifier.notify(&notice);
        }
        self.shared.record(&Record::EpochNotTried {
            replica: id.clone(),
            epoch,
            cause,
            network_node,
        });
        if mode == Mode::Auto {
            self.tell_pool(now, id, Some(epoch), NextEpoch::Automatic);
        }
    }
}

fn missed_cause(mode: Mode, epoch: EpochIndex, first: EpochIndex, held_up: Option<&str>) -> Cause {
    if epoch < first {
        return Cause::new(NOT_RUNNING, "no pocpit was running in time for its PoC");
    }
    match (held_up, mode) {
        (Some(why), _) => Cause::new(HELD_UP, why),
        (None, Mode::Manual) => Cause::new("not_started", "nobody started it in time"),
        (None, Mode::Auto) => Cause::new(
            "too_late",
            "when pocpit could begin, its PoC was too near for any boot",
        ),
    }
}

/// The cause of the epochs from `from` to `last`.
fn with_earlier_epochs(cause: Cause, from: u64, last: EpochIndex) -> Cause {
    let count = last.next().0 - from;
    if count == 1 {
        return cause;
    }
    let detail = format!(
        "{}; nor were the epochs from {from} on tried: {count} in all",
        cause.detail
    );
    Cause { detail, ..cause }
}

fn missed_epoch_notice(epoch: EpochIndex, cause: &Cause, snapshot: &Snapshot) -> Notice {
    let (action, command) = match cause.name.as_str() {
        NOT_RUNNING => (
            "see why it was not running, and make sure that it starts with the machine",
            "systemctl status pocpit",
        ),
        HELD_UP => ("fix the cause before the next PoC", "pocpit check"),
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
    let body = notice_body::epoch_body(snapshot, NextEpoch::Automatic, action, money, command);
    Notice {
        level: NoticeLevel::Warning,
        title: format!("epoch {epoch}: not tried"),
        body: format!("Nothing was rented for it: {}.\n{body}", cause.detail),
        at: snapshot.at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::attach::tests::snapshot;

    #[test]
    fn missed_epoch_notice_says_what_to_do() {
        let notice = |name, detail| {
            let cause = Cause::new(name, detail);
            missed_epoch_notice(EpochIndex(7), &cause, &snapshot(0))
        };
        let held_up = notice(HELD_UP, "the model is not approved");
        assert_eq!(held_up.title, "epoch 7: not tried");
        assert_eq!(
            held_up.body,
            "Nothing was rented for it: the model is not approved.\n\
             To do: fix the cause before the next PoC.\n\
             Money: nothing was spent on it, and no rental earns in it.\n\
             pocpit: it continues with the next epoch.\n\
             Look: pocpit check"
        );
        let not_running = notice(NOT_RUNNING, "x").body;
        assert!(not_running.contains("systemctl status pocpit"));
        assert!(notice("too_late", "x").body.ends_with("Look: pocpit plan"));
    }
}
