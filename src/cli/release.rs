//! `pocpit release`: everything of ours, down, now.

use std::io::{BufRead, IsTerminal};

use color_eyre::eyre::{Report, eyre};
use serde_json::json;

use super::arguments::{Common, Release};
use super::{Exit, print, print_json, runtime, say, telemetry};
use crate::config::Config;
use crate::domain::{Instance, InstanceId, RegisteredNode};
use crate::engine;
use crate::engine::ports::{Clock, Market, NetworkNode};
use crate::http::HttpClient;
use crate::journal::{self, Ledger};
use crate::network_node::NetworkNodeClient;

/// Rounds of destroying and looking again.
const ROUNDS: u32 = 10;
const BETWEEN_ROUNDS: std::time::Duration = std::time::Duration::from_secs(5);

pub(crate) async fn run(arguments: Release, common: &Common) -> Result<Exit, Report> {
    telemetry::quiet();
    let config = runtime::load(common)?.config;
    let http = HttpClient::new();
    let market = runtime::market(&http, &config);
    let node_api = NetworkNodeClient::new(http, &config.network_node);
    let rentals: Vec<Instance> = market
        .instances()
        .await?
        .into_iter()
        .filter(|instance| instance.is_rented_by(&config.cockpit))
        .collect();
    // An unreadable journal must not keep money from being saved.
    let journal = journal::read_only(&config.paths.state_dir).unwrap_or_else(|error| {
        say(format_args!("warning: {error}"));
        Ledger::default()
    });
    // Without the Network Node the rentals are taken down all the same: they cost money.
    let nodes = node_api.nodes().await;
    if let Err(error) = &nodes {
        say(format_args!(
            "warning: registrations are not known and are left: {error}"
        ));
    }
    let nodes_known = nodes.is_ok();
    let nodes: Vec<RegisteredNode> = nodes
        .unwrap_or_default()
        .into_iter()
        .filter(|node| is_our_node(node, &config, &journal, &rentals))
        .collect();
    for rental in &rentals {
        say(format_args!(
            "rental {} ({})",
            rental.id,
            rental.label.as_deref().unwrap_or_default()
        ));
    }
    for node in &nodes {
        say(format_args!("registration {}", node.config.id));
    }
    let nothing = rentals.is_empty() && nodes.is_empty();
    if !nothing && !arguments.yes && !confirmed()? {
        say(format_args!("nothing was changed"));
        return Ok(Exit::Refused);
    }
    let mut unregistered = Vec::new();
    for node in &nodes {
        match node_api.unregister(&node.config.id).await {
            Ok(_) => unregistered.push(&node.config.id),
            Err(error) => say(format_args!(
                "warning: {} is still registered: {error}",
                node.config.id
            )),
        }
    }
    let left = destroy_all(&market, runtime::clock(&config).as_ref(), &rentals).await;
    let result = json!({
        "destroyed": rentals.iter().map(|rental| rental.id).filter(|id| !left.contains(id)).collect::<Vec<_>>(),
        "left": left,
        "unregistered": unregistered,
    });
    if arguments.json {
        print_json(&result)?;
    } else if nothing {
        print("nothing of ours is rented or registered")?;
    } else {
        print(&format!(
            "{} rentals destroyed, {} left",
            rentals.len() - left.len(),
            left.len()
        ))?;
    }
    if left.is_empty() && nodes_known && unregistered.len() == nodes.len() {
        Ok(Exit::Done)
    } else {
        Ok(Exit::Unknown)
    }
}

/// Registrations are ours by the journal, or by the rental behind them. A prefix alone proves
/// nothing: another cockpit may use the same.
fn is_our_node(
    node: &RegisteredNode,
    config: &Config,
    journal: &Ledger,
    rentals: &[Instance],
) -> bool {
    let id = &node.config.id;
    let journalled = journal.registrations().iter().any(|open| open.node == *id);
    let prefix = &config.network_node.node_prefix;
    journalled
        || rentals
            .iter()
            .any(|rental| id.0 == format!("{prefix}{}", rental.id))
}

fn confirmed() -> Result<bool, Report> {
    if !std::io::stdin().is_terminal() {
        return Err(eyre!("nobody can be asked here: add --yes"));
    }
    say(format_args!("take all of this down? [y/N]"));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Destroys until each is proven gone; what is left after all rounds.
async fn destroy_all(
    market: &impl Market,
    clock: &dyn Clock,
    rentals: &[Instance],
) -> Vec<InstanceId> {
    let mut left: Vec<InstanceId> = rentals.iter().map(|rental| rental.id).collect();
    for round in 0..ROUNDS {
        if left.is_empty() {
            break;
        }
        if round > 0 {
            tokio::time::sleep(BETWEEN_ROUNDS).await;
        }
        let mut remaining = Vec::new();
        for id in left.iter().copied() {
            if let Err(error) = market.destroy(id).await {
                say(format_args!(
                    "warning: rental {id} is not destroyed yet: {error}"
                ));
            }
        }
        // All at once: each proof takes half a minute.
        let proofs = left
            .iter()
            .map(|id| engine::prove_absence(market, clock, *id));
        let proofs = futures_util::future::join_all(proofs).await;
        for (id, proof) in left.into_iter().zip(proofs) {
            if proof.is_none() {
                remaining.push(id);
            }
        }
        left = remaining;
    }
    left
}
