//! Commands that only read: `epoch`, `nodes`.

use color_eyre::eyre::Report;

use super::arguments::{Common, Output};
use super::runtime::{self, Clients};
use super::table::table;
use super::{Exit, print_report};
use crate::domain::{EpochView, RegisteredNode};
use crate::ports::{Chain, NetworkNode};

pub(crate) async fn epoch(common: &Common, output: Output) -> Result<Exit, Report> {
    let config = runtime::load_quietly(common)?;
    let chain = Clients::new(&config).chain;
    let view = chain.epoch().await?;
    print_report(output, &view, || epoch_text(&view))
}

fn epoch_text(view: &EpochView) -> String {
    let next = &view.next;
    format!(
        "epoch {} at height {}, {:?}\nnext PoC: epoch {} at height {}, in {} blocks",
        view.epoch,
        view.height,
        view.phase,
        next.epoch,
        next.poc_start,
        next.poc_start.0.saturating_sub(view.height.0),
    )
}

pub(crate) async fn nodes(common: &Common, output: Output) -> Result<Exit, Report> {
    let config = runtime::load_quietly(common)?;
    let network_node = Clients::new(&config).network_node;
    let nodes = network_node.nodes().await?;
    print_report(output, &nodes, || nodes_text(&nodes))
}

fn nodes_text(nodes: &[RegisteredNode]) -> String {
    let header = [
        "NODE", "ADDRESS", "STATUS", "POC", "ENABLED", "SINCE", "WEIGHT", "TROUBLE",
    ];
    let rows = nodes.iter().map(|node| {
        let weight: u64 = node.weights.values().map(|weight| weight.0).sum();
        let enabled = if node.enabled { "yes" } else { "no" };
        [
            node.config.id.to_string(),
            format!("{}:{}", node.config.host, node.config.poc_port),
            node.current.to_string(),
            node.poc_word(),
            enabled.to_owned(),
            format!("epoch {}", node.admin_epoch),
            weight.to_string(),
            node.failure_reason.clone(),
        ]
    });
    table(header, rows)
}
