//! Rentals that are proven gone, and what the market charged for them.

use crate::domain::{AccountName, CallError, CallErrorKind, InstanceId, Time};
use crate::engine::observe::charges::ChargesRead;
use crate::engine::observe::logged_failure::LoggedFailure;
use crate::engine::state::{Engine, Replica, Shared};
use crate::flow::Event;
use crate::journal::Record;

impl Engine {
    /// Settles a rental that is proven gone: it cost something until `ended`.
    pub(crate) fn settle(&mut self, now: Time, instance: InstanceId, ended: Time) {
        self.shared.destroying.remove(&instance);
        self.shared.record_idle_gpu(instance);
        let seen = self.shared.observed.listed_at.remove(&instance);
        if let Some(record) = self.shared.ledger.settlement(seen, ended, instance) {
            self.shared.record(&record);
        }
        let (remote, change) = (self.shared.ports.remote.clone(), self.shared.tasks.change());
        self.shared.tasks.spawn(async move {
            remote.forget_host_key(instance).await;
            drop(change);
        });
        let uses = |replica: &&mut Replica| {
            let mut rentals = replica.sprint.rentals();
            rentals.any(|rental| rental.instance == instance)
        };
        for replica in self.replicas.iter_mut().filter(uses) {
            replica.dispatch(&mut self.shared, now, Event::RentalGone(instance));
        }
    }
}

impl Shared {
    /// GPU time before the container ran is not billed.
    pub(crate) fn record_idle_gpu(&mut self, instance: InstanceId) {
        if let Some(until) = self.observed.idle_gpus.remove(&instance) {
            self.record(&Record::GpuIdleUntil { instance, until });
        }
    }

    /// A missing charge is unknown, and read again later.
    pub(crate) fn on_charges(&mut self, account: &AccountName, read: ChargesRead) {
        let charges = match read.charges {
            Ok(charges) => charges,
            Err(error) => return self.on_unread_charges(account, &error),
        };
        let readings = self.observed.account_mut(account);
        readings.charges_failure = LoggedFailure::default();
        readings.charges_read_at = Some(self.ports.clock.now());
        for charge in charges {
            if let Some(record) = self.ledger.charge_record(read.from, charge) {
                self.record(&record);
            }
        }
    }

    /// Logged once: rentals do not depend on it.
    fn on_unread_charges(&mut self, account: &AccountName, error: &CallError) {
        let readings = self.observed.account_mut(account);
        if !readings.charges_failure.is_new(error) {
            return;
        }
        let why = if error.kind == CallErrorKind::Unauthorized {
            ": the key lacks the permission billing_read"
        } else {
            " for now"
        };
        tracing::warn!("the market's charges are unknown{why}: {error}");
    }
}
