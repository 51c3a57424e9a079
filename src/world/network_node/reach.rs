//! How a machine reaches the callback's host: at itself, by a name or an address that was mapped to it,
//! or outside.

use std::net::IpAddr;

use crate::world::scenario::LoopbackRule;
use crate::world::state::World;

const HOSTS: &str = "/etc/hosts";
/// Addresses that were added to the machine's loopback.
const ADDRESSES: &str = "/run/loopback-addresses";

/// Where a machine's request to a host goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallbackReach {
    /// To the machine itself, where a forward may listen.
    Itself,
    /// Out, to the host's own address.
    Outside,
    /// An unknown name, or an address of a private network.
    Nowhere,
}

impl World {
    /// Maps the callback's host to the machine itself, by `name` or by `address`; the error is the
    /// shell's message.
    pub fn take_callback_host(&mut self, id: u64, step: &str, host: &str) -> Result<(), String> {
        let file = match step {
            "name" => HOSTS,
            "address" if self.scenario.loopback_addresses == LoopbackRule::Allowed => ADDRESSES,
            "address" => return Err("RTNETLINK answers: Operation not permitted".into()),
            _ => return Ok(()),
        };
        if self.holds(id, file, host) {
            return Ok(());
        }
        let mut text = self.read_file(id, file, 0, 1 << 16).unwrap_or_default();
        text.extend_from_slice(format!("127.0.0.1 {host}\n").as_bytes());
        self.write_file(id, file, &text);
        Ok(())
    }

    fn holds(&self, id: u64, file: &str, host: &str) -> bool {
        let text = self.read_file(id, file, 0, 1 << 16).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        text.lines()
            .any(|line| line.split_whitespace().nth(1) == Some(host))
    }

    pub fn callback_reach(&self, id: u64, host: &str) -> CallbackReach {
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
        let is_own = match ip {
            // The onstart script maps this name.
            Err(_) => host == "api" || self.holds(id, HOSTS, host),
            Ok(IpAddr::V4(ip)) if ip.is_private() => self.holds(id, ADDRESSES, host),
            // In a world on one machine the public address is on its loopback.
            Ok(_) if self.scenario.public_callback => return CallbackReach::Outside,
            Ok(ip) if ip.is_loopback() => true,
            Ok(_) => return CallbackReach::Outside,
        };
        if is_own {
            CallbackReach::Itself
        } else {
            CallbackReach::Nowhere
        }
    }
}
