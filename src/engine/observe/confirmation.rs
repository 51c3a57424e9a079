//! Reads what a confirmation `PoC` left of our weight, once it is over.

use crate::domain::{
    CallError, Confirmation, ConfirmationEvent, ConfirmationPhase, Duration, EpochView, Time,
};
use crate::engine::observe::observation::Observation;
use crate::engine::observe::pending_confirmation::PendingConfirmation;
use crate::engine::state::Engine;
use crate::flow::EffectKey;
use crate::journal::Record;

/// Weights are changed by the block that ends the event; a source can lag behind it.
const READ_AFTER: Duration = Duration::minutes(1);
/// After so long nobody knows any more, and the next event is what counts.
const READ_WITHIN: Duration = Duration::hours(2);

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
                asked: None,
            });
            return;
        }
        let Some(pending) = pending else { return };
        let over = *pending.over.get_or_insert(now);
        if now - over > READ_WITHIN {
            tracing::warn!("what the confirmation PoC left of the weight could not be read");
            self.observed.confirmation = None;
            return;
        }
        let asked = pending.asked.unwrap_or(over);
        if now - asked >= READ_AFTER && !self.running.contains(&EffectKey::Confirmation) {
            pending.asked = Some(now);
            let event = pending.event;
            self.read_confirmation(event);
        }
    }

    fn read_confirmation(&mut self, event: ConfirmationEvent) {
        let (ports, participant) = (self.ports.clone(), self.config.chain.participant.clone());
        self.spawn_effect(EffectKey::Confirmation, async move {
            let read = ports
                .chain
                .confirmed_weight(&participant, event.epoch)
                .await;
            let measured = read.map(|read| {
                read.map(|read| Confirmation {
                    epoch: event.epoch,
                    sequence: event.sequence,
                    weight: read.weight,
                    confirmed: read.confirmed,
                })
            });
            Observation::Confirmation(measured)
        });
    }

    pub(crate) fn on_confirmation(&mut self, measured: Result<Option<Confirmation>, CallError>) {
        self.running.remove(&EffectKey::Confirmation);
        let measured = match measured {
            Ok(measured) => measured,
            Err(error) => {
                tracing::warn!(
                    "what a confirmation PoC left of the weight is not known yet: {error}"
                );
                return;
            }
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
