//! Sums that the parts of a snapshot have in common: each is made once, however many replicas there are.

use std::collections::BTreeMap;

use crate::domain::{AccountName, EpochIndex, Lead, PoolName, ReplicaId, Time, Usd};
use crate::engine::rules::{common_funds, lead_of};
use crate::engine::state::{Replica, Shared};
use crate::flow::Funds;
use crate::journal::SprintSpending;

pub(crate) struct Sums<'a> {
    shared: &'a Shared,
    now: Time,
    spending: BTreeMap<&'a ReplicaId, SprintSpending>,
    common: BTreeMap<(PoolName, Option<EpochIndex>), Funds>,
    credits: BTreeMap<AccountName, Option<Usd>>,
    leads: BTreeMap<PoolName, Lead>,
}

impl<'a> Sums<'a> {
    pub(crate) fn new(shared: &'a Shared, now: Time) -> Sums<'a> {
        Sums {
            shared,
            now,
            spending: shared.ledger.spent_by_replicas(now),
            common: BTreeMap::new(),
            credits: BTreeMap::new(),
            leads: BTreeMap::new(),
        }
    }

    /// What a replica's sprint has spent.
    pub(crate) fn spent(&self, id: &ReplicaId) -> Usd {
        self.spending.get(id).copied().unwrap_or_default().spent
    }

    /// What counts against a replica's caps of sums and prices.
    pub(crate) fn funds(&mut self, replica: &Replica) -> Funds {
        let (shared, now) = (self.shared, self.now);
        let (pool, epoch) = (&replica.id.pool, replica.sprint.poc_epoch());
        let common = self.common.entry((pool.clone(), epoch));
        let common = *common.or_insert_with(|| {
            let back = shared.observed.skew.perhaps_ahead();
            common_funds(&shared.ledger, pool, epoch, back, now)
        });
        let credit = self.credits.entry(replica.account().clone());
        let spending = self.spending.get(&replica.id);
        let spending = spending.copied().unwrap_or_default();
        Funds {
            sprint: spending.spent + spending.reserved,
            credit: *credit.or_insert_with(|| replica.free_credit(shared, now)),
            ..common
        }
    }

    /// How long before the `PoC` a replica's next sprint rents.
    pub(crate) fn lead(&mut self, replica: &Replica) -> Lead {
        let pool = self.leads.entry(replica.id.pool.clone());
        let boots = self.shared.ledger.boots();
        *pool.or_insert_with(|| lead_of(&replica.config, boots))
    }
}
