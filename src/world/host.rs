//! The operator's hosts: each is a participant of the chain with a Network Node of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Index, IndexMut};

use url::Url;

use super::network_node::{Dapi, Node, OtherNode};
use super::several::Several;
use super::truth::Confirmation;

/// The address of the first host on the chain.
pub const PARTICIPANT: &str = "gonka1x9k2v5q8w4e7r3t6y0u2p5s8d4f7g3h6j9k2l";
/// The key that the first host's proofs are made with.
const PUBLIC_KEY: &str = "02ab0f3c5d7e9a1b2c4d6e8f0a1b3c5d7e9f1a2b4c6d8e0f2a3b5c7d9e1f3a4b5c";
/// What an address is written with (BIP 173).
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// Each further host has another last letter than the first one's `l`.
const MOST_HOSTS: u8 = 32;

/// One of the operator's hosts. [`World::hosts`](super::World::hosts) gives those of a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HostId(u8);

impl HostId {
    /// The one that every world has.
    pub const FIRST: HostId = HostId(0);

    /// The host's address on the chain.
    pub fn participant(self) -> String {
        let Some(further) = usize::from(self.0).checked_sub(1) else {
            return PARTICIPANT.to_owned();
        };
        let (stem, _) = PARTICIPANT.split_at(PARTICIPANT.len() - 1);
        format!("{stem}{}", char::from(BECH32[further % BECH32.len()]))
    }

    /// The key that the host's proofs are made with.
    pub(super) fn public_key(self) -> String {
        let (stem, last) = PUBLIC_KEY.split_at(PUBLIC_KEY.len() - 2);
        match self.0 {
            0 => format!("{stem}{last}"),
            number => format!("{stem}{number:02x}"),
        }
    }

    /// The name of a service of this host: `admin`, and `admin-2` of the second one.
    pub fn service(self, name: &str) -> String {
        match self.0 {
            0 => name.to_owned(),
            number => format!("{name}-{}", number + 1),
        }
    }

    /// This host's number for a draw, from the number of all hosts. The first one's is the same.
    pub(super) fn draw(self, index: u64) -> u64 {
        index ^ (u64::from(self.0) << 40)
    }

    /// The address of this host's callback, from the first one's: the same with a port of its own.
    pub(super) fn callback_next_to(self, first: &str) -> String {
        let Ok(mut url) = Url::parse(first) else {
            return first.to_owned();
        };
        let port = url.port().filter(|_| self != HostId::FIRST);
        let port = port.map(|port| self.port(port));
        if port.is_none() || url.set_port(port).is_err() {
            return first.to_owned();
        }
        url.as_str().trim_end_matches('/').to_owned()
    }

    /// The port of this host, when the first one has that port.
    pub(super) fn port(self, first: u16) -> u16 {
        first.saturating_add(u16::from(self.0))
    }
}

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
        Several::new(count.min(MOST_HOSTS), |number| host(HostId(number)))
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = HostId> + use<> {
        self.numbers().map(HostId)
    }
}

impl Index<HostId> for Hosts {
    type Output = Host;

    fn index(&self, host: HostId) -> &Host {
        self.nth(host.0)
    }
}

impl IndexMut<HostId> for Hosts {
    fn index_mut(&mut self, host: HostId) -> &mut Host {
        self.nth_mut(host.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_host_has_an_address_of_its_own() {
        let hosts = Hosts::of(MOST_HOSTS, |_| Host::default());
        let addresses: BTreeSet<String> = hosts.ids().map(HostId::participant).collect();
        assert_eq!(addresses.len(), usize::from(MOST_HOSTS));
        assert!(addresses.contains(PARTICIPANT));
    }

    #[test]
    fn services_of_further_hosts_are_numbered() {
        let hosts = Hosts::of(2, |_| Host::default());
        let names: Vec<String> = hosts.ids().map(|host| host.service("admin")).collect();
        assert_eq!(names, ["admin", "admin-2"]);
    }
}
