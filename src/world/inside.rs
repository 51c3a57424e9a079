//! A rented machine from the inside: files, keys and ports, as its SSH host shows them.

use super::state::World;

const LOG: &str = "/var/log/pocpit/mlnode.log";
const API_PORT: u16 = 8080;
const INFERENCE_PORT: u16 = 5000;

impl World {
    /// Ids of the machines whose container runs.
    pub fn running(&self) -> Vec<u64> {
        let running = self.instances.values().filter(|i| i.is_running(self.now));
        running.map(|i| i.id).collect()
    }

    /// Its container runs.
    pub fn machine_is_up(&self, id: u64) -> bool {
        self.instances
            .get(&id)
            .is_some_and(|i| i.is_running(self.now))
    }

    /// It takes this key, as `ssh-ed25519 AAAA…`; a new one takes time to get there.
    pub fn authorizes(&self, id: u64, key: &str) -> bool {
        self.instances
            .get(&id)
            .is_some_and(|i| i.key_at <= self.now && i.keys.iter().any(|known| known == key))
    }

    /// Part of a file; absent when there is none, or it ends before `offset`.
    pub fn read_file(&self, id: u64, path: &str, offset: u64, max: usize) -> Option<Vec<u8>> {
        let instance = self.instances.get(&id)?;
        if path == LOG {
            return instance.mlnode.log_part(self.now, offset, max);
        }
        let bytes = instance.files.get(path)?;
        let rest = bytes.get(usize::try_from(offset).ok()?..)?;
        Some(rest.iter().copied().take(max).collect())
    }

    /// Replaces a file.
    pub fn write_file(&mut self, id: u64, path: &str, bytes: &[u8]) {
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.files.insert(path.into(), bytes.to_vec());
        }
    }

    /// Something in it listens on this port.
    pub fn listens(&self, id: u64, port: u16) -> bool {
        let Some(instance) = self.instances.get(&id) else {
            return false;
        };
        let up = instance.is_running(self.now) && self.now >= instance.mlnode.api_at;
        let served =
            port == API_PORT || (port == INFERENCE_PORT && instance.mlnode.is_ready(self.now));
        up && served
    }

    /// Where its SSH answers.
    pub fn set_ssh_port(&mut self, id: u64, port: u16) {
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.ssh_port = Some(port);
        }
    }
}
