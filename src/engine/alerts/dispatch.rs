//! Sends alerts and heartbeats.

use crate::engine::alerts::tracker::Prices;
use crate::engine::observe::freshness::Feed;
use crate::engine::snapshot::Snapshot;
use crate::engine::state::{Engine, Shared};

impl Engine {
    /// Sends the notices that a snapshot's alerts call for, and the heartbeat if it is due.
    pub(crate) fn send_alerts(&mut self, snapshot: &Snapshot) {
        let freshness = &mut self.shared.observed.freshness;
        for replica in self.replicas.iter() {
            if let Some(preflight) = replica.sprint.preflight() {
                let feed = Feed::Preflight(replica.network_node().clone());
                freshness.mark(feed, preflight.at);
            }
        }
        let prices = self.shared.prices();
        let freshness = &self.shared.observed.freshness;
        for notice in self
            .shared
            .alert_tracker
            .update(snapshot, freshness, &prices)
        {
            self.shared.ports.notifier.notify(&notice);
        }
        let interval = self.shared.config.notify.heartbeat_interval;
        if self
            .shared
            .heartbeat
            .is_due(snapshot.at, interval, snapshot.last_reads())
        {
            self.shared.ports.notifier.send_heartbeat();
        }
    }
}

impl Shared {
    fn prices(&self) -> Prices {
        let open = self.ledger.open_rentals().into_iter();
        let open = open.filter_map(|open| {
            let price = open.prices.gpu_price + open.prices.storage_price;
            Some((open.instance?, price))
        });
        let listed = self
            .observed
            .listed()
            .map(|instance| (instance.id, instance.total_price));
        open.chain(listed).collect()
    }
}
