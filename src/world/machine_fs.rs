//! Inside a rented machine: its files, keys and ports.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::domain::Time;

use super::clock::seconds;
use super::exchange::ApiRequest;
use super::mlnode::settings::RECORD;
use super::model::HostFault;
use super::numbers::number;
use super::state::World;

const LOG: &str = "/var/log/pocpit/mlnode.log";
/// Arguments of the running gateway, as `LISTEN:TARGET` pairs.
pub(super) const GATEWAY_CONFIG: &str = "/run/front";
/// In it: the gateway adds the header `Content-Type`.
pub(super) const ADDS_TYPE: &str = " content-type";

impl World {
    /// Ids of the machines whose container runs.
    pub fn running(&self) -> Vec<u64> {
        let instances = self.instances.values();
        let running = instances.filter(|i| i.is_running(self.now));
        running.map(|i| i.id).collect()
    }

    pub fn machine_is_up(&self, id: u64) -> bool {
        let instance = self.instances.get(&id);
        instance.is_some_and(|i| i.is_running(self.now))
    }

    /// Whether its SSH server answers.
    pub fn answers_ssh(&self, id: u64) -> bool {
        let instance = self.instances.get(&id);
        let is_silent = instance.is_none_or(|i| i.fault == Some(HostFault::SilentSsh));
        self.machine_is_up(id) && !is_silent
    }

    /// When its SSH connections are cut, once.
    pub(super) fn ssh_drops_at(&self, id: u64) -> Option<Time> {
        let after = self.scenario.ssh_drops_after;
        let instance = self.live_instance(id).filter(|_| after > 0)?;
        Some(instance.running_at + seconds(number(after)))
    }

    /// Whether it accepts this key, as `ssh-ed25519 AAAA…`; new keys take time to propagate.
    pub fn authorizes(&self, id: u64, key: &str) -> bool {
        self.instances
            .get(&id)
            .is_some_and(|i| i.key_at <= self.now && i.keys.iter().any(|known| known == key))
    }

    /// Whether its SSH server lets a client listen there.
    pub fn allows_remote_forwards(&self, id: u64) -> bool {
        let instance = self.instances.get(&id);
        instance.is_none_or(|i| i.fault != Some(HostFault::RefusedForwards))
    }

    /// What the shells of rentals print before a command's output.
    pub fn shell_greeting(&self) -> &str {
        &self.scenario.shell_greeting
    }

    /// Part of a file; `None` if it does not exist or ends before `offset`.
    pub fn read_file(&self, id: u64, path: &str, offset: u64, max: usize) -> Option<Vec<u8>> {
        let instance = self.instances.get(&id)?;
        if path == LOG {
            return instance.mlnode.log_part(self.now, offset, max);
        }
        let record = (path == RECORD).then(|| instance.mlnode.record(self.now));
        let record = record.flatten().map(String::into_bytes);
        let bytes = record.as_ref().or_else(|| instance.files.get(path))?;
        let rest = bytes.get(usize::try_from(offset).ok()?..)?;
        Some(rest.iter().copied().take(max).collect())
    }

    pub fn write_file(&mut self, id: u64, path: &str, bytes: &[u8]) {
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.files.insert(path.into(), bytes.to_vec());
        }
    }

    /// Whether something inside listens on this port.
    pub fn listens(&self, id: u64, port: u16) -> bool {
        let Some(instance) = self.instances.get(&id) else {
            return false;
        };
        instance.is_running(self.now) && self.workload_listens(id, port)
    }

    /// Container ports that the order maps: `"-p 8080:8080": "1"` in its environment.
    pub fn ports_to_map(&self, id: u64) -> Vec<u16> {
        let env = self.instances.get(&id).map(|i| &i.order["env"]);
        let env = env.and_then(Value::as_object).into_iter().flatten();
        env.filter_map(|(name, _)| name.strip_prefix("-p ")?.split_once(':')?.1.parse().ok())
            .collect()
    }

    /// Container ports and their ports outside.
    pub fn mapped_ports(&self, id: u64) -> BTreeMap<u16, u16> {
        let instance = self.instances.get(&id);
        instance.map(|i| i.mapped.clone()).unwrap_or_default()
    }

    pub fn set_mapped_port(&mut self, id: u64, inside: u16, outside: u16) {
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.mapped.insert(inside, outside);
        }
    }

    /// The container port for a request to a mapped port, and the request as it arrives there. A gateway
    /// strips a version prefix from the path, and may add the header `Content-Type`; without one the
    /// `MLNode` gets it unchanged.
    pub fn through_gateway(
        &self,
        id: u64,
        port: u16,
        mut request: ApiRequest,
    ) -> (u16, ApiRequest) {
        let config = self.read_file(id, GATEWAY_CONFIG, 0, 1_000);
        let config = config.unwrap_or_default();
        let config = String::from_utf8_lossy(&config);
        let target = config.split_whitespace().find_map(|pair| {
            let (listen, target) = pair.split_once(':')?;
            (listen.parse() == Ok(port)).then(|| target.parse().ok())?
        });
        let Some(target) = target else {
            return (port, request);
        };
        let is_version = |word: &str| {
            word.strip_prefix('v').is_some_and(|rest| {
                rest.contains('.') && rest.chars().all(|c| c == '.' || c.is_ascii_digit())
            })
        };
        let rest = request.path.trim_start_matches('/').split_once('/');
        if let Some((first, rest)) = rest
            && is_version(first)
        {
            request.path = format!("/{rest}");
        }
        if config.ends_with(ADDS_TYPE) {
            let json = || "application/json".to_owned();
            request.content_type.get_or_insert_with(json);
        }
        (target, request)
    }

    pub fn set_ssh_port(&mut self, id: u64, port: u16) {
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.ssh_port = Some(port);
        }
    }
}
