//! How a machine reaches the callback's host: at itself, by a name that was mapped to it, or outside.

use std::net::IpAddr;

use crate::world::state::World;

const HOSTS: &str = "/etc/hosts";

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
    /// Maps the callback's host to the machine itself, when the step is `name`.
    pub fn take_callback_host(&mut self, id: u64, step: &str, host: &str) {
        if step != "name" || self.maps(id, host) {
            return;
        }
        let mut text = self.read_file(id, HOSTS, 0, 1 << 16).unwrap_or_default();
        text.extend_from_slice(format!("127.0.0.1 {host}\n").as_bytes());
        self.write_file(id, HOSTS, &text);
    }

    fn maps(&self, id: u64, host: &str) -> bool {
        let text = self.read_file(id, HOSTS, 0, 1 << 16).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        text.lines()
            .any(|line| line.split_whitespace().nth(1) == Some(host))
    }

    pub fn callback_reach(&self, id: u64, host: &str) -> CallbackReach {
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
        let is_own = match ip {
            // The onstart script maps this name.
            Err(_) => host == "api" || self.maps(id, host),
            // An unprivileged container cannot take an address.
            Ok(IpAddr::V4(ip)) if ip.is_private() => false,
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
