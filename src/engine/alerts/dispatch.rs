//! Sends alerts and heartbeats.

use crate::engine::alerts::tracker::Prices;
use crate::engine::observe::freshness::Source;
use crate::engine::snapshot::Snapshot;
use crate::engine::state::Engine;

impl Engine {
    /// Tells an operator who looks elsewhere, and whoever waits for a sign of life.
    pub(crate) fn tell(&mut self, snapshot: &Snapshot) {
        if let Some(preflight) = self.sprint.preflight() {
            self.seen.reads.note(Source::Preflight, preflight.at);
        }
        let prices = self.prices();
        for notice in self.told.look(snapshot, &self.seen.reads, &prices) {
            self.ports.notifier.notify(&notice);
        }
        let every = self.config.notify.heartbeat_interval;
        if self
            .heartbeat
            .is_due(snapshot.at, every, snapshot.last_reads())
        {
            self.ports.notifier.send_heartbeat();
        }
    }

    fn prices(&self) -> Prices {
        let open = self.ledger.open_rentals().into_iter();
        let open = open.filter_map(|open| {
            Some((
                open.instance?,
                open.prices.gpu_price + open.prices.storage_price,
            ))
        });
        let listed = self.seen.listing.iter().flat_map(|(_, listing)| listing);
        let listed = listed.map(|instance| (instance.id, instance.total_price));
        open.chain(listed).collect()
    }
}
