//! Remote forwards of a machine.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// First port for forwards that request any port.
const FIRST_FREE_PORT: u16 = 40_000;

/// Ports of a machine that remote forwards listen on, with the connection they belong to.
#[derive(Debug, Default)]
pub(super) struct Forwards(Mutex<BTreeMap<u16, ForwardOwner>>);

#[derive(Debug, Clone)]
pub(super) struct ForwardOwner {
    pub connection: u64,
    pub cut: CancellationToken,
}

impl Forwards {
    fn taken(&self) -> MutexGuard<'_, BTreeMap<u16, ForwardOwner>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims a port (any for 0); `None` when it is taken.
    pub(super) fn claim(&self, port: u16, owner: ForwardOwner) -> Option<u16> {
        let mut taken = self.taken();
        let port = match port {
            0 => (FIRST_FREE_PORT..=u16::MAX).find(|port| !taken.contains_key(port))?,
            port => port,
        };
        if taken.contains_key(&port) {
            return None;
        }
        taken.insert(port, owner);
        Some(port)
    }

    /// Releases a port; false when another connection owns it.
    pub(super) fn release(&self, port: u16, connection: u64) -> bool {
        let mut taken = self.taken();
        let owner = taken.get(&port).map(|owner| owner.connection);
        let is_ours = owner == Some(connection);
        if is_ours {
            taken.remove(&port);
        }
        is_ours
    }

    pub(super) fn of(&self, connection: u64) -> Vec<u16> {
        let taken = self.taken();
        let ours = taken
            .iter()
            .filter(|(_, owner)| owner.connection == connection);
        ours.map(|(port, _)| *port).collect()
    }

    /// Cuts the connection that owns this port.
    pub(super) fn cut_owner(&self, port: u16) {
        if let Some(owner) = self.taken().get(&port) {
            owner.cut.cancel();
        }
    }

    pub(super) fn is_taken(&self, port: u16) -> bool {
        self.taken().contains_key(&port)
    }
}
