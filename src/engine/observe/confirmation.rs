//! Reads the confirmation weight before and after a confirmation `PoC`.

use crate::config::NetworkNodeConfig;
use crate::domain::{
    CallError, Confirmation, ConfirmationEvent, ConfirmationPhase, Duration, EpochView,
    NetworkNodeName, Time, Weight,
};
use crate::engine::effects::task_key::TaskKey;
use crate::engine::observe::logged_failure::LoggedFailure;
use crate::engine::observe::observation::TaskReport;
use crate::engine::state::{BeforeConfirmation, NetworkNodeReadings, PendingConfirmation, Shared};
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

impl NetworkNodeReadings {
    fn follow_confirmation(&mut self, now: Time, active: Option<ConfirmationEvent>) {
        let pending = &mut self.confirmation;
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
        let since = self.confirmation.and_then(|pending| pending.over);
        if since.is_some_and(|over| now - over > GIVE_UP_AFTER) {
            tracing::warn!("the confirmation weight could not be read in time");
            self.confirmation = None;
        }
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
        for readings in self.observed.network_nodes.values_mut() {
            readings.follow_confirmation(now, active);
        }
        let config = self.config.clone();
        for network_node in config.network_nodes() {
            self.read_confirmation_weight(now, network_node);
        }
    }

    fn read_confirmation_weight(&mut self, now: Time, of: &NetworkNodeConfig) {
        let key = TaskKey::Confirmation(of.name.clone());
        let is_running = self.running.contains(&key);
        let readings = self.observed.network_node_mut(&of.name);
        let Some(pending) = &mut readings.confirmation else {
            return;
        };
        if !pending.is_due(now) || is_running {
            return;
        }
        pending.last_read = Some(now);
        let epoch = pending.event.epoch;
        let chain = self.ports.chain.clone();
        let (name, participant) = (of.name.clone(), of.participant.clone());
        self.spawn_task(key, async move {
            let read = chain.confirmed_weight(&participant, epoch).await;
            TaskReport::ConfirmationWeight(name, read)
        });
    }

    pub(crate) fn on_confirmation_weight(
        &mut self,
        now: Time,
        network_node: &NetworkNodeName,
        read: Result<Option<ConfirmedWeight>, CallError>,
    ) {
        let readings = self.observed.network_node_mut(network_node);
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                if readings.confirmation_failure.is_new(&error) {
                    tracing::warn!("the confirmation weight is unknown: {error}");
                }
                return;
            }
        };
        readings.confirmation_failure = LoggedFailure::default();
        let Some(pending) = &mut readings.confirmation else {
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
                readings.confirmation = None;
                self.record_confirmation(network_node, measured);
            }
        }
    }

    fn record_confirmation(&mut self, of: &NetworkNodeName, measured: Option<Confirmation>) {
        let Some(confirmation) = measured else { return };
        let before = confirmation.before;
        let before = before.map_or_else(String::new, |before| format!(" of {before}"));
        tracing::info!(
            "confirmation PoC {} of epoch {} left a confirmation weight of {}{before}",
            confirmation.sequence,
            confirmation.epoch,
            confirmation.confirmed,
        );
        self.record(&Record::ConfirmationMeasured {
            confirmation,
            network_node: of.clone(),
        });
    }
}
