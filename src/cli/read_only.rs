//! Commands that only read: `epoch`, `nodes`.

use color_eyre::eyre::Report;

use super::arguments::{Common, Output};
use super::{Exit, logging, print, print_json, runtime};
use crate::chain::client::ChainClient;
use crate::http::HttpClient;
use crate::network_node::NetworkNodeClient;
use crate::ports::{Chain, NetworkNode};

pub(crate) async fn epoch(common: &Common, output: Output) -> Result<Exit, Report> {
    logging::start_quiet();
    let config = runtime::load(common)?.config;
    let view = ChainClient::new(HttpClient::new(), &config.chain)
        .epoch()
        .await?;
    if output.json {
        print_json(&view)?;
        return Ok(Exit::Done);
    }
    let next = &view.next;
    print(&format!(
        "epoch {} at height {}, {:?}\nnext PoC: epoch {} at height {}, in {} blocks",
        view.epoch,
        view.height,
        view.phase,
        next.epoch,
        next.poc_start,
        next.poc_start.0.saturating_sub(view.height.0),
    ))?;
    Ok(Exit::Done)
}

pub(crate) async fn nodes(common: &Common, output: Output) -> Result<Exit, Report> {
    logging::start_quiet();
    let config = runtime::load(common)?.config;
    let nodes = NetworkNodeClient::new(HttpClient::new(), &config.network_node)
        .nodes()
        .await?;
    if output.json {
        print_json(&nodes)?;
        return Ok(Exit::Done);
    }
    let mut rows = vec![row([
        "NODE", "ADDRESS", "STATUS", "POC", "ENABLED", "SINCE", "WEIGHT", "TROUBLE",
    ])];
    for node in &nodes {
        rows.push(row([
            &node.config.id.to_string(),
            &format!("{}:{}", node.config.host, node.config.poc_port),
            &node.current.to_string(),
            &node.poc_current.to_string(),
            if node.enabled { "yes" } else { "no" },
            &format!("epoch {}", node.admin_epoch),
            &node
                .weights
                .values()
                .map(|weight| weight.0)
                .sum::<u64>()
                .to_string(),
            &node.failure_reason,
        ]));
    }
    print(&table(&rows))?;
    Ok(Exit::Done)
}

pub(super) fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

/// Columns as wide as their widest cell; the last one as it is.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
