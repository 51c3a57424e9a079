//! A rental that is watched, and what was seen of it. A sprint has two of them while a boot that is
//! behind is raced by another one.

use super::core::Engine;
use super::link::LinkState;
use super::market_log::MarketLog;
use super::observe::LinkChange;
use super::rental::Watcher;
use super::snapshot::BootLog;
use super::workload::Reach;
use crate::domain::{BootTimes, Instance, InstanceId, LogLine, MlNodeStatus, OrderedMachine, Time};
use crate::flow::{BootReading, Pace, Rental};
use crate::mlnode::boot::BootTracker;
use crate::ports::{LinkError, TunnelSpec};
use crate::ssh::sanitize::Sanitizer;
use crate::vast::stage_times;

use crate::ports::TailChunk;

pub(super) struct Watched {
    pub(super) instance: InstanceId,
    /// Until it is given back: what was seen of it is shown for longer.
    watcher: Option<Watcher>,
    pub(super) boot: BootTracker,
    /// Whose boot is under way and will be remembered, unless nobody watched its beginning.
    unremembered: Option<Rental>,
    sanitizer: Sanitizer,
    pub(super) log: BootLog,
    /// The market's copies of the container's log.
    pub(super) market_log: MarketLog,
    /// The rental's log file said something.
    pub(super) log_began: bool,
    /// Its row at the market.
    pub(super) row: Option<Instance>,
    pub(super) link: LinkState,
    pub(super) mlnode: Option<MlNodeStatus>,
}

impl Watched {
    pub(super) fn is_watching(&self) -> bool {
        self.watcher.is_some()
    }

    pub(super) fn see_row(&mut self, now: Time, row: &Instance) {
        self.boot.observe_instance(now, row);
        self.row = Some(row.clone());
    }

    /// True when that says something of the boot.
    pub(super) fn see_link(&mut self, now: Time, change: LinkChange) -> bool {
        let link = &mut self.link;
        match change {
            LinkChange::Failed(error) => {
                if matches!(error, LinkError::Denied { .. }) {
                    self.boot.observe_denial(now, &error.to_string());
                }
                link.failed(now, &error);
                tracing::info!("SSH attempt {}: {error}", link.attempts);
            }
            LinkChange::Connected(endpoint) => {
                tracing::info!("SSH is connected to {endpoint}");
                link.connected(now, endpoint);
            }
            LinkChange::Tunnel(ends) => link.ends = Some(ends),
            LinkChange::Carries(rate) => {
                link.rate = rate;
                return false;
            }
            LinkChange::Lost(error) => {
                tracing::warn!("{error}; connecting again");
                link.lost(now, &error);
            }
        }
        self.boot.observe_link(now, self.link.up_since.is_some());
        true
    }

    pub(super) fn see_log(&mut self, now: Time, chunk: &TailChunk) {
        self.begin_log(now);
        let mut lines: Vec<LogLine> = Vec::new();
        if chunk.offset == 0 {
            // Another file begins: what was not finished in the last one never will be.
            lines.extend(self.sanitizer.end(now));
        }
        lines.extend(self.sanitizer.feed(now, &chunk.bytes));
        let live = self.sanitizer.live(now);
        for line in lines.iter().chain(&live) {
            self.boot.observe_line(now, line.text());
        }
        for line in lines.drain(..) {
            self.log.push(line);
        }
        self.log.live = live;
    }

    pub(super) fn see_mlnode(&mut self, now: Time, status: MlNodeStatus) {
        self.link.proven = true;
        self.boot.observe_status(now, &status);
        self.mlnode = Some(status);
    }

    /// What the sprint learns of the boot.
    pub(super) fn reading(&self, now: Time) -> BootReading {
        let boot = &self.boot;
        BootReading {
            api_up: self.mlnode.is_some(),
            ready: boot.is_ready(),
            at_work: self.mlnode.as_ref().is_some_and(MlNodeStatus::is_at_work),
            least_left: Some(boot.expected_left(now).p10),
            pace: if boot.is_behind(now) {
                Pace::Behind
            } else {
                Pace::Usual
            },
            fault: boot.fault().cloned(),
        }
    }

    /// The boot until now, once.
    pub(super) fn take_unremembered(&mut self, now: Time) -> Option<(Rental, BootTimes)> {
        let rental = self.unremembered.take()?;
        let times = BootTimes {
            label: rental.label.clone(),
            instance: Some(rental.instance),
            machine: rental.offer.machine,
            host: rental.offer.host,
            gpu_name: rental.offer.gpu_name.clone(),
            gpu_count: rental.offer.gpu_count,
            started: self.boot.started().to_vec(),
            ended: now,
            fault: self.boot.fault().map(|fault| fault.name.clone()),
        };
        Some((rental, times))
    }

    /// Leads its tunnel to other local ends. What was heard through the old ones is heard again.
    fn move_tunnel(&mut self, tunnel: TunnelSpec) {
        let moves = self
            .watcher
            .as_ref()
            .is_some_and(|watcher| watcher.move_tunnel(tunnel));
        if moves {
            self.link.ends = None;
            self.link.proven = false;
            self.mlnode = None;
        }
    }

    /// Ends watching; the task closes the session on both sides by itself.
    pub(super) fn stop(&mut self) -> Option<tokio::task::JoinHandle<()>> {
        self.link = LinkState::default();
        self.watcher.take().map(Watcher::stop)
    }
}

impl Engine {
    /// What was seen of a rental of the sprint's.
    pub(super) fn watched(&self, instance: InstanceId) -> Option<&Watched> {
        let mut both = self.own.iter().chain(&self.beside);
        both.find(|watched| watched.instance == instance)
    }

    /// The same, as long as it is watched.
    pub(super) fn watched_mut(&mut self, instance: InstanceId) -> Option<&mut Watched> {
        let mut both = self.own.iter_mut().chain(&mut self.beside);
        both.find(|watched| watched.instance == instance && watched.is_watching())
    }

    /// Watches what the sprint wants watched.
    pub(super) fn watch_rentals(&mut self) {
        let wants = self.sprint.wants();
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
        Watched {
            instance: rental.instance,
            watcher: Some(watcher),
            boot: BootTracker::new(
                self.workload(),
                rental.since,
                ordered,
                self.config.mlnode.model.id.clone(),
                usual,
            ),
            unremembered: self.watched_from_its_beginning(rental),
            sanitizer: Sanitizer::new(),
            log: BootLog::default(),
            market_log: MarketLog::default(),
            log_began: false,
            row: None,
            link: LinkState::default(),
            mlnode: None,
        }
    }

    fn stop_watching(&mut self, watched: &mut Watched) {
        if watched.is_watching() {
            let left = watched.take_unremembered(self.ports.clock.now());
            self.remember_a_boot_that_nobody_told(left);
            drop(watched.stop());
        }
    }
}
