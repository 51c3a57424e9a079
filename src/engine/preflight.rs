//! Reads the facts that a rental's usefulness depends on. Works without an engine.

use super::Ports;
use super::exec;
use crate::config::{Config, Exposure};
use crate::domain::{CallError, NodeConfig, NodeId, Preflight, RegisteredNode};
use crate::network_node::{Facts, Intent, judge};

/// The verdict, and the list of nodes that it rests on.
pub struct Examined {
    /// What is met and what is not.
    pub preflight: Preflight,
    /// Every registered node, when it could be read.
    pub nodes: Result<Vec<RegisteredNode>, CallError>,
}

/// Whether a rental could do its work, by what the outside world says now. Spends nothing.
pub async fn examine(ports: &Ports, config: &Config) -> Examined {
    let participant = &config.chain.participant;
    let callback = async {
        match config.network_node.exposure {
            Exposure::Tunnel { .. } => Some(ports.network_node.callback_answers().await),
            // The rental itself must reach it, and there is none yet.
            Exposure::Direct => None,
        }
    };
    let (nodes, approved_models, is_participant, header, callback) = tokio::join!(
        ports.network_node.nodes(),
        ports.chain.approved_models(),
        ports.chain.is_participant(participant),
        ports.chain.header(None),
        callback,
    );
    let facts = Facts {
        nodes,
        approved_models,
        is_participant,
        chain: header.map(|_| ()),
        callback,
    };
    let preflight = judge(ports.clock.now(), &intent(config), &facts);
    Examined {
        preflight,
        nodes: facts.nodes,
    }
}

fn intent(config: &Config) -> Intent {
    let callback = match &config.network_node.exposure {
        Exposure::Tunnel {
            callback_target, ..
        } => callback_target.clone(),
        Exposure::Direct => String::new(),
    };
    Intent {
        participant: config.chain.participant.clone(),
        model: config.mlnode.model.id.clone(),
        callback,
        address: address(config),
    }
}

/// Where our node will be: known for a tunnel, whose ends are ours. A port that the system chooses
/// is free by nature.
fn address(config: &Config) -> Option<NodeConfig> {
    let Exposure::Tunnel {
        host,
        api_listen,
        inference_listen,
        ..
    } = &config.network_node.exposure
    else {
        return None;
    };
    Some(exec::node_config(
        config,
        NodeId(config.network_node.node_prefix.clone()),
        exec::Place {
            host: host.clone(),
            api: api_listen.port(),
            inference: inference_listen.port(),
        },
        Vec::new(),
    ))
}
