//! Records boots that ended.

use crate::domain::{BootEnd, BootTimes, Duration, InstanceId, Offer, PastBoot, Workload};
use crate::engine::state::{Replica, Shared};
use crate::flow::Rental;
use crate::journal::Record;

/// A rental that is watched this soon after its rent call is watched from its start: the market takes
/// longer to place one.
const FULL_BOOT_WINDOW: Duration = Duration::seconds(60);

impl Replica {
    /// The rental if its whole boot is observed. One that began under an earlier run of the program has
    /// stages of unknown length.
    pub(crate) fn observed_from_start(&self, rental: &Rental) -> Option<Rental> {
        let age = self.ports.clock.now() - rental.since;
        (age <= FULL_BOOT_WINDOW).then(|| rental.clone())
    }

    /// Records how a boot ended, with its stages the first time.
    pub(crate) fn record_boot_end(
        &mut self,
        shared: &mut Shared,
        instance: InstanceId,
        offer: &Offer,
        took: Duration,
        end: BootEnd,
    ) {
        let now = self.ports.clock.now();
        let mut monitors = self.primary.iter_mut().chain(&mut self.hedge);
        let monitor = monitors.find(|monitor| monitor.instance == instance);
        let times = monitor.and_then(|monitor| monitor.take_unreported(now));
        self.record_boot(
            shared,
            instance,
            offer,
            took,
            end,
            times.map(|(_, times)| times),
        );
    }

    /// Records a boot that we aborted or that failed by our fault. It is not worth the spool of a full
    /// disk.
    pub(crate) fn record_unreported_boot(
        &mut self,
        shared: &mut Shared,
        boot: Option<(Rental, BootTimes)>,
    ) {
        let Some((rental, times)) = boot.filter(|_| shared.release_only.is_none()) else {
            return;
        };
        let (took, end) = (times.ended - rental.since, BootEnd::BrokenOff);
        self.record_boot(
            shared,
            rental.instance,
            &rental.offer,
            took,
            end,
            Some(times),
        );
    }

    fn record_boot(
        &mut self,
        shared: &mut Shared,
        instance: InstanceId,
        offer: &Offer,
        took: Duration,
        end: BootEnd,
        times: Option<BootTimes>,
    ) {
        let mut known = shared.ledger.boots().iter();
        if !known.any(|boot| boot.instance == instance && boot.end == end) {
            shared.boots.count(&self.id.pool, end, times.as_ref());
        }
        // Boots of another image predict nothing for the next PoC.
        if self.workload() != Workload::MlNode {
            return;
        }
        let boot = PastBoot {
            instance,
            machine: offer.machine,
            gpu_name: offer.gpu_name.clone(),
            download_mbps: offer.download_mbps,
            disk_mb_per_s: offer.disk_mb_per_s,
            image_gb: self.config.vast.image_gb,
            model_gb: self.config.vast.model_gb,
            took_seconds: u32::try_from(took.num_seconds()).unwrap_or(0),
            end,
            model: Some(self.config.mlnode.model.id.clone()),
            times,
        };
        shared.record(&Record::BootEnded { boot });
    }
}
