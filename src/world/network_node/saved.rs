//! The node list that dapi saves: each change writes it, a half-hourly job overwrites it, and a restart
//! loads it (gonka v0.2.13 decentralized-api/internal/modelmanager/mlnode_background_manager.go
//! `checkAndUpdateGPUs`, `internal/server/admin/node_handlers.go` `syncNodesWithConfig`, main.go).

use serde_json::Value;

use super::node::is_unmanaged;
use crate::domain::Time;
use crate::world::clock::seconds;
use crate::world::host::HostId;
use crate::world::state::World;

const JOB_EVERY: f64 = 1_800.0;
/// The job asks each node for its GPUs and waits that long for one that does not answer.
const ASKING_TAKES: f64 = 10.0;

/// The saved list, and the job that works on a copy of it.
#[derive(Debug, Clone, Default)]
pub(super) struct SavedNodes {
    pub(super) nodes: Vec<Value>,
    next_job: Option<Time>,
    /// The running job's copy, and when it is written back.
    job: Option<(Time, Vec<Value>)>,
}

impl World {
    /// After each change of a node.
    pub(super) fn save_nodes(&mut self, host: HostId) {
        let nodes = self.hosts[host]
            .nodes
            .values()
            .map(|node| node.config.clone());
        self.hosts[host].dapi.saved.nodes = nodes.collect();
    }

    /// A change that comes while the job runs is lost from the saved list, but not from dapi's own.
    pub(super) fn run_node_job(&mut self, host: HostId) {
        let now = self.now;
        let saved = &mut self.hosts[host].dapi.saved;
        if let Some((_, copy)) = saved.job.take_if(|(ends_at, _)| *ends_at <= now) {
            saved.nodes = copy;
        }
        let next = *saved.next_job.get_or_insert(now + seconds(JOB_EVERY));
        if next > now {
            return;
        }
        saved.next_job = Some(next + seconds(JOB_EVERY));
        let asked = saved.nodes.iter().filter(|node| {
            let id = node["id"].as_str().unwrap_or_default();
            !is_unmanaged(id)
        });
        let takes = asked.map(|_| ASKING_TAKES).sum::<f64>();
        saved.job = Some((now + seconds(takes), saved.nodes.clone()));
    }

    /// Starts dapi again: it loads the saved list and registers each node anew.
    pub fn restart_network_node(&mut self, host: HostId) {
        let saved = std::mem::take(&mut self.hosts[host].dapi.saved.nodes);
        self.hosts[host].nodes.clear();
        self.hosts[host].dapi.forget();
        let epoch = self.epoch();
        for config in saved {
            self.insert_node(host, config, epoch);
        }
    }
}
