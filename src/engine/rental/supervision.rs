//! Watches what the sprint wants watched.

use crate::domain::{InstanceId, OrderedMachine, Workload};
use crate::engine::rental::access::{RentalAccess, rental_access};
use crate::engine::rental::monitor::RentalMonitor;
use crate::engine::rental::watcher::Watcher;
use crate::engine::state::Engine;
use crate::flow::Rental;
use crate::mlnode::boot::BootTracker;
use crate::ports::TunnelSpec;
use crate::vast::stage_times;

impl Engine {
    /// What was seen of a rental of the sprint's.
    pub(crate) fn monitor(&self, instance: InstanceId) -> Option<&RentalMonitor> {
        let mut both = self.primary.iter().chain(&self.hedge);
        both.find(|monitor| monitor.instance == instance)
    }

    /// The same, as long as it is watched.
    pub(crate) fn monitor_mut(&mut self, instance: InstanceId) -> Option<&mut RentalMonitor> {
        let mut both = self.primary.iter_mut().chain(&mut self.hedge);
        both.find(|monitor| monitor.instance == instance && monitor.is_active())
    }

    /// Watches what the sprint wants watched.
    pub(crate) fn supervise_rentals(&mut self) {
        let wants = self.sprint.watch_targets();
        let instance = |rental: &Option<Rental>| rental.as_ref().map(|rental| rental.instance);
        let access = self.rental_access();
        let won = self
            .hedge
            .take_if(|beside| instance(&wants.rental) == Some(beside.instance));
        if let Some(mut winner) = won {
            if let Some(mut loser) = self.primary.take() {
                self.stop_monitor(&mut loser);
            }
            winner.move_tunnel(access.tunnel.clone());
            self.primary = Some(winner);
        }
        let own = wants.rental.as_ref().filter(|_| wants.link);
        let was = self.primary.take();
        let tunnel_beside = access.tunnel.with_free_ports();
        self.primary = self.supervise(was, own, access.tunnel);
        let was = self.hedge.take();
        let beside = self.supervise(was, wants.hedge.as_ref(), tunnel_beside);
        self.hedge = beside.filter(RentalMonitor::is_active);
    }

    fn supervise(
        &mut self,
        was: Option<RentalMonitor>,
        wanted: Option<&Rental>,
        tunnel: TunnelSpec,
    ) -> Option<RentalMonitor> {
        let mut was = was;
        if let (Some(monitor), Some(rental)) = (&was, wanted)
            && monitor.instance == rental.instance
            && let Some(watcher) = &monitor.watcher
        {
            watcher.set_lease(self.chain_adjusted(rental.lease_until));
            return was;
        }
        if let Some(monitor) = &mut was {
            self.stop_monitor(monitor);
        }
        match wanted {
            Some(rental) => Some(self.start_monitor(rental, tunnel)),
            None => was,
        }
    }

    fn start_monitor(&self, rental: &Rental, tunnel: TunnelSpec) -> RentalMonitor {
        let query = &self.config.vast.query;
        let ordered = OrderedMachine {
            gpus: query.gpu_count,
            gpu_memory_mb: query.min_gpu_memory_mb,
            // A host whose driver is older than its offer said, but new enough, does.
            cuda: query.min_cuda.or(rental.offer.cuda),
        };
        let vast = &self.config.vast;
        let boots = self.ledger.boots();
        let usual = stage_times(boots, &rental.offer, vast.image_gb, vast.model_gb);
        let watcher = Watcher::start(
            &self.ports,
            rental.instance,
            RentalAccess {
                tunnel,
                ..self.rental_access()
            },
            self.chain_adjusted(rental.lease_until),
            &self.reports,
        );
        let boot = BootTracker::new(
            self.workload(),
            rental.since,
            ordered,
            self.config.mlnode.model.id.clone(),
            usual,
        );
        let unreported = self.observed_from_start(rental);
        RentalMonitor::new(rental.instance, watcher, boot, unreported)
    }

    fn stop_monitor(&mut self, monitor: &mut RentalMonitor) {
        if monitor.is_active() {
            let left = monitor.take_unreported(self.ports.clock.now());
            self.record_unreported_boot(left);
            drop(monitor.stop());
        }
    }

    /// What runs on the sprint's rentals.
    pub(crate) fn workload(&self) -> Workload {
        self.sprint.plan().aim.workload()
    }

    pub(crate) fn rental_access(&self) -> RentalAccess {
        rental_access(&self.config, self.workload())
    }
}
