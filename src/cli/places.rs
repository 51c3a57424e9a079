//! Everything that rentals can be on and registered with: all accounts, and all Network Nodes. What one of
//! them does not say is unknown, and the others are cleaned up all the same.

use std::collections::BTreeMap;
use std::fmt::Display;

use futures_util::future::join_all;

use super::runtime::Clients;
use super::teardown::destroy_all;
use crate::config::Config;
use crate::domain::{
    AccountName, CallError, Instance, InstanceId, NetworkNodeName, RegisteredNode, Time,
};
use crate::engine::NodeList;
use crate::journal::Ledger;
use crate::network_node::NetworkNodeClient;
use crate::ports::{Clock, Market as _, NetworkNode as _};
use crate::vast::VastClient;

pub(crate) struct Places {
    pub(crate) accounts: BTreeMap<AccountName, VastClient>,
    pub(crate) network_nodes: BTreeMap<NetworkNodeName, NetworkNodeClient>,
}

/// Complete lists by their place, and why others are unknown.
pub(crate) struct Lists<K, T> {
    pub(crate) known: BTreeMap<K, Vec<T>>,
    pub(crate) failures: Vec<CallError>,
}

impl<K: Ord, T> Lists<K, T> {
    fn of(read: Vec<(K, Result<Vec<T>, CallError>)>) -> Lists<K, T> {
        let mut lists = Lists {
            known: BTreeMap::new(),
            failures: Vec::new(),
        };
        for (place, list) in read {
            match list {
                Ok(list) => drop(lists.known.insert(place, list)),
                Err(error) => lists.failures.push(error),
            }
        }
        lists
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.failures.is_empty()
    }
}

impl Places {
    pub(crate) fn of(config: &Config) -> Places {
        let accounts = config.accounts().map(|account| {
            let client = Clients::new(&config.of_account(&account.name)).market;
            (account.name, client)
        });
        let network_nodes = config.network_nodes().map(|one| {
            let client = Clients::new(&config.at_network_node(&one.name)).network_node;
            (one.name.clone(), client)
        });
        Places {
            accounts: accounts.collect(),
            network_nodes: network_nodes.collect(),
        }
    }

    pub(crate) async fn instances(&self) -> Lists<AccountName, Instance> {
        let reads = self.accounts.iter().map(async |(name, market)| {
            let listed = market.instances().await;
            (
                name.clone(),
                listed.map_err(|error| of_place("account", name, error)),
            )
        });
        Lists::of(join_all(reads).await)
    }

    pub(crate) async fn nodes(&self) -> Lists<NetworkNodeName, RegisteredNode> {
        let reads = self.network_nodes.iter().map(async |(name, api)| {
            let listed = api.nodes().await;
            (
                name.clone(),
                listed.map_err(|error| of_place("Network Node", name, error)),
            )
        });
        Lists::of(join_all(reads).await)
    }

    /// Destroys each rental on its account until it is proven gone. Returns those that are, and since when.
    pub(crate) async fn destroy(
        &self,
        clock: &dyn Clock,
        rentals: &BTreeMap<InstanceId, AccountName>,
    ) -> BTreeMap<InstanceId, Time> {
        let calls = self.accounts.iter().map(async |(name, market)| {
            let own = rentals.iter().filter(|(_, account)| *account == name);
            let ids: Vec<InstanceId> = own.map(|(id, _)| *id).collect();
            destroy_all(market, clock, &ids).await
        });
        join_all(calls).await.into_iter().flatten().collect()
    }
}

/// Which one it is, if there are several.
fn of_place(what: &str, name: &impl Display, error: CallError) -> CallError {
    let name = name.to_string();
    if name == AccountName::default().as_str() {
        return error;
    }
    CallError {
        what: format!("{} ({what} {name})", error.what),
        ..error
    }
}

/// Which account each rental is on: by the listings, or else by the journal.
pub(crate) fn accounts_of(
    listed: &Lists<AccountName, Instance>,
    ledger: &Ledger,
) -> BTreeMap<InstanceId, AccountName> {
    let open = ledger.open_rentals().into_iter();
    let open = open.filter_map(|open| Some((open.instance?, open.account.clone())));
    let listed = listed.known.iter().flat_map(|(account, instances)| {
        let ids = instances.iter().map(|instance| instance.id);
        ids.map(|id| (id, account.clone()))
    });
    open.chain(listed).collect()
}

/// The known lists, for a plan.
pub(crate) fn node_lists<'a>(
    lists: &'a Lists<NetworkNodeName, RegisteredNode>,
    config: &'a Config,
) -> Vec<NodeList<'a>> {
    let known = config.network_nodes().filter_map(|network_node| {
        Some(NodeList {
            network_node: &network_node.name,
            nodes: lists.known.get(&network_node.name)?,
            node_prefix: &network_node.node_prefix,
        })
    });
    known.collect()
}
