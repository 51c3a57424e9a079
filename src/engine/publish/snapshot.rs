//! Makes snapshots.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::config::NetworkNodeConfig;
use crate::domain::{Duration, NodeId, PoolName, Time, UsdPerHour};
use crate::engine::alerts::onset::Onsets;
use crate::engine::publish::sums::Sums;
use crate::engine::rules::caps_of;
use crate::engine::snapshot::{
    AccountSnapshot, CapSnapshot, MoneySnapshot, NetworkNodePlace, NodeOwner, NodeRow,
    NodesSnapshot, OffersSnapshot, PoolHour, ReplicaSnapshot, SearchState, Snapshot,
};
use crate::engine::state::{Engine, Replica, Shared};
use crate::flow::{Caps, Funds, Sprint};

/// Costs and estimates change with the time alone: nobody sees them change more often.
const TIME_SHOWS_AFTER: Duration = Duration::seconds(1);

impl Engine {
    /// The snapshot to publish: it keeps the onsets of its alerts for the next one.
    pub(crate) fn publish(&mut self, now: Time) -> Snapshot {
        let mut onsets = std::mem::take(&mut self.shared.onsets);
        let snapshot = self.snapshot(now, &mut onsets);
        onsets.prune_resolved();
        self.shared.onsets = onsets;
        for (replica, part) in self.replicas.iter_mut().zip(&snapshot.replicas) {
            replica.keep_part(now, part);
        }
        snapshot
    }

    /// A snapshot for a notice.
    pub(crate) fn situation(&self, now: Time) -> Snapshot {
        self.snapshot(now, &mut Onsets::default())
    }

    fn snapshot(&self, now: Time, onsets: &mut Onsets) -> Snapshot {
        let mut sums = Sums::new(&self.shared, now);
        let mut of = |replica: &Replica| replica.part(&self.shared, now, &mut sums);
        let first = of(self.replicas.first());
        let others: Vec<_> = self.replicas.others().map(of).collect();
        let replicas = match others.as_slice() {
            [] => Vec::new(),
            _ => [vec![first.clone()], others].concat(),
        };
        let first = Arc::unwrap_or_clone(first);
        let sprint = &self.replicas.first().sprint;
        Snapshot {
            at: now,
            world: self.shared.options.world,
            cockpit: self.shared.config.cockpit.clone(),
            mode: first.mode,
            chain: self.shared.chain_snapshot(sprint),
            offers: self.offers_snapshot(now, &first.id.pool),
            replica: first.id,
            sprint: first.sprint,
            offers_by_pool: self.offers_by_pool(now),
            in_focus: None,
            rental: first.rental,
            hedge: first.hedge,
            nodes: self.nodes_snapshot(&self.shared.config.network_node),
            other_nodes: self.other_nodes(),
            accounts: self.account_snapshots(now),
            proxy: self
                .shared
                .ports
                .inference_proxy
                .as_ref()
                .map(|proxy| self.shared.observed.proxy.snapshot(proxy.address())),
            money: self.money_snapshot(now, &mut sums),
            history: self.shared.history.clone(),
            alerts: self.alerts(now, onsets),
            boot_log: first.boot_log,
            replicas,
            rentals_read_at: self.rentals_read_at(),
            boots: self.shared.boots.clone(),
            notices_lost: self.shared.ports.notifier.lost(),
            ended: false,
        }
    }

    /// Only where pools have offers of their own.
    fn offers_by_pool(&self, now: Time) -> BTreeMap<PoolName, OffersSnapshot> {
        let pools = &self.shared.config.pools;
        if pools.others.is_empty() {
            return BTreeMap::new();
        }
        let names = pools.iter().map(|pool| pool.name.clone());
        names
            .map(|name| {
                let offers = self.offers_snapshot(now, &name);
                (name, offers)
            })
            .collect()
    }

    fn offers_snapshot(&self, now: Time, pool: &PoolName) -> OffersSnapshot {
        let observed = &self.shared.observed;
        let view = observed.markets.get(pool);
        let state = match (&observed.search_error, observed.searching, view) {
            (_, true, _) => SearchState::Searching,
            (Some(error), ..) => SearchState::Failed(error.clone()),
            (None, _, Some(_)) => SearchState::Ready,
            (None, _, None) => SearchState::Idle,
        };
        OffersSnapshot {
            state,
            rows: view.map(|view| view.rows.clone()).unwrap_or_default(),
            rejected: view.map(|view| view.rejected.clone()).unwrap_or_default(),
            avoided: self.shared.ledger.avoided(now),
            read_at: view.map(|view| view.read_at),
        }
    }

    fn other_nodes(&self) -> Vec<NodesSnapshot> {
        let others = self.shared.config.other_network_nodes.iter();
        others.map(|other| self.nodes_snapshot(other)).collect()
    }

    /// When the account was listed whose last listing is the oldest; `None` if one was never listed.
    fn rentals_read_at(&self) -> Option<Time> {
        let accounts = self.shared.observed.accounts.values();
        let read = accounts.map(|readings| readings.listing.as_ref().map(|(at, _)| *at));
        read.min().flatten()
    }

    /// Only where there are several.
    fn account_snapshots(&self, now: Time) -> Vec<AccountSnapshot> {
        let config = &self.shared.config;
        if config.other_accounts.is_empty() {
            return Vec::new();
        }
        let accounts = config.accounts().map(|account| {
            let readings = self.shared.observed.account(&account.name);
            let listing = readings.and_then(|readings| readings.listing.as_ref());
            let rented = self.shared.ledger.open_rentals().into_iter();
            let rented = rented.filter(|open| open.account == account.name);
            AccountSnapshot {
                credit: self.shared.credit(&account.name, now),
                credit_floor: account.credit_floor,
                rentals: rented.count(),
                reserved: self.shared.ledger.reserved_on(&account.name, now),
                read_at: listing.map(|(at, _)| *at),
                name: account.name,
            }
        });
        accounts.collect()
    }

    fn nodes_snapshot(&self, of: &NetworkNodeConfig) -> NodesSnapshot {
        let readings = self.shared.observed.network_node(&of.name);
        let nodes = readings.and_then(|readings| readings.nodes.as_ref());
        let rows = nodes.into_iter().flat_map(|(_, nodes)| nodes);
        let used: HashSet<&NodeId> = self
            .replicas
            .sprints()
            .filter_map(Sprint::node_id)
            .collect();
        let rows = rows.map(|node| NodeRow {
            node: node.clone(),
            owner: self.owner(&node.config.id, &used),
        });
        NodesSnapshot {
            rows: rows.collect(),
            read_at: nodes.map(|(at, _)| *at),
            trouble: readings.and_then(|readings| readings.error.clone()),
            network_node: Some(NetworkNodePlace {
                name: of.name.clone(),
                address: of.admin_api.to_string(),
                participant: of.participant.clone(),
            }),
        }
    }

    fn owner(&self, id: &NodeId, used: &HashSet<&NodeId>) -> NodeOwner {
        if used.contains(id) {
            return NodeOwner::Sprint;
        }
        let proxy = &self.shared.config.inference_proxy;
        if self.shared.ledger.is_our_node(id) {
            NodeOwner::Leftover
        } else if proxy.as_ref().is_some_and(|proxy| proxy.node_id == *id) {
            NodeOwner::Proxy
        } else {
            NodeOwner::Other
        }
    }

    /// Of every rental of a sprint.
    fn price(&self) -> UsdPerHour {
        let replicas = self.replicas.iter();
        let prices = replicas.flat_map(|replica| {
            let rentals = replica.sprint.rentals();
            rentals.map(|rental| replica.price(rental))
        });
        prices.sum()
    }

    fn money_snapshot(&self, now: Time, sums: &mut Sums<'_>) -> MoneySnapshot {
        let replica = self.replicas.first();
        let funds = sums.funds(replica);
        let replicas = self.replicas.iter();
        let spent = replicas.map(|replica| sums.spent(&replica.id)).sum();
        let budget = &self.shared.config.budget;
        let caps = &replica.caps();
        MoneySnapshot {
            per_hour: self.price(),
            sprint: spent,
            reserved: self.shared.ledger.reserved(now),
            caps: CapSnapshot::all(caps, &funds),
            pool_hour: replica.pool_hour(&funds),
            hour_limit: budget.per_hour,
            hour_used: funds.hour,
            credit: self.shared.credit(replica.account(), now),
            credit_reserved: self.shared.ledger.reserved_on(replica.account(), now),
            credit_floor: budget.credit_floor,
            refused: replica.sprint.cap_refusal(),
        }
    }
}

impl Replica {
    /// Those of the configuration: the next sprint has them, whatever an active one was begun with.
    fn caps(&self) -> Caps {
        caps_of(&self.config.budget)
    }

    fn pool_hour(&self, funds: &Funds) -> Option<PoolHour> {
        let limit = self.config.budget.pool.per_hour?;
        let used = funds.pool_hour;
        Some(PoolHour { limit, used })
    }

    /// Its part of a snapshot; that of the last one while it has not changed and is new.
    fn part(&self, shared: &Shared, now: Time, sums: &mut Sums<'_>) -> Arc<ReplicaSnapshot> {
        let last = self.view.as_ref();
        let is_new = |(at, _): &&(Time, Arc<ReplicaSnapshot>)| {
            let age = now - *at;
            age >= Duration::zero() && age < TIME_SHOWS_AFTER
        };
        match last.filter(is_new) {
            Some((_, part)) => part.clone(),
            None => Arc::new(self.snapshot(shared, now, sums)),
        }
    }

    fn keep_part(&mut self, now: Time, part: &Arc<ReplicaSnapshot>) {
        let known = self.view.as_ref();
        if known.is_none_or(|(_, known)| !Arc::ptr_eq(known, part)) {
            self.view = Some((now, part.clone()));
        }
    }

    fn snapshot(&self, shared: &Shared, now: Time, sums: &mut Sums<'_>) -> ReplicaSnapshot {
        let sprint = &self.sprint;
        let funds = sums.funds(self);
        let rental = |rental| self.rental_snapshot(shared, now, rental);
        let log = self.primary.as_ref().map(|monitor| monitor.log.clone());
        ReplicaSnapshot {
            id: self.id.clone(),
            mode: sprint.mode(),
            sprint: self.sprint_snapshot(shared, sums.lead(self)),
            rental: sprint.rental().map(rental),
            hedge: sprint.hedge().map(rental),
            node: sprint.node_id().cloned(),
            network_node: self.network_node().clone(),
            account: self.account().clone(),
            spent: sums.spent(&self.id),
            caps: CapSnapshot::all(&self.caps(), &funds),
            pool_hour: self.pool_hour(&funds),
            refused: sprint.cap_refusal(),
            boot_log: log.unwrap_or_default(),
        }
    }
}
