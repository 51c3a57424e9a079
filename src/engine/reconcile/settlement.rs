//! Rentals that are proven gone.

use crate::domain::{InstanceId, Time};
use crate::engine::state::Engine;
use crate::flow::Event;
use crate::journal::Record;

impl Engine {
    /// Settles a rental that is proven gone: it cost something until `ended`.
    pub(crate) fn settle(&mut self, now: Time, instance: InstanceId, ended: Time) {
        self.destroying.remove(&instance);
        self.record_idle_gpu(instance);
        if let Some(record) = self.ledger.settlement(ended, instance) {
            self.record(&record);
        }
        let (remote, change) = (self.ports.remote.clone(), self.tasks.change());
        self.tasks.spawn(async move {
            remote.forget_host_key(instance).await;
            drop(change);
        });
        self.dispatch(now, Event::RentalGone(instance));
    }

    /// GPU time before the container ran is not billed.
    pub(crate) fn record_idle_gpu(&mut self, instance: InstanceId) {
        if let Some(until) = self.observed.idle_gpus.remove(&instance) {
            self.record(&Record::GpuIdleUntil { instance, until });
        }
    }
}
