//! Commands that only read: `epoch`, `nodes`.

use color_eyre::eyre::{Report, eyre};
use schemars::JsonSchema;
use serde::Serialize;

use super::arguments::{Common, Output};
use super::next_sprint::NextSprint;
use super::page::{Look, Page};
use super::places::Places;
use super::runtime::{self, Clients};
use super::table::{Cell, Table, cell, number, or_none, words};
use super::{Exit, pools, print_report, status_line};
use crate::config::Config;
use crate::domain::format::{count, grouped, roughly};
use crate::domain::{
    ConfirmationPhase, Height, Milestone, NetworkNodeName, NodeStatus, RegisteredNode, ReplicaId,
    TimeBand,
};
use crate::journal::{self, Ledger};
use crate::tui::view::format::{milestone, phase};

pub(crate) async fn epoch(common: &Common, output: Output) -> Result<Exit, Report> {
    let config = runtime::load_quietly(common)?;
    let clients = Clients::new(&config);
    let next = NextSprint::read(&clients.chain, clients.clock.now()).await;
    let next = next.map_err(|why| eyre!("the chain cannot be read: {why}"))?;
    if let Some(doubt) = next.doubt.as_ref().filter(|_| !output.json) {
        status_line(format_args!(
            "warning: the chain's height is not certain: {doubt}"
        ));
    }
    print_report(output, &next.view, || {
        epoch_text(&next, &Page::stdout(common, output))
    })
}

fn epoch_text(next: &NextSprint, page: &Page) -> String {
    let view = &next.view;
    let block = next.clock.block_time();
    let block = block.map_or_else(
        || "block time not measured".to_owned(),
        |block| format!("block {:.2} s", block.as_seconds_f64()),
    );
    let head = format!(
        "Epoch {}, {}, height {}, {block}, times in UTC",
        view.epoch,
        phase(view.phase),
        grouped(view.height.0)
    );
    let mut lines = page.paragraph(&head, 0);
    let mut table = Table::new([words(""), words(""), words(""), words(""), number("")]);
    for (name, height) in milestones(next) {
        let band = next.clock.estimate(next.now, height);
        let [at, left, half] = band.map_or_else(
            || [String::new(), String::new(), String::new()],
            |band| moment(band, next, page),
        );
        table.row([
            Cell::from(name),
            at.into(),
            left.into(),
            half.into(),
            grouped(height.0).into(),
        ]);
    }
    let rows = table.lines(&page.narrower(2)).into_iter();
    lines.extend(rows.map(|line| format!("  {line}")));
    lines.extend(page.paragraph(&confirmation(next), 0));
    lines.join("\n")
}

fn moment(band: TimeBand, next: &NextSprint, page: &Page) -> [String; 3] {
    [
        band.p50.format("%H:%M %a").to_string(),
        format!("in {}", roughly(band.p50 - next.now)),
        page.half_of(band.p90 - band.p10),
    ]
}

/// The milestones of this epoch and of the next `PoC`, and the start of the one after it.
fn milestones(next: &NextSprint) -> Vec<(String, Height)> {
    let view = &next.view;
    let is_told = |(stage, height): &(Milestone, Height)| match stage {
        Milestone::PocValidationStart | Milestone::ClaimMoney => false,
        Milestone::InferenceValidationCutoff => *height < view.next.poc_start,
        _ => true,
    };
    let all = [view.current, view.next].into_iter().flat_map(|stages| {
        let named = move |(stage, height)| match stage {
            Milestone::PocStart => (format!("PoC {} starts", stages.epoch), height),
            stage => (milestone(stage).to_owned(), height),
        };
        let told = stages.milestones().into_iter();
        told.filter(is_told).map(named)
    });
    let after = view.next.epoch.0 + 1;
    let after = (format!("PoC {after} starts"), view.next.next_poc_start);
    let mut ahead: Vec<(String, Height)> = all
        .chain([after])
        .filter(|(_, height)| *height > view.height)
        .collect();
    ahead.sort_by_key(|(_, height)| *height);
    ahead
}

fn confirmation(next: &NextSprint) -> String {
    let Some(event) = &next.view.confirmation else {
        return "No confirmation PoC is under way.".to_owned();
    };
    match event.phase {
        ConfirmationPhase::Inactive | ConfirmationPhase::Completed => {
            "No confirmation PoC is under way.".to_owned()
        }
        phase => format!("A confirmation PoC is under way: {phase:?}."),
    }
}

pub(crate) async fn nodes(common: &Common, output: Output) -> Result<Exit, Report> {
    let config = runtime::load_quietly(common)?;
    let listed = Places::of(&config).nodes().await;
    let is_unknown = listed.known.is_empty();
    if let Some(error) = listed.failures.first().filter(|_| is_unknown) {
        return Err(error.clone().into());
    }
    for error in &listed.failures {
        status_line(format_args!("warning: nodes unknown: {error}"));
    }
    let ledger = journal::read_only(&config.paths.state_dir).unwrap_or_else(|error| {
        status_line(format_args!(
            "warning: which nodes are ours is unknown: {error}"
        ));
        Ledger::default()
    });
    let is_complete = listed.is_complete();
    let mut nodes = Vec::new();
    for (network_node, registered) in listed.known {
        let title = (!config.other_network_nodes.is_empty()).then_some(network_node);
        let listed = registered.into_iter();
        nodes.extend(listed.map(|node| ListedNode::of(node, title.clone(), &ledger)));
    }
    print_report(output, &nodes, || {
        let page = Page::stdout(common, output);
        let parts = config.network_nodes().map(|network_node| {
            let is_here = |node: &&ListedNode| {
                let title = node.network_node.as_ref();
                title.is_none_or(|name| *name == network_node.name)
            };
            let here: Vec<&ListedNode> = nodes.iter().filter(is_here).collect();
            let config = config.at_network_node(&network_node.name);
            nodes_text(&here, &config, &ledger, &page)
        });
        parts.collect::<Vec<_>>().join("\n\n")
    })?;
    Ok(if is_complete {
        Exit::Done
    } else {
        Exit::Unknown
    })
}

/// A registered node, and which of our replicas it is.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ListedNode {
    #[serde(flatten)]
    node: RegisteredNode,
    /// Name of the Network Node that lists it, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    network_node: Option<NetworkNodeName>,
    /// The replica whose rental is behind it; absent if there is none, and without pools.
    #[serde(skip_serializing_if = "Option::is_none")]
    replica: Option<ReplicaId>,
}

impl ListedNode {
    fn of(
        node: RegisteredNode,
        network_node: Option<NetworkNodeName>,
        ledger: &Ledger,
    ) -> ListedNode {
        let mut registrations = ledger.registrations().into_iter();
        let ours = registrations.find(|registration| registration.node == node.config.id);
        let mut rentals = ledger.open_rentals().into_iter();
        let mut behind = |instance| rentals.find(|rental| rental.instance == Some(instance));
        let rental = ours.and_then(|registration| behind(registration.instance));
        let replica = rental.and_then(|rental| pools::replica_cell(&rental.replica));
        ListedNode {
            replica: replica.cloned(),
            network_node,
            node,
        }
    }
}

fn nodes_text(nodes: &[&ListedNode], config: &Config, ledger: &Ledger, page: &Page) -> String {
    let source = match config.other_network_nodes.as_slice() {
        [] => config.network_node.admin_api.to_string(),
        _ => format!(
            "{} ({})",
            config.network_node.name, config.network_node.admin_api
        ),
    };
    if nodes.is_empty() {
        return format!("No node is registered at {source}.");
    }
    let mut table = Table::new([
        words("node"),
        words("whose"),
        words("service"),
        words("PoC"),
        words("on"),
        number("since"),
        number("weight"),
    ])
    .below_at(1);
    for ListedNode { node, replica, .. } in nodes {
        let weight: u64 = node.weights.values().map(|weight| weight.0).sum();
        let weight = (!node.weights.is_empty()).then(|| grouped(weight));
        let service = match node.current {
            NodeStatus::Failed => cell(node.current.word(), Look::Bad),
            status => Cell::from(status.word()),
        };
        table.row_with(
            [
                Cell::from(&node.config.id),
                match replica {
                    Some(replica) => replica.into(),
                    None => whose(node, config, ledger).into(),
                },
                service,
                node.poc_word().into(),
                if node.enabled { "yes" } else { "no" }.into(),
                node.admin_epoch.into(),
                or_none(weight),
            ],
            [details(node)],
        );
    }
    let mut lines = table.lines(page);
    let read = format!("{}, read from {source}", count(nodes.len(), "node"));
    lines.extend(page.paragraph(&read, 0));
    lines.join("\n")
}

fn whose(node: &RegisteredNode, config: &Config, ledger: &Ledger) -> &'static str {
    let id = &node.config.id;
    let proxy = config.inference_proxy.as_ref();
    if proxy.is_some_and(|proxy| proxy.node_id == *id) {
        return "proxy";
    }
    if ledger.is_our_node(id) {
        "rental"
    } else {
        "other"
    }
}

/// Its address, what the Network Node wants of it if it does something else, and why it failed.
fn details(node: &RegisteredNode) -> String {
    let config = &node.config;
    let address = format!(
        "{}:{}/{}",
        config.host, config.poc_port, config.inference_port
    );
    let is_as_wanted = (node.intended, node.poc_intended) == (node.current, node.poc_current);
    let wanted = (!is_as_wanted).then(|| {
        format!(
            "wanted {} / {}",
            node.intended.word(),
            node.poc_intended.word()
        )
    });
    let reason = &node.failure_reason;
    let reason = (!reason.is_empty()).then(|| format!("failed: {reason}"));
    let facts: Vec<String> = [Some(address), wanted, reason]
        .into_iter()
        .flatten()
        .collect();
    facts.join(", ")
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr as _;

    use super::*;
    use crate::config::samples::config;
    use crate::domain::samples::{listed, node_config};
    use crate::domain::{PocStatus, Time, Weight};
    use crate::journal::{Journal, samples};

    fn node(id: &str) -> ListedNode {
        ListedNode {
            network_node: None,
            node: listed(node_config(id)),
            replica: None,
        }
    }

    #[test]
    fn nodes_fit_into_eighty_columns() {
        // Given a node with a long name that failed for a long reason, and one with weight,
        let mut failed = node(&"a-node-with-a-name-".repeat(6));
        failed.node.current = NodeStatus::Failed;
        failed.node.poc_current = PocStatus::Validating;
        failed.node.failure_reason = "health check timed out ".repeat(9);
        let mut heavy = node("colleague-1");
        heavy
            .node
            .weights
            .insert("m".to_owned(), Weight(12_345_678));
        let page = Page::plain(80);
        let text = nodes_text(&[&failed, &heavy], &config(), &Ledger::default(), &page);
        // then no line is wider than the page, the address and the reason stand below, weights are whole.
        assert!(text.lines().all(|line| line.width() <= 80), "{text}");
        for said in [
            "10.0.0.9:8080/5050, wanted inference",
            "FAILED",
            "12,345,678",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
        assert!(text.contains("2 nodes, read from http"), "{text}");
    }

    #[test]
    fn nodes_name_their_replica() {
        // Given a node of one of several replicas, and one of somebody else,
        let now: Time = "2026-11-29T02:51:00Z".parse().unwrap();
        let place = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(place.path()).unwrap();
        let registering = samples::registering("vastai-7", 7);
        let rented = samples::rented("pocpit/north/7/1-0000000a", "minimax/3", 7);
        for record in rented.into_iter().chain([registering]) {
            let _kept = journal.append(now, &record).unwrap();
        }
        drop(journal);
        let ledger = journal::read_only(place.path()).unwrap();
        let of = |id: &str| ListedNode::of(listed(node_config(id)), None, &ledger);
        let nodes = [of("vastai-7"), of("theirs-1")];
        // then ours says which one it is, in the table and as data.
        let text = nodes_text(&nodes.each_ref(), &config(), &ledger, &Page::plain(80));
        assert!(text.contains("vastai-7  minimax/3"), "{text}");
        assert!(text.contains("theirs-1  other"), "{text}");
        let json = serde_json::to_value(&nodes).unwrap();
        assert_eq!(json[0]["replica"], "minimax/3");
        assert!(json[1].get("replica").is_none(), "{json}");
    }

    #[test]
    fn no_nodes_are_a_sentence() {
        let text = nodes_text(&[], &config(), &Ledger::default(), &Page::plain(80));
        assert!(text.starts_with("No node is registered at http"), "{text}");
    }
}
