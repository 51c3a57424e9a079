//! Names of the operator's hosts: each is a participant of the chain with a Network Node of its own.

use url::Url;

/// The address of the first host on the chain.
pub const PARTICIPANT: &str = "gonka1x9k2v5q8w4e7r3t6y0u2p5s8d4f7g3h6j9k2l";
/// The key that the first host's proofs are made with.
const PUBLIC_KEY: &str = "02ab0f3c5d7e9a1b2c4d6e8f0a1b3c5d7e9f1a2b4c6d8e0f2a3b5c7d9e1f3a4b5c";
/// What an address is written with (BIP 173).
const BECH32: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// Each further host has another last letter than the first one's `l`.
pub(super) const MOST_HOSTS: u8 = 32;

/// One of the operator's hosts. [`World::hosts`](super::World::hosts) gives those of a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HostId(u8);

impl HostId {
    /// The one that every world has.
    pub const FIRST: HostId = HostId(0);

    pub(super) fn numbered(number: u8) -> HostId {
        HostId(number)
    }

    pub(super) fn number(self) -> u8 {
        self.0
    }

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_host_has_an_address_of_its_own() {
        let hosts = (0..MOST_HOSTS).map(HostId);
        let addresses: BTreeSet<String> = hosts.map(HostId::participant).collect();
        assert_eq!(addresses.len(), usize::from(MOST_HOSTS));
        assert!(addresses.contains(PARTICIPANT));
    }

    #[test]
    fn services_of_further_hosts_are_numbered() {
        let names = [0, 1].map(|number| HostId(number).service("admin"));
        assert_eq!(names, ["admin", "admin-2"]);
    }
}
