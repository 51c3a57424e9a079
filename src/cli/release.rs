//! `pocpit release`: destroys our rentals and unregisters our nodes, now. It must work when nothing else
//! does: the Vast API key is enough.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use color_eyre::eyre::Report;
use schemars::JsonSchema;
use serde::Serialize;

use super::arguments::{ChosenReplicas, Common, Release};
use super::page::Page;
use super::places::{Places, accounts_of};
use super::scope::{LeftAlone, Scope, check_names};
use super::teardown::{confirm, is_interactive, prompt};
use super::{Exit, logging, print_report, runtime, status_line, stop};
use crate::config::{NetworkNodeConfig, NetworkNodeReach, ReleaseConfig};
use crate::domain::{AccountName, CockpitId, Instance, InstanceId, NodeId};
use crate::http::HttpClient;
use crate::journal::{self, Ledger};
use crate::network_node::NetworkNodeClient;
use crate::ports::NetworkNode as _;
use crate::vast::VastClient;

const NO_KEY: &str = "no Vast API key: nothing can be destroyed without it: set POCPIT_VAST_API_KEY, or vast.api_key_file in a configuration (`pocpit config init` writes one)";

pub(crate) async fn run(arguments: Release, common: &Common) -> Result<Exit, Report> {
    logging::start_quiet();
    let config = runtime::load_for_release(common);
    if config.accounts.is_empty() {
        return Err(stop(Exit::Usage, NO_KEY));
    }
    let ledger = journalled(&config);
    if let Some(pools) = &config.pools {
        check_names(&arguments.of, pools, &ledger)?;
    }
    let page = Page::stdout(common, arguments.output);
    let places = Places {
        accounts: markets(&config),
        network_nodes: BTreeMap::new(),
    };
    let listed = places.instances().await;
    if listed.known.is_empty() {
        let error = listed.failures.into_iter().next();
        return Err(error.map_or_else(|| stop(Exit::Usage, NO_KEY), Report::from));
    }
    for error in &listed.failures {
        status_line(format_args!(
            "warning: rentals unknown, left as they are: {error}"
        ));
    }
    let accounts = accounts_of(&listed, &Ledger::default());
    let is_listed = listed.is_complete();
    let instances: Vec<Instance> = listed.known.into_values().flatten().collect();
    let cockpits = targets(&arguments, &config, &instances)?;
    if cockpits.is_empty() {
        let text = "nothing on this account carries a label of pocpit";
        return print_report(arguments.output, &ReleaseReport::default(), || {
            page.sentences(text)
        });
    }
    let is_ours = |instance: &Instance| cockpits.iter().any(|id| instance.is_rented_by(id));
    let ours: Vec<Instance> = instances.into_iter().filter(is_ours).collect();
    let scope = Scope {
        chosen: &arguments.of,
        ledger: &ledger,
        instances: &ours,
    };
    let cockpit = config.cockpit.as_ref();
    let target = Target {
        scope: &scope,
        is_our_journal: cockpit.is_some_and(|id| cockpits.contains(id)),
    };
    let mut left_alone = LeftAlone::default();
    let chosen = ours.iter();
    let rentals: Vec<&Instance> = chosen
        .filter(|rental| !left_alone.takes_rental(Some(rental.id), scope.of_rental(rental.id)))
        .collect();
    let mut registrations = Vec::new();
    for reach in &config.network_nodes {
        registrations.push(Registrations::read(reach, &target, &mut left_alone).await);
    }
    let nodes: Vec<&NodeId> = registrations.iter().flat_map(Registrations::ours).collect();
    tell(&rentals, &nodes);
    left_alone.tell(&arguments.of, "release");
    let is_nothing = rentals.is_empty() && nodes.is_empty();
    let question = "destroy and unregister all of this?";
    if !is_nothing && !confirm(arguments.confirmation, question)? {
        status_line("nothing was changed");
        return Ok(Exit::Refused);
    }
    let mut unregistered = Vec::new();
    for of_one in &registrations {
        unregistered.extend(of_one.remove().await);
    }
    let mut owned = accounts;
    owned.retain(|id, _| rentals.iter().any(|rental| rental.id == *id));
    let clock = runtime::clock(config.simulation);
    let gone = places.destroy(clock.as_ref(), &owned).await;
    let left = owned.into_keys().filter(|id| !gone.contains_key(id));
    let left: Vec<InstanceId> = left.collect();
    let is_unknown = |of_one: &Registrations| matches!(of_one, Registrations::Unknown);
    let is_complete = left.is_empty()
        && is_listed
        && !left_alone.has_unknown()
        && !registrations.iter().any(is_unknown)
        && unregistered.len() == nodes.len();
    let report = ReleaseReport {
        destroyed: gone.into_keys().collect(),
        left,
        unregistered,
        left_alone: (!arguments.of.is_all()).then_some(left_alone),
    };
    print_report(arguments.output, &report, || {
        if is_nothing {
            return page.sentences(nothing(&arguments.of));
        }
        let (destroyed, left) = (report.destroyed.len(), report.left.len());
        page.sentences(&format!("rentals: {destroyed} destroyed, {left} left"))
    })?;
    Ok(if is_complete {
        Exit::Done
    } else {
        Exit::Unknown
    })
}

/// An unreadable journal must not prevent the release.
fn journalled(config: &ReleaseConfig) -> Ledger {
    journal::read_only(&config.paths.state_dir).unwrap_or_else(|error| {
        status_line(format_args!("warning: {error}"));
        Ledger::default()
    })
}

fn tell(rentals: &[&Instance], nodes: &[&NodeId]) {
    for rental in rentals {
        let label = rental.label.as_deref().unwrap_or_default();
        status_line(format_args!("rental {} ({label})", rental.id));
    }
    for node in nodes {
        status_line(format_args!("registration {node}"));
    }
}

fn nothing(of: &ChosenReplicas) -> &'static str {
    if of.is_all() {
        "nothing is rented or registered"
    } else {
        "nothing of these is rented or registered"
    }
}

fn markets(config: &ReleaseConfig) -> BTreeMap<AccountName, VastClient> {
    let accounts = config.accounts.iter().map(|vast| {
        let market = runtime::market(&HttpClient::new(), vast, config.simulation);
        (vast.account.clone(), market)
    });
    accounts.collect()
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
    /// What was not meant; only with `--pool` or `--replica`.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_alone: Option<LeftAlone>,
}

/// What is to be released.
struct Target<'a> {
    /// Of all our rentals.
    scope: &'a Scope<'a>,
    /// The journal is that of one of these cockpits.
    is_our_journal: bool,
}

impl Target<'_> {
    fn is_ours(&self, node: &NodeId, config: &NetworkNodeConfig) -> bool {
        let is_journalled = self.is_our_journal && self.scope.ledger.is_our_node(node);
        is_journalled || is_of(node, config, self.scope.instances)
    }
}

/// The cockpits whose rentals are destroyed, from the arguments or the configuration; else the operator
/// picks among the account's labels. Empty if no rental has a label.
fn targets(
    arguments: &Release,
    config: &ReleaseConfig,
    instances: &[Instance],
) -> Result<Vec<CockpitId>, Report> {
    if !arguments.cockpit.is_empty() {
        return Ok(arguments.cockpit.clone());
    }
    if let Some(cockpit) = &config.cockpit {
        return Ok(vec![cockpit.clone()]);
    }
    let mut cockpits = BTreeSet::new();
    for instance in instances {
        if let Some(label) = instance.rental_label() {
            status_line(format_args!("rental {} ({label})", instance.id));
            cockpits.insert(label.cockpit);
        }
    }
    if cockpits.is_empty() {
        return Ok(Vec::new());
    }
    let cockpits: Vec<CockpitId> = cockpits.into_iter().collect();
    if arguments.confirmation.yes || !is_interactive() {
        let command = |id| format!("`pocpit release --yes --cockpit {id}`");
        let commands: Vec<String> = cockpits.iter().map(command).collect();
        let why = format!(
            "cockpit.id is not set, so it is unknown which of these rentals are ours: run {}",
            commands.join(" or ")
        );
        return Err(stop(Exit::Usage, why));
    }
    let names: Vec<&str> = cockpits.iter().map(CockpitId::as_str).collect();
    let answer = prompt(&format!(
        "cockpit.id is not set. Destroy the rentals of which cockpits? ({}; separated by spaces)",
        names.join(", ")
    ))?;
    let picked = answer.split_whitespace().map(|name| {
        let mut known = cockpits.iter();
        known.find(|id| id.as_str() == name).cloned()
    });
    let picked: Option<Vec<CockpitId>> = picked.collect();
    picked
        .filter(|picked| !picked.is_empty())
        .ok_or_else(|| stop(Exit::Usage, "no such cockpit: nothing was changed"))
}

/// Registrations at the Network Node.
enum Registrations {
    /// No Network Node is configured.
    Unconfigured,
    /// It is misconfigured or does not answer.
    Unknown,
    /// Ours.
    Listed(Box<NetworkNodeClient>, Vec<NodeId>),
}

impl Registrations {
    /// Without the Network Node the rentals are destroyed all the same: they cost money.
    async fn read(
        reach: &NetworkNodeReach,
        target: &Target<'_>,
        left_alone: &mut LeftAlone,
    ) -> Registrations {
        let unknown = |why: &dyn Display| {
            status_line(format_args!(
                "warning: registrations unknown, left as they are: {why}"
            ));
            Registrations::Unknown
        };
        let network_node = match reach {
            NetworkNodeReach::At(network_node) => network_node,
            NetworkNodeReach::NotGiven => {
                status_line("warning: no Network Node is configured: registrations, if any, stay");
                return Registrations::Unconfigured;
            }
            NetworkNodeReach::Wrong => return unknown(&"network_node.admin_api is invalid"),
        };
        let client = NetworkNodeClient::new(HttpClient::new(), network_node);
        let nodes = match client.nodes().await {
            Ok(nodes) => nodes,
            Err(error) => return unknown(&error),
        };
        let ids = nodes.into_iter().map(|node| node.config.id);
        let ours = ids.filter(|id| target.is_ours(id, network_node));
        let chosen = ours.filter(|id| {
            let owner = target.scope.of_node(id, &network_node.node_prefix);
            !left_alone.takes_node(id, owner)
        });
        Registrations::Listed(Box::new(client), chosen.collect())
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

/// It is named after one of these rentals. The prefix alone is no proof: another cockpit may use it.
fn is_of(node: &NodeId, config: &NetworkNodeConfig, rentals: &[Instance]) -> bool {
    let prefix = &config.node_prefix;
    rentals
        .iter()
        .any(|rental| node.0 == format!("{prefix}{}", rental.id))
}
