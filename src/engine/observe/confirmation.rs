//! Reads the confirmed weight after a confirmation `PoC`.

use crate::domain::{
    CallError, Confirmation, ConfirmationEvent, ConfirmationPhase, Duration, EpochView, Time,
};
use crate::engine::observe::observation::Observation;
use crate::engine::state::{Engine, PendingConfirmation};
use crate::flow::EffectKey;
use crate::journal::Record;
use crate::ports::ConfirmedWeight;

/// Weights are changed by the block that ends the event; a source can lag behind it.
const READ_INTERVAL: Duration = Duration::minutes(1);
/// Later the next event is what counts.
const GIVE_UP_AFTER: Duration = Duration::hours(2);

impl Engine {
    pub(crate) fn track_confirmation(&mut self, now: Time, view: &EpochView) {
        let active = view.confirmation.filter(|event| {
            !matches!(
                event.phase,
                ConfirmationPhase::Inactive | ConfirmationPhase::Completed
            )
        });
        let pending = &mut self.observed.confirmation;
        if let Some(event) = active {
            *pending = Some(PendingConfirmation {
                event,
                over: None,
                last_read: None,
            });
            return;
        }
        let Some(pending) = pending else { return };
        let over = *pending.over.get_or_insert(now);
        if now - over > GIVE_UP_AFTER {
            tracing::warn!("the confirmed weight could not be read in time");
            self.observed.confirmation = None;
            return;
        }
        let last_read = pending.last_read.unwrap_or(over);
        if now - last_read >= READ_INTERVAL && !self.running.contains(&EffectKey::Confirmation) {
            pending.last_read = Some(now);
            let event = pending.event;
            self.read_confirmation(event);
        }
    }

    fn read_confirmation(&mut self, event: ConfirmationEvent) {
        let (ports, participant) = (self.ports.clone(), self.config.chain.participant.clone());
        self.spawn_effect(EffectKey::Confirmation, async move {
            let read = ports.chain.confirmed_weight(&participant, event.epoch);
            let confirmation = |read: ConfirmedWeight| Confirmation {
                epoch: event.epoch,
                sequence: event.sequence,
                weight: read.weight,
                confirmed: read.confirmed,
            };
            Observation::Confirmation(read.await.map(|read| read.map(confirmation)))
        });
    }

    pub(crate) fn on_confirmation(&mut self, measured: Result<Option<Confirmation>, CallError>) {
        self.running.remove(&EffectKey::Confirmation);
        let measured = match measured {
            Ok(measured) => measured,
            Err(error) => return tracing::warn!("cannot read the confirmed weight yet: {error}"),
        };
        self.observed.confirmation = None;
        if let Some(confirmation) = measured {
            tracing::info!(
                "confirmation PoC {} of epoch {} left {} of {} weight",
                confirmation.sequence,
                confirmation.epoch,
                confirmation.confirmed,
                confirmation.weight
            );
            self.record(&Record::ConfirmationMeasured { confirmation });
        }
    }
}
