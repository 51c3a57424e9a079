//! A restart of dapi: nothing answers meanwhile, then it registers the nodes of its file anew (gonka
//! v0.2.14 decentralized-api/broker/broker.go `LoadNodeToBroker`). Every half hour it writes the file from
//! a copy that is some seconds old, so that a change in between is lost (field guide, section 2).

use std::collections::BTreeSet;

use crate::domain::Time;
use crate::world::host::HostId;
use crate::world::hosts::Host;
use crate::world::outages::Outage;
use crate::world::state::World;

/// Whether dapi runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::world) enum Running {
    #[default]
    Up,
    Down,
}

impl World {
    pub fn dapi_is_up(&self, host: HostId) -> bool {
        !self.is_out_at(host, Outage::Dapi)
    }

    /// Whether connections to the callback server succeed.
    pub fn callback_is_up(&self, host: HostId) -> bool {
        self.dapi_is_up(host) && !self.is_out_at(host, Outage::Callback)
    }

    /// When a restart of dapi brought this node back after its removal.
    pub fn revived(&self, node: &str) -> Option<Time> {
        let mut revived = self.hosts.iter().map(|host| &host.dapi.revived);
        revived.find_map(|revived| revived.get(node).copied())
    }

    /// Whether a restart of dapi brought back a removed node since then.
    pub fn revived_since(&self, time: Time) -> bool {
        let mut revived = self
            .hosts
            .iter()
            .flat_map(|host| host.dapi.revived.values());
        revived.any(|at| *at >= time)
    }

    /// Ends and starts dapi. Returns whether it runs.
    pub(super) fn restart_dapi(&mut self, host: HostId) -> Running {
        let running = if self.dapi_is_up(host) {
            Running::Up
        } else {
            Running::Down
        };
        match (self.hosts[host].dapi.running, running) {
            (Running::Up, Running::Down) => self.hosts[host].dapi.end(),
            (Running::Down, Running::Up) => self.load_nodes(host),
            _ => {}
        }
        self.hosts[host].dapi.running = running;
        running
    }

    fn load_nodes(&mut self, host: HostId) {
        if let Some(before) = self.hosts[host].dapi.file_before.take()
            && self.has_stale_node_file(host)
        {
            self.hosts[host].dapi.saved.nodes = before;
        }
        let known: BTreeSet<String> = self.hosts[host].nodes.keys().cloned().collect();
        self.restart_network_node(host);
        let Host { nodes, dapi, .. } = &mut self.hosts[host];
        let back = nodes.keys().filter(|id| !known.contains(*id));
        dapi.revived.extend(back.map(|id| (id.clone(), self.now)));
    }

    /// Before a registration or a removal.
    pub(super) fn keep_node_file(&mut self, host: HostId) {
        self.hosts[host].dapi.file_before = Some(self.hosts[host].dapi.saved.nodes.clone());
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone as _;
    use serde_json::json;

    use super::*;
    use crate::world::clock::seconds;
    use crate::world::exchange::ApiRequest;
    use crate::world::faults::RandomFaults;
    use crate::world::models::MODEL;
    use crate::world::scenario::Scenario;

    /// A world in which dapi restarts near every `PoC`, with a node that was registered before it.
    fn with_restart(stale_node_files: f64) -> World {
        let start = chrono::Utc.with_ymd_and_hms(2026, 11, 24, 6, 0, 0).unwrap();
        let random_faults = RandomFaults {
            dapi_restarts: 1.0,
            stale_node_files,
            ..RandomFaults::default()
        };
        let scenario = Scenario {
            random_faults,
            ..Scenario::default()
        };
        let mut world = World::new(7, scenario, start);
        let body = json!({"id": "ours", "host": "10.1.1.1", "inference_port": 7000, "poc_port": 7001,
            "max_concurrent": 500, "models": {MODEL: {"args": []}}});
        world.admin(
            HostId::FIRST,
            &ApiRequest {
                method: "POST".into(),
                path: "/admin/v1/nodes".into(),
                body,
                ..ApiRequest::default()
            },
        );
        world
    }

    /// Until dapi is down, or runs again.
    fn wait_until(world: &mut World, up: bool) {
        for _ in 0..20_000 {
            if world.dapi_is_up(HostId::FIRST) == up {
                return;
            }
            world.advance(world.now() + seconds(2.0));
        }
        panic!("never: up {up}");
    }

    #[test]
    fn restart_registers_the_nodes_again() {
        let mut world = with_restart(0.0);
        wait_until(&mut world, false);
        let latest = ApiRequest {
            method: "GET".into(),
            path: "/v1/epochs/latest".into(),
            ..ApiRequest::default()
        };
        assert!([404, 502].contains(&world.public_api(&latest).status));
        assert!(!world.callback_is_up(HostId::FIRST));
        wait_until(&mut world, true);
        world.advance(world.now() + seconds(2.0));
        assert_eq!(world.public_api(&latest).status, 200);
        let node = &world.hosts[HostId::FIRST].nodes["ours"];
        assert_eq!((node.number, node.admin_epoch), (3, world.epoch()));
        assert_eq!(world.hosts[HostId::FIRST].nodes.len(), 3);
    }

    #[test]
    fn stale_file_undoes_the_last_change() {
        let mut world = with_restart(1.0);
        wait_until(&mut world, false);
        wait_until(&mut world, true);
        world.advance(world.now() + seconds(2.0));
        assert!(!world.hosts[HostId::FIRST].nodes.contains_key("ours"));
        assert_eq!(world.hosts[HostId::FIRST].nodes.len(), 2);
    }
}
