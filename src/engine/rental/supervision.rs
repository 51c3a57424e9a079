//! Starts and stops the watchers that the sprint calls for.

use crate::domain::{Duration, InstanceId, OrderedMachine, Step, Time, Workload};
use crate::engine::observe::clock_skew::CLOCK_SLACK;
use crate::engine::rental::access::{RentalAccess, rental_access};
use crate::engine::rental::monitor::RentalMonitor;
use crate::engine::rental::watchdog::{Lease, OurClock};
use crate::engine::rental::watcher::Watcher;
use crate::engine::state::{Replica, Shared};
use crate::flow::Rental;
use crate::mlnode::boot::{BootOrder, BootTracker};
use crate::ports::TunnelSpec;
use crate::vast::stage_times;

/// This long after the program starts, the stage of a boot in progress counts as observed: the link is up
/// within a minute, and then a running node answers.
const STAGE_KNOWN_WITHIN: Duration = Duration::minutes(3);

impl Replica {
    pub(crate) fn monitor(&self, instance: InstanceId) -> Option<&RentalMonitor> {
        let mut monitors = self.primary.iter().chain(&self.hedge);
        monitors.find(|monitor| monitor.instance == instance)
    }

    /// The rentals that are watched now.
    pub(crate) fn watched(&self) -> Vec<InstanceId> {
        let monitors = self.primary.iter().chain(&self.hedge);
        let active = monitors.filter(|monitor| monitor.is_active());
        active.map(|monitor| monitor.instance).collect()
    }

    /// Only while the rental is watched.
    pub(crate) fn monitor_mut(&mut self, instance: InstanceId) -> Option<&mut RentalMonitor> {
        let mut monitors = self.primary.iter_mut().chain(&mut self.hedge);
        monitors.find(|monitor| monitor.instance == instance && monitor.is_active())
    }

    pub(crate) fn supervise_rentals(&mut self, shared: &mut Shared) {
        let targets = self.sprint.watch_targets();
        let tunnel = self.primary_tunnel();
        let winner = targets.rental.as_ref().map(|rental| rental.instance);
        if let Some(mut winner) = self.hedge.take_if(|hedge| Some(hedge.instance) == winner) {
            if let Some(mut loser) = self.primary.take() {
                self.stop_monitor(shared, &mut loser);
            }
            winner.move_tunnel(tunnel.clone());
            self.primary = Some(winner);
        }
        let current = self.primary.take();
        let rental = targets.rental.as_ref().filter(|_| targets.link);
        let hedge_tunnel = tunnel.with_free_ports();
        self.primary = self.supervise(shared, current, rental, tunnel.clone());
        if let Some(primary) = &mut self.primary {
            primary.move_tunnel(tunnel);
        }
        let current = self.hedge.take();
        let hedge = self.supervise(shared, current, targets.hedge.as_ref(), hedge_tunnel);
        self.hedge = hedge.filter(RentalMonitor::is_active);
    }

    /// The configured ends lead to the rental from its registration on. Until then the Network Node must not
    /// reach it: a registration of an earlier sprint that comes back has the same address, and the Network
    /// Node would stop the rental and load it in the middle of its download.
    fn primary_tunnel(&self) -> TunnelSpec {
        let configured = self.rental_access().tunnel;
        let is_booting = matches!(
            self.sprint.step(),
            Step::Waiting | Step::Choosing | Step::Renting | Step::Booting | Step::Warming
        );
        match self.workload() {
            Workload::MlNode if is_booting => configured.with_free_ports(),
            Workload::MlNode | Workload::Vllm => configured,
        }
    }

    fn supervise(
        &mut self,
        shared: &mut Shared,
        mut current: Option<RentalMonitor>,
        target: Option<&Rental>,
        tunnel: TunnelSpec,
    ) -> Option<RentalMonitor> {
        if let (Some(monitor), Some(rental)) = (&current, target)
            && monitor.instance == rental.instance
            && let Some(watcher) = &monitor.watcher
        {
            watcher.set_lease(shared.lease(rental.lease_until));
            return current;
        }
        if let Some(monitor) = &mut current {
            self.stop_monitor(shared, monitor);
        }
        match target {
            Some(rental) => Some(self.start_monitor(shared, rental, tunnel)),
            None => current,
        }
    }

    fn start_monitor(&self, shared: &Shared, rental: &Rental, tunnel: TunnelSpec) -> RentalMonitor {
        let vast = &self.config.vast;
        let ordered = OrderedMachine {
            gpus: rental.offer.gpu_count,
            gpu_memory_mb: vast.query.min_gpu_memory_mb,
            // A driver that is older than the offer said may still be new enough.
            cuda: vast.query.min_cuda.or(rental.offer.cuda),
        };
        let boots = shared.ledger.boots();
        let usual = stage_times(boots, &rental.offer, vast.image_gb, vast.model_gb);
        let watcher = Watcher::start(
            &self.ports,
            rental.instance,
            RentalAccess {
                tunnel,
                ..self.rental_access()
            },
            shared.lease(rental.lease_until),
            &self.reports,
        );
        let unreported = self.observed_from_start(rental);
        let stage_known_from = match &unreported {
            Some(_) => rental.since,
            None => self.ports.clock.now() + STAGE_KNOWN_WITHIN,
        };
        let boot = BootTracker::new(BootOrder {
            workload: self.workload(),
            rented_at: rental.since,
            stage_known_from,
            machine: ordered,
            model: self.config.mlnode.model.clone(),
            model_gb: vast.model_gb,
            usual,
        });
        RentalMonitor::new(self.id.clone(), rental.instance, watcher, boot, unreported)
    }

    fn stop_monitor(&mut self, shared: &mut Shared, monitor: &mut RentalMonitor) {
        if monitor.is_active() {
            let boot = monitor.take_unreported(self.ports.clock.now());
            self.record_unreported_boot(shared, boot);
            drop(monitor.stop());
        }
    }

    pub(crate) fn workload(&self) -> Workload {
        self.sprint.plan().aim.workload()
    }

    pub(crate) fn rental_access(&self) -> RentalAccess {
        rental_access(&self.config, self.workload())
    }
}

impl Shared {
    pub(crate) fn our_clock(&self) -> OurClock {
        match self.observed.skew.behind() {
            Some(behind) => OurClock::Behind(behind),
            None if self.observed.skew.perhaps_ahead() > CLOCK_SLACK => OurClock::PerhapsAhead,
            None => OurClock::Right,
        }
    }

    pub(crate) fn lease(&self, until: Time) -> Lease {
        Lease {
            until,
            our_clock: self.our_clock(),
        }
    }
}
