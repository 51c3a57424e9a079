//! What the world keeps for each host of the operator.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Index, IndexMut};

use super::host::{HostId, MOST_HOSTS};
use super::network_node::{Dapi, Node, OtherNode};
use super::several::Several;
use super::truth::Confirmation;

/// A participant of the chain, and the Network Node that works for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Host {
    pub(super) nodes: BTreeMap<String, Node>,
    /// Machines of the operator's further nodes, by the node's id.
    pub(super) others: BTreeMap<String, OtherNode>,
    pub(super) weights: BTreeMap<u64, BTreeMap<String, u64>>,
    pub(super) batches: BTreeMap<u64, BTreeMap<String, u64>>,
    /// Batches per epoch in the first third of generation.
    pub(super) early_batches: BTreeMap<u64, u64>,
    /// How often their share was too small.
    pub(super) early_share_misses: u64,
    /// Batches of this epoch's confirmation `PoC`.
    pub(super) confirming: BTreeMap<String, u64>,
    pub(super) confirmations: BTreeMap<u64, Confirmation>,
    /// Trigger of the last confirmation that was counted.
    pub(super) counted_event: u64,
    /// Batches of the current segment of a challenge.
    pub(super) challenged: BTreeMap<String, u64>,
    /// Start of the last segment that was counted.
    pub(super) counted_segment: u64,
    pub(super) challenges: BTreeMap<u64, Confirmation>,
    /// Epochs that the participant was removed from.
    pub(super) inactive: BTreeSet<u64>,
    pub(super) active: BTreeMap<String, u64>,
    /// The model that each node had its latest weight for.
    pub(super) proved: BTreeMap<String, String>,
    pub(super) dapi: Dapi,
    /// `api.poc_callback_url`: where machines send batches.
    pub(super) callback_url: String,
}

/// All of them.
pub(super) type Hosts = Several<Host>;

impl Hosts {
    /// So many, each made from its id.
    pub(super) fn of(count: u8, host: impl Fn(HostId) -> Host) -> Hosts {
        Several::new(count.min(MOST_HOSTS), |number| {
            host(HostId::numbered(number))
        })
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = HostId> + use<> {
        self.numbers().map(HostId::numbered)
    }
}

impl Index<HostId> for Hosts {
    type Output = Host;

    fn index(&self, host: HostId) -> &Host {
        self.nth(host.number())
    }
}

impl IndexMut<HostId> for Hosts {
    fn index_mut(&mut self, host: HostId) -> &mut Host {
        self.nth_mut(host.number())
    }
}
