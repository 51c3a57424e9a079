//! Commands that only read: `offers`, `epoch`, `nodes`.

use color_eyre::eyre::Report;
use serde_json::json;

use super::arguments::{Common, Output};
use super::{Exit, print, print_json, runtime, telemetry};
use crate::chain::client::ChainClient;
use crate::config::Config;
use crate::domain::{RankedOffer, ReleasePolicy};
use crate::engine::ports::{Chain, Market, NetworkNode};
use crate::http::HttpClient;
use crate::journal::Ledger;
use crate::network_node::NetworkNodeClient;
use crate::vast::{Experience, Needs, rank};

pub(crate) async fn offers(common: &Common, output: Output) -> Result<Exit, Report> {
    telemetry::quiet();
    let config = runtime::load(common)?.config;
    let now = runtime::clock(config.simulation).now();
    let offers = runtime::market(&HttpClient::new(), &config.vast, config.simulation)
        .search(&config.vast.query, now)
        .await?;
    // A session as the predecessor's policy has it; the cockpit knows the real one by height.
    let kept = config.poc.lead + config.poc.margin + crate::domain::Duration::minutes(20);
    let longest = config.poc.lead + config.poc.margin + config.poc.execution_timeout;
    let needs = Needs {
        now,
        until: now + kept,
        at_worst_until: now
            + if config.poc.release == ReleasePolicy::AfterValidation {
                kept
            } else {
                longest
            },
        boot_within: Some(config.mlnode.startup_timeout),
        image_gb: config.vast.image_gb,
        model_gb: config.vast.model_gb,
    };
    let ledger = ledger_of(&config);
    let experience = Experience {
        avoided: &ledger.avoided(now),
        boots: ledger.boots(),
    };
    let ranked = rank(offers, &config.vast.query, &needs, &experience);
    if output.json {
        let usable = ranked.usable.iter().map(as_json);
        let out = ranked
            .rejected
            .iter()
            .map(|rejected| json!({ "offer": rejected.0.id, "reason": rejected.1 }));
        print_json(
            &json!({ "offers": usable.collect::<Vec<_>>(), "out": out.collect::<Vec<_>>() }),
        )?;
        return Ok(Exit::Done);
    }
    let mut rows = vec![row([
        "OFFER",
        "GPUS",
        "$/H",
        "SESSION",
        "BOOT",
        "CHANCE",
        "RANKED BY",
        "WHERE",
        "WHY",
    ])];
    for usable in &ranked.usable {
        let offer = &usable.offer;
        rows.push(row([
            &offer.id.to_string(),
            &format!("{}x {}", offer.gpu_count, offer.gpu_name),
            &format!("{:.2}", usable.price.0.dollars()),
            &format!("{:.2}", usable.expected_cost().dollars()),
            &format!(
                "{}-{}m",
                usable.boot.p10().num_minutes(),
                usable.boot.p90().num_minutes()
            ),
            &format!("{:.0}%", usable.chance() * 100.0),
            &format!("{:.2}", usable.cost_of_success().dollars()),
            offer.location.as_deref().unwrap_or("?"),
            &usable.why(),
        ]));
    }
    print(&table(&rows))?;
    if !ranked.rejected.is_empty() {
        super::say(format_args!(
            "{} more offers are out: `pocpit offers --json` says why",
            ranked.rejected.len()
        ));
    }
    Ok(Exit::Done)
}

/// What earlier rentals taught. Offers are worth a look without it.
fn ledger_of(config: &Config) -> Ledger {
    crate::journal::read_only(&config.paths.state_dir).unwrap_or_else(|error| {
        super::say(format_args!(
            "offers are ranked without what earlier rentals taught: {error}"
        ));
        Ledger::default()
    })
}

fn as_json(usable: &RankedOffer) -> serde_json::Value {
    let reasons = usable.reasons().into_iter();
    let reasons: serde_json::Map<String, serde_json::Value> = reasons
        .map(|(name, text)| (name.to_owned(), text.into()))
        .collect();
    json!({
        "offer": usable.offer,
        "price_per_hour_usd": usable.price.0.dollars(),
        "expected_cost_usd": usable.expected_cost().dollars(),
        "worst_cost_usd": usable.worst_cost.dollars(),
        "boot_seconds": {
            "p10": usable.boot.p10().num_seconds(),
            "p50": usable.boot.median.num_seconds(),
            "p90": usable.boot.p90().num_seconds(),
        },
        "own_boots": usable.own_boots,
        "chance_to_work": usable.chance_to_work,
        "chance_in_time": usable.chance_in_time,
        "cost_of_success_usd": usable.cost_of_success().dollars(),
        "why": usable.why(),
        "reasons": reasons,
    })
}

pub(crate) async fn epoch(common: &Common, output: Output) -> Result<Exit, Report> {
    telemetry::quiet();
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
    telemetry::quiet();
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
