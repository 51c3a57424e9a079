//! Readings of our rentals.

use crate::domain::{
    ActualStatus, CallError, Instance, InstanceId, RentalPrices, Time, Usd, UsdPerHour,
};
use crate::engine::observe::freshness::Source;
use crate::engine::observe::observation::LinkChange;
use crate::engine::reconcile::plan::{Order, Readings, plan};
use crate::engine::state::Engine;
use crate::flow::{Event, PriceIncrease};
use crate::journal::{OpenRental, Record};
use crate::ports::TailChunk;

impl Engine {
    pub(crate) fn see_listing(&mut self, now: Time, result: Result<Vec<Instance>, CallError>) {
        self.seen.reads.note(Source::RentalsAsked, now);
        match result {
            Ok(instances) => {
                self.seen.reads.note(Source::Rentals, now);
                self.seen.listing_trouble = None;
                // A list of registrations that has grown old is as good as unknown.
                let nodes = self.seen.nodes.as_ref();
                let nodes = nodes.filter(|_| self.seen.nodes_trouble.is_none());
                let orders = plan(&Readings {
                    now,
                    instances: &instances,
                    nodes: nodes.map(|(_, nodes)| nodes.as_slice()),
                    ledger: &self.ledger,
                    sprint: Some(&self.sprint),
                    cockpit: &self.config.cockpit,
                    node_prefix: &self.config.network_node.node_prefix,
                });
                let leftovers = self.leftovers(&orders);
                for instance in &instances {
                    self.see_price(now, instance);
                }
                self.seen.listing = Some((now, instances));
                for order in orders {
                    self.reconcile(now, order);
                }
                self.feed(now, Event::RentalsListed { leftovers });
            }
            Err(error) => {
                let since = self
                    .seen
                    .listing_trouble
                    .take()
                    .map_or(now, |(since, _)| since);
                self.seen.listing_trouble = Some((since, error.to_string()));
            }
        }
    }

    /// Rentals of ours beside the sprint's: those that are listed, and those that the journal knows of
    /// and that may still appear.
    fn leftovers(&self, orders: &[Order]) -> usize {
        let listed = orders
            .iter()
            .filter(|order| matches!(order, Order::Destroy(_)))
            .count();
        let known = self.ledger.open_rentals();
        let known = known.iter().filter(|open| !self.sprint.uses(&open.label));
        listed.max(known.count())
    }

    pub(crate) fn see_instance(
        &mut self,
        now: Time,
        id: InstanceId,
        result: Result<Option<Instance>, CallError>,
    ) {
        let Some(watched) = self.watched_mut(id) else {
            return;
        };
        match result {
            Ok(Some(instance)) => {
                watched.see_row(now, &instance);
                match instance.actual {
                    ActualStatus::Provisioning | ActualStatus::Created | ActualStatus::Loading => {
                        self.seen.idle_gpus.insert(id, now);
                    }
                    _ => self.record_idle_gpu(id),
                }
                self.see_price(now, &instance);
                self.feed_boot(now, id);
            }
            Ok(None) => {
                let listed = self
                    .seen
                    .listing
                    .as_ref()
                    .is_some_and(|(_, all)| all.iter().any(|i| i.id == id));
                if !listed && self.seen.listing.is_some() {
                    self.feed(now, Event::RentalVanished(id));
                }
            }
            Err(error) => tracing::warn!("instance {id} cannot be read: {error}"),
        }
    }

    pub(crate) fn see_link(&mut self, now: Time, id: InstanceId, change: LinkChange) {
        let watched = self.watched_mut(id);
        if watched.is_some_and(|watched| watched.see_link(now, change)) {
            self.feed_boot(now, id);
        }
    }

    pub(crate) fn see_log(&mut self, now: Time, id: InstanceId, chunk: &TailChunk) {
        if let Some(watched) = self.watched_mut(id) {
            watched.see_log(now, chunk);
            self.feed_boot(now, id);
        }
    }

    pub(crate) fn see_mlnode(
        &mut self,
        now: Time,
        id: InstanceId,
        result: Result<crate::domain::MlNodeStatus, CallError>,
    ) {
        let Some(watched) = self.watched_mut(id) else {
            return;
        };
        match result {
            Ok(status) => watched.see_mlnode(now, status),
            Err(error) => {
                watched.link.proven = false;
                watched.boot.observe_silence();
                tracing::debug!("{error}");
            }
        }
        self.feed_boot(now, id);
    }

    pub(crate) fn feed_boot(&mut self, now: Time, id: InstanceId) {
        let Some(watched) = self.watched_mut(id) else {
            return;
        };
        let reading = watched.reading(now);
        let failed = reading.fault.is_some();
        let instance = id;
        self.feed(now, Event::BootObserved { instance, reading });
        // A fault of ours is no boot of the machine's, and is in the history all the same.
        if failed {
            let watched = self.watched_mut(id);
            let left = watched.and_then(|watched| watched.take_unremembered(now));
            self.remember_a_boot_that_nobody_told(left);
        }
    }

    /// Takes the price in an instance's row into account: costs and caps go by it from now on, and
    /// the sprint is told.
    pub(crate) fn see_price(&mut self, now: Time, instance: &Instance) {
        let Some(label) = instance.rental_label() else {
            return;
        };
        let charged = instance.total_price;
        let open = self.ledger.open_rentals().into_iter();
        let repriced = open
            .filter(|open| open.label == label)
            .find_map(|open| repriced(open, charged));
        if let Some(record) = repriced {
            tracing::error!(
                "instance {} costs {charged}, more than its offer said",
                instance.id
            );
            self.record(&record);
        }
        let agreed = self
            .sprint
            .rentals()
            .find(|rental| rental.label == label && rental.dearer.is_none())
            .map(|rental| rental.offer.price_with_disk(self.config.vast.query.disk_gb));
        if let Some(agreed) = agreed.filter(|agreed| charged.exceeds(*agreed)) {
            let dearer = PriceIncrease { agreed, charged };
            let instance = instance.id;
            self.feed(now, Event::RentalRepriced { instance, dearer });
        }
    }

    pub(crate) fn see_market_log(
        &mut self,
        now: Time,
        id: InstanceId,
        copy: Result<String, CallError>,
    ) {
        let Some(watched) = self.watched_mut(id) else {
            return;
        };
        match copy {
            Ok(copy) => watched.see_market_log(now, &copy),
            Err(error) => return tracing::debug!("{error}"),
        }
        self.feed_boot(now, id);
    }
}

/// The record of a rental that costs more than the journal has it; its worst case grows alike.
fn repriced(open: &OpenRental, charged: UsdPerHour) -> Option<Record> {
    let storage_price = open.prices.storage_price;
    let known = open.prices.gpu_price + storage_price;
    if !charged.exceeds(known) || known <= UsdPerHour::ZERO {
        return None;
    }
    let times = charged.0.dollars() / known.0.dollars();
    Some(Record::RentalRepriced {
        label: open.label.clone(),
        prices: RentalPrices {
            gpu_price: UsdPerHour(charged.0 - storage_price.0),
            ..open.prices.clone()
        },
        reserved: Usd::from_dollars(open.reserved.dollars() * times),
    })
}
