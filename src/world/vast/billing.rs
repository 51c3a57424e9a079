//! What rentals cost, and the accounts' credit.

use crate::domain::Time;
use crate::world::account::{AccountId, DAY, DayCharge};
use crate::world::clock::seconds;
use crate::world::mlnode::node::IMAGE_GB;
use crate::world::model::SimInstance;
use crate::world::state::World;

impl World {
    pub(in crate::world) fn credit(&self, by: AccountId) -> f64 {
        let own = self.instances.values().filter(|i| i.account == by);
        self.scenario.credit - self.accounts[by].archived_cost - own.map(|i| i.cost).sum::<f64>()
    }

    pub(in crate::world) fn bill(&mut self, elapsed: f64) {
        let now = self.now;
        let hours = elapsed / 3600.0;
        let today = now.timestamp() - now.timestamp().rem_euclid(DAY);
        for instance in self.live_mut() {
            let charge = charge_for(instance, hours, now);
            instance.cost += charge.total();
            instance.bill.days.entry(today).or_default().add(&charge);
        }
    }

    /// When the credit of an account will be used up at today's rates, if it will.
    pub(in crate::world) fn credit_ends_at(&self) -> Option<Time> {
        self.accounts()
            .filter_map(|by| self.credit_of_ends_at(by))
            .min()
    }

    fn credit_of_ends_at(&self, by: AccountId) -> Option<Time> {
        let own = self.live().filter(|i| i.account == by);
        let rate: f64 = own.map(|i| i.rate(self.now)).sum();
        let credit = self.credit(by);
        (rate > 0.0 && credit > 0.0).then(|| self.now + seconds(3_600.0 * (credit / rate).min(1e4)))
    }

    /// Archives rentals that ended more than a day ago; the API no longer lists them.
    pub(in crate::world) fn archive_old_instances(&mut self) {
        let day_ago = self.now - seconds(86_400.0);
        let is_old = |_: &u64, i: &mut SimInstance| i.destroyed_at.is_some_and(|at| at < day_ago);
        let old: Vec<SimInstance> = self
            .instances
            .extract_if(.., is_old)
            .map(|(_, one)| one)
            .collect();
        for instance in old {
            self.past.push(self.true_rental(&instance));
            let account = &mut self.accounts[instance.account];
            account.archived_cost += instance.cost;
            account.past_bills.push(instance.bill);
        }
    }
}

fn charge_for(instance: &mut SimInstance, hours: f64, now: Time) -> DayCharge {
    let mut charge = DayCharge {
        storage: instance.storage_per_hour() * hours,
        storage_hours: hours,
        ..DayCharge::default()
    };
    if !instance.is_running(now) {
        return charge;
    }
    charge.gpu = (instance.gpu_per_hour() + instance.fee_per_hour()) * hours;
    charge.gpu_hours = hours;
    // The image is complete when the container runs; the model follows.
    let pulled = IMAGE_GB + instance.mlnode.downloaded_gb(now);
    let per_gb = instance.offer["inet_down_cost"].as_f64().unwrap_or(0.0);
    charge.download_gb = (pulled - instance.billed_gb).max(0.0);
    charge.download = charge.download_gb * per_gb;
    instance.billed_gb = instance.billed_gb.max(pulled);
    charge
}
