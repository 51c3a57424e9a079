//! A rental as its SSH host sees it: files, ports, forwards.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::DuplexStream;

use super::serve::{Service, Shared, serve_stream};
use super::ssh_host::{Dialer, Machine};

const LOG: &str = "/var/log/pocpit/mlnode.log";

/// One machine of a served world.
pub(super) struct RentedMachine {
    pub id: u64,
    pub shared: Arc<Shared>,
    pub forwards: Mutex<BTreeMap<u16, Dialer>>,
}

impl RentedMachine {
    /// A connection from inside the machine to a port that a remote forward serves.
    pub async fn dial_forward(&self, port: u16) -> Option<DuplexStream> {
        let dialer = self
            .forwards
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&port)
            .cloned()?;
        dialer().await
    }
}

impl Machine for RentedMachine {
    fn is_up(&self) -> bool {
        let world = self.shared.world();
        world
            .instances
            .get(&self.id)
            .is_some_and(|i| i.is_running(world.now))
    }

    fn authorizes(&self, key: &str) -> bool {
        let world = self.shared.world();
        world
            .instances
            .get(&self.id)
            .is_some_and(|i| i.key_at <= world.now && i.keys.iter().any(|k| k == key))
    }

    fn read_file(&self, path: &str, offset: u64, max: usize) -> Option<Vec<u8>> {
        let world = self.shared.world();
        let instance = world.instances.get(&self.id)?;
        let bytes = if path == LOG {
            instance.mlnode.log_until(world.now)?
        } else {
            instance.files.get(path)?.clone()
        };
        let from = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        Some(bytes.into_iter().skip(from).take(max).collect())
    }

    fn write_file(&self, path: &str, bytes: &[u8]) {
        if let Some(instance) = self.shared.world().instances.get_mut(&self.id) {
            instance.files.insert(path.into(), bytes.to_vec());
        }
    }

    fn dial(&self, port: u16) -> Option<DuplexStream> {
        {
            let world = self.shared.world();
            let instance = world.instances.get(&self.id)?;
            let listens = port == 8080 || (port == 5000 && instance.mlnode.is_ready(world.now));
            if !instance.is_running(world.now) || world.now < instance.mlnode.api_at || !listens {
                return None;
            }
        }
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(serve_stream(
            self.shared.clone(),
            Service::Machine(self.id),
            theirs,
        ));
        Some(ours)
    }

    fn offer_forward(&self, port: u16, dialer: Option<Dialer>) {
        let mut forwards = self.forwards.lock().unwrap_or_else(PoisonError::into_inner);
        match dialer {
            Some(dialer) => forwards.insert(port, dialer),
            None => forwards.remove(&port),
        };
    }
}
