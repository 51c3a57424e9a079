//! Which of the ranked offers a replica may take. Replicas of a pool are alike, so the cheapest set is the
//! best offers in order, each to the next one that asks, if no two share a machine and few share a host.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{HostId, MachineId, Offer};

/// Machines and hosts that other replicas rent from, or may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    machines: BTreeSet<MachineId>,
    /// Rentals of the replica's own pool.
    hosts: BTreeMap<HostId, u32>,
}

/// Whether the limit of a pool's rentals on one host counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// At most so many.
    PerHost(u32),
    /// Offers and time run out: two that fail together are better than one that was never rented.
    Anywhere,
}

impl Taken {
    /// A replica of another pool rents this machine.
    pub fn add(&mut self, machine: MachineId) {
        self.machines.insert(machine);
    }

    /// A replica of the same pool does.
    pub fn add_of_pool(&mut self, machine: MachineId, host: Option<HostId>) {
        self.add(machine);
        if let Some(host) = host {
            *self.hosts.entry(host).or_default() += 1;
        }
    }

    /// One machine is rented once, whatever the market would split it into: its parts share their fate.
    pub fn admits(&self, offer: &Offer, spread: Spread) -> bool {
        let of_host = offer.host.and_then(|host| self.hosts.get(&host).copied());
        let fits = match spread {
            Spread::PerHost(most) => of_host.unwrap_or(0) < most,
            Spread::Anywhere => true,
        };
        fits && !self.machines.contains(&offer.machine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples::offer;

    fn on(machine: u64, host: u64) -> Offer {
        Offer {
            machine: MachineId(machine),
            host: Some(HostId(host)),
            ..offer(machine)
        }
    }

    #[test]
    fn machine_is_taken_once_and_hosts_are_shared_by_few() {
        let mut taken = Taken::default();
        taken.add(MachineId(1));
        taken.add_of_pool(MachineId(2), Some(HostId(7)));
        let two = Spread::PerHost(2);
        // Another offer of a taken machine is the same machine, whoever took it.
        assert!(!taken.admits(&on(1, 9), two) && !taken.admits(&on(1, 9), Spread::Anywhere));
        assert!(taken.admits(&on(3, 7), two));
        taken.add_of_pool(MachineId(3), Some(HostId(7)));
        assert!(!taken.admits(&on(4, 7), two));
        // Rather two that fail together than one that was never rented.
        assert!(taken.admits(&on(4, 7), Spread::Anywhere));
        // A host that is not reported is no limit.
        let unknown = Offer {
            host: None,
            ..on(5, 7)
        };
        assert!(taken.admits(&unknown, Spread::PerHost(1)));
    }
}
