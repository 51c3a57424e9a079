//! `pocpit release`: destroys and unregisters everything of ours, now. It must work when nothing else does: the Vast API
//! key is enough.

use std::collections::BTreeSet;

use color_eyre::eyre::Report;
use schemars::JsonSchema;
use serde::Serialize;

use super::arguments::{Common, Release};
use super::teardown::{confirm, destroy_all, is_interactive, prompt};
use super::{Exit, logging, print, print_json, runtime, status_line};
use crate::config::{NetworkNodeConfig, NetworkNodeReach, ReleaseConfig, VastConfig};
use crate::domain::{CockpitId, Instance, InstanceId, NodeId, RegisteredNode};
use crate::http::HttpClient;
use crate::journal::{self, Ledger};
use crate::network_node::NetworkNodeClient;
use crate::ports::{Market, NetworkNode};

const NO_KEY: &str = "no Vast API key: nothing can be destroyed without it: set POCPIT_VAST_API_KEY, or vast.api_key_file in a configuration (`pocpit config init` writes one)";

pub(crate) async fn run(arguments: Release, common: &Common) -> Result<Exit, Report> {
    logging::start_quiet();
    let known = runtime::load_for_release(common);
    let Some(vast) = &known.vast else {
        status_line(format_args!("pocpit: {NO_KEY}"));
        return Ok(Exit::Usage);
    };
    let instances = market(&known, vast).instances().await?;
    let cockpits = match targets(&arguments, &known, &instances)? {
        Targets::Cockpits(cockpits) => cockpits,
        Targets::None => return nothing_labelled(&arguments),
        Targets::Unspecified => return Ok(Exit::Usage),
    };
    let rentals: Vec<Instance> = instances
        .into_iter()
        .filter(|instance| cockpits.iter().any(|id| instance.is_rented_by(id)))
        .collect();
    let registrations = Registrations::read(&known, &cockpits, &rentals).await;
    let nodes = registrations.ours();
    for rental in &rentals {
        status_line(format_args!(
            "rental {} ({})",
            rental.id,
            rental.label.as_deref().unwrap_or_default()
        ));
    }
    for node in nodes {
        status_line(format_args!("registration {node}"));
    }
    let is_nothing = rentals.is_empty() && nodes.is_empty();
    if !is_nothing && !arguments.yes && !confirm("destroy and unregister all of this?")? {
        status_line(format_args!("nothing was changed"));
        return Ok(Exit::Refused);
    }
    let unregistered = registrations.remove().await;
    let ids: Vec<InstanceId> = rentals.iter().map(|rental| rental.id).collect();
    let clock = runtime::clock(known.simulation);
    let gone = destroy_all(&market(&known, vast), clock.as_ref(), &ids).await;
    let left: Vec<InstanceId> = ids
        .iter()
        .copied()
        .filter(|id| !gone.contains_key(id))
        .collect();
    let is_complete = left.is_empty()
        && !matches!(registrations, Registrations::Unknown)
        && unregistered.len() == nodes.len();
    let report = ReleaseReport {
        destroyed: gone.into_keys().collect(),
        left,
        unregistered,
    };
    if arguments.json {
        print_json(&report)?;
    } else if is_nothing {
        print("nothing of ours is rented or registered")?;
    } else {
        print(&format!(
            "rentals: {} destroyed, {} left",
            report.destroyed.len(),
            report.left.len()
        ))?;
    }
    if is_complete {
        Ok(Exit::Done)
    } else {
        Ok(Exit::Unknown)
    }
}

/// What `release` did.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct ReleaseReport {
    /// Vast's ids of the rentals that are proven gone.
    destroyed: Vec<InstanceId>,
    /// Vast's ids of those that are not: they may still cost money.
    left: Vec<InstanceId>,
    /// Ids of the nodes whose registration was removed.
    unregistered: Vec<NodeId>,
}

fn market(known: &ReleaseConfig, vast: &VastConfig) -> impl Market + use<> {
    runtime::market(&HttpClient::new(), vast, known.simulation)
}

fn nothing_labelled(arguments: &Release) -> Result<Exit, Report> {
    if arguments.json {
        print_json(&ReleaseReport::default())?;
    } else {
        print("nothing on this account carries a label of pocpit")?;
    }
    Ok(Exit::Done)
}

/// Whose rentals are destroyed.
enum Targets {
    Cockpits(Vec<CockpitId>),
    /// No rental has a label of pocpit.
    None,
    /// The operator must name them and was told how.
    Unspecified,
}

/// From the arguments, else the configuration; else the operator picks among the account's labels.
fn targets(
    arguments: &Release,
    known: &ReleaseConfig,
    instances: &[Instance],
) -> std::io::Result<Targets> {
    if !arguments.cockpit.is_empty() {
        return Ok(Targets::Cockpits(arguments.cockpit.clone()));
    }
    if let Some(cockpit) = &known.cockpit {
        return Ok(Targets::Cockpits(vec![cockpit.clone()]));
    }
    let labelled = instances
        .iter()
        .filter_map(|instance| Some((instance.id, instance.rental_label()?)));
    let mut there = BTreeSet::new();
    for (id, label) in labelled {
        status_line(format_args!("rental {id} ({label})"));
        there.insert(label.cockpit);
    }
    if there.is_empty() {
        return Ok(Targets::None);
    }
    if arguments.yes || !is_interactive() {
        let commands = there
            .iter()
            .map(|id| format!("`pocpit release --yes --cockpit {id}`"));
        status_line(format_args!(
            "pocpit: cockpit.id is not set, so it is unknown which of these rentals are ours: run {}",
            commands.collect::<Vec<_>>().join(" or ")
        ));
        return Ok(Targets::Unspecified);
    }
    let names: Vec<&str> = there.iter().map(CockpitId::as_str).collect();
    let answer = prompt(&format!(
        "cockpit.id is not set. Destroy the rentals of which cockpits? ({}; separated by spaces)",
        names.join(", ")
    ))?;
    let picked: Option<Vec<CockpitId>> = answer
        .split_whitespace()
        .map(|name| there.iter().find(|id| id.as_str() == name).cloned())
        .collect();
    Ok(match picked {
        Some(picked) if !picked.is_empty() => Targets::Cockpits(picked),
        _ => {
            status_line(format_args!("no such cockpit: nothing was changed"));
            Targets::Unspecified
        }
    })
}

/// Registrations at the Network Node.
enum Registrations {
    /// No Network Node is configured.
    Unconfigured,
    /// It is misconfigured or does not answer.
    Unknown,
    /// Ours.
    Listed(NetworkNodeClient, Vec<NodeId>),
}

impl Registrations {
    /// Without the Network Node the rentals are destroyed all the same: they cost money.
    async fn read(
        known: &ReleaseConfig,
        cockpits: &[CockpitId],
        rentals: &[Instance],
    ) -> Registrations {
        let config = match &known.network_node {
            NetworkNodeReach::At(config) => config,
            NetworkNodeReach::NotGiven => {
                status_line(format_args!(
                    "warning: no Network Node is configured: registrations, if any, stay"
                ));
                return Registrations::Unconfigured;
            }
            NetworkNodeReach::Wrong => {
                status_line(format_args!(
                    "warning: registrations unknown, left as they are: network_node.admin_api is invalid"
                ));
                return Registrations::Unknown;
            }
        };
        let client = NetworkNodeClient::new(HttpClient::new(), config);
        let nodes = match client.nodes().await {
            Ok(nodes) => nodes,
            Err(error) => {
                status_line(format_args!(
                    "warning: registrations unknown, left as they are: {error}"
                ));
                return Registrations::Unknown;
            }
        };
        // An unreadable journal must not prevent the release.
        let journal = journal::read_only(&known.paths.state_dir).unwrap_or_else(|error| {
            status_line(format_args!("warning: {error}"));
            Ledger::default()
        });
        let is_our_journal = known
            .cockpit
            .as_ref()
            .is_some_and(|id| cockpits.contains(id));
        let ours = nodes
            .into_iter()
            .filter(|node| {
                let journalled = is_our_journal && is_journalled(node, &journal);
                journalled || is_of(node, config, rentals)
            })
            .map(|node| node.config.id);
        Registrations::Listed(client, ours.collect())
    }

    fn ours(&self) -> &[NodeId] {
        match self {
            Registrations::Unconfigured | Registrations::Unknown => &[],
            Registrations::Listed(_, ids) => ids,
        }
    }

    /// Unregisters ours; returns those that are removed.
    async fn remove(&self) -> Vec<NodeId> {
        let Registrations::Listed(client, ids) = self else {
            return Vec::new();
        };
        let mut removed = Vec::new();
        for id in ids {
            match client.unregister(id).await {
                Ok(_) => removed.push(id.clone()),
                Err(error) => {
                    status_line(format_args!("warning: {id} is still registered: {error}"));
                }
            }
        }
        removed
    }
}

fn is_journalled(node: &RegisteredNode, journal: &Ledger) -> bool {
    let open = journal.registrations();
    open.iter().any(|open| open.node == node.config.id)
}

/// It is named after one of these rentals. The prefix alone is no proof: another cockpit may use it.
fn is_of(node: &RegisteredNode, config: &NetworkNodeConfig, rentals: &[Instance]) -> bool {
    let prefix = &config.node_prefix;
    rentals
        .iter()
        .any(|rental| node.config.id.0 == format!("{prefix}{}", rental.id))
}
