//! What rentals cost, and their leases.

use crate::world::clock::seconds;
use crate::world::mlnode::node::IMAGE_GB;
use crate::world::model::SimInstance;
use crate::world::state::World;
use crate::world::truth::TrueRental;

impl World {
    pub(in crate::world) fn credit(&self) -> f64 {
        self.scenario.credit
            - self.archived_cost
            - self.instances.values().map(|i| i.cost).sum::<f64>()
    }

    pub(in crate::world) fn bill(&mut self, elapsed: f64) {
        let now = self.now;
        let hours = elapsed / 3600.0;
        for instance in self.live_mut() {
            let gpu = if instance.is_running(now) {
                instance.gpu_per_hour()
            } else {
                0.0
            };
            instance.cost += (instance.storage_per_hour() + gpu) * hours;
            // The image is complete when the container runs; the model follows.
            let image = if now >= instance.running_at {
                IMAGE_GB
            } else {
                0.0
            };
            let pulled = image + instance.mlnode.downloaded_gb(now);
            let per_gb = instance.offer["inet_down_cost"].as_f64().unwrap_or(0.0);
            instance.cost += (pulled - instance.billed_gb).max(0.0) * per_gb;
            instance.billed_gb = instance.billed_gb.max(pulled);
        }
    }

    /// Archives rentals that ended more than a day ago; the API no longer lists them.
    pub(in crate::world) fn archive_old_instances(&mut self) {
        let day_ago = self.now - seconds(86_400.0);
        let is_old = |_: &u64, i: &mut SimInstance| i.destroyed_at.is_some_and(|at| at < day_ago);
        for (_, instance) in self.instances.extract_if(.., is_old) {
            self.archived_cost += instance.cost;
            self.past.push(TrueRental::of(&instance));
        }
    }

    /// The watchdog: a machine destroys itself one minute after its lease.
    pub(in crate::world) fn expire_leases(&mut self) {
        let now = self.now;
        for instance in self.instances.values_mut().filter(|i| i.is_running(now)) {
            let lease = instance.lease();
            if lease.is_some_and(|until| now.timestamp() > until + 60) {
                instance.destroyed_at = Some(now);
            }
        }
    }
}
