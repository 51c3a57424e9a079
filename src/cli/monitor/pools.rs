//! What the metrics say of a pool: its replicas' figures added up, or the worst of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{Mode, OutcomeKind, PoolBoots, PoolName, Step, Time, Usd, UsdPerHour};
use crate::engine::{
    Cap, CapSnapshot, LinkSnapshot, PastSprintRow, RentalSnapshot, ReplicaSnapshot, Snapshot,
};

/// The replicas of a snapshot by their pool.
pub(super) struct Pools(BTreeMap<PoolName, Pool>);

pub(super) struct Pool {
    replicas: Vec<Arc<ReplicaSnapshot>>,
    /// The last sprint of each replica that has ended one.
    last: Vec<PastSprintRow>,
    pub boots: PoolBoots,
}

impl Pools {
    pub fn of(snapshot: &Snapshot) -> Pools {
        let mut pools: BTreeMap<PoolName, Pool> = BTreeMap::new();
        for replica in snapshot.all_replicas() {
            let mut past = snapshot.history.iter().rev();
            let last = past.find(|past| past.report.replica == replica.id);
            let pool = pools.entry(replica.id.pool.clone()).or_insert(Pool {
                replicas: Vec::new(),
                last: Vec::new(),
                boots: snapshot.boots.of(&replica.id.pool),
            });
            pool.last.extend(last.cloned());
            pool.replicas.push(replica);
        }
        Pools(pools)
    }

    pub fn all(&self) -> impl Iterator<Item = (&str, &Pool)> {
        self.0.iter().map(|(name, pool)| (name.as_str(), pool))
    }

    /// A figure of each pool; a pool that does not know it is left out.
    pub fn each<N>(&self, figure: impl Fn(&Pool) -> Option<N>) -> Vec<(&str, N)> {
        let figures = self
            .all()
            .filter_map(|(name, pool)| Some((name, figure(pool)?)));
        figures.collect()
    }
}

impl Pool {
    pub fn is_auto(&self) -> bool {
        let mut replicas = self.replicas.iter();
        replicas.all(|replica| replica.mode == Mode::Auto)
    }

    pub fn at_step(&self, step: Step) -> usize {
        let replicas = self.replicas.iter();
        replicas
            .filter(|replica| replica.sprint.step == step)
            .count()
    }

    pub fn waiting_at_gates(&self) -> usize {
        let replicas = self.replicas.iter();
        replicas
            .filter(|replica| replica.sprint.gate.is_some())
            .count()
    }

    /// Whether all links are like this; `None` without a rental.
    pub fn links(&self, is_good: impl Fn(&LinkSnapshot) -> bool) -> Option<bool> {
        let rentals = self.replicas.iter();
        let links = rentals.filter_map(|replica| Some(&replica.rental.as_ref()?.link));
        let links: Vec<bool> = links.map(is_good).collect();
        (!links.is_empty()).then(|| links.into_iter().all(|is_good| is_good))
    }

    fn all_rentals(&self) -> impl Iterator<Item = &RentalSnapshot> {
        let replicas = self.replicas.iter();
        replicas.flat_map(|replica| replica.rentals())
    }

    pub fn rentals(&self) -> usize {
        self.all_rentals().count()
    }

    pub fn per_hour(&self) -> UsdPerHour {
        self.all_rentals().map(|rental| rental.price).sum()
    }

    pub fn spent(&self) -> Usd {
        self.replicas.iter().map(|replica| replica.spent).sum()
    }

    /// A cap of the replica that has least left below it.
    pub fn nearest(&self, cap: Cap) -> Option<&CapSnapshot> {
        let caps = self.replicas.iter().flat_map(|replica| &replica.caps);
        let wanted = caps.filter(|one| one.cap() == Some(cap));
        wanted.min_by_key(|one| one.left())
    }

    /// Confirmed ones among the last sprints of its replicas, 0 to 1; `None` before any has ended.
    pub fn confirmed_share(&self) -> Option<f64> {
        let confirmed = self.last.iter();
        let confirmed = confirmed
            .filter(|past| past.report.outcome == OutcomeKind::Confirmed)
            .count();
        #[expect(clippy::cast_precision_loss, reason = "a pool is small")]
        (!self.last.is_empty()).then(|| confirmed as f64 / self.last.len() as f64)
    }

    pub fn last_end(&self) -> Option<Time> {
        self.last.iter().map(|past| past.at).max()
    }
}
