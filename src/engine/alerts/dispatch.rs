//! Sends alerts and heartbeats.

use crate::engine::alerts::tracker::Prices;
use crate::engine::observe::freshness::Feed;
use crate::engine::snapshot::Snapshot;
use crate::engine::state::Engine;

impl Engine {
    /// Sends the notices that a snapshot's alerts call for, and the heartbeat if it is due.
    pub(crate) fn send_alerts(&mut self, snapshot: &Snapshot) {
        if let Some(preflight) = self.sprint.preflight() {
            self.observed.freshness.mark(Feed::Preflight, preflight.at);
        }
        let prices = self.prices();
        let freshness = &self.observed.freshness;
        for notice in self.alert_tracker.update(snapshot, freshness, &prices) {
            self.ports.notifier.notify(&notice);
        }
        let interval = self.config.notify.heartbeat_interval;
        if self
            .heartbeat
            .is_due(snapshot.at, interval, snapshot.last_reads())
        {
            self.ports.notifier.send_heartbeat();
        }
    }

    fn prices(&self) -> Prices {
        let open = self.ledger.open_rentals().into_iter();
        let open = open.filter_map(|open| {
            let price = open.prices.gpu_price + open.prices.storage_price;
            Some((open.instance?, price))
        });
        let listed = self
            .observed
            .listing
            .iter()
            .flat_map(|(_, listing)| listing);
        let listed = listed.map(|instance| (instance.id, instance.total_price));
        open.chain(listed).collect()
    }
}
