//! `pocpit release`: everything of ours, down, now. It must work when nothing else does: the Vast API
//! key is enough.

use std::collections::BTreeSet;

use color_eyre::eyre::Report;
use schemars::JsonSchema;
use serde::Serialize;

use super::arguments::{Common, Release};
use super::takedown::{answer_to, confirmed, destroy_all, somebody_is_there};
use super::{Exit, print, print_json, runtime, status_line, telemetry};
use crate::config::{NetworkNodeConfig, NetworkNodeReach, Salvaged, VastConfig};
use crate::domain::{CockpitId, Instance, InstanceId, NodeId, RegisteredNode};
use crate::http::HttpClient;
use crate::journal::{self, Ledger};
use crate::network_node::NetworkNodeClient;
use crate::ports::{Market, NetworkNode};

const NO_KEY: &str = "there is no Vast API key, and nothing can be taken down without it: set POCPIT_VAST_API_KEY, or vast.api_key_file in a configuration (`pocpit config init` writes one)";

pub(crate) async fn run(arguments: Release, common: &Common) -> Result<Exit, Report> {
    telemetry::quiet();
    let known = runtime::salvage(common);
    let Some(vast) = &known.vast else {
        status_line(format_args!("pocpit: {NO_KEY}"));
        return Ok(Exit::Usage);
    };
    let instances = market(&known, vast).instances().await?;
    let cockpits = match whose(&arguments, &known, &instances)? {
        Whose::These(cockpits) => cockpits,
        Whose::Nobodys => return nothing(&arguments),
        Whose::NotSaid => return Ok(Exit::Usage),
    };
    let rentals: Vec<Instance> = instances
        .into_iter()
        .filter(|instance| cockpits.iter().any(|id| instance.is_rented_by(id)))
        .collect();
    let registered = Registered::look(&known, &cockpits, &rentals).await;
    let nodes = registered.ours();
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
    if !is_nothing && !arguments.yes && !confirmed("take all of this down?")? {
        status_line(format_args!("nothing was changed"));
        return Ok(Exit::Refused);
    }
    let unregistered = registered.remove().await;
    let ids: Vec<InstanceId> = rentals.iter().map(|rental| rental.id).collect();
    let clock = runtime::clock(known.simulation);
    let gone = destroy_all(&market(&known, vast), clock.as_ref(), &ids).await;
    let left: Vec<InstanceId> = ids
        .iter()
        .copied()
        .filter(|id| !gone.contains_key(id))
        .collect();
    let is_complete = left.is_empty()
        && !matches!(registered, Registered::Unknown)
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

fn market(known: &Salvaged, vast: &VastConfig) -> impl Market + use<> {
    runtime::market(&HttpClient::new(), vast, known.simulation)
}

fn nothing(arguments: &Release) -> Result<Exit, Report> {
    if arguments.json {
        print_json(&ReleaseReport::default())?;
    } else {
        print("nothing on this account carries a label of pocpit")?;
    }
    Ok(Exit::Done)
}

/// Whose rentals are to go.
enum Whose {
    These(Vec<CockpitId>),
    /// There are none of any cockpit.
    Nobodys,
    /// The operator must say it first, and was told how.
    NotSaid,
}

/// The operator's word, then the configuration's. Without either the account tells which cockpits
/// there are, and the operator picks.
fn whose(arguments: &Release, known: &Salvaged, instances: &[Instance]) -> std::io::Result<Whose> {
    if !arguments.cockpit.is_empty() {
        return Ok(Whose::These(arguments.cockpit.clone()));
    }
    if let Some(cockpit) = &known.cockpit {
        return Ok(Whose::These(vec![cockpit.clone()]));
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
        return Ok(Whose::Nobodys);
    }
    if arguments.yes || !somebody_is_there() {
        let commands = there
            .iter()
            .map(|id| format!("`pocpit release --yes --cockpit {id}`"));
        status_line(format_args!(
            "pocpit: which of these rentals are ours is not known, because there is no cockpit.id: type {}",
            commands.collect::<Vec<_>>().join(" or ")
        ));
        return Ok(Whose::NotSaid);
    }
    let names: Vec<&str> = there.iter().map(CockpitId::as_str).collect();
    let answer = answer_to(&format!(
        "which of these rentals are ours is not known. Take down those of which cockpits? ({}; separated by spaces)",
        names.join(", ")
    ))?;
    let picked: Option<Vec<CockpitId>> = answer
        .split_whitespace()
        .map(|name| there.iter().find(|id| id.as_str() == name).cloned())
        .collect();
    Ok(match picked {
        Some(picked) if !picked.is_empty() => Whose::These(picked),
        _ => {
            status_line(format_args!(
                "that names no cockpit of these: nothing was changed"
            ));
            Whose::NotSaid
        }
    })
}

/// Registrations at the Network Node.
enum Registered {
    /// No Network Node is configured.
    NotAsked,
    /// It cannot be asked, or does not answer.
    Unknown,
    /// Ours are these.
    Listed(NetworkNodeClient, Vec<NodeId>),
}

impl Registered {
    /// Without the Network Node the rentals are taken down all the same: they cost money.
    async fn look(known: &Salvaged, cockpits: &[CockpitId], rentals: &[Instance]) -> Registered {
        let config = match &known.network_node {
            NetworkNodeReach::At(config) => config,
            NetworkNodeReach::NotGiven => {
                status_line(format_args!(
                    "warning: no Network Node is configured: registrations, if any, are left"
                ));
                return Registered::NotAsked;
            }
            NetworkNodeReach::Wrong => {
                status_line(format_args!(
                    "warning: registrations are not known and are left: network_node.admin_api is wrong"
                ));
                return Registered::Unknown;
            }
        };
        let client = NetworkNodeClient::new(HttpClient::new(), config);
        let nodes = match client.nodes().await {
            Ok(nodes) => nodes,
            Err(error) => {
                status_line(format_args!(
                    "warning: registrations are not known and are left: {error}"
                ));
                return Registered::Unknown;
            }
        };
        // An unreadable journal must not keep money from being saved.
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
        Registered::Listed(client, ours.collect())
    }

    fn ours(&self) -> &[NodeId] {
        match self {
            Registered::NotAsked | Registered::Unknown => &[],
            Registered::Listed(_, ids) => ids,
        }
    }

    /// Unregisters ours; returns those that are removed.
    async fn remove(&self) -> Vec<NodeId> {
        let Registered::Listed(client, ids) = self else {
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

/// It is named after one of these rentals. A prefix alone proves nothing: another cockpit may use
/// the same.
fn is_of(node: &RegisteredNode, config: &NetworkNodeConfig, rentals: &[Instance]) -> bool {
    let prefix = &config.node_prefix;
    rentals
        .iter()
        .any(|rental| node.config.id.0 == format!("{prefix}{}", rental.id))
}
