//! What really happened, for tests: whatever the APIs say of it.

use super::chain::schedule::{VALIDATION_START, epoch_at};
use super::clock::seconds;
use super::host::HostId;
use super::mlnode::node::Breakdown;
use super::model::SimInstance;
use super::state::World;
use super::truth::{Confirmation, HostTruth, TrueRental, Truth};
use crate::domain::{Usd, UsdPerHour};

impl World {
    pub(super) fn true_rental(&self, instance: &SimInstance) -> TrueRental {
        TrueRental {
            id: instance.id,
            account: instance.account,
            machine: instance.offer["machine_id"].as_u64().unwrap_or(0),
            label: instance.label.clone(),
            started: instance.rented_at,
            ended: instance.destroyed_at,
            cost: Usd::from_dollars(instance.cost),
            price: UsdPerHour::from_dollars(instance.full_rate()),
            lease_until: instance.lease_ends(),
            is_troubled: instance.fault.is_some() || self.breaks_its_poc(instance),
        }
    }

    /// Whether the workload cannot serve in the `PoC` that it was rented for. A breakdown does not count if
    /// it can serve again by then, or if it comes after the last block in which work counts.
    fn breaks_its_poc(&self, instance: &SimInstance) -> bool {
        let Some(breakdown) = instance.mlnode.breakdown() else {
            return false;
        };
        let (at, recovery) = match breakdown {
            Breakdown::Lasting => return true,
            Breakdown::Passing { at, recovery } => (at, recovery),
        };
        let epoch = epoch_at(self.height_at(instance.rented_at)) + 1;
        let start = World::poc_start(epoch);
        let last = self.block_time(start + VALIDATION_START);
        (self.block_time(start) - seconds(recovery)..last).contains(&at)
    }

    pub fn truth(&self) -> Truth {
        let recent = self.recent_rentals();
        Truth {
            rentals: self.past.iter().cloned().chain(recent).collect(),
            hosts: self
                .hosts()
                .map(|host| (host, self.true_host(host)))
                .collect(),
            spend: self.spend(),
            peak_live_rentals: self.peak_live,
        }
    }

    fn true_host(&self, id: HostId) -> HostTruth {
        let host = &self.hosts[id];
        HostTruth {
            participant: id.participant(),
            nodes: host.nodes.keys().cloned().collect(),
            weights: host.weights.clone(),
            batches: host.batches.clone(),
            confirmations: host.confirmations.clone(),
            reloads: host.dapi.reloads.clone(),
            challenges: host.challenges.clone(),
        }
    }

    pub fn recent_rentals(&self) -> impl Iterator<Item = TrueRental> {
        self.instances.values().map(|one| self.true_rental(one))
    }

    pub fn live_rentals(&self) -> Vec<TrueRental> {
        self.live().map(|one| self.true_rental(one)).collect()
    }

    /// Ids registered with the Network Nodes.
    pub fn registered(&self) -> Vec<String> {
        let nodes = self.hosts.iter().flat_map(|host| host.nodes.keys());
        nodes.cloned().collect()
    }

    /// Weight of a node in an epoch, once computed, of the host that it has one of.
    pub fn weight(&self, epoch: u64, node: &str) -> Option<u64> {
        let mut weights = self
            .hosts
            .iter()
            .filter_map(|host| host.weights.get(&epoch));
        weights.find_map(|weights| weights.get(node).copied())
    }

    /// The results of an epoch's confirmation `PoC`s and of its challenges so far.
    pub fn asked_again(&self, epoch: u64) -> Vec<Confirmation> {
        let kinds = self.hosts.iter();
        let kinds = kinds.flat_map(|host| [&host.confirmations, &host.challenges]);
        kinds.filter_map(|kind| kind.get(&epoch).copied()).collect()
    }

    /// Money spent on rentals with this label prefix.
    pub fn spend_under(&self, label: &str) -> Usd {
        let past = self.past.iter().filter(|r| r.label.starts_with(label));
        let past: Usd = past.map(|rental| rental.cost).sum();
        let recent = self.instances.values();
        let recent = recent.filter(|i| i.label.starts_with(label));
        past + Usd::from_dollars(recent.map(|i| i.cost).sum())
    }

    /// Money spent so far.
    pub fn spend(&self) -> Usd {
        let archived: f64 = self.accounts.iter().map(|one| one.archived_cost).sum();
        Usd::from_dollars(archived + self.instances.values().map(|i| i.cost).sum::<f64>())
    }
}
