//! Watches what the sprint wants watched.

use crate::domain::{InstanceId, OrderedMachine, Workload};
use crate::engine::rental::monitor::Watched;
use crate::engine::rental::reach::{Reach, reach};
use crate::engine::rental::watcher::Watcher;
use crate::engine::state::Engine;
use crate::flow::Rental;
use crate::mlnode::boot::BootTracker;
use crate::ports::TunnelSpec;
use crate::vast::stage_times;

impl Engine {
    /// What was seen of a rental of the sprint's.
    pub(crate) fn watched(&self, instance: InstanceId) -> Option<&Watched> {
        let mut both = self.own.iter().chain(&self.beside);
        both.find(|watched| watched.instance == instance)
    }

    /// The same, as long as it is watched.
    pub(crate) fn watched_mut(&mut self, instance: InstanceId) -> Option<&mut Watched> {
        let mut both = self.own.iter_mut().chain(&mut self.beside);
        both.find(|watched| watched.instance == instance && watched.is_watching())
    }

    /// Watches what the sprint wants watched.
    pub(crate) fn watch_rentals(&mut self) {
        let wants = self.sprint.watch_targets();
        let instance = |rental: &Option<Rental>| rental.as_ref().map(|rental| rental.instance);
        let reach = self.reach();
        let won = self
            .beside
            .take_if(|beside| instance(&wants.rental) == Some(beside.instance));
        if let Some(mut winner) = won {
            if let Some(mut loser) = self.own.take() {
                self.stop_watching(&mut loser);
            }
            winner.move_tunnel(reach.tunnel.clone());
            self.own = Some(winner);
        }
        let own = wants.rental.as_ref().filter(|_| wants.link);
        let was = self.own.take();
        let tunnel_beside = reach.tunnel.at_any_ports();
        self.own = self.watch(was, own, reach.tunnel);
        let was = self.beside.take();
        let beside = self.watch(was, wants.beside.as_ref(), tunnel_beside);
        self.beside = beside.filter(Watched::is_watching);
    }

    fn watch(
        &mut self,
        was: Option<Watched>,
        wanted: Option<&Rental>,
        tunnel: TunnelSpec,
    ) -> Option<Watched> {
        let mut was = was;
        if let (Some(watched), Some(rental)) = (&was, wanted)
            && watched.instance == rental.instance
            && let Some(watcher) = &watched.watcher
        {
            watcher.set_lease(self.by_true_clock(rental.lease_until));
            return was;
        }
        if let Some(watched) = &mut was {
            self.stop_watching(watched);
        }
        match wanted {
            Some(rental) => Some(self.begin_watching(rental, tunnel)),
            None => was,
        }
    }

    fn begin_watching(&self, rental: &Rental, tunnel: TunnelSpec) -> Watched {
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
            Reach {
                tunnel,
                ..self.reach()
            },
            self.by_true_clock(rental.lease_until),
            &self.reports,
        );
        let boot = BootTracker::new(
            self.workload(),
            rental.since,
            ordered,
            self.config.mlnode.model.id.clone(),
            usual,
        );
        let unreported = self.watched_from_its_beginning(rental);
        Watched::new(rental.instance, watcher, boot, unreported)
    }

    fn stop_watching(&mut self, watched: &mut Watched) {
        if watched.is_watching() {
            let left = watched.take_unremembered(self.ports.clock.now());
            self.remember_a_boot_that_nobody_told(left);
            drop(watched.stop());
        }
    }

    /// What runs on the sprint's rentals.
    pub(crate) fn workload(&self) -> Workload {
        self.sprint.plan().aim.workload()
    }

    pub(crate) fn reach(&self) -> Reach {
        reach(&self.config, self.workload())
    }
}
