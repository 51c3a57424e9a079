//! A rental behind its SSH host: files, ports, forwards.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::DuplexStream;

use crate::world::serve::http::serve_stream;
use crate::world::serve::shared::{Shared, SimService};
use crate::world::ssh_host::{Dialer, Machine};

pub(in crate::world) struct RentedMachine {
    pub id: u64,
    pub shared: Arc<Shared>,
    pub forwards: Mutex<BTreeMap<u16, Dialer>>,
}

impl RentedMachine {
    fn forwards(&self) -> MutexGuard<'_, BTreeMap<u16, Dialer>> {
        self.forwards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects from inside the machine to a remote forward.
    pub async fn dial_forward(&self, port: u16) -> Option<DuplexStream> {
        let dialer = self.forwards().get(&port).cloned()?;
        dialer().await
    }
}

impl Machine for RentedMachine {
    fn is_up(&self) -> bool {
        self.shared.world().machine_is_up(self.id)
    }

    fn authorizes(&self, key: &str) -> bool {
        self.shared.world().authorizes(self.id, key)
    }

    fn read_file(&self, path: &str, offset: u64, max: usize) -> Option<Vec<u8>> {
        self.shared.world().read_file(self.id, path, offset, max)
    }

    fn write_file(&self, path: &str, bytes: &[u8]) {
        self.shared.world().write_file(self.id, path, bytes);
    }

    fn dial(&self, port: u16) -> Option<DuplexStream> {
        if !self.shared.world().listens(self.id, port) {
            return None;
        }
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let service = SimService::Machine(self.id, port);
        tokio::spawn(serve_stream(self.shared.clone(), service, theirs));
        Some(ours)
    }

    fn offer_forward(&self, port: u16, dialer: Option<Dialer>) {
        match dialer {
            Some(dialer) => self.forwards().insert(port, dialer),
            None => self.forwards().remove(&port),
        };
    }
}
