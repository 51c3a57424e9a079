//! Snapshots and commands: the engine's whole interface to the cockpit. Everything is serde: a
//! viewer follows a running engine over a socket.

mod chain;
mod command;
mod log_buffer;
mod money;
mod nodes;
mod offers;
mod rental;
mod sprint;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{
    AccountName, BootTally, CockpitId, Mode, NetworkNodeName, NodeId, PoolName, ReplicaId, Time,
    Usd,
};
use crate::engine::alerts::alert::{Alert, Condition};

pub use chain::*;
pub use command::*;
pub use log_buffer::*;
pub use money::*;
pub use nodes::*;
pub use offers::*;
pub use rental::*;
pub use sprint::*;

/// Everything there is to see, at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was taken, by the engine's clock.
    pub at: Time,
    /// Real services or the simulated world.
    pub world: WorldKind,
    pub cockpit: CockpitId,
    pub mode: Mode,
    pub chain: ChainSnapshot,
    /// Whose sprint, rentals and log these are.
    #[serde(default)]
    pub replica: ReplicaId,
    pub sprint: SprintSnapshot,
    pub offers: OffersSnapshot,
    /// The offers for each pool, if there are several; a viewer has those of one pool.
    #[serde(skip)]
    pub offers_by_pool: BTreeMap<PoolName, OffersSnapshot>,
    /// The only replica whose log and offers are here, in a viewer; in the engine's process all are.
    #[serde(skip)]
    pub in_focus: Option<ReplicaId>,
    /// What we pay for, if anything.
    pub rental: Option<RentalSnapshot>,
    /// What we pay for beside it: a hedge, or the loser of a race.
    pub hedge: Option<RentalSnapshot>,
    /// At the first Network Node.
    pub nodes: NodesSnapshot,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_nodes: Vec<NodesSnapshot>,
    /// All accounts, if there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountSnapshot>,
    /// The inference proxy, if there is one.
    pub proxy: Option<ProxySnapshot>,
    pub money: MoneySnapshot,
    /// Past sprints, oldest first.
    pub history: Arc<Vec<PastSprintRow>>,
    /// What is wrong, worst first.
    pub alerts: Vec<Alert>,
    pub boot_log: LogBuffer,
    /// All replicas in their order, if there are several: what is above of a sprint is the first one's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replicas: Vec<Arc<ReplicaSnapshot>>,
    /// When all rentals of the account were last listed, whole.
    pub rentals_read_at: Option<Time>,
    /// Boots that came to their end in this run of the program.
    pub boots: BootTally,
    /// Notices that were not delivered, counted by channel.
    pub notices_lost: u64,
    /// The engine's end: set once it has stopped.
    pub ended: bool,
}

/// One replica's part of a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReplicaSnapshot {
    pub id: ReplicaId,
    pub mode: Mode,
    pub sprint: SprintSnapshot,
    pub rental: Option<RentalSnapshot>,
    pub hedge: Option<RentalSnapshot>,
    /// Its node's id in this sprint.
    pub node: Option<NodeId>,
    /// Where its rental is registered.
    #[serde(default, skip_serializing_if = "NetworkNodeName::is_default")]
    pub network_node: NetworkNodeName,
    /// Who pays for its rental.
    #[serde(default, skip_serializing_if = "AccountName::is_default")]
    pub account: AccountName,
    /// What its sprint has spent so far, by our own count.
    #[serde(default)]
    pub spent: Usd,
    /// Each cap with what is used of it by its sprint, its pool and the fleet.
    pub caps: Vec<CapSnapshot>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_hour: Option<PoolHour>,
    /// Why the caps refused the offers that were to be rented last.
    pub refused: Option<Refusal>,
    /// A viewer has that of the replica in focus.
    #[serde(skip)]
    pub boot_log: LogBuffer,
}

impl ReplicaSnapshot {
    /// Its rental, and the hedge beside it.
    pub fn rentals(&self) -> impl Iterator<Item = &RentalSnapshot> {
        self.rental.iter().chain(&self.hedge)
    }
}

impl Snapshot {
    /// The same with this replica's sprint, rentals and log in the place of the first one's.
    #[must_use]
    pub fn of(&self, replica: &ReplicaSnapshot) -> Snapshot {
        let nodes = self.nodes_at(&replica.network_node);
        let others = self
            .all_nodes()
            .filter(|other| other.name() != nodes.name());
        Snapshot {
            replica: replica.id.clone(),
            offers: self.offers_of(&replica.id.pool),
            mode: replica.mode,
            sprint: replica.sprint.clone(),
            rental: replica.rental.clone(),
            hedge: replica.hedge.clone(),
            boot_log: replica.boot_log.clone(),
            nodes: nodes.clone(),
            other_nodes: others.cloned().collect(),
            money: self.money.of(replica, self.account(&replica.account)),
            ..self.clone()
        }
    }

    /// Only where there are several.
    fn account(&self, name: &AccountName) -> Option<&AccountSnapshot> {
        self.accounts.iter().find(|account| account.name == *name)
    }

    /// Every Network Node's.
    pub fn all_nodes(&self) -> impl Iterator<Item = &NodesSnapshot> {
        std::iter::once(&self.nodes).chain(&self.other_nodes)
    }

    /// The first Network Node's, if there is no such.
    pub fn nodes_at(&self, network_node: &NetworkNodeName) -> &NodesSnapshot {
        let is_here = |nodes: &&NodesSnapshot| nodes.name() == *network_node;
        self.all_nodes().find(is_here).unwrap_or(&self.nodes)
    }

    /// Unknown for a pool whose offers are not here.
    fn offers_of(&self, pool: &PoolName) -> OffersSnapshot {
        match self.offers_at(pool) {
            Some(offers) => offers.clone(),
            None => OffersSnapshot::unread(self.offers.avoided.clone()),
        }
    }

    /// The offers for a pool, if they are here.
    pub(in crate::engine) fn offers_at(&self, pool: &PoolName) -> Option<&OffersSnapshot> {
        let own = self.offers_by_pool.get(pool);
        own.or_else(|| (*pool == self.replica.pool).then_some(&self.offers))
    }

    pub fn replica(&self, id: &ReplicaId) -> Option<&ReplicaSnapshot> {
        let mut all = self.replicas.iter();
        all.find(|replica| replica.id == *id)
            .map(|replica| &**replica)
    }

    /// Every sprint with its replica, in their order.
    pub fn sprints(&self) -> impl Iterator<Item = (&ReplicaId, &SprintSnapshot)> {
        let only = self.is_single().then_some((&self.replica, &self.sprint));
        let replicas = self.replicas.iter();
        let replicas = replicas.map(|replica| (&replica.id, &replica.sprint));
        only.into_iter().chain(replicas)
    }

    /// Every rental of every sprint.
    pub fn rentals(&self) -> impl Iterator<Item = &RentalSnapshot> {
        let only = self.rental.iter().chain(&self.hedge);
        let only = only.filter(|_| self.is_single());
        let replicas = self.replicas.iter();
        only.chain(replicas.flat_map(|replica| replica.rentals()))
    }

    /// There is one replica: what is said of a sprint is all there is.
    pub fn is_single(&self) -> bool {
        self.replicas.is_empty()
    }

    /// Every replica's part, also that of an only one.
    pub fn all_replicas(&self) -> Vec<Arc<ReplicaSnapshot>> {
        if !self.is_single() {
            return self.replicas.clone();
        }
        let only = ReplicaSnapshot {
            id: self.replica.clone(),
            mode: self.mode,
            sprint: self.sprint.clone(),
            rental: self.rental.clone(),
            hedge: self.hedge.clone(),
            node: None,
            network_node: self.nodes.name(),
            account: AccountName::default(),
            spent: self.money.sprint,
            caps: self.money.caps.clone(),
            pool_hour: self.money.pool_hour,
            refused: self.money.refused,
            boot_log: self.boot_log.clone(),
        };
        vec![Arc::new(only)]
    }

    /// When chain and rentals were last read.
    pub fn last_reads(&self) -> LastReads {
        LastReads {
            chain: self.chain.reading.as_ref().map(|reading| reading.at),
            rentals: self.rentals_read_at,
        }
    }

    /// The alert that an older journal is missing. Nothing is rented while it lasts.
    pub fn lost_journal(&self) -> Option<&Alert> {
        let mut alerts = self.alerts.iter();
        alerts.find(|alert| alert.condition == Condition::JournalLost)
    }
}

/// When what matters was last read, whole and valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastReads {
    pub chain: Option<Time>,
    pub rentals: Option<Time>,
}

/// Which world the engine works on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorldKind {
    /// Money is real.
    Real,
    /// Simulated; time runs this much faster.
    Simulated {
        /// World seconds per second.
        speed: f64,
    },
}
