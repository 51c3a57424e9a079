//! Reads the confirmation weight before and after a confirmation `PoC`.

use crate::domain::{
    CallError, Confirmation, ConfirmationEvent, ConfirmationPhase, Duration, EpochView, Time,
    Weight,
};
use crate::engine::effects::task_key::TaskKey;
use crate::engine::observe::logged_failure::LoggedFailure;
use crate::engine::observe::observation::TaskReport;
use crate::engine::state::{BeforeConfirmation, PendingConfirmation, Shared};
use crate::journal::Record;
use crate::ports::ConfirmedWeight;

/// Weights are changed by the block that ends the event; a source can lag behind it.
const READ_INTERVAL: Duration = Duration::minutes(1);
/// Later the next event is what counts.
const GIVE_UP_AFTER: Duration = Duration::hours(2);

impl PendingConfirmation {
    fn new(event: ConfirmationEvent) -> PendingConfirmation {
        PendingConfirmation {
            event,
            before: BeforeConfirmation::Unread,
            over: None,
            last_read: None,
        }
    }

    fn is_of(&self, event: &ConfirmationEvent) -> bool {
        (self.event.epoch, self.event.trigger_height) == (event.epoch, event.trigger_height)
    }

    fn is_due(&self, now: Time) -> bool {
        let since = self.last_read.max(self.over);
        let wanted = self.over.is_some() || self.before == BeforeConfirmation::Unread;
        wanted && since.is_none_or(|since| now - since >= READ_INTERVAL)
    }

    /// What the event did, by what is there after it; `None` without a part in the epoch.
    fn measured(&self, after: Option<ConfirmedWeight>) -> Option<Confirmation> {
        let before = match self.before {
            BeforeConfirmation::Had(before) => Some(before),
            BeforeConfirmation::Unread | BeforeConfirmation::NoPart => None,
        };
        // A participant that failed is removed from the epoch.
        let removed = before.map(|before| ConfirmedWeight {
            confirmed: Weight::default(),
            ..before
        });
        let after = after.or(removed)?;
        Some(Confirmation {
            epoch: self.event.epoch,
            sequence: self.event.sequence,
            weight: after.weight,
            confirmed: after.confirmed,
            before: before.map(|before| before.confirmed),
        })
    }
}

impl Shared {
    pub(crate) fn track_confirmation(&mut self, now: Time, view: &EpochView) {
        let active = view.confirmation.filter(|event| {
            !matches!(
                event.phase,
                ConfirmationPhase::Inactive | ConfirmationPhase::Completed
            )
        });
        let pending = &mut self.observed.confirmation;
        match active {
            Some(event) if !pending.is_some_and(|pending| pending.is_of(&event)) => {
                *pending = Some(PendingConfirmation::new(event));
            }
            Some(_) => {}
            None => {
                if let Some(pending) = pending {
                    pending.over.get_or_insert(now);
                }
            }
        }
        self.read_confirmation_weight(now);
    }

    fn read_confirmation_weight(&mut self, now: Time) {
        let Some(pending) = &mut self.observed.confirmation else {
            return;
        };
        if pending.over.is_some_and(|over| now - over > GIVE_UP_AFTER) {
            tracing::warn!("the confirmation weight could not be read in time");
            self.observed.confirmation = None;
            return;
        }
        if !pending.is_due(now) || self.running.contains(&TaskKey::Confirmation) {
            return;
        }
        pending.last_read = Some(now);
        let epoch = pending.event.epoch;
        let (ports, participant) = (self.ports.clone(), self.config.chain.participant.clone());
        self.spawn_task(TaskKey::Confirmation, async move {
            let read = ports.chain.confirmed_weight(&participant, epoch);
            TaskReport::ConfirmationWeight(read.await)
        });
    }

    pub(crate) fn on_confirmation_weight(
        &mut self,
        now: Time,
        read: Result<Option<ConfirmedWeight>, CallError>,
    ) {
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                if self.observed.confirmation_failure.is_new(&error) {
                    tracing::warn!("the confirmation weight is unknown: {error}");
                }
                return;
            }
        };
        self.observed.confirmation_failure = LoggedFailure::default();
        let Some(pending) = &mut self.observed.confirmation else {
            return;
        };
        // A read that began before the end may show either state.
        let began_after = pending.over.zip(pending.last_read);
        match began_after.map(|(over, began)| began >= over) {
            None => {
                let had = read.map(BeforeConfirmation::Had);
                pending.before = had.unwrap_or(BeforeConfirmation::NoPart);
                pending.last_read = Some(now);
            }
            Some(false) => {}
            Some(true) => {
                let measured = pending.measured(read);
                self.observed.confirmation = None;
                self.record_confirmation(measured);
            }
        }
    }

    fn record_confirmation(&mut self, measured: Option<Confirmation>) {
        let Some(confirmation) = measured else { return };
        let before = confirmation.before;
        let before = before.map_or_else(String::new, |before| format!(" of {before}"));
        tracing::info!(
            "confirmation PoC {} of epoch {} left a confirmation weight of {}{before}",
            confirmation.sequence,
            confirmation.epoch,
            confirmation.confirmed,
        );
        self.record(&Record::ConfirmationMeasured { confirmation });
    }
}
