//! Readings of our rentals.

use crate::domain::{
    ActualStatus, CallError, Instance, InstanceId, MlNodeStatus, RentalPrices, RequestedPrice,
    RunRecord, StartStep, Time, Usd, UsdPerHour,
};
use crate::engine::observe::freshness::Feed;
use crate::engine::observe::observation::LinkEvent;
use crate::engine::reconcile::plan::{CleanupAction, ReconcileInput, plan};
use crate::engine::state::Engine;
use crate::flow::{Event, PriceIncrease};
use crate::journal::{OpenRental, Record};
use crate::ports::TailChunk;

impl Engine {
    pub(crate) fn on_listing(&mut self, now: Time, result: Result<Vec<Instance>, CallError>) {
        self.observed.freshness.mark(Feed::RentalsPoll, now);
        let instances = match result {
            Ok(instances) => instances,
            Err(error) => {
                let first = self.observed.listing_error.take();
                let since = first.map_or(now, |(since, _)| since);
                self.observed.listing_error = Some((since, error.to_string()));
                return;
            }
        };
        self.observed.freshness.mark(Feed::Rentals, now);
        self.observed.listing_error = None;
        self.suspect_lost_journal(&instances);
        // An outdated list of nodes counts as unknown.
        let nodes = self.observed.nodes.as_ref();
        let nodes = nodes.filter(|_| self.observed.nodes_error.is_none());
        let actions = plan(&ReconcileInput {
            now,
            instances: &instances,
            nodes: nodes.map(|(_, nodes)| nodes.as_slice()),
            ledger: &self.ledger,
            sprint: Some(&self.sprint),
            cockpit: &self.config.cockpit,
            node_prefix: &self.config.network_node.node_prefix,
        });
        let leftovers = self.leftovers(&actions);
        for instance in &instances {
            self.on_price(now, instance);
            if instance.is_rented_by(&self.config.cockpit) {
                self.observed.listed_at.insert(instance.id, now);
            }
        }
        self.observed.listing = Some((now, instances));
        for action in actions {
            self.reconcile(now, action);
        }
        self.dispatch(now, Event::RentalsListed { leftovers });
    }

    /// Rentals of ours that a journal without any past does not know were rented with an older one.
    fn suspect_lost_journal(&mut self, instances: &[Instance]) {
        let cockpit = &self.config.cockpit;
        let mut ours = instances.iter().filter(|one| one.is_rented_by(cockpit));
        if let Some(ours) = ours.next()
            && self.ledger.is_suspiciously_blank()
        {
            let reason = format!(
                "rental {} of this cockpit is on the account, and the journal never knew any",
                ours.id
            );
            self.record(&Record::JournalLost { reason });
        }
    }

    /// Our rentals that are not the sprint's: listed, or in the journal and perhaps not listed yet.
    fn leftovers(&self, actions: &[CleanupAction]) -> usize {
        let listed = actions.iter();
        let listed = listed.filter(|action| matches!(action, CleanupAction::Destroy(_)));
        let known = self.ledger.open_rentals().into_iter();
        let known = known.filter(|open| !self.sprint.uses(&open.label));
        listed.count().max(known.count())
    }

    pub(crate) fn on_instance(
        &mut self,
        now: Time,
        id: InstanceId,
        result: Result<Option<Instance>, CallError>,
    ) {
        let Some(monitor) = self.monitor_mut(id) else {
            return;
        };
        match result {
            Ok(Some(instance)) => {
                monitor.on_instance(now, &instance);
                match instance.actual {
                    ActualStatus::Provisioning | ActualStatus::Created | ActualStatus::Loading => {
                        self.observed.idle_gpus.insert(id, now);
                    }
                    _ => self.record_idle_gpu(id),
                }
                self.on_price(now, &instance);
                self.dispatch_boot_progress(now, id);
            }
            Ok(None) => {
                let listing = self.observed.listing.as_ref();
                if listing.is_some_and(|(_, all)| all.iter().all(|other| other.id != id)) {
                    self.dispatch(now, Event::RentalVanished(id));
                }
            }
            Err(error) => tracing::warn!("cannot read instance {id}: {error}"),
        }
    }

    pub(crate) fn on_link_event(&mut self, now: Time, id: InstanceId, change: LinkEvent) {
        let monitor = self.monitor_mut(id);
        if monitor.is_some_and(|monitor| monitor.on_link_event(now, change)) {
            self.dispatch_boot_progress(now, id);
        }
    }

    pub(crate) fn on_log(&mut self, now: Time, id: InstanceId, chunk: &TailChunk) {
        if let Some(monitor) = self.monitor_mut(id) {
            monitor.on_log(now, chunk);
            self.dispatch_boot_progress(now, id);
        }
    }

    pub(crate) fn on_mlnode_status(
        &mut self,
        now: Time,
        id: InstanceId,
        result: Result<MlNodeStatus, CallError>,
    ) {
        let Some(monitor) = self.monitor_mut(id) else {
            return;
        };
        match result {
            Ok(status) => monitor.on_mlnode_status(now, status),
            Err(error) => {
                monitor.on_mlnode_silence(now);
                tracing::debug!("{error}");
            }
        }
        self.dispatch_boot_progress(now, id);
    }

    pub(crate) fn on_model_start(
        &mut self,
        now: Time,
        id: InstanceId,
        result: Result<StartStep, CallError>,
    ) {
        if let Some(monitor) = self.monitor_mut(id) {
            monitor.on_model_start(now, &result);
        }
        let event = match result {
            Ok(step) => {
                tracing::info!("the model on instance {id}: {step}");
                Event::ModelStartAccepted
            }
            Err(error) => Event::ModelStartFailed(error),
        };
        self.dispatch(now, event);
        self.dispatch_boot_progress(now, id);
    }

    pub(crate) fn on_run_record(&mut self, now: Time, id: InstanceId, record: RunRecord) {
        if let Some(monitor) = self.monitor_mut(id) {
            monitor.on_run_record(now, record);
            self.dispatch_boot_progress(now, id);
        }
    }

    pub(crate) fn dispatch_boot_progress(&mut self, now: Time, id: InstanceId) {
        let Some(monitor) = self.monitor_mut(id) else {
            return;
        };
        monitor.log_trouble(now);
        let (instance, reading) = (id, monitor.reading(now));
        let failed = reading.fault.is_some();
        self.dispatch(now, Event::BootObserved { instance, reading });
        // A boot that failed by our own fault says nothing of the machine, but is recorded too.
        if failed {
            let monitor = self.monitor_mut(id);
            let boot = monitor.and_then(|monitor| monitor.take_unreported(now));
            self.record_unreported_boot(boot);
        }
    }

    /// Compares the price in an instance's row with the journal and with what was agreed.
    pub(crate) fn on_price(&mut self, now: Time, instance: &Instance) {
        let Some(label) = instance.rental_label() else {
            return;
        };
        let charged = instance.total_price;
        let open = self.ledger.open_rental(&label);
        if let Some(record) = open.and_then(|open| repriced(open, charged)) {
            tracing::error!(
                "instance {} costs {charged}, more than offered",
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
            let (instance, dearer) = (instance.id, PriceIncrease { agreed, charged });
            self.dispatch(now, Event::RentalRepriced { instance, dearer });
        }
    }

    /// Only a preview documents the route, so a failure is not worth a warning.
    pub(crate) fn on_requested_prices(&mut self, read: Result<Vec<RequestedPrice>, CallError>) {
        match read {
            Ok(requested) => self.observed.requested_prices = requested,
            Err(error) => tracing::debug!("requested prices are unknown: {error}"),
        }
    }

    pub(crate) fn on_container_log(
        &mut self,
        now: Time,
        id: InstanceId,
        copy: Result<String, CallError>,
    ) {
        let Some(monitor) = self.monitor_mut(id) else {
            return;
        };
        match copy {
            Ok(copy) => monitor.on_container_log(now, &copy),
            Err(error) => return tracing::debug!("{error}"),
        }
        self.dispatch_boot_progress(now, id);
    }
}

/// The record of a rental that costs more than the journal says; its worst case grows in proportion.
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
