//! The operator's Network Nodes, one of each host: its admin API, its callback server, and what its API service (dapi) does
//! on its own to the nodes that are registered.
//!
//! Written from gonka v0.2.14, decentralized-api/broker and decentralized-api/internal/server.

mod callback;
mod config;
mod dapi;
mod errands;
mod node;
mod others;
mod poc_orders;
mod reach;
mod registry;
mod restart;
mod saved;
#[cfg(test)]
mod tests;

use super::exchange::{ApiRequest, ApiResponse};
use super::host::HostId;
use super::outages::Outage;
use super::state::World;

pub use config::WORKER_PRIVATE_KEY;
pub(super) use dapi::Dapi;
pub(super) use node::{Node, is_unmanaged};
pub(super) use others::OtherNode;
pub use reach::CallbackReach;

/// Answer of the admin API.
#[derive(Debug, Clone, PartialEq)]
pub enum AdminReply {
    Answer(ApiResponse),
    /// Not answered yet: the same request gets its answer later.
    Waiting,
}

impl World {
    /// Handles a call to the Network Node's admin API.
    pub fn admin(&mut self, host: HostId, request: &ApiRequest) -> AdminReply {
        let path = request.path.trim_end_matches('/');
        let parts: Vec<&str> = path.trim_start_matches("/admin/v1/").split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            // The list goes through the command loop, too.
            ("GET", ["nodes"]) if !self.hosts[host].dapi.is_loop_free() => AdminReply::Waiting,
            ("GET", ["nodes"]) => {
                let rows = self.hosts[host]
                    .nodes
                    .values()
                    .map(|node| self.node_row(host, node));
                AdminReply::Answer(ApiResponse::ok(&rows.collect()))
            }
            ("GET", ["config"]) => AdminReply::Answer(self.whole_config(host)),
            ("GET", ["setup", "report"]) if self.is_out_at(host, Outage::SetupReport) => {
                AdminReply::Answer(ApiResponse::error(500, "context deadline exceeded"))
            }
            ("GET", ["setup", "report"]) => {
                AdminReply::Answer(ApiResponse::ok(&self.setup_report(host)))
            }
            ("DELETE", ["nodes", id]) if self.hosts[host].dapi.is_loop_free_for(id) => {
                self.delete(host, id)
            }
            ("DELETE" | "POST" | "PUT", _) if !self.hosts[host].dapi.is_loop_free() => {
                AdminReply::Waiting
            }
            ("POST", ["nodes"]) | ("PUT", ["nodes", _]) => {
                AdminReply::Answer(self.upsert(host, &request.body))
            }
            ("POST", ["nodes", "batch"]) => {
                AdminReply::Answer(self.create_batch(host, &request.body))
            }
            ("POST", ["nodes", id, word @ ("enable" | "disable")]) => {
                AdminReply::Answer(self.enable(host, id, *word == "enable"))
            }
            _ => AdminReply::Answer(ApiResponse::error(404, "Not Found")),
        }
    }
}
