//! The early share: a host with too little of its work done in the first third of generation is voted
//! against.
//! Source: gonka v0.2.14 `decentralized-api/poc/earlyshare`, `early_guard.go`; on by default.

use crate::world::chain::schedule::GENERATION;
use crate::world::host::HostId;
use crate::world::state::World;

/// The median host generates evenly, so it has a third; half of that is too little.
const LEAST_PARTS: u64 = 6;

impl World {
    /// Whether work that arrives now is in the first third of the generation.
    pub(in crate::world) fn is_early(&self) -> bool {
        let since = self.height() - World::poc_start(self.epoch());
        since <= GENERATION / 3
    }

    /// Counts a miss if the epoch's work came late. True if it costs the epoch: the first miss is free.
    pub(in crate::world) fn counts_early_share(&mut self, host: HostId, epoch: u64) -> bool {
        let work = self.hosts[host].batches.get(&epoch);
        let all: u64 = work.map_or(0, |nodes| nodes.values().sum());
        let early = self.hosts[host]
            .early_batches
            .get(&epoch)
            .copied()
            .unwrap_or(0);
        if early * LEAST_PARTS >= all {
            return false;
        }
        self.hosts[host].early_share_misses += 1;
        self.hosts[host].early_share_misses > 1
    }
}
