//! Readings of our rentals.

use std::collections::{HashMap, HashSet};

use crate::domain::{
    AccountName, ActualStatus, CallError, Instance, InstanceId, MlNodeStatus, RentalLabel,
    RentalPrices, ReplicaId, RequestedPrice, RunRecord, StartStep, Time, Usd, UsdPerHour,
};
use crate::engine::observe::freshness::Feed;
use crate::engine::observe::observation::LinkEvent;
use crate::engine::reconcile::plan::{CleanupAction, NodeList, ReconcileInput, plan};
use crate::engine::state::{Engine, Replica, Shared};
use crate::flow::{Event, PriceIncrease, Sprint};
use crate::journal::{OpenRental, Record};
use crate::ports::TailChunk;

impl Engine {
    /// A listing of one of the accounts.
    pub(crate) fn on_listing(
        &mut self,
        now: Time,
        account: &AccountName,
        result: Result<Vec<Instance>, CallError>,
    ) {
        let observed = &mut self.shared.observed;
        let polled = Feed::RentalsPoll(account.clone());
        observed.freshness.mark(polled, now);
        let readings = observed.account_mut(account);
        let instances = match result {
            Ok(instances) => instances,
            Err(error) => {
                let first = readings.listing_error.take();
                let since = first.map_or(now, |(since, _)| since);
                readings.listing_error = Some((since, error.to_string()));
                return;
            }
        };
        readings.listing_error = None;
        observed.freshness.mark(Feed::Rentals(account.clone()), now);
        self.shared.suspect_lost_journal(&instances);
        let actions = self.cleanup_actions(now, account, &instances);
        let leftovers = self.leftovers(&instances);
        for instance in &instances {
            self.shared.record_price(instance);
            let rents = |replica: &&mut Replica| {
                let mut rentals = replica.sprint.rentals();
                rentals.any(|rental| rental.instance == instance.id)
            };
            if let Some(replica) = self.replicas.iter_mut().find(rents) {
                replica.on_price(&mut self.shared, now, instance);
            }
            if instance.is_rented_by(&self.shared.config.cockpit) {
                self.shared.observed.listed_at.insert(instance.id, now);
            }
        }
        self.shared.observed.account_mut(account).listing = Some((now, instances));
        self.on_rows(now, account);
        for action in actions {
            self.reconcile(now, account, action);
        }
        let pays = |replica: &&mut Replica| replica.account() == account;
        for replica in self.replicas.iter_mut().filter(pays) {
            let leftovers = leftovers.of(&replica.id);
            replica.dispatch(&mut self.shared, now, Event::RentalsListed { leftovers });
        }
    }

    /// What the listing of an account, beside the lists of the Network Nodes, shows to be left over.
    fn cleanup_actions(
        &self,
        now: Time,
        account: &AccountName,
        instances: &[Instance],
    ) -> Vec<CleanupAction> {
        let shared = &self.shared;
        let nodes = shared.config.network_nodes().filter_map(|network_node| {
            let readings = shared.observed.network_node(&network_node.name)?;
            Some(NodeList {
                network_node: &network_node.name,
                nodes: readings.known_nodes()?,
                node_prefix: &network_node.node_prefix,
            })
        });
        let nodes: Vec<NodeList<'_>> = nodes.collect();
        let sprints: Vec<&Sprint> = self.replicas.sprints().collect();
        plan(&ReconcileInput {
            now,
            accounts: &[account],
            instances,
            nodes: &nodes,
            ledger: &shared.ledger,
            sprints: &sprints,
            cockpit: &shared.config.cockpit,
        })
    }

    /// Gives each rental that is watched its row. Its watcher asks for one that is not listed.
    fn on_rows(&mut self, now: Time, account: &AccountName) {
        let payers = self.replicas.iter_mut();
        for replica in payers.filter(|replica| replica.account() == account) {
            for id in replica.watched() {
                if let Some(row) = self.shared.listed(id) {
                    replica.on_row(&mut self.shared, now, id, &row);
                }
            }
        }
    }

    /// Rentals of ours that no sprint uses.
    fn leftovers(&self, instances: &[Instance]) -> Leftovers {
        let ledger = &self.shared.ledger;
        let used: HashSet<&RentalLabel> =
            self.replicas.sprints().flat_map(Sprint::labels).collect();
        let mut of_replicas: HashMap<ReplicaId, usize> = HashMap::new();
        let open = ledger.open_rentals().into_iter();
        for open in open.filter(|open| !used.contains(&open.label)) {
            *of_replicas.entry(open.replica.clone()).or_default() += 1;
        }
        let ours = |instance: &&Instance| instance.is_rented_by(&self.shared.config.cockpit);
        let labels = instances
            .iter()
            .filter(ours)
            .filter_map(Instance::rental_label);
        let unknown =
            labels.filter(|label| !used.contains(label) && ledger.open_rental(label).is_none());
        Leftovers {
            of_replicas,
            unknown: unknown.count(),
        }
    }
}

/// Rentals of ours that no sprint uses.
struct Leftovers {
    /// Earlier ones, which may not be listed yet.
    of_replicas: HashMap<ReplicaId, usize>,
    /// Those that no record explains.
    unknown: usize,
}

impl Leftovers {
    /// Those that keep a replica from renting.
    fn of(&self, id: &ReplicaId) -> usize {
        let own = self.of_replicas.get(id).copied().unwrap_or_default();
        own + self.unknown
    }
}

impl Replica {
    pub(crate) fn on_instance(
        &mut self,
        shared: &mut Shared,
        now: Time,
        id: InstanceId,
        result: Result<Option<Instance>, CallError>,
    ) {
        if self.monitor_mut(id).is_none() {
            return;
        }
        match result {
            Ok(Some(row)) => {
                shared.record_price(&row);
                self.on_price(shared, now, &row);
                self.on_row(shared, now, id, &row);
            }
            Ok(None) => {
                let readings = shared.observed.account(self.account());
                let listing = readings.and_then(|readings| readings.listing.as_ref());
                if listing.is_some_and(|(_, all)| all.iter().all(|other| other.id != id)) {
                    self.dispatch(shared, now, Event::RentalVanished(id));
                }
            }
            Err(error) => tracing::warn!("cannot read instance {id}: {error}"),
        }
    }

    fn on_row(&mut self, shared: &mut Shared, now: Time, id: InstanceId, row: &Instance) {
        let Some(monitor) = self.monitor_mut(id) else {
            return;
        };
        monitor.on_instance(now, row);
        let has_run = monitor.has_run;
        match row.actual {
            ActualStatus::Provisioning | ActualStatus::Created | ActualStatus::Loading => {
                if !has_run {
                    shared.observed.idle_gpus.insert(id, now);
                }
            }
            _ => shared.record_idle_gpu(id),
        }
        self.dispatch_boot_progress(shared, now, id);
    }

    /// Compares the price in the row of a rental of the sprint with what was agreed.
    fn on_price(&mut self, shared: &mut Shared, now: Time, instance: &Instance) {
        let charged = instance.total_price;
        let label = instance.rental_label();
        let agreed = self
            .sprint
            .rentals()
            .find(|rental| Some(&rental.label) == label.as_ref() && rental.dearer.is_none())
            .map(|rental| rental.offer.price_with_disk(self.config.vast.query.disk_gb));
        if let Some(agreed) = agreed.filter(|agreed| charged.exceeds(*agreed)) {
            let (instance, dearer) = (instance.id, PriceIncrease { agreed, charged });
            self.dispatch(shared, now, Event::RentalRepriced { instance, dearer });
        }
    }

    pub(crate) fn on_link_event(
        &mut self,
        shared: &mut Shared,
        now: Time,
        id: InstanceId,
        change: LinkEvent,
    ) {
        let monitor = self.monitor_mut(id);
        if monitor.is_some_and(|monitor| monitor.on_link_event(now, change)) {
            self.dispatch_boot_progress(shared, now, id);
        }
    }

    pub(crate) fn on_log(
        &mut self,
        shared: &mut Shared,
        now: Time,
        id: InstanceId,
        chunk: &TailChunk,
    ) {
        if let Some(monitor) = self.monitor_mut(id) {
            monitor.on_log(now, chunk);
            self.dispatch_boot_progress(shared, now, id);
        }
    }

    pub(crate) fn on_mlnode_status(
        &mut self,
        shared: &mut Shared,
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
        self.dispatch_boot_progress(shared, now, id);
    }

    pub(crate) fn on_model_start(
        &mut self,
        shared: &mut Shared,
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
        self.dispatch(shared, now, event);
        self.dispatch_boot_progress(shared, now, id);
    }

    pub(crate) fn on_run_record(
        &mut self,
        shared: &mut Shared,
        now: Time,
        id: InstanceId,
        record: RunRecord,
    ) {
        if let Some(monitor) = self.monitor_mut(id) {
            monitor.on_run_record(now, record);
            self.dispatch_boot_progress(shared, now, id);
        }
    }

    pub(crate) fn dispatch_boot_progress(
        &mut self,
        shared: &mut Shared,
        now: Time,
        id: InstanceId,
    ) {
        let Some(monitor) = self.monitor_mut(id) else {
            return;
        };
        monitor.log_trouble(now);
        let (instance, reading) = (id, monitor.reading(now));
        let failed = reading.fault.is_some();
        self.dispatch(shared, now, Event::BootObserved { instance, reading });
        // A boot that failed by our own fault says nothing of the machine, but is recorded too.
        if failed {
            let monitor = self.monitor_mut(id);
            let boot = monitor.and_then(|monitor| monitor.take_unreported(now));
            self.record_unreported_boot(shared, boot);
        }
    }

    pub(crate) fn on_container_log(
        &mut self,
        shared: &mut Shared,
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
        self.dispatch_boot_progress(shared, now, id);
    }
}

impl Shared {
    /// A rental's row in the last listing.
    fn listed(&self, id: InstanceId) -> Option<Instance> {
        let mut rows = self.observed.listed();
        rows.find(|row| row.id == id).cloned()
    }

    /// Compares the price in an instance's row with the journal.
    fn record_price(&mut self, instance: &Instance) {
        let label = instance.rental_label();
        let open = label.and_then(|label| self.ledger.open_rental(&label));
        let charged = instance.total_price;
        if let Some(record) = open.and_then(|open| repriced(open, charged)) {
            tracing::error!(
                "instance {} costs {charged}, more than offered",
                instance.id
            );
            self.record(&record);
        }
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

    /// Only a preview documents the route, so a failure is not worth a warning.
    pub(crate) fn on_requested_prices(
        &mut self,
        account: &AccountName,
        read: Result<Vec<RequestedPrice>, CallError>,
    ) {
        match read {
            Ok(requested) => self.observed.account_mut(account).requested_prices = requested,
            Err(error) => tracing::debug!("requested prices are unknown: {error}"),
        }
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
